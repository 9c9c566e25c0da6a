import { HeadObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { segmentSize } from '../../src/s3/encryption/format.ts';
import { bytes, expectFailure, md5Etag } from '../upload-path/kit.ts';
import type { Subject } from '../upload-path/suite.ts';
import { getWith, headStatus, keyMd5, putWith, ssec } from './requests.ts';

export function customerKeyTests(subject: Subject): void {
  describe('keys of customers', () => {
    const key = ssec();
    const echoed = { SSECustomerAlgorithm: 'AES256', SSECustomerKeyMD5: keyMd5(key) };

    it('give back what was put under them, and tell of themselves', async () => {
      const bucket = await subject.bucket();
      const body = bytes(2 * segmentSize + 100);
      const put = await putWith(subject, bucket, 'secret', body, { ...key, Metadata: { color: 'blue' } });
      expect(put).toMatchObject(echoed);
      expect(put.ServerSideEncryption).toBeUndefined();
      const got = await getWith(subject, bucket, 'secret', key);
      expect(got.data.equals(body)).toBe(true);
      expect(got).toMatchObject({ ...echoed, ETag: put.ETag, Metadata: { color: 'blue' } });
      expect(got.ContentLength).toBe(body.length);
      const head = await subject.client.send(
        new HeadObjectCommand({ Bucket: bucket, Key: 'secret', ...key, ChecksumMode: 'ENABLED' }),
      );
      expect(head).toMatchObject({ ...echoed, ETag: put.ETag, ContentLength: body.length });
      // The SDK sends a CRC32 of the plain bytes.
      expect(head.ChecksumCRC32).toBe(put.ChecksumCRC32);
    });

    it('make ETags that tell nothing of the bytes', async () => {
      const bucket = await subject.bucket();
      const body = bytes(100);
      const one = await putWith(subject, bucket, 'one', body, key);
      const two = await putWith(subject, bucket, 'two', body, key);
      expect(one.ETag).toMatch(/^"[0-9a-f]{32}"$/);
      expect(one.ETag).not.toBe(md5Etag(body));
      expect(one.ETag).not.toBe(two.ETag);
    });

    it('leave the plain size in listings', async () => {
      const bucket = await subject.bucket();
      for (const size of [0, 5, segmentSize + 1]) {
        await putWith(subject, bucket, `size-${size}`, bytes(size), key);
      }
      const { Contents } = await subject.client.send(new ListObjectsV2Command({ Bucket: bucket }));
      expect(Contents?.map(({ Key, Size }) => [Key, Size])).toEqual([
        ['size-0', 0],
        [`size-${segmentSize + 1}`, segmentSize + 1],
        ['size-5', 5],
      ]);
    });

    it('open objects of no bytes', async () => {
      const bucket = await subject.bucket();
      await putWith(subject, bucket, 'empty', Buffer.alloc(0), key);
      const got = await getWith(subject, bucket, 'empty', key);
      expect([got.data.length, got.ContentLength]).toEqual([0, 0]);
      const range = getWith(subject, bucket, 'empty', { ...key, Range: 'bytes=0-5' });
      expect((await expectFailure(range, 'InvalidRange', 416)).$response?.headers['content-range']).toBe(
        'bytes */0',
      );
    });

    it('open ranges', async () => {
      const bucket = await subject.bucket();
      const size = 3 * segmentSize + 10;
      const body = bytes(size);
      await putWith(subject, bucket, 'key', body, key);
      for (const [range, start, end] of [
        ['bytes=0-0', 0, 1],
        ['bytes=10-19', 10, 20],
        [`bytes=${segmentSize - 1}-${segmentSize}`, segmentSize - 1, segmentSize + 1],
        [`bytes=${2 * segmentSize}-`, 2 * segmentSize, size],
        ['bytes=-5', size - 5, size],
        [`bytes=-${size + 100}`, 0, size],
        [`bytes=${size - 1}-${size + 70}`, size - 1, size],
        ['bytes=0-', 0, size],
      ] as const) {
        const got = await getWith(subject, bucket, 'key', { ...key, Range: range });
        expect(got.data.equals(body.subarray(start, end))).toBe(true);
        expect([got.ContentRange, got.ContentLength]).toEqual([
          `bytes ${start}-${end - 1}/${size}`,
          end - start,
        ]);
        expect([got.$metadata.httpStatusCode, got.SSECustomerAlgorithm]).toEqual([206, 'AES256']);
      }
      // In the backend there are bytes behind the plain size.
      const beyond = getWith(subject, bucket, 'key', { ...key, Range: `bytes=${size}-${size + 3}` });
      const error = await expectFailure(beyond, 'InvalidRange', 416);
      expect(error).toMatchObject({ ActualObjectSize: String(size) });
    });

    it('answer HEAD with ranges and parts of the plain bytes', async () => {
      const bucket = await subject.bucket();
      await putWith(subject, bucket, 'key', bytes(100), key);
      const head = (more: object) =>
        subject.client.send(new HeadObjectCommand({ Bucket: bucket, Key: 'key', ...key, ...more }));
      expect(await head({ Range: 'bytes=90-200' })).toMatchObject({ ContentLength: 10 });
      expect(await head({ PartNumber: 1 })).toMatchObject({ ContentLength: 100 });
      expect((await getWith(subject, bucket, 'key', { ...key, PartNumber: 1 })).data).toHaveLength(100);
    });

    it('are needed to read, and must be the right ones', async () => {
      const bucket = await subject.bucket();
      await putWith(subject, bucket, 'secret', bytes(10), key);
      const without = await expectFailure(getWith(subject, bucket, 'secret'), 'InvalidRequest', 400);
      expect(without.message).toBe(
        'The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object.',
      );
      await expectFailure(getWith(subject, bucket, 'secret', { Range: 'bytes=0-1' }), 'InvalidRequest', 400);
      await expectFailure(getWith(subject, bucket, 'secret', { PartNumber: 1 }), 'InvalidRequest', 400);
      for (const more of [{}, { Range: 'bytes=0-1' }, { Range: 'bytes=700-' }, { PartNumber: 1 }]) {
        const denied = getWith(subject, bucket, 'secret', { ...ssec(), ...more });
        expect((await expectFailure(denied, 'AccessDenied', 403)).message).toBe(
          'Requests specifying Server Side Encryption with Customer provided keys must provide the correct secret key.',
        );
      }
      expect(await headStatus(subject, bucket, 'secret')).toBe(400);
      expect(await headStatus(subject, bucket, 'secret', ssec())).toBe(403);
      expect(await headStatus(subject, bucket, 'secret', key)).toBe(200);
    });

    it('are of no use to an object that has none', async () => {
      const bucket = await subject.bucket();
      await putWith(subject, bucket, 'plain', bytes(10), {});
      for (const more of [{}, { Range: 'bytes=0-1' }]) {
        const refused = getWith(subject, bucket, 'plain', { ...key, ...more });
        expect((await expectFailure(refused, 'InvalidRequest', 400)).message).toBe(
          'The encryption parameters are not applicable to this object.',
        );
      }
      expect(await headStatus(subject, bucket, 'plain', key)).toBe(400);
      await expectFailure(getWith(subject, bucket, 'missing', key), 'NoSuchKey', 404);
    });

    it('are judged before conditions, and conditions before ranges', async () => {
      const bucket = await subject.bucket();
      const { ETag } = await putWith(subject, bucket, 'key', bytes(10), key);
      const get = (more: object) => getWith(subject, bucket, 'key', more);
      await expectFailure(get({ IfMatch: '"x"' }), 'InvalidRequest', 400);
      await expectFailure(get({ ...key, IfMatch: '"x"', Range: 'bytes=50-' }), 'PreconditionFailed', 412);
      await expect(get({ ...key, IfNoneMatch: ETag, Range: 'bytes=0-1' })).rejects.toMatchObject({
        $metadata: { httpStatusCode: 304 },
      });
      expect((await get({ ...key, IfMatch: ETag, Range: 'bytes=0-1' })).data).toHaveLength(2);
    });

    it('protect objects that replace others', async () => {
      const bucket = await subject.bucket();
      const [first, second] = [bytes(10), bytes(20)];
      await putWith(subject, bucket, 'key', first, key);
      await putWith(subject, bucket, 'key', second, {});
      expect((await getWith(subject, bucket, 'key')).data.equals(second)).toBe(true);
      const other = ssec();
      await putWith(subject, bucket, 'key', first, other);
      expect((await getWith(subject, bucket, 'key', other)).data.equals(first)).toBe(true);
      await expectFailure(getWith(subject, bucket, 'key', key), 'AccessDenied', 403);
    });
  });
}
