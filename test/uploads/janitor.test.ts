import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AdapterError } from '../../adapters/errors.ts';
import type { StorageAdapter, SweepCall, UploadCall } from '../../adapters/types.ts';
import { createEmbeddedStore } from '../../src/uploads/embedded/index.ts';
import { newUploadId } from '../../src/uploads/id.ts';
import { createJanitor, type JanitorOptions } from '../../src/uploads/janitor.ts';
import type { UploadRecord, UploadStore } from '../../src/uploads/types.ts';
import { part, patienceMs, upload } from './fixtures.ts';
import { noGraceMs } from './stage.ts';

const day = 24 * 60 * 60 * 1000;
const old = { initiatedAt: Date.now() - 8 * day };

describe('the janitor', () => {
  let dir: string;
  let store: UploadStore;
  let freed: string[];
  let sweeps: SweepCall[];
  let warnings: string[];
  /** What the backend does when an upload's staged data is to go. */
  let abortUpload: (call: UploadCall) => Promise<void>;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'partway-janitor-'));
    store = createEmbeddedStore({ dir, cleanUpGraceMs: noGraceMs, writeTimeoutMs: patienceMs });
    freed = [];
    sweeps = [];
    warnings = [];
    abortUpload = async () => {};
  });
  afterEach(async () => {
    await store.close();
    await rm(dir, { recursive: true });
  });

  function janitor(given: Partial<JanitorOptions> = {}) {
    const adapter = {
      name: 'fake',
      async abortUpload(call: UploadCall) {
        await abortUpload(call);
        freed.push(call.uploadId);
      },
      async sweep(call: SweepCall) {
        sweeps.push(call);
        return { removed: 2, bytes: 10 };
      },
    } as unknown as StorageAdapter;
    return createJanitor({
      store,
      storage: { for: () => adapter, backends: [{ name: 'fake', adapter }] },
      log: { info: () => {}, warn: (message) => warnings.push(message) },
      ...given,
    });
  }

  async function begin(given: Partial<UploadRecord> = {}): Promise<string> {
    const record = upload(given);
    await store.create(record);
    await store.recordPart(record.uploadId, part(1));
    return record.uploadId;
  }

  async function claim(uploadId: string, leaseMs: number) {
    const claimed = await store.claimCompletion({ uploadId, digest: '', plan: 0, parts: [], leaseMs });
    if (claimed.outcome !== 'claimed') throw new Error(claimed.outcome);
    return claimed.claim;
  }

  test('ends what is too old and frees what has ended; leaves the rest', async () => {
    const expired = await begin(old);
    const cutOff = await begin(old);
    await claim(cutOff, 1);
    const completing = await begin(old);
    await claim(completing, 60_000);
    const young = await begin();
    const aborted = await begin();
    await store.abort(aborted);
    const completed = await begin();
    await store.finishCompletion(await claim(completed, 1_000), 'result');
    await sleep(5);

    expect(await janitor().run()).toEqual({
      expired: 2,
      cleaned: 4,
      forgotten: 0,
      failed: 0,
      swept: { removed: 2, bytes: 10 },
    });
    expect(freed.toSorted()).toEqual([expired, cutOff, aborted, completed].toSorted());
    expect((await store.get(expired)).status).toBe('none');
    expect((await store.get(cutOff)).status).toBe('none');
    expect((await store.get(completing)).status).toBe('completing');
    expect((await store.get(young)).status).toBe('open');
    expect(await store.get(completed)).toMatchObject({ status: 'completed', result: 'result' });

    freed = [];
    expect(await janitor().run()).toMatchObject({ expired: 0, cleaned: 0 });
    expect(freed).toEqual([]);
  });

  test('an upload that cannot be freed stops no other, and is tried again', async () => {
    const uploads = [await begin(old), await begin(old), await begin(old)];
    const [, broken = ''] = uploads;
    abortUpload = async ({ uploadId }) => {
      if (uploadId === broken) throw new AdapterError('Unavailable', 'away');
    };
    expect(await janitor().run()).toMatchObject({ expired: 3, cleaned: 2, failed: 1 });
    expect(warnings).toEqual(['janitor: could not clean up an upload']);
    expect((await store.get(broken)).status).toBe('none');
    abortUpload = async () => {};
    expect(await janitor().run()).toMatchObject({ expired: 0, cleaned: 1, failed: 0 });
  });

  test('staged data is gone with its bucket', async () => {
    const uploadId = await begin(old);
    abortUpload = async () => {
      throw new AdapterError('NoSuchBucket', 'gone');
    };
    expect(await janitor().run()).toMatchObject({ cleaned: 1, failed: 0 });
    expect(await store.uploadsOf('bucket', { limit: 5 })).toEqual([]);
    expect((await store.get(uploadId)).status).toBe('none');
  });

  test('sweeps each backend for what is old and of no upload in progress', async () => {
    const [open, completing, finished] = [await begin(), await begin(), await begin()];
    await claim(completing, 60_000);
    await store.finishCompletion(await claim(finished, 60_000), 0);
    const now = Date.now();
    await janitor({ maxAgeMs: 3 * day, clock: () => now }).run();
    const [sweep] = sweeps;
    expect(sweep?.olderThan).toEqual(new Date(now - 3 * day));
    const asked = [open, completing, finished, newUploadId()].map((id) => sweep?.isOpen(id));
    expect(await Promise.all(asked)).toEqual([true, true, false, false]);
  });

  test('a store that does not answer keeps the sweep from taking anything for a leftover', async () => {
    await store.close();
    const report = await janitor().run();
    expect(report.failed).toBeGreaterThan(0);
    await expect(sweeps[0]?.isOpen(newUploadId())).rejects.toThrow();
  });

  test('many at once, on all replicas, do the same as one', async () => {
    const uploads: string[] = [];
    for (let index = 0; index < 30; index++) uploads.push(await begin(old));
    abortUpload = () => sleep(1);
    const reports = await Promise.all([janitor().run(), janitor().run(), janitor().run()]);
    expect(reports.map(({ failed }) => failed)).toEqual([0, 0, 0]);
    expect(reports.reduce((sum, { expired }) => sum + expired, 0)).toBe(30);
    expect(new Set(freed)).toEqual(new Set(uploads));
    expect(await store.uploadsOf('bucket', { limit: 5 })).toEqual([]);
  });

  test('a run can be broken off', async () => {
    for (let index = 0; index < 5; index++) await begin(old);
    const controller = new AbortController();
    abortUpload = async () => controller.abort(new Error('enough'));
    await expect(janitor().run(controller.signal)).rejects.toThrow('enough');
    expect(freed).toHaveLength(1);
    expect(sweeps).toEqual([]);
  });

  test('runs by itself between start and stop', async () => {
    const runner = janitor({ intervalMs: 5 });
    runner.start();
    runner.start();
    while (sweeps.length < 3) await sleep(1);
    const entered = Promise.withResolvers<void>();
    abortUpload = async ({ signal }) => {
      entered.resolve();
      await new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
    };
    // Only now: a run may find the upload at once.
    await begin(old);
    await entered.promise;
    await runner.stop();
    const count = sweeps.length;
    await sleep(30);
    expect(sweeps.length).toBe(count);
    expect(warnings).toEqual([]);
    await runner.stop();
  });
});
