import { HeadObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { segmentSize } from '../../src/s3/encryption/format.ts';
import { bytes, expectFailure, md5Etag } from '../upload-path/kit.ts';
import type { Subject } from '../upload-path/suite.ts';
import { getWith, putWith, ssec } from './requests.ts';

export function managedTests(subject: Subject): void {
  describe('keys of the gateway', () => {
    const aes = { ServerSideEncryption: 'AES256' } as const;

    it('encrypt what asks for AES256, and open it to who may read', async () => {
      const bucket = await subject.bucket();
      for (const size of [0, 1, 2 * segmentSize, 2 * segmentSize + 9]) {
        const body = bytes(size);
        const put = await putWith(subject, bucket, `size-${size}`, body, aes);
        expect(put).toMatchObject({ ...aes, ETag: md5Etag(body) });
        const got = await getWith(subject, bucket, `size-${size}`);
        expect(got.data.equals(body)).toBe(true);
        expect(got).toMatchObject({ ...aes, ETag: md5Etag(body), ContentLength: size });
      }
      const { Contents } = await subject.client.send(new ListObjectsV2Command({ Bucket: bucket }));
      expect(Contents?.map(({ Size }) => Size).toSorted((a = 0, b = 0) => a - b)).toEqual([
        0,
        1,
        2 * segmentSize,
        2 * segmentSize + 9,
      ]);
    });

    it('open ranges', async () => {
      const bucket = await subject.bucket();
      const size = 2 * segmentSize + 10;
      const body = bytes(size);
      await putWith(subject, bucket, 'key', body, aes);
      for (const [start, end] of [
        [0, 0],
        [5, segmentSize],
        [segmentSize + 5, segmentSize + 6],
        [size - 3, size - 1],
      ] as const) {
        const got = await getWith(subject, bucket, 'key', { Range: `bytes=${start}-${end}` });
        expect(got.data.equals(body.subarray(start, end + 1))).toBe(true);
        expect(got).toMatchObject({ ...aes, ContentRange: `bytes ${start}-${end}/${size}` });
      }
      const suffix = await getWith(subject, bucket, 'key', { Range: 'bytes=-3' });
      expect(suffix.data.equals(body.subarray(-3))).toBe(true);
      const beyond = getWith(subject, bucket, 'key', { Range: `bytes=${size}-` });
      await expectFailure(beyond, 'InvalidRange', 416);
    });

    it('open all of an empty object for its last bytes', async () => {
      const bucket = await subject.bucket();
      const customer = ssec();
      await putWith(subject, bucket, 'own', bytes(0), aes);
      await putWith(subject, bucket, 'theirs', bytes(0), customer);
      for (const [key, more] of [
        ['own', {}],
        ['theirs', customer],
      ] as const) {
        const got = await getWith(subject, bucket, key, { Range: 'bytes=-5', ...more });
        expect([got.$metadata.httpStatusCode, got.ContentLength, got.ContentRange]).toEqual([
          200,
          0,
          undefined,
        ]);
      }
    });

    it('are told by HEAD, and not for objects without', async () => {
      const bucket = await subject.bucket();
      await putWith(subject, bucket, 'encrypted', bytes(10), aes);
      await putWith(subject, bucket, 'plain', bytes(10), {});
      const head = (Key: string) => subject.client.send(new HeadObjectCommand({ Bucket: bucket, Key }));
      expect(await head('encrypted')).toMatchObject({ ...aes, ContentLength: 10 });
      expect((await head('plain')).ServerSideEncryption).toBeUndefined();
    });

    it('have no use for a customer key', async () => {
      const bucket = await subject.bucket();
      await putWith(subject, bucket, 'key', bytes(10), aes);
      const refused = getWith(subject, bucket, 'key', ssec());
      expect((await expectFailure(refused, 'InvalidRequest', 400)).message).toBe(
        'The encryption parameters are not applicable to this object.',
      );
    });
  });
}
