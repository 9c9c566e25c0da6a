import {
  type CompletedPart,
  type CreateMultipartUploadCommandInput,
  GetObjectAttributesCommand,
  type GetObjectAttributesCommandInput,
  ObjectAttributes,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { ssec } from '../encryption/requests.ts';
import { send } from '../kit/raw-request.ts';
import { begin, bytes, expectFailure, md5, minPart } from '../upload-path/kit.ts';
import type { Subject } from '../upload-path/suite.ts';

const all = Object.values(ObjectAttributes);

export function attributeTests(subject: Subject): void {
  const attributes = (bucket: string, key: string, more: Partial<GetObjectAttributesCommandInput> = {}) =>
    subject.client.send(
      new GetObjectAttributesCommand({ Bucket: bucket, Key: key, ObjectAttributes: all, ...more }),
    );

  /** An object of three parts, whose numbers leave a gap. */
  const multipart = async (bucket: string, key: string, more: Partial<CreateMultipartUploadCommandInput>) => {
    const upload = await begin(subject, bucket, key, more);
    const parts: CompletedPart[] = [];
    for (const [number, size] of [
      [1, minPart],
      [2, minPart + 1],
      [4, 3],
    ] as const) {
      const sent = await subject.client.send(
        new UploadPartCommand({
          ...upload.address,
          PartNumber: number,
          Body: bytes(size),
          ChecksumAlgorithm: more.ChecksumAlgorithm,
        }),
      );
      parts.push({ PartNumber: number, ETag: sent.ETag, ChecksumSHA256: sent.ChecksumSHA256 });
    }
    return { done: await upload.complete(parts), parts };
  };

  describe('GetObjectAttributes', () => {
    it('of an object of one request has no parts', async () => {
      const bucket = await subject.bucket();
      const body = bytes(1234);
      await subject.client.send(
        new PutObjectCommand({
          Bucket: bucket,
          Key: 'plain',
          Body: body,
          ChecksumAlgorithm: 'SHA256',
          StorageClass: 'STANDARD_IA',
        }),
      );
      const found = await attributes(bucket, 'plain');
      expect(found).toMatchObject({
        ETag: md5(body),
        ObjectSize: 1234,
        StorageClass: 'STANDARD_IA',
        Checksum: { ChecksumType: 'FULL_OBJECT', ChecksumSHA256: expect.stringMatching(/^.{44}$/) },
      });
      expect(found.ObjectParts).toBeUndefined();
      expect(found.LastModified).toBeInstanceOf(Date);
    });

    it('tells what is asked for, in one header or several, and nothing else', async () => {
      const bucket = await subject.bucket();
      await subject.client.send(new PutObjectCommand({ Bucket: bucket, Key: 'k', Body: 'abc' }));
      const answer = await send(subject.endpoint, {
        method: 'GET',
        path: `/${bucket}/k`,
        query: { attributes: '' },
        headers: { 'x-amz-object-attributes': 'ObjectSize, StorageClass' },
      });
      expect(answer.text.slice(answer.text.indexOf('<Get'))).toBe(
        '<GetObjectAttributesResponse xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><StorageClass>STANDARD</StorageClass><ObjectSize>3</ObjectSize></GetObjectAttributesResponse>',
      );
    });

    it('pages through the parts of an upload with a COMPOSITE checksum', async () => {
      const bucket = await subject.bucket();
      const { done, parts } = await multipart(bucket, 'composite', { ChecksumAlgorithm: 'SHA256' });
      const whole = await attributes(bucket, 'composite');
      expect(whole.Checksum).toEqual({
        ChecksumSHA256: done.ChecksumSHA256?.replace('-3', ''),
        ChecksumType: 'COMPOSITE',
      });
      expect(whole.ETag).toBe(done.ETag?.replaceAll('"', ''));
      expect(whole.ObjectParts).toEqual({
        TotalPartsCount: 3,
        PartNumberMarker: '0',
        NextPartNumberMarker: '4',
        MaxParts: 1000,
        IsTruncated: false,
        Parts: [minPart, minPart + 1, 3].map((Size, index) => ({
          PartNumber: parts[index]?.PartNumber,
          Size,
          ChecksumSHA256: parts[index]?.ChecksumSHA256,
        })),
      });

      const first = await attributes(bucket, 'composite', { MaxParts: 2 });
      expect(first.ObjectParts).toMatchObject({
        IsTruncated: true,
        MaxParts: 2,
        NextPartNumberMarker: '2',
        Parts: [{ PartNumber: 1 }, { PartNumber: 2 }],
      });
      const second = await attributes(bucket, 'composite', { MaxParts: 2, PartNumberMarker: '2' });
      expect(second.ObjectParts).toMatchObject({
        IsTruncated: false,
        PartNumberMarker: '2',
        NextPartNumberMarker: '4',
        TotalPartsCount: 3,
        Parts: [{ PartNumber: 4 }],
      });
    });

    it('counts the parts of an upload with a FULL_OBJECT checksum', async () => {
      const bucket = await subject.bucket();
      await multipart(bucket, 'full', { ChecksumAlgorithm: 'CRC32', ChecksumType: 'FULL_OBJECT' });
      const found = await attributes(bucket, 'full');
      expect(found.ObjectParts).toEqual({ TotalPartsCount: 3 });
      expect(found.Checksum).toEqual({
        ChecksumType: 'FULL_OBJECT',
        ChecksumCRC32: expect.stringMatching(/^.{8}$/),
      });
    });

    it('knows no parts of an upload that declared no algorithm', async () => {
      const bucket = await subject.bucket();
      await multipart(bucket, 'undeclared', {});
      const found = await attributes(bucket, 'undeclared');
      expect(found.ObjectParts).toBeUndefined();
      expect(found.Checksum).toMatchObject({ ChecksumType: 'FULL_OBJECT' });
      expect(found.ObjectSize).toBe(2 * minPart + 4);
    });

    it("needs the customer's key", async () => {
      const bucket = await subject.bucket();
      const key = ssec();
      await subject.client.send(new PutObjectCommand({ Bucket: bucket, Key: 'k', Body: 'abc', ...key }));
      expect((await attributes(bucket, 'k', key)).ObjectSize).toBe(3);
      await expectFailure(attributes(bucket, 'k'), 'InvalidRequest', 400);
      await expectFailure(attributes(bucket, 'k', ssec()), 'AccessDenied', 403);
    });

    it('refuses what is no attribute, no page, no object', async () => {
      const bucket = await subject.bucket();
      await subject.client.send(new PutObjectCommand({ Bucket: bucket, Key: 'k', Body: 'abc' }));
      const ask = async (headers: Record<string, string>, key = 'k') => {
        const answer = await send(subject.endpoint, {
          method: 'GET',
          path: `/${bucket}/${key}`,
          query: { attributes: '' },
          headers,
        });
        return [answer.status, answer.element('Code'), answer.element('Message')];
      };
      const missing =
        'The x-amz-object-attributes header specifying the attributes to be retrieved is either missing or empty';
      expect(await ask({})).toEqual([400, 'InvalidRequest', missing]);
      for (const value of ['Etag', 'ETag,,Checksum', 'ETag,Size']) {
        expect(await ask({ 'x-amz-object-attributes': value })).toEqual([
          400,
          'InvalidArgument',
          'Invalid attribute name specified.',
        ]);
      }
      const parts = { 'x-amz-object-attributes': 'ObjectParts' };
      expect(await ask({ ...parts, 'x-amz-max-parts': '-1' })).toEqual([
        400,
        'InvalidArgument',
        'Argument x-amz-max-parts must be an integer between 0 and 2147483647',
      ]);
      expect(await ask({ ...parts, 'x-amz-part-number-marker': 'x' })).toEqual([
        400,
        'InvalidArgument',
        'Provided x-amz-part-number-marker not an integer or within integer range',
      ]);
      expect((await ask(parts, 'none')).slice(0, 2)).toEqual([404, 'NoSuchKey']);
    });
  });
}
