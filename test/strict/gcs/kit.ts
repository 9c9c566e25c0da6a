/** What the tests of the GCS adapter share: the strict service, adapters over it, and a look behind both. */
import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { createGcsAdapter, type GcsOptions } from '../../../adapters/gcs/index.ts';
import type { StorageAdapter } from '../../../adapters/types.ts';
import { type StrictGcs, startStrictGcs } from './service.ts';

/** Where fake-gcs-server listens; `undefined` when the set-up could not have one. */
export const upstream = process.env['TEST_GCS_ENDPOINT'];

/** Quick to give up, so that tests of failures are quick. */
export const hasty = { attempts: 3, firstDelayMs: 1, maxDelayMs: 20 } as const;
/** Never tries again: a process that crashes does not either. */
export const once = { attempts: 1, firstDelayMs: 1, maxDelayMs: 1 } as const;

export interface StoredObject {
  readonly name: string;
  readonly size: string;
  readonly generation: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface GcsBench {
  readonly service: StrictGcs;
  readonly adapter: StorageAdapter;
  /** Another over the same buckets. */
  make(options?: GcsOptions): StorageAdapter;
  bucket(): Promise<string>;
  /** All objects in a bucket, private ones too, as fake-gcs-server has them. */
  stored(bucket: string): Promise<readonly StoredObject[]>;
  /** The GCS name of a bucket. */
  gcsName(bucket: string): string;
  /** Writes an object as another tool would. */
  foreign(bucket: string, resource: Readonly<Record<string, unknown>>, bytes: Buffer | string): Promise<void>;
}

export function useGcs(): GcsBench {
  // Buckets of this file alone: a sweep must not meet those of tests that run beside it.
  const bucketPrefix = `t${randomBytes(4).toString('hex')}-`;
  const made: StorageAdapter[] = [];
  let service: StrictGcs | undefined;
  let adapter: StorageAdapter | undefined;
  const running = <T>(value: T | undefined): T => {
    if (value === undefined) throw new Error('the service runs only while tests run');
    return value;
  };
  const bench: GcsBench = {
    get service() {
      return running(service);
    },
    get adapter() {
      return running(adapter);
    },
    make(options = {}) {
      const apiEndpoint = running(service).endpoint;
      const one = createGcsAdapter({
        apiEndpoint,
        projectId: 'test',
        bucketPrefix,
        retry: hasty,
        ...options,
      });
      made.push(one);
      return one;
    },
    async bucket() {
      const bucket = `b-${randomBytes(6).toString('hex')}`;
      await bench.adapter.createBucket({ bucket });
      return bucket;
    },
    async stored(bucket) {
      const answer = await fetch(`${upstream}/storage/v1/b/${bucketPrefix}${bucket}/o`);
      return ((await answer.json()) as { items?: StoredObject[] }).items ?? [];
    },
    gcsName: (bucket) => bucketPrefix + bucket,
    async foreign(bucket, resource, bytes) {
      const type = String(resource['contentType'] ?? 'application/octet-stream');
      const body = Buffer.concat([
        Buffer.from(`--x\r\nContent-Type: application/json\r\n\r\n${JSON.stringify(resource)}\r\n`),
        Buffer.from(`--x\r\nContent-Type: ${type}\r\n\r\n`),
        Buffer.from(bytes),
        Buffer.from('\r\n--x--\r\n'),
      ]);
      const answer = await fetch(
        `${bench.service.endpoint}/upload/storage/v1/b/${bucketPrefix}${bucket}/o?uploadType=multipart`,
        { method: 'POST', body, headers: { 'content-type': 'multipart/related; boundary=x' } },
      );
      if (!answer.ok) throw new Error(await answer.text());
    },
  };

  beforeAll(async () => {
    if (upstream === undefined) return;
    service = await startStrictGcs(upstream);
    adapter = bench.make();
  });
  afterEach(() => service?.faults.clear());
  afterAll(async () => {
    for (const bucket of (await adapter?.listBuckets()) ?? []) await empty(running(adapter), bucket.name);
    await Promise.all(made.map((each) => each.close()));
    await service?.stop();
  });
  return bench;
}

async function empty(adapter: StorageAdapter, bucket: string): Promise<void> {
  const { entries } = await adapter.listObjects({ bucket, limit: 10_000 });
  await Promise.all(
    entries.map((entry) =>
      entry.kind === 'object' ? adapter.deleteObject({ bucket, key: entry.info.key }) : undefined,
    ),
  );
  await adapter.deleteBucket({ bucket });
}
