/** TLS and sentinels, with servers of their own. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createRedisStore } from '../../src/uploads/redis/index.ts';
import { UploadStoreUnavailable } from '../../src/uploads/types.ts';
import { makeCertificate } from '../kit/certificate.ts';
import { freePort } from '../kit/free-port.ts';
import { type RedisServer, startRedisServer } from '../setup/redis.ts';
import { part, patienceMs, upload } from './fixtures.ts';

describe.skipIf(process.env['TEST_REDIS_URL'] === undefined)('connections to Redis', () => {
  let dir: string;
  const servers: RedisServer[] = [];

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'partway-redis-'));
  });
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.stop()));
    await rm(dir, { recursive: true });
  });

  async function start(name: string, args: readonly string[], port?: number): Promise<RedisServer> {
    const home = join(dir, name);
    await mkdir(home, { recursive: true });
    const server = await startRedisServer({ dir: home, args, ...(port !== undefined && { port }) });
    servers.push(server);
    return server;
  }

  test('a database that Redis does not have is an outage, and no other one is used', async () => {
    const server = await start('databases', ['--databases', '2']);
    const store = createRedisStore({ url: `${server.url}/2`, timeoutMs: 1_000 });
    const there = new Redis(server.url);
    try {
      const said = (): Promise<unknown> => store.check().then(() => 'fine', String);
      await expect.poll(said, { timeout: 20_000 }).toMatch(/DB index is out of range/);
      await expect(store.create(upload())).rejects.toThrow(UploadStoreUnavailable);
      expect(await there.dbsize()).toBe(0);
    } finally {
      there.disconnect();
      await store.close();
    }
  });

  test('rediss:// speaks TLS, and trusts only the given authority', async () => {
    const { certFile, keyFile } = makeCertificate(dir);
    const port = await freePort();
    const files = ['--tls-cert-file', certFile, '--tls-key-file', keyFile, '--tls-ca-cert-file', certFile];
    await start('tls', ['--tls-port', String(port), '--tls-auth-clients', 'no', ...files]);

    const url = `rediss://localhost:${port}/3`;
    const trusting = createRedisStore({ url, tls: { ca: await readFile(certFile) }, timeoutMs: patienceMs });
    const strict = createRedisStore({ url, timeoutMs: 500 });
    try {
      const record = upload();
      await trusting.create(record);
      expect(await trusting.get(record.uploadId)).toEqual({ status: 'open', upload: record });
      await expect(strict.check()).rejects.toBeInstanceOf(UploadStoreUnavailable);
    } finally {
      await Promise.all([trusting.close(), strict.close()]);
    }
    // Closed in the middle of a handshake that fails, which must not end the process.
    for (let delayMs = 0; delayMs < 40; delayMs++) {
      const store = createRedisStore({ url });
      await sleep(delayMs / 2);
      await store.close();
    }
  });

  // A sentinel that was not scheduled in time does nothing for half a minute ("TILT mode").
  test('redis+sentinel:// finds the master, and the next one when it is gone', {
    timeout: 240_000,
  }, async () => {
    const master = await start('master', ['--repl-diskless-sync-delay', '0']);
    const replica = await start('replica', ['--replicaof', '127.0.0.1', String(master.port)]);
    const admin = new Redis(replica.url);
    while (!(await admin.info('replication')).includes('master_link_status:up')) await sleep(50);
    admin.disconnect();
    const settings = join(dir, 'sentinel.conf');
    await writeFile(
      settings,
      [
        `sentinel monitor partway 127.0.0.1 ${master.port} 1`,
        // Not so soon that a busy machine makes it look away.
        'sentinel down-after-milliseconds partway 2000',
        'sentinel failover-timeout partway 6000',
      ].join('\n'),
    );
    const sentinel = await startRedisServer({ dir, before: [settings], args: ['--sentinel'] });
    servers.push(sentinel);

    const store = createRedisStore({
      url: `redis+sentinel://127.0.0.1:1,127.0.0.1:${sentinel.port}/partway`,
      timeoutMs: 1_000,
    });
    try {
      const record = upload();
      for (;;) {
        const created = await store.create(record).then(
          () => true,
          () => false,
        );
        if (created) break;
      }
      // Replication is asynchronous: what the replica has not got yet would be lost with the master.
      const witness = new Redis(master.url);
      await witness.wait(1, 5_000);
      witness.disconnect();
      await master.kill();
      for (;;) {
        const outcome = await store.recordPart(record.uploadId, part(1)).catch((error: unknown) => {
          if (!(error instanceof UploadStoreUnavailable)) throw error;
          return sleep(100);
        });
        if (outcome === undefined) continue;
        expect(outcome).toEqual({ recorded: true });
        break;
      }
    } finally {
      await store.close();
    }
  });
});
