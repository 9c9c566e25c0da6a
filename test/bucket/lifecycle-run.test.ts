/** What a run of the lifecycle rules does when others write at the same time, and with large buckets. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createLocalAdapter } from '../../adapters/local/index.ts';
import type { StorageAdapter } from '../../adapters/types.ts';
import { createBucketDocuments } from '../../src/s3/bucket/documents.ts';
import { runLifecycle } from '../../src/s3/bucket/lifecycle-run.ts';
import type { Gateway } from '../../src/s3/operation.ts';
import { createStorage } from '../../src/storage.ts';

const bucket = 'bucket';
const tomorrow = Date.now() + 3 * 24 * 60 * 60 * 1000;
const rules = (prefix: string) =>
  `<LifecycleConfiguration><Rule><ID>r</ID><Filter><Prefix>${prefix}</Prefix></Filter><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>`;

let root = '';
let adapter: StorageAdapter;
let warnings: string[];
/** Milliseconds on the clock of what is remembered of buckets. */
let elapsed: number;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'partway-lifecycle-'));
  adapter = createLocalAdapter({ root, durability: 'os' });
  warnings = [];
  elapsed = 0;
  await adapter.createBucket({ bucket });
  await adapter.putBucketDocument({ bucket, name: 'lifecycle', text: rules('old/') });
});
afterEach(async () => {
  await adapter.close();
  await rm(root, { recursive: true });
});

async function put(key: string, text: string): Promise<void> {
  await adapter.putObject({
    bucket,
    key,
    body: { stream: Readable.from([Buffer.from(text)]), size: text.length },
    attributes: () => ({ etag: 'e', headers: {}, metadata: {} }),
  });
}

async function exists(key: string): Promise<boolean> {
  const { entries } = await adapter.listObjects({ bucket, prefix: key, limit: 1 });
  return entries.length > 0;
}

function run(changed: Partial<StorageAdapter>, signal = new AbortController().signal) {
  const backend = { ...adapter, ...changed };
  const storage = createStorage([{ name: 'local', adapter: backend }]);
  const gateway = {
    storage,
    documents: createBucketDocuments(storage, () => elapsed),
    uploads: { listUploads: async () => ({ entries: [], truncated: false }) },
    log: { info: () => {}, warn: (message: string) => warnings.push(message) },
  } as unknown as Gateway;
  return runLifecycle(gateway, tomorrow, signal);
}

it('leaves an object that is written between the judgement and the removal', async () => {
  await put('old/key', 'first');
  const report = await run({
    async headObject(call) {
      const info = await adapter.headObject(call);
      await put('old/key', 'second');
      return info;
    },
  });
  expect(report).toEqual({ expired: 0, aborted: 0, failed: 0 });
  expect(await exists('old/key')).toBe(true);
  expect(await run({})).toEqual({ expired: 1, aborted: 0, failed: 0 });
  expect(await exists('old/key')).toBe(false);
});

it('is not disturbed by an object that somebody else removes', async () => {
  await put('old/a', 'x');
  await put('old/b', 'x');
  const report = await run({
    async headObject(call) {
      await adapter.deleteObject({ bucket, key: 'old/a' });
      return adapter.headObject(call);
    },
  });
  expect(report).toEqual({ expired: 1, aborted: 0, failed: 0 });
});

it('lists what its rules are about, a page at a time, while it removes', async () => {
  await Promise.all(Array.from({ length: 1100 }, (_, index) => put(`old/${index}`, 'x')));
  await put('other', 'x');
  const prefixes = new Set<string | undefined>();
  const report = await run({
    listObjects(call) {
      prefixes.add(call.prefix);
      expect(call.limit).toBeLessThanOrEqual(1000);
      return adapter.listObjects(call);
    },
  });
  expect(report.expired).toBe(1100);
  expect([...prefixes]).toEqual(['old/']);
  expect(await exists('other')).toBe(true);
});

it('goes on with the next bucket when one cannot be gone through', async () => {
  await adapter.createBucket({ bucket: 'another' });
  await adapter.putBucketDocument({ bucket: 'another', name: 'lifecycle', text: rules('') });
  await put('old/key', 'x');
  const report = await run({
    listObjects(call) {
      if (call.bucket === 'another') throw new Error('a fault');
      return adapter.listObjects(call);
    },
  });
  expect(report).toEqual({ expired: 1, aborted: 0, failed: 1 });
  expect(warnings).toEqual(['lifecycle: could not follow the rules of a bucket']);
});

it('ends when it is told to', async () => {
  await put('old/key', 'x');
  const signal = AbortSignal.abort(new Error('stopped'));
  await expect(run({}, signal)).rejects.toThrow('stopped');
  expect(await exists('old/key')).toBe(true);
});

it('stops when the rules are taken back while it runs', async () => {
  await Promise.all(Array.from({ length: 1100 }, (_, index) => put(`old/${index}`, 'x')));
  const { expired } = await run({
    async listObjects(call) {
      const page = await adapter.listObjects(call);
      if (call.startAfter === undefined) return page;
      // Longer ago than what is remembered of a bucket counts.
      elapsed = 60_000;
      await adapter.putBucketDocument({ bucket, name: 'lifecycle', text: undefined });
      return page;
    },
  });
  expect(expired).toBe(1000);
});
