/** The same contract on a Redis Cluster of three masters, where a script may only touch keys of one slot. */
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRedisStore } from '../../src/uploads/redis/index.ts';
import { UploadStoreUnavailable } from '../../src/uploads/types.ts';
import { freePort } from '../kit/free-port.ts';
import { type RedisServer, startRedisServer } from '../setup/redis.ts';
import { uploadStoreContract } from './contract.ts';
import { part, patienceMs, upload } from './fixtures.ts';

const slots = [
  [0, 5_460],
  [5_461, 10_922],
  [10_923, 16_383],
] as const;

describe.skipIf(process.env['TEST_REDIS_URL'] === undefined)('the Redis store on a cluster', () => {
  let dir: string;
  let nodes: RedisServer[];
  let url: string;

  const startNode = async (index: number, port?: number): Promise<RedisServer> => {
    const home = join(dir, String(index));
    await mkdir(home, { recursive: true });
    const args = [
      '--cluster-enabled',
      'yes',
      '--cluster-port',
      String(await freePort()),
      '--appendonly',
      'yes',
    ];
    return startRedisServer({ dir: home, args, ...(port !== undefined && { port }) });
  };

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'partway-cluster-'));
    nodes = await Promise.all(slots.map((_, index) => startNode(index)));
    const clients = nodes.map((node) => new Redis(node.url));
    try {
      for (const [index, [first, last]] of slots.entries()) {
        await clients[index]?.cluster('ADDSLOTSRANGE', first, last);
      }
      for (const node of nodes)
        await clients[0]?.cluster('MEET', '127.0.0.1', node.port, await busPort(node));
      for (const client of clients) {
        while (!String(await client.cluster('INFO')).includes('cluster_state:ok')) await sleep(50);
      }
    } finally {
      for (const client of clients) client.disconnect();
    }
    url = `redis+cluster://${nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')}`;
  });
  afterAll(async () => {
    await Promise.all(nodes.map((node) => node.stop()));
    await rm(dir, { recursive: true });
  });

  async function busPort(node: RedisServer): Promise<number> {
    const client = new Redis(node.url);
    const [, port] = (await client.config('GET', 'cluster-port')) as [string, string];
    client.disconnect();
    return Number(port);
  }

  async function open(options: { cleanUpGraceMs: number }) {
    const given = { url, keyPrefix: `test-${randomUUID()}:`, timeoutMs: patienceMs, ...options };
    const [a, b] = [createRedisStore(given), createRedisStore(given)];
    return {
      a,
      b,
      async dispose() {
        await Promise.all([a.close(), b.close()]);
      },
    };
  }

  uploadStoreContract(open);

  test('a node that is away costs 503s, and the store comes back with it', { timeout: 240_000 }, async () => {
    const keyPrefix = `test-${randomUUID()}:`;
    const store = createRedisStore({ url, keyPrefix, timeoutMs: 3_000 });
    try {
      // Enough of them that every node holds some.
      const records = Array.from({ length: 30 }, () => upload());
      const patient = createRedisStore({ url, keyPrefix, timeoutMs: patienceMs });
      for (const record of records) await patient.create(record);
      await patient.close();
      const [first] = nodes;
      if (first === undefined) throw new Error('no node');
      await first.stop();
      const during = await Promise.allSettled(
        records.map((record) => store.recordPart(record.uploadId, part(1))),
      );
      const refused = during.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []));
      expect(refused.length).toBeGreaterThan(0);
      for (const reason of refused) expect(reason).toBeInstanceOf(UploadStoreUnavailable);

      nodes[0] = await startNode(0, first.port);
      for (const record of records) {
        for (;;) {
          const outcome = await store.recordPart(record.uploadId, part(2)).catch((error: unknown) => {
            if (!(error instanceof UploadStoreUnavailable)) throw error;
            return sleep(100);
          });
          if (outcome === undefined) continue;
          expect(outcome).toEqual({ recorded: true });
          break;
        }
      }
    } finally {
      await store.close();
    }
  });
});
