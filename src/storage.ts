/** Which backend holds which bucket. Handlers ask this; only `src/backends.ts` knows how adapters are built. */
import { AdapterError, isAdapterError } from '../adapters/errors.ts';
import type { BucketCall, BucketInfo, StorageAdapter } from '../adapters/types.ts';

/** How a bucket is called in its backend, and back; `undefined` for names that are not of this backend. */
export interface BucketNames {
  readonly toBackend: (bucket: string) => string;
  readonly fromBackend: (name: string) => string | undefined;
}

export interface StorageBackend {
  /** Its name in the configuration. */
  readonly name: string;
  readonly adapter: StorageAdapter;
  readonly names?: BucketNames;
}

export interface BucketRoute {
  /** An exact bucket name, or a pattern with `*`. The first route that matches wins. */
  readonly pattern: string;
  readonly backend: string;
}

export interface Storage {
  /** The adapter that holds the bucket. One and the same for two buckets of one backend, so `===` tells whether a copy can stay inside it. */
  for(bucket: string): StorageAdapter;
  readonly backends: readonly StorageBackend[];
  /** Buckets of all backends, by name. A backend that does not answer fails the call: a shorter list would look like lost data. */
  listBuckets(signal?: AbortSignal): Promise<readonly BucketInfo[]>;
  check(): Promise<void>;
  close(): Promise<void>;
}

export function createStorage(
  backends: readonly [StorageBackend, ...StorageBackend[]],
  routes: readonly BucketRoute[] = [],
): Storage {
  const named = new Map(
    backends.map((backend) => [
      backend.name,
      { ...backend, adapter: withNames(backend.adapter, backend.names) },
    ]),
  );
  const rules = routes.map((route) => {
    const backend = named.get(route.backend);
    if (backend === undefined)
      throw new Error(`bucket route '${route.pattern}' names no backend: '${route.backend}'`);
    return { matches: matcher(route.pattern), backend };
  });
  const fallback = named.get(backends[0].name) ?? backends[0];

  const backendOf = (bucket: string): StorageBackend =>
    rules.find((rule) => rule.matches(bucket))?.backend ?? fallback;

  return {
    backends: [...named.values()],
    for: (bucket) => backendOf(bucket).adapter,
    async listBuckets(signal) {
      const call = signal === undefined ? {} : { signal };
      const lists = await Promise.all(
        [...named.values()].map(async (backend) => {
          const buckets = await backend.adapter.listBuckets(call);
          return buckets.filter((bucket) => backendOf(bucket.name) === backend);
        }),
      );
      return lists.flat().sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
    },
    async check() {
      await Promise.all([...named.values()].map((backend) => backend.adapter.check()));
    },
    async close() {
      await Promise.all(backends.map((backend) => backend.adapter.close()));
    },
  };
}

function matcher(pattern: string): (bucket: string) => boolean {
  if (!pattern.includes('*')) return (bucket) => bucket === pattern;
  const escaped = pattern.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*');
  const expression = new RegExp(`^${escaped}$`);
  return (bucket) => expression.test(bucket);
}

/** The same adapter under other bucket names. */
function withNames(adapter: StorageAdapter, names: BucketNames | undefined): StorageAdapter {
  if (names === undefined) return adapter;
  const to = <C extends BucketCall>(call: C): C => ({ ...call, bucket: names.toBackend(call.bucket) });
  return {
    name: adapter.name,
    capabilities: adapter.capabilities,
    check: (call) => adapter.check(call),
    close: () => adapter.close(),
    async listBuckets(call) {
      const found: BucketInfo[] = [];
      for (const bucket of await adapter.listBuckets(call)) {
        const name = names.fromBackend(bucket.name);
        if (name !== undefined) found.push({ ...bucket, name });
      }
      return found;
    },
    createBucket: (call) => adapter.createBucket(to(call)),
    headBucket: async (call) => ({ ...(await adapter.headBucket(to(call))), name: call.bucket }),
    deleteBucket: (call) => adapter.deleteBucket(to(call)),
    putObject: (call) => adapter.putObject(to(call)),
    getObject: (call) => adapter.getObject(to(call)),
    headObject: (call) => adapter.headObject(to(call)),
    deleteObject: (call) => adapter.deleteObject(to(call)),
    setAttributes: (call) => adapter.setAttributes(to(call)),
    copyObject: (call) =>
      adapter.copyObject({
        ...to(call),
        source: { ...call.source, bucket: names.toBackend(call.source.bucket) },
      }),
    listObjects: (call) => adapter.listObjects(to(call)),
    getBucketDocument: (call) => adapter.getBucketDocument(to(call)),
    putBucketDocument: (call) => adapter.putBucketDocument(to(call)),
    beginUpload: (call) => adapter.beginUpload(to(call)),
    putPart: (call) => adapter.putPart(to(call)),
    completeUpload: (call) => adapter.completeUpload(to(call)),
    discardParts: (call) => adapter.discardParts(to(call)),
    findMissingParts: (call) => adapter.findMissingParts(to(call)),
    abortUpload: (call) => adapter.abortUpload(to(call)),
    sweep: (call) => {
      const { isOurs, onLeftover } = call;
      const from = (name: string): string | undefined => names.fromBackend(name);
      return adapter.sweep({
        ...call,
        // What lies in other buckets is of others, who know which of their uploads are open.
        isOurs(name) {
          const bucket = from(name);
          return bucket !== undefined && (isOurs === undefined || isOurs(bucket));
        },
        onLeftover(leftover) {
          const bucket = leftover.bucket === undefined ? undefined : from(leftover.bucket);
          onLeftover?.({ ...leftover, ...(bucket !== undefined && { bucket }) });
        },
      });
    },
  };
}

/** Prefixing names: `prefix` + bucket in the backend. */
export function prefixedNames(prefix: string): BucketNames {
  return {
    toBackend: (bucket) => `${prefix}${bucket}`,
    fromBackend: (name) => (name.startsWith(prefix) ? name.slice(prefix.length) : undefined),
  };
}

/** Fixed pairs: bucket → name in the backend. */
export function mappedNames(pairs: Readonly<Record<string, string>>): BucketNames {
  const back = new Map(Object.entries(pairs).map(([bucket, name]) => [name, bucket]));
  const forth = new Map(Object.entries(pairs));
  return {
    toBackend: (bucket) => forth.get(bucket) ?? bucket,
    // A backend name that a pair stands for is reached under the pair's bucket only.
    fromBackend: (name) => back.get(name) ?? (forth.has(name) ? undefined : name),
  };
}

/** `check` for one backend, as text for a person; `undefined` when it is fine. */
export async function checkBackend(backend: StorageBackend): Promise<string | undefined> {
  try {
    await backend.adapter.check();
    return undefined;
  } catch (error) {
    const { adapter, name } = backend;
    if (isAdapterError(error))
      return `${name}${name === adapter.name ? '' : ` (${adapter.name})`}: ${error.message}`;
    throw new AdapterError('Internal', `checking backend '${backend.name}' failed`, { cause: error });
  }
}
