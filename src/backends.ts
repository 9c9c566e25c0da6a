/**
 * Builds the configured storage adapters. Each is loaded only when it is used: a cloud SDK costs start-up time and memory.
 * Bucket names are mapped here and nowhere below, so the adapters' own prefixes stay empty.
 */
import { isAdapterError } from '../adapters/errors.ts';
import type { StorageAdapter } from '../adapters/types.ts';
import { type BackendConfig, type Config, ConfigError } from './config.ts';
import {
  type BucketNames,
  type BucketRoute,
  mappedNames,
  prefixedNames,
  type StorageBackend,
} from './storage.ts';

export interface BuiltBackends {
  /** The default first. */
  readonly backends: readonly [StorageBackend, ...StorageBackend[]];
  readonly routes: readonly BucketRoute[];
}

export async function buildBackends(config: Config): Promise<BuiltBackends> {
  const [first, ...others] = config.backends;
  const build = (backend: BackendConfig): Promise<StorageBackend> => buildBackend(backend, config);
  return {
    backends: [await build(first), ...(await Promise.all(others.map(build)))],
    routes: config.buckets,
  };
}

/** @throws ConfigError when its settings cannot be used, whatever the service says */
async function buildBackend(backend: BackendConfig, config: Config): Promise<StorageBackend> {
  try {
    const adapter = await buildAdapter(backend, config);
    const names = namesOf(backend);
    return { name: backend.name, adapter, ...(names && { names }) };
  } catch (error) {
    if (!isAdapterError(error)) throw error;
    const key = backend.name === backend.kind ? backend.name : `backends.${backend.name}`;
    throw new ConfigError([
      { key, problem: error.message, fix: `mend the settings of ${key}; see docs/configuration.md` },
    ]);
  }
}

async function buildAdapter(
  backend: BackendConfig,
  { durability, timeouts }: Config,
): Promise<StorageAdapter> {
  switch (backend.kind) {
    case 'local': {
      const { createLocalAdapter } = await import('../adapters/local/index.ts');
      return createLocalAdapter({ root: backend.root, durability });
    }
    case 'azure': {
      const { createAzureAdapter } = await import('../adapters/azure/index.ts');
      const { connectionString, account, accountKey, sasToken, endpoint, staging } = backend;
      return await createAzureAdapter({
        ...{ connectionString, account, accountKey, sasToken, endpoint, staging },
        patienceMs: timeouts.backendMs,
      });
    }
    case 'gcs': {
      const { createGcsAdapter } = await import('../adapters/gcs/index.ts');
      const { projectId, keyFile, endpoint, location } = backend;
      return createGcsAdapter({
        ...(projectId !== undefined && { projectId }),
        ...(keyFile !== undefined && { keyFilename: keyFile }),
        ...(endpoint !== undefined && { apiEndpoint: endpoint }),
        ...(location !== undefined && { location }),
        timeoutMs: timeouts.backendMs / 2,
      });
    }
  }
}

/** Names given to single buckets stand as they are; all others get the prefix. */
function namesOf({
  bucketPrefix,
  bucketNames,
}: Pick<BackendConfig, 'bucketPrefix' | 'bucketNames'>): BucketNames | undefined {
  const pairs = Object.entries(bucketNames);
  if (pairs.length === 0) return bucketPrefix === '' ? undefined : prefixedNames(bucketPrefix);
  const prefixed = prefixedNames(bucketPrefix);
  const mapped = mappedNames(
    Object.fromEntries(pairs.map(([bucket, name]) => [prefixed.toBackend(bucket), name])),
  );
  return {
    toBackend: (bucket) => mapped.toBackend(prefixed.toBackend(bucket)),
    fromBackend: (name) => {
      const found = mapped.fromBackend(name);
      return found === undefined ? undefined : prefixed.fromBackend(found);
    },
  };
}
