/** `partway doctor` on every backend, with each kind of damage done for real; and what a wiped Redis costs. */
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  DeleteObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StorageAdapter } from '../../adapters/types.ts';
import { buildBackends } from '../../src/backends.ts';
import { loadConfig } from '../../src/config.ts';
import { openStore } from '../../src/gateway.ts';
import { examine } from '../../src/integrity/doctor.ts';
import type { Report } from '../../src/integrity/findings.ts';
import { createLogger } from '../../src/log.ts';
import { createStorage, type Storage } from '../../src/storage.ts';
import { createJanitor } from '../../src/uploads/janitor.ts';
import type { UploadStore } from '../../src/uploads/types.ts';
import {
  type Deployment,
  haveServices,
  newDeployment,
  type RunningGateway,
  removeDeployment,
  settingsOf,
  startGateway,
} from '../kit/gateway.ts';
import { begin, bytes, expectFailure, expectObject, get, minPart, put } from '../upload-path/kit.ts';
import type { Subject } from '../upload-path/suite.ts';
import { runCommand } from './kit.ts';

const log = createLogger({ level: 'error', format: 'json' });
/** Everything is old by then. */
const later = (): Date => new Date(Date.now() + 3_600_000);

const pairs = (
  [
    ['local', 'embedded'],
    ['local', 'redis'],
    ['azure', 'redis'],
    ['gcs', 'redis'],
  ] as const
).filter(([backend, store]) => haveServices({ backend, store }));

describe.each(pairs)('the doctor on %s with the %s store', { timeout: 120_000 }, (backend, storeName) => {
  const options = { backend, store: storeName } as const;
  let deployment: Deployment;
  let gateway: RunningGateway;
  let subject: Subject;
  let storage: Storage;
  let store: UploadStore;
  const buckets: string[] = [];

  beforeEach(async () => {
    deployment = await newDeployment();
    gateway = await startGateway({ ...options, deployment });
    const { client, endpoint } = gateway;
    subject = {
      client,
      endpoint,
      async bucket() {
        const bucket = `bucket-${randomBytes(6).toString('hex')}`;
        await storage.for(bucket).createBucket({ bucket });
        buckets.push(bucket);
        return bucket;
      },
    };
    const config = loadConfig({
      env: settingsOf(options, deployment, 9),
      cwd: deployment.dir,
      file: undefined,
    });
    const built = await buildBackends(config);
    storage = createStorage(built.backends, built.routes);
    store = await openStore(config, log);
  });

  afterEach(async () => {
    await gateway.stop();
    for (const bucket of buckets.splice(0)) await removeBucket(storage.for(bucket), bucket);
    await Promise.all([storage.close(), store.close()]);
    await removeDeployment(deployment);
  });

  const look = (olderThan = later()): Promise<Report> => examine({ storage, store, fix: false, olderThan });
  const mend = (olderThan = later()): Promise<Report> => examine({ storage, store, fix: true, olderThan });

  it('finds nothing where nothing is wrong', async () => {
    const bucket = await subject.bucket();
    await put(subject, bucket, 'key', bytes(1000));
    const done = await begin(subject, bucket, 'made');
    await done.complete([await done.part(1, bytes(1000))]);
    const open = await begin(subject, bucket, 'open');
    const part = await open.part(1, bytes(minPart));
    await open.part(2, bytes(10));
    const empty = await begin(subject, bucket, 'empty');
    await empty.part(1, Buffer.alloc(0));
    const report = await mend();
    expect(report).toMatchObject({ left: 0, problems: [], uploadsKnown: 2 });
    // What `made` was made of may be on its way out.
    const others = report.findings.filter(({ uploadId }) => uploadId !== done.id);
    expect(others).toEqual([]);
    await open.complete([part]);
    expect((await get(subject, bucket, 'open')).data).toHaveLength(minPart);
    const { out, status } = await runCommand(['doctor'], { ...options, deployment });
    expect(out).toContain('1 upload known to the store');
    expect(status).toBe(0);
  });

  it('collects staged bytes of an upload that the store has lost, once they are old', async () => {
    const bucket = await subject.bucket();
    const lost = await begin(subject, bucket, 'lost');
    await lost.part(1, bytes(100_000));
    await lost.part(2, bytes(100_000));
    const open = await begin(subject, bucket, 'open');
    const part = await open.part(1, bytes(50_000));
    await forget(store, lost.id);
    const young = await look(new Date(Date.now() - 3_600_000));
    expect(young).toMatchObject({ left: 0, uploadsKnown: 1 });
    const dry = await look();
    expect(dry.findings).toMatchObject([
      { kind: 'orphaned-upload', bucket, uploadId: lost.id, mended: false },
    ]);
    expect(dry.bytes).toBeGreaterThanOrEqual(200_000);
    expect(dry).toMatchObject({ left: 1, mended: 0 });
    expect(await look()).toEqual(dry);
    expect(await mend()).toMatchObject({ left: 0, mended: 1, problems: [] });
    expect(await look()).toMatchObject({ findings: [], left: 0 });
    await open.complete([part]);
    expect((await get(subject, bucket, 'open')).data).toHaveLength(50_000);
  });

  it('ends an open upload whose bytes are gone, once it is old; until then it only tells', async () => {
    const bucket = await subject.bucket();
    const upload = await begin(subject, bucket, 'robbed');
    await upload.part(1, bytes(minPart));
    await upload.part(7, bytes(100));
    const view = await store.get(upload.id);
    if (view.status !== 'open') throw new Error('not open');
    const { state } = view.upload;
    await storage.for(bucket).abortUpload({ bucket, key: 'robbed', uploadId: upload.id, state });
    const young = await mend(new Date(Date.now() - 3_600_000));
    expect(young.findings).toMatchObject([
      {
        kind: 'upload-without-bytes',
        bucket,
        key: 'robbed',
        uploadId: upload.id,
        parts: [1, 7],
        mended: false,
      },
    ]);
    const listed = await gateway.client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
    expect(listed.Uploads).toHaveLength(1);
    expect(await mend()).toMatchObject({ left: 0, mended: 1 });
    await expectFailure(upload.part(1, bytes(10)), 'NoSuchUpload', 404);
    expect(await look()).toMatchObject({ findings: [], uploadsKnown: 0 });
  });

  it('ends an open upload whose bucket is gone', async () => {
    const bucket = await subject.bucket();
    const upload = await begin(subject, bucket, 'key');
    await upload.part(1, bytes(1000));
    // Behind the gateway's back, which would have ended it.
    await removeBucket(storage.for(bucket), bucket);
    buckets.splice(buckets.indexOf(bucket), 1);
    expect((await look()).findings).toContainEqual({
      kind: 'upload-without-bucket',
      bucket,
      key: 'key',
      uploadId: upload.id,
      mended: false,
    });
    expect(await mend()).toMatchObject({ left: 0, problems: [] });
    expect(await look()).toMatchObject({ findings: [], uploadsKnown: 0 });
  });

  it('says that it could not look, and collects nothing, when the store does not answer', async () => {
    const bucket = await subject.bucket();
    const upload = await begin(subject, bucket, 'key');
    const part = await upload.part(1, bytes(1000));
    const away: UploadStore = { ...store, check: () => Promise.reject(new Error('the store is away')) };
    const down = await examine({ storage, store: away, fix: true, olderThan: later() });
    expect(down.problems).toEqual(['could not ask the upload store: the store is away']);
    expect(down.findings).toEqual([]);
    const flaky: UploadStore = { ...store, get: () => Promise.reject(new Error('went away')) };
    const half = await examine({ storage, store: flaky, fix: true, olderThan: later() });
    expect(half.problems.length).toBeGreaterThan(0);
    await upload.complete([part]);
  });

  it.runIf(storeName === 'redis')('a wiped Redis costs open uploads, and nothing else', async () => {
    const bucket = await subject.bucket();
    const body = bytes(100_000);
    await gateway.client.send(
      new PutObjectCommand({
        Bucket: bucket,
        Key: 'put',
        Body: body,
        ContentType: 'text/x-kept',
        Metadata: { kept: 'as it was' },
        ChecksumAlgorithm: 'SHA256',
      }),
    );
    const made = await begin(subject, bucket, 'made', { Metadata: { from: 'parts' } });
    const parts = [await made.part(1, bytes(minPart)), await made.part(2, bytes(10))];
    const { ETag } = await made.complete(parts);
    const open = await begin(subject, bucket, 'open');
    await open.part(1, bytes(100_000));
    const before = await gateway.client.send(new HeadObjectCommand({ Bucket: bucket, Key: 'put' }));

    await wipeRedis(`partway-test-${deployment.name}:`);

    const { $metadata: _, ...after } = await gateway.client.send(
      new HeadObjectCommand({ Bucket: bucket, Key: 'put' }),
    );
    expect(before).toMatchObject(after);
    expect(after).toMatchObject({ ContentType: 'text/x-kept', Metadata: { kept: 'as it was' } });
    await expectObject(subject, bucket, 'put', body);
    const head = await gateway.client.send(
      new HeadObjectCommand({ Bucket: bucket, Key: 'made', PartNumber: 2 }),
    );
    expect(head).toMatchObject({ ETag, Metadata: { from: 'parts' }, PartsCount: 2, ContentLength: 10 });
    await expectFailure(open.part(2, bytes(10)), 'NoSuchUpload', 404);
    await expectFailure(open.complete(parts), 'NoSuchUpload', 404);
    const listed = await gateway.client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
    expect(listed.Uploads ?? []).toEqual([]);

    // Both leave the bytes alone while they are young.
    const janitor = (maxAgeMs: number) => createJanitor({ store, storage, maxAgeMs, log });
    expect((await janitor(3_600_000).run()).swept).toEqual({ removed: 0, bytes: 0 });
    expect(await mend(new Date(Date.now() - 3_600_000))).toMatchObject({ findings: [] });
    const dry = await look();
    expect(dry.findings).toMatchObject([{ kind: 'orphaned-upload', uploadId: open.id }]);
    expect((await janitor(-3_600_000).run()).swept.removed).toBeGreaterThan(0);
    expect(await look()).toMatchObject({ findings: [] });
    await expectObject(subject, bucket, 'put', body);
    await gateway.client.send(new DeleteObjectCommand({ Bucket: bucket, Key: 'made' }));
  });
});

describe('the doctor on a local directory', { timeout: 120_000 }, () => {
  it('finds metadata whose data is gone, temporary bytes and removed buckets, and mends by --fix only', async () => {
    const deployment = await newDeployment();
    const gateway = await startGateway({ deployment });
    try {
      const data = join(deployment.dir, 'data');
      const own = join(data, '.partway');
      const bucket = 'damaged-bucket';
      const { client, endpoint } = gateway;
      const subject: Subject = { client, endpoint, bucket: async () => bucket };
      const { CreateBucketCommand } = await import('@aws-sdk/client-s3');
      for (const Bucket of [bucket, 'renamed-away']) await client.send(new CreateBucketCommand({ Bucket }));
      await put(subject, bucket, 'whole', bytes(100));
      await put(subject, bucket, 'replaced', bytes(100));
      await put(subject, bucket, 'removed', bytes(100));
      await put(subject, 'renamed-away', 'key', bytes(100));
      const lost = await begin(subject, bucket, 'lost');
      await lost.part(1, bytes(100_000));
      writeFileSync(join(data, bucket, 'replaced'), 'by another program');
      rmSync(join(data, bucket, 'removed'));
      writeFileSync(join(own, 'tmp/cut-off'), bytes(1000));
      renameSync(join(data, 'renamed-away'), join(deployment.dir, 'elsewhere'));
      await gateway.stop();
      // The state is lost with its directory, and all of it was long ago.
      rmSync(join(deployment.dir, 'state/uploads.sqlite'));
      for (const suffix of ['-wal', '-shm'])
        rmSync(join(deployment.dir, `state/uploads.sqlite${suffix}`), { force: true });
      const past = new Date(Date.now() - 30 * 86_400_000);
      for (const name of readdirSync(own, { recursive: true, encoding: 'utf8' })) {
        utimesSync(join(own, name), past, past);
      }

      const dry = await runCommand(['doctor'], { deployment });
      expect(dry.status, dry.err).toBe(1);
      expect(dry.out).toContain('metadata of an object that is gone');
      expect(dry.out.match(/^found {3}metadata/gm)).toHaveLength(2);
      expect(dry.out).toContain('bytes of a write that was cut off');
      expect(dry.out).toContain('private data of a bucket that is gone');
      expect(dry.out).toContain(`upload ${lost.id}`);
      expect(dry.out).toContain('--fix cleans up');
      expect(dry.out).toContain('The store knows no upload at all');
      expect(existsSync(join(own, 'tmp/cut-off'))).toBe(true);
      const young = await runCommand(['doctor', '--older-than', '60d'], { deployment });
      expect(young.status).toBe(0);

      const fixed = await runCommand(['doctor', '--fix'], { deployment });
      expect(fixed.status, fixed.err + fixed.out).toBe(0);
      expect(fixed.out).toContain('5 things mended, 0 left');
      expect(existsSync(join(own, 'tmp/cut-off'))).toBe(false);
      expect(readdirSync(join(own, 'buckets'))).toEqual([bucket]);
      const after = await runCommand(['doctor'], { deployment });
      expect(after).toMatchObject({ status: 0 });
      const verified = await runCommand(['verify', bucket], { deployment });
      expect(verified.out).toContain('2 objects');
      expect(verified.status).toBe(0);
      const tooYoung = await runCommand(['doctor', '--fix', '--older-than', '5m'], { deployment });
      expect(tooYoung).toMatchObject({ status: 2 });
      expect(tooYoung.err).toContain('--older-than');
    } finally {
      await removeDeployment(deployment);
    }
  });
});

/** As a store does that was restored from before the upload began. */
async function forget(store: UploadStore, uploadId: string): Promise<void> {
  expect((await store.abort(uploadId)).outcome).toBe('aborted');
  await store.cleaned(uploadId);
}

async function wipeRedis(prefix: string): Promise<void> {
  const redis = new Redis(process.env['TEST_REDIS_URL'] ?? '');
  try {
    const keys = await redis.keys(`${prefix}*`);
    expect(keys.length).toBeGreaterThan(0);
    await redis.del(...keys);
  } finally {
    redis.disconnect();
  }
}

async function removeBucket(adapter: StorageAdapter, bucket: string): Promise<void> {
  const { entries } = await adapter.listObjects({ bucket, limit: 1000 });
  for (const entry of entries) {
    if (entry.kind === 'object') await adapter.deleteObject({ bucket, key: entry.info.key });
  }
  await adapter.deleteBucket({ bucket });
}
