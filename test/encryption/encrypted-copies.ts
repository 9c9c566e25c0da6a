import { CopyObjectCommand, type CopyObjectCommandOutput, UploadPartCopyCommand } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { segmentSize } from '../../src/s3/encryption/format.ts';
import { begin, bytes, expectFailure, md5Etag, minPart } from '../upload-path/kit.ts';
import type { Subject } from '../upload-path/suite.ts';
import { asSource, getWith, keyMd5, putWith, ssec } from './requests.ts';

export function encryptedCopyTests(subject: Subject): void {
  describe('copies of encrypted objects', () => {
    const aes = { ServerSideEncryption: 'AES256' } as const;
    const copy = (bucket: string, from: string, to: string, more: object): Promise<CopyObjectCommandOutput> =>
      subject.client.send(
        new CopyObjectCommand({ Bucket: bucket, Key: to, CopySource: `${bucket}/${from}`, ...more }),
      );

    it('from any encryption to any other', async () => {
      const bucket = await subject.bucket();
      const [one, two] = [ssec(), ssec()];
      const body = bytes(segmentSize + 1);
      await putWith(subject, bucket, 'plain', body, {});
      await putWith(subject, bucket, 'managed', body, aes);
      await putWith(subject, bucket, 'customer', body, one);
      const sources = { plain: {}, managed: {}, customer: asSource(one) };
      for (const [from, keys] of Object.entries(sources)) {
        for (const [to, encryption] of Object.entries({ managed: aes, customer: two, same: one })) {
          const name = `${from}-to-${to}`;
          const copied = await copy(bucket, from, name, { ...keys, ...encryption });
          const isCustomer = to !== 'managed';
          if (isCustomer) {
            expect(copied.SSECustomerKeyMD5).toBe(keyMd5(encryption as typeof one));
            expect(copied.CopyObjectResult?.ETag).not.toBe(md5Etag(body));
          } else {
            expect(copied).toMatchObject(aes);
            expect(copied.CopyObjectResult?.ETag).toBe(md5Etag(body));
          }
          const got = await getWith(subject, bucket, name, isCustomer ? encryption : {});
          expect(got.data.equals(body)).toBe(true);
        }
      }
    });

    it('do not lose their protection by saying nothing of it', async () => {
      const bucket = await subject.bucket();
      const key = ssec();
      const body = bytes(100);
      await putWith(subject, bucket, 'managed', body, aes);
      await putWith(subject, bucket, 'customer', body, key);
      await putWith(subject, bucket, 'plain', body, {});
      expect(await copy(bucket, 'managed', 'a', {})).toMatchObject(aes);
      expect(await copy(bucket, 'customer', 'b', asSource(key))).toMatchObject(aes);
      expect((await copy(bucket, 'plain', 'c', {})).ServerSideEncryption).toBeUndefined();
      for (const name of ['a', 'b', 'c']) {
        const got = await getWith(subject, bucket, name);
        expect(got.data.equals(body)).toBe(true);
        expect(got.ServerSideEncryption).toBe(name === 'c' ? undefined : 'AES256');
      }
    });

    it('onto themselves replace the key', async () => {
      const bucket = await subject.bucket();
      const [before, after] = [ssec(), ssec()];
      const body = bytes(100);
      await putWith(subject, bucket, 'key', body, before);
      await expectFailure(copy(bucket, 'key', 'key', asSource(before)), 'InvalidRequest', 400);
      await copy(bucket, 'key', 'key', { ...asSource(before), ...after });
      expect((await getWith(subject, bucket, 'key', after)).data.equals(body)).toBe(true);
      await expectFailure(getWith(subject, bucket, 'key', before), 'AccessDenied', 403);
      await copy(bucket, 'key', 'key', { ...asSource(after), ...aes });
      expect((await getWith(subject, bucket, 'key')).data.equals(body)).toBe(true);
    });

    it('need the key of their source, and no other', async () => {
      const bucket = await subject.bucket();
      const key = ssec();
      await putWith(subject, bucket, 'secret', bytes(10), key);
      await putWith(subject, bucket, 'plain', bytes(10), {});
      const missing = copy(bucket, 'secret', 'copy', {});
      expect((await expectFailure(missing, 'InvalidRequest', 400)).message).toContain(
        'The object was stored using a form of Server Side Encryption.',
      );
      // The key of the destination is not that of the source.
      await expectFailure(copy(bucket, 'secret', 'copy', key), 'InvalidRequest', 400);
      const wrong = copy(bucket, 'secret', 'copy', asSource(ssec()));
      expect((await expectFailure(wrong, 'AccessDenied', 403)).message).toBe('Access Denied');
      const useless = copy(bucket, 'plain', 'copy', asSource(key));
      expect((await expectFailure(useless, 'InvalidRequest', 400)).message).toBe(
        'The encryption parameters are not applicable to this object.',
      );
      await expectFailure(getWith(subject, bucket, 'copy'), 'NoSuchKey', 404);
    });

    it('as parts of an upload, whole and by range', async () => {
      const bucket = await subject.bucket();
      const [from, to] = [ssec(), ssec()];
      const source = bytes(minPart + segmentSize);
      await putWith(subject, bucket, 'source', source, from);
      const upload = await begin(subject, bucket, 'target', to);
      const copyPart = (PartNumber: number, more: object) =>
        subject.client.send(
          new UploadPartCopyCommand({
            ...upload.address,
            PartNumber,
            CopySource: `${bucket}/source`,
            ...asSource(from),
            ...to,
            ...more,
          }),
        );
      await expectFailure(copyPart(1, ssec()), 'InvalidRequest', 400);
      await expectFailure(copyPart(1, asSource(to)), 'AccessDenied', 403);
      const whole = await copyPart(1, {});
      expect(whole.SSECustomerKeyMD5).toBe(keyMd5(to));
      const range = { start: segmentSize - 5, end: 2 * segmentSize + 5 };
      const some = await copyPart(2, { CopySourceRange: `bytes=${range.start}-${range.end}` });
      await upload.complete([
        { PartNumber: 1, ETag: whole.CopyPartResult?.ETag },
        { PartNumber: 2, ETag: some.CopyPartResult?.ETag },
      ]);
      const expected = Buffer.concat([source, source.subarray(range.start, range.end + 1)]);
      expect((await getWith(subject, bucket, 'target', to)).data.equals(expected)).toBe(true);
    });
  });
}
