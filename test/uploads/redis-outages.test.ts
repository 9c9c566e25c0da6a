/** What becomes of calls while Redis is away, stuck, full or a replica, and that they work again afterwards by themselves. */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createRedisStore } from '../../src/uploads/redis/index.ts';
import { type UploadStore, UploadStoreUnavailable } from '../../src/uploads/types.ts';
import { type RedisServer, startRedisServer } from '../setup/redis.ts';
import { part, patienceMs, upload } from './fixtures.ts';

const durable = ['--appendonly', 'yes', '--appendfsync', 'always'];

describe.skipIf(process.env['TEST_REDIS_URL'] === undefined)('the Redis store in an outage', () => {
  let dir: string;
  let server: RedisServer;
  let admin: Redis;
  /** Gives up soon: for calls that are to be refused. */
  let store: UploadStore;
  /** Over the same uploads, for calls that must go through however busy the machine is. */
  let patient: UploadStore;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'partway-outage-'));
    server = await startRedisServer({ dir, args: durable });
    admin = new Redis(server.url, { retryStrategy: () => 50 });
    admin.on('error', () => {});
    store = createRedisStore({ url: server.url, timeoutMs: 1_000 });
    patient = createRedisStore({ url: server.url, timeoutMs: patienceMs });
    await Promise.all([eventually(() => store.check()), patient.check()]);
  });
  afterEach(async () => {
    server.process.kill('SIGCONT');
    await Promise.all([store.close(), patient.close()]);
    admin.disconnect();
    await server.stop();
    await rm(dir, { recursive: true });
  });

  const refused = (call: Promise<unknown>) => expect(call).rejects.toBeInstanceOf(UploadStoreUnavailable);

  async function eventually<T>(call: () => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await call();
      } catch (error) {
        if (!(error instanceof UploadStoreUnavailable) || attempt === 600) throw error;
        await sleep(50);
      }
    }
  }

  /** Every method of the contract, on an upload that exists. */
  function everyCall(uploadId: string): Promise<unknown>[] {
    const claim = { uploadId, lease: 'x' };
    const pending = store.pendingWork({ initiatedBefore: Date.now() });
    return [
      store.check(),
      store.create(upload()),
      store.get(uploadId, 1),
      store.recordPart(uploadId, part(1)),
      store.listParts(uploadId, { after: 0, limit: 1 }),
      store.listUploads({ bucket: 'bucket', limit: 1 }),
      store.claimCompletion({ uploadId, digest: '', plan: 0, parts: [], leaseMs: 1 }),
      store.renewClaim(claim, 1),
      store.releaseClaim(claim),
      store.finishCompletion(claim, 0),
      store.abort(uploadId),
      store.cleaned(uploadId),
      store.uploadsOf('bucket', { limit: 1 }),
      pending[Symbol.asyncIterator]().next(),
    ];
  }

  test('a server that is killed: every call is refused; what was acknowledged is there when it is back', async () => {
    const record = upload();
    await patient.create(record);
    const acknowledged = Array.from({ length: 50 }, (_, index) => part(index + 1));
    await Promise.all(acknowledged.map((each) => patient.recordPart(record.uploadId, each)));
    await server.kill();
    await Promise.all(everyCall(record.uploadId).map(refused));

    const { port } = server;
    server = await startRedisServer({ dir, port, args: durable });
    const listed = await eventually(() => store.listParts(record.uploadId, { after: 0, limit: 100 }));
    expect(listed?.parts).toEqual(acknowledged);
    await eventually(() => store.recordPart(record.uploadId, part(51)));
  });

  test('a restart that is over soon is not noticed', async () => {
    const record = upload();
    await patient.create(record);
    await server.stop();
    const call = patient.recordPart(record.uploadId, part(1));
    server = await startRedisServer({ dir, port: server.port, args: durable });
    expect(await call).toEqual({ recorded: true });
  });

  test('a server that hangs: calls are refused, and those that were never take effect later', async () => {
    const record = upload();
    const { uploadId } = record;
    await patient.create(record);
    // Loads the script, so that those below are sent whole.
    await eventually(() => store.recordPart(uploadId, part(1)));
    server.process.kill('SIGSTOP');
    await Promise.all([
      refused(store.recordPart(uploadId, part(2))),
      refused(store.abort(uploadId)),
      refused(store.claimCompletion({ uploadId, digest: '', plan: 0, parts: [], leaseMs: 60_000 })),
      refused(store.get(uploadId)),
    ]);
    await Promise.all(everyCall(uploadId).map(refused));
    server.process.kill('SIGCONT');
    expect(await eventually(() => store.get(uploadId))).toMatchObject({ status: 'open' });
    // Behind everything that the server still found in its buffers.
    await admin.ping();
    await sleep(100);
    expect(await patient.get(uploadId, 2)).toEqual({ status: 'open', upload: record });
    const second = part(2);
    expect(await eventually(() => store.recordPart(uploadId, second))).toEqual({ recorded: true });
  });

  test('a full server: writes are refused, reads go on', async () => {
    const record = upload();
    const { uploadId } = record;
    await patient.create(record);
    await admin.config('SET', 'maxmemory', '1');
    await Promise.all([
      refused(store.check()),
      refused(store.create(upload())),
      refused(store.recordPart(uploadId, part(1))),
      refused(store.abort(uploadId)),
      refused(store.claimCompletion({ uploadId, digest: '', plan: 0, parts: [], leaseMs: 1 })),
    ]);
    expect(await patient.get(uploadId)).toMatchObject({ status: 'open' });
    await admin.config('SET', 'maxmemory', '0');
    await patient.check();
    expect(await patient.recordPart(uploadId, part(1))).toEqual({ recorded: true });
  });

  test('a server that has become a replica: writes are refused until it is the master again', async () => {
    const masterDir = await mkdtemp(join(tmpdir(), 'partway-outage-'));
    const master = await startRedisServer({ dir: masterDir, args: ['--repl-diskless-sync-delay', '0'] });
    try {
      const record = upload();
      await patient.create(record);
      await admin.replicaof('127.0.0.1', master.port);
      await refused(store.check());
      await refused(store.recordPart(record.uploadId, part(1)));
      while (!(await admin.info('replication')).includes('master_link_status:up')) await sleep(50);
      await admin.replicaof('NO', 'ONE');
      // Its data were the master's meanwhile: the upload is gone, and said to be.
      expect(await eventually(() => store.recordPart(record.uploadId, part(1)))).toEqual({ recorded: false });
      await patient.create(upload());
    } finally {
      await master.stop();
      await rm(masterDir, { recursive: true });
    }
  });

  test('a server that wants another password: refused, and the password is not told', async () => {
    await admin.config('SET', 'requirepass', 'secret');
    const wrong = createRedisStore({ url: `redis://:mistaken@127.0.0.1:${server.port}`, timeoutMs: 4_000 });
    const none = createRedisStore({ url: server.url, timeoutMs: 1_000 });
    const right = createRedisStore({
      url: `redis://:secret@127.0.0.1:${server.port}`,
      timeoutMs: patienceMs,
    });
    try {
      const error = await wrong.check().catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(UploadStoreUnavailable);
      expect(inspect(error, { depth: 9, showHidden: true })).toContain('WRONGPASS');
      expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('mistaken');
      await refused(none.check());
      await right.check();
    } finally {
      await Promise.all([wrong.close(), none.close(), right.close()]);
    }
  });

  test('clocks that differ: calls go through, and a late one is still refused', async () => {
    const realNow = Date.now;
    try {
      for (const skew of [-3_600_000, 3_600_000]) {
        Date.now = () => realNow() + skew;
        const skewed = createRedisStore({ url: server.url, timeoutMs: patienceMs });
        const hasty = createRedisStore({ url: server.url, timeoutMs: 1_000 });
        const record = upload();
        await skewed.create(record);
        expect(await skewed.recordPart(record.uploadId, part(1))).toEqual({ recorded: true });
        await eventually(() => hasty.recordPart(record.uploadId, part(1)));
        server.process.kill('SIGSTOP');
        await refused(hasty.recordPart(record.uploadId, part(2)));
        server.process.kill('SIGCONT');
        await eventually(() => hasty.check());
        await sleep(100);
        expect(await skewed.get(record.uploadId, 2)).not.toHaveProperty('part');
        await Promise.all([skewed.close(), hasty.close()]);
      }
    } finally {
      Date.now = realNow;
    }
  });

  test('a log is told once that the connection is lost, and once that it is back', async () => {
    const lines: string[] = [];
    const logged = createRedisStore({
      url: server.url,
      timeoutMs: 1_000,
      log: { info: (line) => lines.push(line), warn: (line) => lines.push(line) },
    });
    await eventually(() => logged.check());
    const closed = once(server.process, 'exit');
    await server.kill();
    await closed;
    await refused(logged.check());
    await refused(logged.check());
    server = await startRedisServer({ dir, port: server.port, args: durable });
    await eventually(() => logged.check());
    await logged.close();
    expect(lines).toEqual([
      'the upload store in Redis cannot be reached',
      'the upload store in Redis is back',
    ]);
  });

  test('a log is told of settings that would cost uploads', async () => {
    await admin.config('SET', 'appendonly', 'no');
    await admin.config('SET', 'maxmemory-policy', 'allkeys-lru');
    const lines: string[] = [];
    const log = { info: (line: string) => lines.push(line), warn: (line: string) => lines.push(line) };
    const logged = createRedisStore({ url: server.url, log });
    while (lines.length < 2) await sleep(5);
    await logged.close();
    expect(lines).toEqual([
      expect.stringMatching(/appendonly yes/),
      expect.stringMatching(/maxmemory-policy/),
    ]);
  });
});
