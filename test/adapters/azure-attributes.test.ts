/** What objects say about themselves, within Azure's limits; and blobs that other tools wrote. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { decodeAttributes, decodeSidecar, encodeAttributes } from '../../adapters/azure/attributes.ts';
import type { ObjectAttributes, ObjectPart, StorageAdapter } from '../../adapters/types.ts';
import { type AzureBench, azureBench } from '../strict/azure/kit.ts';
import {
  attributes,
  bytes,
  collect,
  expectBytes,
  expectKind,
  expectObject,
  fullAttributes,
  KiB,
  md5,
  put,
} from './contract/kit.ts';

let bench: AzureBench;
let adapter: StorageAdapter;
beforeAll(async () => {
  bench = await azureBench({ pageSize: 2 });
  adapter = bench.adapter;
});

const container = (bucket: string) => bench.strict.direct.getContainerClient(bench.containerPrefix + bucket);

const envelope = { size: 5, write: 'w'.repeat(16) };
const reread = (given: ObjectAttributes): ObjectAttributes => {
  const { metadata, sidecar } = encodeAttributes(given, envelope, 'sidecar');
  if (sidecar !== undefined) return decodeSidecar(sidecar);
  const decoded = decodeAttributes(metadata, 5);
  if (decoded === undefined) throw new Error('not recognised');
  return decoded.attributes;
};

describe('metadata', () => {
  const dictionary = fc.dictionary(
    fc.string({ maxLength: 40 }),
    fc.string({ unit: 'binary', maxLength: 300 }),
    {
      noNullPrototype: true,
      maxKeys: 6,
    },
  );
  const part: fc.Arbitrary<ObjectPart> = fc.record(
    {
      partNumber: fc.integer({ min: 1, max: 10_000 }),
      size: fc.oneof(fc.constant(5_242_880), fc.nat()),
      checksum: fc.base64String({ maxLength: 88 }),
    },
    { requiredKeys: ['partNumber', 'size'] },
  );
  const any: fc.Arbitrary<ObjectAttributes> = fc.record(
    {
      etag: fc.string(),
      headers: dictionary,
      metadata: dictionary,
      tags: dictionary,
      parts: fc.array(part, { maxLength: 200 }),
      uploadId: fc.string(),
      plainSize: fc.nat(),
    },
    { requiredKeys: ['etag', 'headers', 'metadata'] },
  );

  it('gives every attribute back', () => {
    fc.assert(
      fc.property(any, (given) => {
        expect(reread(given)).toEqual(given);
      }),
    );
    expect(reread(fullAttributes('x-1'))).toEqual(fullAttributes('x-1'));
  });

  it('keeps to identifiers, ASCII and 8 KiB, whatever is given', () => {
    fc.assert(
      fc.property(any, (given) => {
        let total = 0;
        for (const [name, value] of Object.entries(encodeAttributes(given, envelope, 'sidecar').metadata)) {
          expect(name).toMatch(/^[A-Za-z_]\w*$/);
          expect(value).toMatch(/^[\x21-\x7e]*$/);
          total += name.length + value.length;
        }
        expect(total).toBeLessThanOrEqual(8192);
      }),
    );
  });

  it('holds 10,000 part sizes of an ordinary upload, and 2 KiB of metadata, without a sidecar', () => {
    const parts = Array.from({ length: 10_000 }, (_, i) => ({
      partNumber: i + 1,
      size: i < 9_999 ? 8_388_608 : 17,
    }));
    const given = attributes('x', {
      parts,
      metadata: { a: 'é€\u{1F511}'.repeat(100), 'b-c': 'x'.repeat(1000) },
    });
    expect(encodeAttributes(given, envelope, 'sidecar').sidecar).toBeUndefined();
    expect(reread(given)).toEqual(given);
  });

  it('of another tool that bears our name is not taken for ours', () => {
    for (const value of ['', 'z', 'j', 'x', 'jbm8', 'z!!', 'jeyJ2IjoxfQ', `z${'A'.repeat(100)}`])
      expect(decodeAttributes({ partway: value }, 5)).toBeUndefined();
  });
});

describe('what does not fit', () => {
  const parts = Array.from({ length: 10_000 }, (_, i) => ({
    partNumber: i + 1,
    size: 5_242_880 + (i % 7),
    checksum: Buffer.from(bytes(64, i)).toString('base64'),
  }));
  const described = attributes('hello', {
    parts,
    checksum: { algorithm: 'SHA512', type: 'COMPOSITE', value: 'abc-10000' },
    headers: { 'content-type': 'text/plain', 'x-amz-storage-class': 'GLACIER_IR' },
    uploadId: 'u',
    plainSize: 3,
  });
  const sidecars = async (bucket: string): Promise<string[]> => {
    const names: string[] = [];
    for await (const { name } of container(bucket).listBlobsFlat({ prefix: '.partway/meta/' }))
      names.push(name);
    return names;
  };

  it('is kept beside the object, and told on every way', async () => {
    const bucket = await bench.bucket();
    const written = await put(adapter, bucket, 'key', 'hello', { attributes: described });
    expect(written.attributes).toEqual(described);
    expect((await adapter.headObject({ bucket, key: 'key' })).attributes).toEqual(described);
    const got = await adapter.getObject({ bucket, key: 'key' });
    expect(got.info.attributes).toEqual(described);
    expectBytes(await collect(got.body), 'hello');
    const { entries } = await adapter.listObjects({ bucket, limit: 10 });
    expect(entries).toEqual([
      {
        kind: 'object',
        info: {
          key: 'key',
          size: 3,
          etag: described.etag,
          lastModified: expect.any(Date),
          storageClass: 'GLACIER_IR',
          checksum: { algorithm: 'SHA512', type: 'COMPOSITE' },
        },
      },
    ]);
    const copy = await adapter.copyObject({
      bucket,
      key: 'copy',
      source: { bucket, key: 'key', version: written.version },
      attributes: described,
    });
    expect(copy.attributes).toEqual(described);
    expect(await sidecars(bucket)).toHaveLength(2);
  });

  it('is collected once no object refers to it, and not before', async () => {
    const own = await bench.make({ containerPrefix: `${bench.containerPrefix}m-` });
    const bucket = 'sidecars';
    await own.createBucket({ bucket });
    const direct = bench.strict.direct.getContainerClient(`${bench.containerPrefix}m-${bucket}`);
    const count = async (): Promise<number> => {
      let found = 0;
      for await (const _ of direct.listBlobsFlat({ prefix: '.partway/meta/' })) found++;
      return found;
    };
    await put(own, bucket, 'kept', 'hello', { attributes: described });
    await put(own, bucket, 'odd//kept', 'hello', { attributes: described });
    await put(own, bucket, 'overwritten', 'hello', { attributes: described });
    await put(own, bucket, 'overwritten', 'hello', { attributes: described });
    await put(own, bucket, 'deleted', 'hello', { attributes: described });
    await own.deleteObject({ bucket, key: 'deleted' });
    expect(await count()).toBe(5);
    const isOpen = async (): Promise<boolean> => false;
    const past = new Date(Date.now() - 60_000);
    expect((await own.sweep({ olderThan: past, isOpen })).removed).toBe(0);
    const swept = await own.sweep({ olderThan: new Date(Date.now() + 60_000), isOpen });
    expect(swept.removed).toBe(2);
    expect(swept.bytes).toBeGreaterThan(1000);
    expect(await count()).toBe(3);
    for (const key of ['kept', 'odd//kept', 'overwritten'])
      expect((await own.headObject({ bucket, key })).attributes).toEqual(described);
    await direct.delete();
  });

  it('that somebody deleted is told as damage, not as another object', async () => {
    const bucket = await bench.bucket();
    await put(adapter, bucket, 'key', 'hello', { attributes: described });
    for (const name of await sidecars(bucket)) await container(bucket).deleteBlob(name);
    await expectKind(adapter.headObject({ bucket, key: 'key' }), 'Corrupt');
    await expectKind(adapter.getObject({ bucket, key: 'key' }), 'Corrupt');
  });
});

describe('other tools', () => {
  it('see the headers and the MD5 of our objects', async () => {
    const bucket = await bench.bucket();
    const own = await bench.make({ limits: { singlePutBytes: 100 } });
    const headers = {
      'content-type': 'text/css',
      'cache-control': 'max-age=5',
      'content-disposition': 'attachment',
      'content-encoding': 'br',
      'content-language': 'de',
    };
    const data = bytes(50 * KiB);
    for (const [key, given] of [
      ['small', data.subarray(0, 50)],
      ['large', data],
    ] as const) {
      await put(own, bucket, key, given, { attributes: attributes(given, { headers }) });
      const seen = await container(bucket).getBlobClient(key).getProperties();
      expect(seen).toMatchObject({
        contentType: 'text/css',
        cacheControl: 'max-age=5',
        contentDisposition: 'attachment',
        contentEncoding: 'br',
        contentLanguage: 'de',
      });
      expect(Buffer.from(seen.contentMD5 ?? []).toString('hex')).toBe(md5(given));
      const { version } = await own.headObject({ bucket, key });
      const plain = attributes(given, { headers: { 'content-type': 'image/png' } });
      await own.copyObject({
        bucket,
        key: `${key}-copy`,
        source: { bucket, key, version },
        attributes: plain,
      });
      await own.copyObject({ bucket, key, source: { bucket, key, version }, attributes: plain });
      for (const changed of [key, `${key}-copy`]) {
        const after = await container(bucket).getBlobClient(changed).getProperties();
        expect(after.contentType).toBe('image/png');
        expect(after.cacheControl ?? '').toBe('');
      }
    }
  });

  it('write blobs that are served, with an ETag that is no MD5', async () => {
    const bucket = await bench.bucket();
    const direct = container(bucket);
    await direct.getBlockBlobClient('dir/foreign.txt').upload('foreign', 7, {
      blobHTTPHeaders: { blobContentType: 'text/plain', blobCacheControl: 'no-cache' },
      metadata: { Author: 'Someone', number_2: 'b' },
    });
    const info = await adapter.headObject({ bucket, key: 'dir/foreign.txt' });
    expect(info).toMatchObject({ size: 7, key: 'dir/foreign.txt' });
    expect(info.attributes).toEqual({
      etag: expect.stringMatching(/^[0-9a-f]{32}-1$/),
      headers: { 'content-type': 'text/plain', 'cache-control': 'no-cache' },
      metadata: { author: 'Someone', number_2: 'b' },
    });
    const { entries } = await adapter.listObjects({ bucket, limit: 1 });
    expect(entries).toEqual([
      {
        kind: 'object',
        info: {
          key: 'dir/foreign.txt',
          size: 7,
          etag: info.attributes.etag,
          lastModified: info.lastModified,
        },
      },
    ]);
    await expectObject(adapter, bucket, 'dir/foreign.txt', 'foreign');
    const tagged = { ...info.attributes, tags: { a: 'b' } };
    const after = await adapter.setAttributes({
      bucket,
      key: info.key,
      version: info.version,
      attributes: tagged,
    });
    expect(after).toMatchObject({ attributes: tagged, lastModified: info.lastModified });
    expect(await adapter.headObject({ bucket, key: info.key })).toEqual(after);
  });

  it('that write over our bytes and keep our metadata are noticed', async () => {
    const bucket = await bench.bucket();
    const before = await put(adapter, bucket, 'key', 'bytes');
    const blob = container(bucket).getBlockBlobClient('key');
    const { metadata = {} } = await blob.getProperties();
    await blob.upload('other bytes', 11, { metadata });
    const after = await adapter.headObject({ bucket, key: 'key' });
    expect(after.size).toBe(11);
    expect(after.attributes.etag).not.toBe(before.attributes.etag);
    expect(after.attributes.etag).toContain('-');
  });

  it('write names that no S3 client reaches: they are not shown, and keep the bucket', async () => {
    const bucket = await bench.bucket();
    for (const name of ['a//b', 'dir/', 'c\u{1F511}', 'd./e'])
      await container(bucket).getBlockBlobClient(name).upload('x', 1);
    expect((await adapter.listObjects({ bucket, limit: 10 })).entries).toEqual([]);
    expect((await adapter.listObjects({ bucket, limit: 10, prefix: 'a/', delimiter: '/' })).entries).toEqual(
      [],
    );
    await expectKind(adapter.deleteBucket({ bucket }), 'BucketNotEmpty');
  });
});
