/** What a crash between two writes leaves in Redis: never shown, and mended. What calls cost: counted by the server. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createRedisStore } from '../../src/uploads/redis/index.ts';
import { ageMember, endedMember, keysUnder } from '../../src/uploads/redis/keys.ts';
import type { UploadRecord, UploadStore } from '../../src/uploads/types.ts';
import { type RedisServer, startRedisServer } from '../setup/redis.ts';
import { part, patienceMs, upload } from './fixtures.ts';
import { noGraceMs } from './stage.ts';

const hour = 60 * 60 * 1000;
const day = 24 * hour;

describe.skipIf(process.env['TEST_REDIS_URL'] === undefined)('indices and costs in Redis', () => {
  const keys = keysUnder('partway:');
  let dir: string;
  let server: RedisServer;
  let redis: Redis;
  let store: UploadStore;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'partway-indices-'));
    server = await startRedisServer({ dir });
    redis = new Redis(server.url);
    store = createRedisStore({ url: server.url, timeoutMs: patienceMs, cleanUpGraceMs: noGraceMs });
  });
  afterAll(async () => {
    await store.close();
    redis.disconnect();
    await server.stop();
    await rm(dir, { recursive: true });
  });
  beforeEach(() => redis.flushall());

  async function begin(given: Partial<UploadRecord> = {}): Promise<UploadRecord> {
    const record = upload(given);
    await store.create(record);
    return record;
  }

  async function pending(initiatedBefore = Date.now() + 1): Promise<string[]> {
    const found: string[] = [];
    for await (const { upload, work } of store.pendingWork({ initiatedBefore }))
      found.push(`${work} ${upload.key}`);
    return found;
  }

  /** The server goes down in the middle of Create, or of cleaning up. */
  async function loseUpload({ uploadId }: UploadRecord): Promise<void> {
    await redis.unlink(...keys.upload(uploadId));
  }

  test('entries without an upload are not listed, hide nothing, and are removed once they are old', async () => {
    const old = Date.now() - 2 * hour;
    for (const key of ['a', 'dir/1', 'dir/2', 'gone/1', 'gone/2', 'z']) {
      await loseUpload(await begin({ key, initiatedAt: old }));
    }
    const young = await begin({ key: 'young' });
    await loseUpload(young);
    await begin({ key: 'dir/3', initiatedAt: old });
    await begin({ key: 'm', initiatedAt: old });

    const page = await store.listUploads({ bucket: 'bucket', delimiter: '/', limit: 2 });
    expect(page).toMatchObject({ entries: [{ prefix: 'dir/' }, { upload: { key: 'm' } }], truncated: false });
    expect((await store.uploadsOf('bucket', { limit: 2 })).map(({ key }) => key)).toEqual(['dir/3', 'm']);

    expect(await pending()).toEqual(['expired dir/3', 'expired m']);
    expect(await redis.zcard(keys.bucket('bucket'))).toBe(3);
    expect(await redis.zrange(keys.byAge, '-1', '-1')).toEqual([ageMember(young).toString()]);
  });

  test('an end that was announced and did not happen is forgotten', async () => {
    const { uploadId } = await begin({ key: 'open' });
    await redis.zadd(keys.ended, 0, endedMember(Date.now() - 2 * hour, uploadId));
    expect(await pending(0)).toEqual([]);
    expect(await redis.zcard(keys.ended)).toBe(0);
    expect(await store.get(uploadId)).toMatchObject({ status: 'open' });
  });

  test('an end whose entry was lost in a failover is found again', async () => {
    const { uploadId } = await begin({ key: 'aborted' });
    await store.abort(uploadId);
    await redis.del(keys.ended);
    expect(await pending()).toEqual([]);
    expect(await pending()).toEqual(['uncleaned aborted']);
    await store.cleaned(uploadId);
    expect(await redis.keys('*')).toEqual([]);
  });

  test('nothing is left of an upload that was aborted and cleaned', async () => {
    const { uploadId } = await begin();
    await store.recordPart(uploadId, part(1));
    await store.recordPart(uploadId, part(1));
    await store.abort(uploadId);
    await store.cleaned(uploadId);
    expect(await redis.keys('*')).toEqual([]);
  });

  test('of one that was completed the result is left, for as long as is asked and a day at least', async () => {
    for (const [retentionMs, least] of [
      [3 * day, 3 * day],
      [1, day],
    ] as const) {
      await redis.flushall();
      const keeping = createRedisStore({ url: server.url, retentionMs, timeoutMs: patienceMs });
      const { uploadId } = await begin();
      await keeping.recordPart(uploadId, part(1));
      const call = { uploadId, digest: '', plan: 0, parts: [], leaseMs: 60_000 };
      const claimed = await keeping.claimCompletion(call);
      if (claimed.outcome !== 'claimed') throw new Error(claimed.outcome);
      await keeping.finishCompletion(claimed.claim, 'result');
      const [key] = keys.upload(uploadId);
      expect(await redis.pttl(key)).toBe(-1);
      await keeping.cleaned(uploadId);
      expect(await redis.keys('*')).toEqual([key]);
      expect(await redis.pttl(key)).toBeGreaterThan(least - 60_000);
      expect(await redis.pttl(key)).toBeLessThanOrEqual(least);
      // Cleaned once more, by a janitor, it is not kept for longer.
      await redis.pexpire(key, 1_000_000);
      await keeping.cleaned(uploadId);
      expect(await redis.pttl(key)).toBeLessThanOrEqual(1_000_000);
      await keeping.close();
    }
  });

  test('get and recordPart are one command each, and nothing walks over all keys', async () => {
    const record = await begin();
    const { uploadId } = record;
    await store.recordPart(uploadId, part(1));
    await store.get(uploadId, 1);
    await redis.config('RESETSTAT');
    await store.get(uploadId, 1);
    await store.get(uploadId);
    await store.recordPart(uploadId, part(1));
    await store.recordPart(uploadId, part(2));
    expect(await commands()).toMatchObject({ evalsha: 4 });
    expect(Object.keys(await commands()).filter((name) => /zadd|zrem|eval$/.test(name))).toEqual([]);

    await store.listParts(uploadId, { after: 0, limit: 10 });
    await store.listUploads({ bucket: 'bucket', delimiter: '/', limit: 10 });
    await store.uploadsOf('bucket', { limit: 10 });
    await pending();
    const stalled = await store.claimCompletion({ uploadId, digest: '', plan: 0, parts: [], leaseMs: 1 });
    if (stalled.outcome === 'claimed') await store.releaseClaim(stalled.claim);
    await store.abort(uploadId);
    await store.cleaned(uploadId);
    expect(
      Object.keys(await commands()).filter((name) => /^(?:keys|.*scan|hgetall|smembers)$/.test(name)),
    ).toEqual([]);
  });

  async function commands(): Promise<Record<string, number>> {
    const lines = (await redis.info('commandstats')).matchAll(/cmdstat_([^:]+):calls=(\d+)/g);
    return Object.fromEntries([...lines].map(([, name, calls]) => [name, Number(calls)]));
  }
});
