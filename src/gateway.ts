/** Puts the rooms of the house together: storage, upload store, janitor, app. */
import { createApp } from './app.ts';
import { type BuiltBackends, buildBackends } from './backends.ts';
import { createBackground } from './background.ts';
import { loadMasterKeys } from './config/load-master-keys.ts';
import { reason } from './config/reader.ts';
import { type Config, ConfigError, type Credential } from './config.ts';
import { AccessPoints } from './http/access-points.ts';
import { type Admission, createIdentities } from './identities.ts';
import type { Logger } from './log.ts';
import { createBucketDocuments } from './s3/bucket/documents.ts';
import { bucketEncryptionOf } from './s3/bucket/encryption.ts';
import { runLifecycle } from './s3/bucket/lifecycle-run.ts';
import { MasterKeys } from './s3/encryption/master-keys.ts';
import type { EncryptionSettings } from './s3/encryption/settings.ts';
import type { Gateway, GatewaySettings, Owner } from './s3/operation.ts';
import type { App } from './server/env.ts';
import { createStorage } from './storage.ts';
import { createJanitor, type Janitor } from './uploads/janitor.ts';
import type { UploadStore } from './uploads/types.ts';

export interface RunningGateway extends App {
  /** Resolves when store and backends answer; rejects with what does not. */
  ready(): Promise<void>;
  /** Clean-up of ended uploads; `start` it in one process of a machine. */
  readonly janitor: Janitor;
  /** Lets these in from now on, and nobody else; requests under way go on. */
  admit(admission: Admission): void;
  /** Waits for work that answers did not wait for, then lets go of store and backends. */
  close(): Promise<void>;
}

/** Owner of all buckets and objects: the same on every replica, so that listings agree. 64 hex digits, as canonical user IDs are. */
const owner: Owner = {
  id: '7061727477617900000000000000000000000000000000000000000000000000',
  displayName: 'partway',
};

/** AWS starts to send white space "periodically"; ordinary errors keep their status if they come before this. */
const keepAliveAfterMs = 8_000;

export async function createGateway(
  config: Config,
  credentials: readonly Credential[],
  log: Logger,
  /** Milliseconds since the epoch, by which uploads and objects come of age. */
  clock: () => number = Date.now,
): Promise<RunningGateway> {
  const encryption = encryptionOf(config);
  const { backends, routes }: BuiltBackends = await buildBackends(config);
  const storage = createStorage(backends, routes);
  const uploads = await openStore(config, log);
  const background = createBackground(log);
  const { accountId, anonymous } = config;
  const identities = createIdentities(owner, accountId, {
    credentials,
    identities: config.identities,
    anonymous,
  });
  const documents = createBucketDocuments(storage);
  const settings: GatewaySettings = {
    region: config.region,
    accessPoints: new AccessPoints(
      config.accessPoints.map(({ outpost, ...point }) => ({
        ...point,
        ...(outpost !== undefined && { outpost }),
      })),
    ),
    owner,
    defaultChecksum: config.defaultChecksum,
    keepAliveAfterMs,
    completionLeaseMs: config.uploads.leaseMs,
  };
  const gateway: Gateway = {
    settings,
    encryption: {
      ...encryption,
      bucketDefault: async (bucket) => (await bucketEncryptionOf({ documents }, bucket))?.algorithm,
    },
    storage,
    documents,
    uploads,
    access: identities,
    log,
    background: background.run,
  };
  const app = createApp({
    gateway,
    credentials: identities,
    acceptRegions: config.acceptRegions,
    baseDomains: config.baseDomains,
    trustedProxies: config.trustedProxies,
    maxRequestsPerIdentity: config.limits.maxRequestsPerIdentity,
  });
  const janitor = createJanitor({
    store: uploads,
    storage,
    maxAgeMs: config.uploads.maxAgeMs,
    intervalMs: config.janitor.intervalMs,
    lifecycle: (now, signal) => runLifecycle(gateway, now, signal),
    clock,
    log,
  });

  return {
    fetch: (request, env) => app.fetch(request, env),
    janitor,
    admit: (admission) => identities.replace(admission),
    async ready() {
      await Promise.all([uploads.check(), storage.check()]);
    },
    async close() {
      await janitor.stop();
      await background.settled();
      await Promise.all([uploads.close(), storage.close()]);
    },
  };
}

function encryptionOf(config: Config): EncryptionSettings {
  const { isOffered, keys } = loadMasterKeys(config);
  return {
    customerKeysOverHttp: config.allowSseCOverHttp,
    kms: config.encryption.kms,
    backendAtRest: config.encryption.backendAtRest,
    keys: new MasterKeys(
      keys.map(({ id, key }) => ({ id, key: Buffer.from(key, 'base64') })),
      { current: isOffered },
    ),
  };
}

/** Loads the one store that is configured, and no driver of the other. @throws ConfigError when its directory cannot be used */
export async function openStore(config: Config, log: Logger): Promise<UploadStore> {
  const { retentionMs } = config.uploads;
  if (config.redis !== undefined) {
    const { createRedisStore } = await import('./uploads/redis/index.ts');
    return createRedisStore({ ...config.redis, retentionMs, timeoutMs: config.timeouts.redisMs, log });
  }
  const { createEmbeddedStore } = await import('./uploads/embedded/index.ts');
  const { durability, stateDir: dir } = config;
  try {
    return createEmbeddedStore({ dir, durability, retentionMs });
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error;
    throw new ConfigError([
      {
        key: 'stateDir (PARTWAY_STATE_DIR)',
        problem: `cannot keep the open uploads in ${dir}: ${reason(error)}`,
        fix: 'make the directory writable, or name another one',
      },
    ]);
  }
}
