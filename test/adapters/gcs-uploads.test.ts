/** Multipart uploads on GCS: the compose tree, crashes in the middle of it, and what is left behind. */
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { StorageAdapter, StoredPart } from '../../adapters/types.ts';
import type { Call } from '../strict/gcs/faults.ts';
import { once, upstream, useGcs } from '../strict/gcs/kit.ts';
import {
  attributes,
  begin,
  body,
  bytes,
  complete,
  expectKind,
  expectObject,
  multipartAttributes,
  newUploadId,
  part,
  put,
  type Upload,
} from './contract/kit.ts';

const isWrite = ({ operation }: Call): boolean =>
  [
    'objects.insert',
    'objects.compose',
    'objects.rewrite',
    'objects.patch',
    'objects.delete',
    'batch',
  ].includes(operation);

async function parts(
  adapter: StorageAdapter,
  upload: Upload,
  count: number,
  size = 100,
): Promise<StoredPart[]> {
  const stored: StoredPart[] = [];
  for (let first = 1; first <= count; first += 16) {
    const numbers = Array.from({ length: Math.min(16, count - first + 1) }, (_, i) => first + i);
    stored.push(
      ...(await Promise.all(numbers.map((number) => part(adapter, upload, number, bytes(size, number))))),
    );
  }
  return stored;
}

function joined(count: number, size = 100): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, i) => bytes(size, i + 1)));
}

describe.skipIf(upstream === undefined)('uploads on GCS', () => {
  const gcs = useGcs();

  it('gives chunks back once, and only when they are sent', async () => {
    const { adapter } = gcs;
    const upload = await begin(adapter, await gcs.bucket(), 'recycled');
    const size = 16 * 256 * 1024;
    const data = bytes(size, 77);
    const chunks = Array.from({ length: 16 }, (_, i) =>
      Buffer.from(data.subarray((i * size) / 16, ((i + 1) * size) / 16)),
    );
    const given: Buffer[] = [];
    const stream = Object.assign(Readable.from(chunks, { objectMode: false, highWaterMark: size }), {
      recycle(chunk: Buffer) {
        given.push(chunk);
        chunk.fill(0);
      },
    });
    const token = await adapter.putPart({ ...upload, partNumber: 1, body: { stream, size } });
    await complete(adapter, upload, [{ partNumber: 1, size, token }]);
    await expectObject(adapter, upload.bucket, upload.key, data);
    expect(new Set(given)).toEqual(new Set(chunks));
    expect(given).toHaveLength(chunks.length);
  });

  it('composes 1,100 parts in a tree: 35 + 2 + 1 calls, up to 16 at once, no name twice', {
    timeout: 300_000,
  }, async () => {
    const { adapter, service } = gcs;
    const bucket = await gcs.bucket();
    const upload = await begin(adapter, bucket, 'key');
    const stored = await parts(adapter, upload, 1100, 10);
    service.faults.clear();
    const steps: number[] = [];
    const info = await complete(adapter, upload, stored, { onProgress: (done) => steps.push(done) });
    expect(info.size).toBe(11_000);
    expect(service.faults.count('objects.compose')).toBe(35 + 2 + 1);
    expect(service.faults.peak('objects.compose')).toBeLessThanOrEqual(16);
    const composed = service.faults.calls.filter(({ operation }) => operation === 'objects.compose');
    expect(new Set(composed.map(({ name }) => name)).size).toBe(38);
    expect(steps).toEqual([...steps].sort((a, b) => a - b));
    expect(steps).toHaveLength(37);
    await expectObject(adapter, bucket, 'key', joined(1100, 10));

    service.faults.clear();
    await adapter.abortUpload(upload);
    expect(service.faults.count('batch')).toBe(Math.ceil((1100 + 37) / 100));
    expect((await gcs.stored(bucket)).map(({ name }) => name)).toEqual(['key']);
  });

  it.each([1, 2, 31, 32, 33, 64, 65])('composes %i parts', async (count) => {
    const { adapter, service } = gcs;
    const bucket = await gcs.bucket();
    const upload = await begin(adapter, bucket, 'key');
    const stored = await parts(adapter, upload, count);
    service.faults.clear();
    await complete(adapter, upload, stored);
    // A group of one is no compose of its own.
    const nodes = count <= 32 ? 0 : Math.floor(count / 32) + (count % 32 > 1 ? 1 : 0);
    expect(service.faults.count('objects.compose')).toBe(nodes + 1);
    await expectObject(adapter, bucket, 'key', joined(count));
  });

  it.each([
    ['before', 'reset'],
    ['after', 'lose answer'],
  ] as const)(
    'finishes a Complete that crashed %s any of its steps',
    { timeout: 300_000 },
    async (_, how) => {
      const { adapter, service } = gcs;
      const replica = gcs.make();
      let crashes = 0;
      for (let step = 1; ; step++) {
        const bucket = await gcs.bucket();
        await put(adapter, bucket, 'key', 'earlier');
        const upload = await begin(adapter, bucket, 'key');
        const stored = await parts(adapter, upload, 40);
        service.faults.clear();
        let met = 0;
        service.faults.add({ how: 'reset', when: () => ++met > step, times: Number.POSITIVE_INFINITY });
        service.faults.add({ how, when: () => met === step });
        const doomed = gcs.make({ retry: once });
        const crashed = await complete(doomed, upload, stored).then(
          () => false,
          () => true,
        );
        service.faults.clear();
        if (!crashed) break;
        crashes += 1;
        const info = await complete(replica, upload, stored);
        expect(info.attributes).toEqual(multipartAttributes(upload, stored));
        await expectObject(adapter, bucket, 'key', joined(40));
        expect(await complete(adapter, upload, stored)).toEqual(info);
        await adapter.abortUpload(upload);
        expect((await gcs.stored(bucket)).map(({ name }) => name)).toEqual(['key']);
        await expectObject(adapter, bucket, 'key', joined(40));
      }
      // A look at the live object, two inner nodes, and the publishing compose.
      expect(crashes).toBe(4);
    },
  );

  it('completes another list of parts after one that crashed in the middle of its tree', async () => {
    const { adapter, service } = gcs;
    const bucket = await gcs.bucket();
    const upload = await begin(adapter, bucket, 'key');
    const stored = await parts(adapter, upload, 40);
    let composed = 0;
    service.faults.add({
      how: 'reset',
      when: (call) => isWrite(call) && ++composed > 1,
      times: Number.POSITIVE_INFINITY,
    });
    await expectKind(complete(gcs.make({ retry: once }), upload, stored), 'Unavailable');
    service.faults.clear();
    await complete(adapter, upload, stored.slice(2));
    await expectObject(adapter, bucket, 'key', joined(40).subarray(200));
  });

  it('does not publish twice when the answer of its last compose is lost', async () => {
    const { adapter, service } = gcs;
    const bucket = await gcs.bucket();
    for (const condition of [undefined, { absent: true } as const]) {
      const key = condition === undefined ? 'any' : 'absent';
      const upload = await begin(adapter, bucket, key);
      const stored = await parts(adapter, upload, 3);
      service.faults.clear();
      service.faults.add({ how: 'lose answer', when: ({ operation }) => operation === 'objects.compose' });
      await complete(adapter, upload, stored, condition === undefined ? {} : { condition });
      expect(service.faults.count('objects.compose')).toBe(1);
      await expectObject(adapter, bucket, key, joined(3));
    }
  });

  it('takes an inner node whose answer was lost for what it is', async () => {
    const { adapter, service } = gcs;
    const bucket = await gcs.bucket();
    const upload = await begin(adapter, bucket, 'key');
    const stored = await parts(adapter, upload, 40);
    service.faults.add({ how: 'lose answer', when: ({ operation }) => operation === 'objects.compose' });
    await complete(adapter, upload, stored);
    await expectObject(adapter, bucket, 'key', joined(40));
  });

  it('leaves every part and nothing else after a Complete whose condition fails late', async () => {
    const { adapter, service } = gcs;
    const bucket = await gcs.bucket();
    const upload = await begin(adapter, bucket, 'key');
    const stored = await parts(adapter, upload, 40);
    // Somebody else creates the object just before the publishing compose.
    service.faults.add({
      when: ({ operation, name }) => operation === 'objects.compose' && name === 'key',
      how: { before: async () => void (await put(gcs.make(), bucket, 'key', 'theirs')) },
    });
    await expectKind(
      complete(adapter, upload, stored, { condition: { absent: true } }),
      'PreconditionFailed',
    );
    await expectObject(adapter, bucket, 'key', 'theirs');
    expect(await gcs.stored(bucket)).toHaveLength(40 + 1);
    await complete(adapter, upload, stored.slice(0, 35));
    await expectObject(adapter, bucket, 'key', joined(35));
  });

  it('publishes over a write that came between its look and its compose', async () => {
    const { adapter, service } = gcs;
    const bucket = await gcs.bucket();
    const upload = await begin(adapter, bucket, 'key');
    const stored = await parts(adapter, upload, 2);
    service.faults.add({
      when: ({ operation }) => operation === 'objects.compose',
      how: { before: async () => void (await put(gcs.make(), bucket, 'key', 'in between')) },
    });
    await complete(adapter, upload, stored);
    await expectObject(adapter, bucket, 'key', joined(2));
  });

  it('spares the tree when the condition fails already', async () => {
    const { adapter, service } = gcs;
    const bucket = await gcs.bucket();
    await put(adapter, bucket, 'key', 'there');
    const upload = await begin(adapter, bucket, 'key');
    const stored = await parts(adapter, upload, 40);
    service.faults.clear();
    await expectKind(
      complete(adapter, upload, stored, { condition: { absent: true } }),
      'PreconditionFailed',
    );
    expect(service.faults.calls.filter(isWrite)).toEqual([]);
  });

  it('refuses a part that GCS stored differently, and removes it', async () => {
    const { adapter, service } = gcs;
    const bucket = await gcs.bucket();
    const upload = await begin(adapter, bucket, 'key');
    service.faults.add({ how: 'corrupt', when: ({ operation }) => operation === 'objects.insert' });
    await expectKind(part(adapter, upload, 1, bytes(200_000)), 'Corrupt');
    expect(await gcs.stored(bucket)).toEqual([]);
  });

  it('says which part is gone, deep in the tree too', async () => {
    const { adapter } = gcs;
    const bucket = await gcs.bucket();
    const upload = await begin(adapter, bucket, 'key');
    const stored = await parts(adapter, upload, 40);
    await adapter.discardParts({ ...upload, parts: stored.slice(7, 8) });
    await expectKind(complete(adapter, upload, stored), 'NoSuchPart');
    expect(await gcs.stored(bucket)).toHaveLength(39);
  });

  it('stores nothing for an empty part, and an empty object for empty parts', async () => {
    const { adapter } = gcs;
    const bucket = await gcs.bucket();
    const upload = await begin(adapter, bucket, 'key');
    const stored = [
      await part(adapter, upload, 1, Buffer.alloc(0)),
      await part(adapter, upload, 2, Buffer.alloc(0)),
    ];
    expect(await gcs.stored(bucket)).toEqual([]);
    const info = await complete(adapter, upload, stored, { condition: { absent: true } });
    expect(info.size).toBe(0);
    await expectKind(
      adapter.putPart({
        ...upload,
        partNumber: 3,
        body: { stream: body('too long').stream, size: 0 },
      }),
      'Internal',
    );
  });

  it('removes parts that are left when single calls of a batch fail', async () => {
    const { adapter, service } = gcs;
    const bucket = await gcs.bucket();
    const upload = await begin(adapter, bucket, 'key');
    await parts(adapter, upload, 30);
    let met = 0;
    service.faults.add({
      when: ({ operation }) => operation === 'objects.delete' && ++met % 3 === 0,
      how: { status: 503 },
      times: 10,
    });
    await adapter.abortUpload(upload);
    expect(await gcs.stored(bucket)).toEqual([]);
    expect(service.faults.count('batch')).toBe(2);
  });

  it('lets go of an upload whose bucket is gone', async () => {
    const { adapter } = gcs;
    const bucket = await gcs.bucket();
    const upload = await begin(adapter, bucket, 'key');
    const stored = await parts(adapter, upload, 1);
    await adapter.deleteBucket({ bucket });
    await adapter.discardParts({ ...upload, parts: stored });
    await adapter.abortUpload(upload);
    await expectKind(part(adapter, upload, 2, bytes(10)), 'NoSuchBucket');
    await expectKind(complete(adapter, upload, stored), 'NoSuchBucket');
  });

  it('keeps checksums of 10,000 parts beside the object, and collects them once nothing names them', async () => {
    const { adapter } = gcs;
    const bucket = await gcs.bucket();
    const checksums = Array.from({ length: 10_000 }, (_, i) => ({
      partNumber: i + 1,
      size: 5_242_880 + i,
      checksum: Buffer.from(bytes(32, i)).toString('base64'),
    }));
    const described = attributes('x', { parts: checksums, uploadId: newUploadId() });
    const info = await put(adapter, bucket, 'key', 'x', { attributes: described });
    expect(await gcs.make().headObject({ bucket, key: 'key' })).toEqual(info);
    expect(info.attributes).toEqual(described);
    const names = async (): Promise<string[]> => (await gcs.stored(bucket)).map(({ name }) => name);
    expect(await names()).toHaveLength(2);

    const all = { olderThan: new Date(Date.now() + 60_000), isOpen: async () => true };
    expect(await adapter.sweep(all)).toMatchObject({ removed: 0 });
    expect((await adapter.headObject({ bucket, key: 'key' })).attributes).toEqual(described);
    await put(adapter, bucket, 'key', 'x', { attributes: described });
    await put(adapter, bucket, 'gone', 'x', { attributes: described });
    await adapter.deleteObject({ bucket, key: 'gone' });
    expect(await names()).toHaveLength(4);
    expect(await adapter.sweep(all)).toMatchObject({ removed: 2 });
    expect(await names()).toHaveLength(2);
    expect((await adapter.headObject({ bucket, key: 'key' })).attributes).toEqual(described);
  });

  it('collects the body of a put that crashed', async () => {
    const { adapter, service } = gcs;
    const bucket = await gcs.bucket();
    service.faults.add({
      how: 'reset',
      when: ({ operation }) => operation === 'objects.compose' || operation === 'objects.delete',
      times: Number.POSITIVE_INFINITY,
    });
    await expectKind(put(gcs.make({ retry: once }), bucket, 'key', bytes(5_000_000)), 'Unavailable');
    service.faults.clear();
    expect(await gcs.stored(bucket)).toHaveLength(1);
    const swept = await adapter.sweep({ olderThan: new Date(Date.now() + 60_000), isOpen: async () => true });
    expect(swept).toEqual({ removed: 1, bytes: 5_000_000 });
    expect(await gcs.stored(bucket)).toEqual([]);
  });
});
