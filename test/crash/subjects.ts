/** What is crashed: a gateway's backend and upload store, with the servers behind them, and a view past the gateway of what is left in them. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildBackends } from '../../src/backends.ts';
import { loadConfig } from '../../src/config.ts';
import { createStorage } from '../../src/storage.ts';
import { createEmbeddedStore } from '../../src/uploads/embedded/index.ts';
import { createJanitor, type JanitorReport } from '../../src/uploads/janitor.ts';
import { createRedisStore } from '../../src/uploads/redis/index.ts';
import { freePort } from '../kit/free-port.ts';
import { type Deployment, newDeployment, removeDeployment } from '../kit/gateway.ts';
import { type AzuriteServer, devConnectionString, startAzuriteServer } from '../setup/azurite.ts';
import { start as startFakeGcs } from '../setup/gcs.ts';
import { type RedisServer, startRedisServer } from '../setup/redis.ts';
import { startStrictAzure } from '../strict/azure/proxy.ts';
import { startStrictGcs } from '../strict/gcs/service.ts';

export const subjectNames = [
  'local-embedded',
  'local-redis',
  'azure-redis',
  'gcs-redis',
  'azure-embedded',
  'gcs-embedded',
] as const;
export type SubjectName = (typeof subjectNames)[number];

export interface Subject {
  readonly name: SubjectName;
  readonly deployment: Deployment;
  /** Gateways at once; one dies, the others go on. */
  readonly replicas: number;
  /** Settings of a gateway. */
  readonly env: Readonly<Record<string, string>>;
  /** Lets a server behind the gateway die, or cut its connections. Says which, if there is any; resolves once it is back. */
  strike(random: () => number): Promise<Strike | undefined>;
  /** One run of the clean-up, of what is older than so many milliseconds; by default as if weeks had passed. */
  cleanUp(maxAgeMs?: number): Promise<JanitorReport>;
  /** Private things that are left in the backend, by name. `live` objects are said to have something of their own. */
  leftovers(bucket: string, live: ReadonlySet<string>): Promise<readonly string[]>;
  stop(): Promise<void>;
}

export type Strike = 'redis' | 'azurite' | 'connections';

interface Behind {
  readonly env: Readonly<Record<string, string>>;
  readonly strikes: Partial<Record<Strike, (random: () => number) => Promise<void>>>;
  leftovers(bucket: string, live: ReadonlySet<string>): Promise<readonly string[]>;
  stop(): Promise<void>;
}

const weeks = 60 * 24 * 60 * 60 * 1000;
const silent = { info: () => undefined, warn: () => undefined };

export async function startSubject(name: SubjectName): Promise<Subject> {
  const [backend, storeName] = name.split('-') as ['local' | 'azure' | 'gcs', 'embedded' | 'redis'];
  const deployment = await newDeployment();
  const behind = await backends[backend](deployment);
  const redis = storeName === 'redis' ? await startRedis() : undefined;
  const prefix = 'partway-crash:';
  const env = {
    PARTWAY_UPLOADS_LEASE: '1s',
    PARTWAY_LOG_LEVEL: 'error',
    ...behind.env,
    ...(redis && { PARTWAY_REDIS_URL: redis.url, PARTWAY_REDIS_KEY_PREFIX: prefix }),
  };
  const strikes = { ...behind.strikes, ...(redis && { redis: redis.crash }) };
  return {
    name,
    deployment,
    replicas: redis === undefined ? 1 : 2,
    env,
    async strike(random) {
      const kinds = Object.keys(strikes) as Strike[];
      const kind = kinds[Math.floor(random() * kinds.length)];
      if (kind !== undefined) await strikes[kind]?.(random);
      return kind;
    },
    async cleanUp(maxAgeMs = -weeks) {
      const config = loadConfig({
        env: { ...env, PARTWAY_STATE_DIR: join(deployment.dir, 'state') },
        cwd: deployment.dir,
      });
      const built = await buildBackends(config);
      const storage = createStorage(built.backends, built.routes);
      const store = redis
        ? createRedisStore({ url: redis.url, keyPrefix: prefix, cleanUpGraceMs: 0 })
        : createEmbeddedStore({ dir: config.stateDir, cleanUpGraceMs: 0 });
      try {
        // What has just ended is left to whoever ended it, for as long as a tick of the clock.
        await new Promise((resolve) => setTimeout(resolve, 20));
        return await createJanitor({ store, storage, maxAgeMs, log: silent }).run();
      } finally {
        await store.close();
        await storage.close();
      }
    },
    leftovers: (bucket, live) => behind.leftovers(bucket, live),
    async stop() {
      await behind.stop();
      await redis?.stop();
      await removeDeployment(deployment);
    },
  };
}

async function startRedis() {
  const dir = await mkdtemp(join(tmpdir(), 'partway-redis-'));
  const options = { dir, args: ['--appendonly', 'yes', '--appendfsync', 'always'] };
  let server: RedisServer = await startRedisServer(options);
  const { port, url } = server;
  return {
    url,
    async crash() {
      await server.kill();
      server = await startRedisServer({ ...options, port });
    },
    async stop() {
      await server.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

const backends: Readonly<Record<'local' | 'azure' | 'gcs', (deployment: Deployment) => Promise<Behind>>> = {
  async local({ dir }) {
    const root = join(dir, 'data');
    return {
      env: { PARTWAY_BACKEND: 'local', PARTWAY_FS_ROOT: root },
      strikes: {},
      async leftovers(bucket, live) {
        const left: string[] = [];
        let attributes = 0;
        for (const entry of await readdir(join(root, '.partway'), { recursive: true, withFileTypes: true })) {
          const path = join(entry.parentPath, entry.name).slice(root.length + '/.partway/'.length);
          if (path.startsWith('locks/')) continue;
          if (path.startsWith(`buckets/${bucket}/uploads/`)) left.push(path);
          if (!entry.isFile()) continue;
          if (path.startsWith(`buckets/${bucket}/attributes/`)) attributes += 1;
          else if (path.startsWith('tmp/') || path.startsWith('trash/')) left.push(path);
        }
        if (attributes !== live.size) left.push(`${attributes} files of attributes for ${live.size} objects`);
        return left;
      },
      stop: async () => undefined,
    };
  },

  async azure() {
    const dir = await mkdtemp(join(tmpdir(), 'partway-azurite-'));
    // None of those that the system gives away: it is restarted on the same one.
    const port = await freePort();
    let azurite: AzuriteServer = await startAzuriteServer({ dir, port });
    const strict = await startStrictAzure({ upstream: devConnectionString(azurite.origin) });
    return {
      env: { PARTWAY_BACKEND: 'azure', PARTWAY_AZURE_CONNECTION_STRING: strict.connectionString },
      strikes: {
        // Not by SIGKILL: it writes its tables every few seconds only, and would itself lose what it acknowledged.
        async azurite() {
          await azurite.stop();
          azurite = await startAzuriteServer({ dir, port });
        },
        async connections(random) {
          const how = { kind: random() < 0.5 ? ('reset' as const) : ('lose the answer' as const) };
          strict.faults.push({ times: 6, on: () => true, how });
          await new Promise((resolve) => setTimeout(resolve, 300));
          strict.faults.length = 0;
        },
      },
      async leftovers(bucket) {
        strict.log.length = 0;
        const left: string[] = [];
        const blobs = strict.direct
          .getContainerClient(bucket)
          .listBlobsFlat({ includeUncommitedBlobs: true });
        for await (const { name } of blobs)
          if (name.startsWith('.partway/') && !name.startsWith('.partway/keys/')) left.push(name);
        return left;
      },
      async stop() {
        await strict.stop();
        await azurite.stop();
        await rm(dir, { recursive: true, force: true });
      },
    };
  },

  async gcs() {
    const service = await startFakeGcs();
    if ('unavailable' in service) throw new Error(service.unavailable);
    const upstream = service.env['TEST_GCS_ENDPOINT'] ?? '';
    const strict = await startStrictGcs(upstream);
    return {
      env: {
        PARTWAY_BACKEND: 'gcs',
        PARTWAY_GCS_PROJECT_ID: 'partway-test',
        PARTWAY_GCS_ENDPOINT: strict.endpoint,
      },
      // The emulator holds everything in memory, so it cannot be killed: its connections can.
      strikes: {
        async connections(random) {
          strict.faults.add({
            when: () => true,
            how: random() < 0.5 ? 'reset' : 'lose answer',
            times: 6,
          });
          await new Promise((resolve) => setTimeout(resolve, 300));
          strict.faults.clear();
        },
      },
      async leftovers(bucket) {
        strict.faults.clear();
        const answer = await fetch(`${upstream}/storage/v1/b/${bucket}/o?maxResults=1000`);
        const { items = [] } = (await answer.json()) as { readonly items?: ReadonlyArray<{ name: string }> };
        return items
          .map(({ name }) => name)
          .filter((name) => name.startsWith('.partway/') && !name.startsWith('.partway/~'));
      },
      async stop() {
        await strict.stop();
        await service.stop();
      },
    };
  },
};
