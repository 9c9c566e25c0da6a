import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { attributes, begin, body, type Contract, expectKind, expectObject, list, put } from './kit.ts';

export function bucketsContract(contract: Contract): void {
  const missing = (): string => `partway-none-${randomBytes(6).toString('hex')}`;

  describe('buckets', () => {
    it('answers that it is ready', async () => {
      await contract.adapter.check();
    });

    it('shows a bucket by name and with the time of its creation', async () => {
      const before = Date.now();
      const bucket = await contract.bucket();
      const info = await contract.adapter.headBucket({ bucket });
      expect(info.name).toBe(bucket);
      expect(Math.abs(info.createdAt.getTime() - before)).toBeLessThan(60_000);
      expect((await contract.replica.headBucket({ bucket })).name).toBe(bucket);
    });

    it('lists buckets by name', async () => {
      const made = [await contract.bucket(), await contract.bucket(), await contract.bucket()];
      const names = (await contract.adapter.listBuckets()).map(({ name }) => name);
      expect(names).toEqual([...names].sort());
      expect(names).toEqual(expect.arrayContaining(made));
    });

    it('refuses to make a bucket twice, and keeps what it holds', async () => {
      const bucket = await contract.bucket();
      await put(contract.adapter, bucket, 'kept', 'bytes');
      await expectKind(contract.adapter.createBucket({ bucket }), 'BucketExists');
      await expectObject(contract.adapter, bucket, 'kept', 'bytes');
    });

    it('removes an empty bucket, once', async () => {
      const bucket = await contract.bucket();
      await contract.adapter.deleteBucket({ bucket });
      await expectKind(contract.adapter.headBucket({ bucket }), 'NoSuchBucket');
      await expectKind(contract.adapter.deleteBucket({ bucket }), 'NoSuchBucket');
    });

    it('keeps a bucket that holds an object', async () => {
      const bucket = await contract.bucket();
      await put(contract.adapter, bucket, 'deep/inside/kept', 'bytes');
      await expectKind(contract.adapter.deleteBucket({ bucket }), 'BucketNotEmpty');
      await expectObject(contract.adapter, bucket, 'deep/inside/kept', 'bytes');
      await contract.adapter.deleteObject({ bucket, key: 'deep/inside/kept' });
      await contract.adapter.deleteBucket({ bucket });
    });

    it('removes a bucket along with its open uploads and documents, for good', async () => {
      const bucket = await contract.bucket();
      const upload = await begin(contract.adapter, bucket, 'never/finished');
      await contract.adapter.putPart({ ...upload, partNumber: 1, body: body('part') });
      await contract.adapter.putBucketDocument({ bucket, name: 'cors', text: '<old/>' });
      await contract.adapter.deleteBucket({ bucket });
      await contract.adapter.createBucket({ bucket });
      expect(await contract.adapter.getBucketDocument({ bucket, name: 'cors' })).toBeUndefined();
      expect(await list(contract.adapter, bucket)).toEqual([]);
    });

    it('says of every call that the bucket is missing', async () => {
      const bucket = missing();
      const there = await contract.bucket();
      const { version } = await put(contract.adapter, there, 'source', 'bytes');
      const { adapter } = contract;
      const key = 'key';
      await expectKind(adapter.headBucket({ bucket }), 'NoSuchBucket');
      await expectKind(put(adapter, bucket, key, 'bytes'), 'NoSuchBucket');
      await expectKind(adapter.getObject({ bucket, key }), 'NoSuchBucket');
      await expectKind(adapter.headObject({ bucket, key }), 'NoSuchBucket');
      await expectKind(adapter.deleteObject({ bucket, key }), 'NoSuchBucket');
      await expectKind(adapter.listObjects({ bucket, limit: 1 }), 'NoSuchBucket');
      await expectKind(adapter.beginUpload({ bucket, key, uploadId: 'u' }), 'NoSuchBucket');
      await expectKind(adapter.getBucketDocument({ bucket, name: 'cors' }), 'NoSuchBucket');
      await expectKind(adapter.putBucketDocument({ bucket, name: 'cors', text: 'x' }), 'NoSuchBucket');
      await expectKind(
        adapter.copyObject({
          bucket,
          key,
          source: { bucket: there, key: 'source', version },
          attributes: attributes('bytes'),
        }),
        'NoSuchBucket',
      );
      await expectKind(
        adapter.copyObject({
          bucket: there,
          key,
          source: { bucket, key: 'source', version },
          attributes: attributes('bytes'),
        }),
        'NoSuchBucket',
        'source',
      );
      await expectKind(adapter.headBucket({ bucket }), 'NoSuchBucket');
    });

    it('keeps small documents of a bucket, apart from its objects', async () => {
      const { adapter, replica } = contract;
      const bucket = await contract.bucket();
      const other = await contract.bucket();
      const text = `{"rule":"ключ \u{1F511}\\n"}${'x'.repeat(70_000)}`;
      expect(await adapter.getBucketDocument({ bucket, name: 'policy' })).toBeUndefined();
      await adapter.putBucketDocument({ bucket, name: 'policy', text: 'first' });
      await adapter.putBucketDocument({ bucket, name: 'policy', text });
      await adapter.putBucketDocument({ bucket, name: 'cors', text: '' });
      expect(await replica.getBucketDocument({ bucket, name: 'policy' })).toBe(text);
      expect(await replica.getBucketDocument({ bucket, name: 'cors' })).toBe('');
      expect(await adapter.getBucketDocument({ bucket: other, name: 'policy' })).toBeUndefined();
      expect(await list(adapter, bucket)).toEqual([]);
      await adapter.putBucketDocument({ bucket, name: 'policy', text: undefined });
      await adapter.putBucketDocument({ bucket, name: 'policy', text: undefined });
      expect(await adapter.getBucketDocument({ bucket, name: 'policy' })).toBeUndefined();
    });
  });
}
