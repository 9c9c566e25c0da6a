/** Several processes over one file: killed in the middle of writes, starting all at once, in each other's way, out of disk. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createEmbeddedStore } from '../../src/uploads/embedded/index.ts';
import { openDatabase } from '../../src/uploads/embedded/schema.ts';
import { type UploadStore, UploadStoreUnavailable } from '../../src/uploads/types.ts';
import { part, patienceMs, upload } from './fixtures.ts';

const child = fileURLToPath(new URL('./embedded-child.ts', import.meta.url));

describe('the embedded store among processes', () => {
  let dir: string;
  const children: ChildProcess[] = [];
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'partway-embedded-'));
  });
  afterEach(async () => {
    for (const each of children.splice(0)) each.kill('SIGKILL');
    await rm(dir, { recursive: true });
  });

  async function withStore<T>(work: (store: UploadStore) => Promise<T>): Promise<T> {
    const store = createEmbeddedStore({ dir, writeTimeoutMs: patienceMs });
    try {
      return await work(store);
    } finally {
      await store.close();
    }
  }

  async function eventually(call: () => Promise<unknown>): Promise<void> {
    for (;;) {
      try {
        await call();
        return;
      } catch (error) {
        if (!(error instanceof UploadStoreUnavailable)) throw error;
      }
    }
  }

  interface Writer {
    readonly process: ChildProcess;
    readonly acknowledged: number[];
    readonly ended: Promise<unknown>;
    unavailable: boolean;
  }

  function startWriter(command: string, args: readonly string[]): Writer {
    const started = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(started);
    const writer: Writer = {
      process: started,
      acknowledged: [],
      ended: once(started, 'close'),
      unavailable: false,
    };
    let rest = '';
    started.stdout.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (line === 'unavailable') writer.unavailable = true;
        else writer.acknowledged.push(Number(line));
      }
    });
    return writer;
  }

  async function numbersOf(uploadId: string): Promise<number[]> {
    const page = await withStore((store) => store.listParts(uploadId, { after: 0, limit: 10_000 }));
    return (page?.parts ?? []).map(({ partNumber }) => partNumber);
  }

  test('processes that are killed in the middle of writes lose nothing that was acknowledged', {
    timeout: 300_000,
  }, async () => {
    const acknowledged: number[] = [];
    const { uploadId } = await withStore(async (store) => {
      const record = upload();
      await store.create(record);
      return record;
    });
    let first = 1;
    for (const target of [40, 1, 150]) {
      const writers = [first, first + 1].map((start) =>
        startWriter(process.execPath, [child, dir, uploadId, String(start), '2']),
      );
      while (writers.some((writer) => writer.acknowledged.length < target)) {
        for (const writer of writers) expect(writer.process.exitCode).toBe(null);
        await sleep(1);
      }
      for (const writer of writers) writer.process.kill('SIGKILL');
      await Promise.all(writers.map((writer) => writer.ended));
      for (const writer of writers) acknowledged.push(...writer.acknowledged);
      const numbers = await numbersOf(uploadId);
      expect(numbers).toEqual(expect.arrayContaining(acknowledged));
      // Numbers of which none is taken yet, unless all are.
      first = (numbers.at(-1) ?? 0) + 100;
    }
    const database = new DatabaseSync(join(dir, 'uploads.sqlite'));
    expect(database.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
    database.close();
  });

  test('a full disk is an outage, and loses nothing that was acknowledged', async () => {
    const { uploadId } = await withStore(async (store) => {
      const record = upload();
      await store.create(record);
      return record;
    });
    // No file may grow beyond 200 KiB: writes fail as they do on a full disk, once the signal is ignored.
    const limited = `trap '' XFSZ; ulimit -f 400; exec "$0" "$@"`;
    const writer = startWriter('sh', ['-c', limited, process.execPath, child, dir, uploadId, '1', '1']);
    await writer.ended;
    expect(writer.unavailable).toBe(true);
    expect(writer.acknowledged.length).toBeGreaterThan(0);
    expect(await numbersOf(uploadId)).toEqual(expect.arrayContaining(writer.acknowledged));
    await withStore((store) => store.recordPart(uploadId, part(10_000)));
  });

  test('many that open a new file at once all get the same one', async () => {
    const stores = Array.from({ length: 4 }, () => createEmbeddedStore({ dir, writeTimeoutMs: patienceMs }));
    const writers = ['a', 'b', 'c'].map(() =>
      startWriter(process.execPath, [child, dir, 'none', '1', '5000']),
    );
    const record = upload();
    await stores[0]?.create(record);
    for (const store of stores) expect(await store.get(record.uploadId)).toMatchObject({ status: 'open' });
    await Promise.all(writers.map((writer) => writer.ended));
    for (const writer of writers) expect(writer.process.exitCode).toBe(0);
    await Promise.all(stores.map((store) => store.close()));
  });

  test('a file that another process keeps locked is an outage, and what was refused does not happen later', async () => {
    const record = upload();
    const { uploadId } = record;
    await withStore((patient) => patient.create(record));
    const store = createEmbeddedStore({ dir, writeTimeoutMs: 300 });
    // The thread that writes has started.
    await eventually(() => store.check());
    const other = new DatabaseSync(join(dir, 'uploads.sqlite'));
    other.exec('BEGIN IMMEDIATE');
    const refused = [1, 2, 3].map((number) => store.recordPart(uploadId, part(number)));
    for (const each of await Promise.allSettled(refused)) {
      expect(each).toMatchObject({ status: 'rejected', reason: expect.any(UploadStoreUnavailable) });
    }
    // Reads do not wait for writers.
    expect(await store.get(uploadId)).toMatchObject({ status: 'open' });
    other.exec('ROLLBACK');
    other.close();
    await eventually(() => store.recordPart(uploadId, part(9)));
    const listed = await store.listParts(uploadId, { after: 0, limit: 10 });
    expect(listed?.parts.map(({ partNumber }) => partNumber)).toEqual([9]);
    await store.close();
  });

  test('one change that fails leaves the others of its transaction alone', async () => {
    await withStore(async (store) => {
      const [first, second, third] = [upload(), upload(), upload()];
      const outcomes = await Promise.allSettled(
        [first, second, second, third].map((record) => store.create(record)),
      );
      expect(outcomes.map(({ status }) => status)).toEqual([
        'fulfilled',
        'fulfilled',
        'rejected',
        'fulfilled',
      ]);
      expect(await store.get(third.uploadId)).toMatchObject({ status: 'open' });
    });
  });

  test('calls after close are refused, those before it are done', async () => {
    const store = createEmbeddedStore({ dir, writeTimeoutMs: patienceMs });
    const record = upload();
    const created = store.create(record);
    const closed = store.close();
    await expect(store.create(upload())).rejects.toBeInstanceOf(UploadStoreUnavailable);
    await created;
    await closed;
    await store.close();
    expect(await withStore((again) => again.get(record.uploadId))).toMatchObject({ status: 'open' });
  });

  test('a file made by a newer version is left alone', async () => {
    await withStore((store) => store.check());
    const database = new DatabaseSync(join(dir, 'uploads.sqlite'));
    database.exec('PRAGMA user_version = 1000');
    database.close();
    expect(() => createEmbeddedStore({ dir })).toThrow(/made by a newer Partway/);
  });

  test('full durability syncs every commit, and only the owner can read the files', async () => {
    for (const [durability, synchronous] of [
      ['full', 2],
      ['os', 1],
    ] as const) {
      const database = openDatabase({ path: join(dir, 'uploads.sqlite'), durability, busyTimeoutMs: 100 });
      expect(database.prepare('PRAGMA synchronous').get()).toEqual({ synchronous });
      expect(database.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' });
      for (const name of await readdir(dir)) expect((await stat(join(dir, name))).mode & 0o777).toBe(0o600);
      database.close();
    }
  });

  test('results older than the retention are forgotten, and no others', async () => {
    const day = 24 * 60 * 60 * 1000;
    const store = createEmbeddedStore({ dir, retentionMs: 2 * day, writeTimeoutMs: patienceMs });
    const finish = async (cleaned: boolean): Promise<string> => {
      const { uploadId } = await create();
      const claimed = await store.claimCompletion({
        uploadId,
        digest: '',
        plan: 0,
        parts: [],
        leaseMs: 9_000,
      });
      if (claimed.outcome === 'claimed') await store.finishCompletion(claimed.claim, 'result');
      if (cleaned) await store.cleaned(uploadId);
      return uploadId;
    };
    const create = async () => {
      const record = upload();
      await store.create(record);
      return record;
    };
    const [done, uncleaned, open] = [await finish(true), await finish(false), await create()];
    expect(await store.forgetOld(Date.now() + 2 * day - 60_000)).toBe(0);
    expect(await store.forgetOld(Date.now() + 2 * day + 60_000)).toBe(1);
    expect(await store.get(done)).toEqual({ status: 'none' });
    expect(await store.get(uncleaned)).toMatchObject({ status: 'completed' });
    expect(await store.get(open.uploadId)).toMatchObject({ status: 'open' });
    await store.close();
  });
});
