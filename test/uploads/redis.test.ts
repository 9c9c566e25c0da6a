import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { describe } from 'vitest';
import { createRedisStore } from '../../src/uploads/redis/index.ts';
import { uploadStoreContract } from './contract.ts';
import { patienceMs } from './fixtures.ts';

const url = process.env['TEST_REDIS_URL'];

/** Stores under a prefix of their own. */
async function open(options: { cleanUpGraceMs: number }) {
  const given = { url: url ?? '', keyPrefix: `test-${randomUUID()}:`, timeoutMs: patienceMs, ...options };
  const [a, b] = [createRedisStore(given), createRedisStore(given)];
  return {
    a,
    b,
    async dispose() {
      await Promise.all([a.close(), b.close()]);
      const redis = new Redis(given.url);
      const left = await redis.keys(`${given.keyPrefix}*`);
      for (const key of left) await redis.unlink(key);
      await redis.quit();
    },
  };
}

describe.skipIf(url === undefined)('the Redis store', () => {
  uploadStoreContract(open);
});
