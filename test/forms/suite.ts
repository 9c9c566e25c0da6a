/** Browser-based uploads, over every backend. */
import { randomBytes } from 'node:crypto';
import { GetObjectTaggingCommand, HeadObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { ssecHeaders } from '../encryption/requests.ts';
import { runningGateway } from '../encryption/suite.ts';
import { type GatewayOptions, haveServices } from '../kit/gateway.ts';
import { bytes, expectMissing, expectObject, get, md5Etag } from '../upload-path/kit.ts';
import { type Fields, formBody, post, signedFields } from './kit.ts';

const mib = 1024 * 1024;
const variable = '$' + '{filename}';

export function formSuite(name: string, options: GatewayOptions): void {
  describe.skipIf(!haveServices(options))(`forms on ${name}`, () => {
    const subject = runningGateway(options);

    /** Posts a form whose every field is covered by a condition. */
    const upload = async (
      bucket: string,
      fields: Fields,
      more: Partial<Parameters<typeof formBody>[0]> = {},
    ) => {
      const conditions = [{ bucket }, ...fields.map(([field]) => ['starts-with', `$${field}`, ''] as const)];
      const signed = signedFields({ conditions });
      return post(
        subject.endpoint,
        bucket,
        formBody({ fields: [...fields, ...signed], file: 'abc', ...more }),
      );
    };

    it('stores the file under the key, with what the form says of it', async () => {
      const bucket = await subject.bucket();
      const body = bytes(5000);
      const answer = await upload(
        bucket,
        [
          ['key', `user/${variable}`],
          ['Content-Type', 'image/jpeg'],
          ['Cache-Control', 'max-age=5'],
          ['x-amz-meta-Uuid', '1436-ü'],
          ['x-amz-storage-class', 'STANDARD_IA'],
          ['tagging', '<Tagging><TagSet><Tag><Key>a</Key><Value>1 2</Value></Tag></TagSet></Tagging>'],
          ['acl', 'private'],
          ['x-ignore-whatever', 'x'],
        ],
        { file: body, filename: 'C:\\Fake Path\\photo one.jpg' },
      );
      expect([answer.status, answer.text]).toEqual([204, '']);
      const location = `${subject.endpoint}/${bucket}/user%2Fphoto%20one.jpg`;
      expect(answer.headers.get('location')).toBe(location);
      expect(answer.headers.get('etag')).toBe(md5Etag(body));
      expect(answer.headers.get('x-amz-checksum-crc64nvme')).toMatch(/^.{12}$/);
      expect(answer.headers.get('x-amz-checksum-type')).toBe('FULL_OBJECT');

      const found = await get(subject, bucket, 'user/photo one.jpg');
      expect(found.data.equals(body)).toBe(true);
      expect(found).toMatchObject({
        ContentType: 'image/jpeg',
        CacheControl: 'max-age=5',
        StorageClass: 'STANDARD_IA',
        TagCount: 1,
      });
      expect(Buffer.from(found.Metadata?.['uuid'] ?? '', 'latin1').toString()).toBe('1436-ü');
      const { TagSet } = await subject.client.send(
        new GetObjectTaggingCommand({ Bucket: bucket, Key: 'user/photo one.jpg' }),
      );
      expect(TagSet).toEqual([{ Key: 'a', Value: '1 2' }]);
    });

    it('has the default type, not the type of the part, without a Content-Type field', async () => {
      const bucket = await subject.bucket();
      await upload(bucket, [['key', 'k']]);
      expect((await get(subject, bucket, 'k')).ContentType).toBe('binary/octet-stream');
    });

    it.each([0, 1, 64 * 1024 - 1, 8 * mib - 1, 8 * mib, 8 * mib + 1, 17 * mib])(
      'stores %i bytes, whatever follows them',
      async (size) => {
        const bucket = await subject.bucket();
        const body = bytes(size);
        const answer = await upload(bucket, [['key', 'k']], {
          file: body,
          after: [
            ['submit', 'Upload'],
            ['key', 'other'],
          ],
        });
        expect([answer.status, answer.headers.get('etag')]).toEqual([204, md5Etag(body)]);
        await expectObject(subject, bucket, 'k', body);
        const head = await subject.client.send(
          new HeadObjectCommand({ Bucket: bucket, Key: 'k', PartNumber: 1 }),
        );
        expect([head.ContentLength, head.PartsCount]).toEqual([size, undefined]);
      },
    );

    it.each([
      ['SSE-S3', 100],
      ['SSE-S3', 9 * mib],
      ['SSE-C', 100],
      ['SSE-C', 9 * mib],
    ])('encrypts with %s: %i bytes', async (kind, size) => {
      const bucket = await subject.bucket();
      const body = bytes(size);
      const key = randomBytes(32);
      const fields = kind === 'SSE-C' ? ssecHeaders(key) : { 'x-amz-server-side-encryption': 'AES256' };
      const answer = await upload(bucket, [['key', 'k'], ...Object.entries(fields)], { file: body });
      expect(answer.status).toBe(204);
      for (const [header, value] of Object.entries(fields)) {
        const isSecret = header.endsWith('-key');
        expect(answer.headers.get(header)).toBe(isSecret ? null : value);
      }
      const customer =
        kind === 'SSE-C' ? { SSECustomerAlgorithm: 'AES256', SSECustomerKey: key.toString('base64') } : {};
      const found = await get(subject, bucket, 'k', customer);
      expect(found.data.equals(body)).toBe(true);
      const range = await get(subject, bucket, 'k', { ...customer, Range: `bytes=${size - 10}-` });
      expect(range.data.equals(body.subarray(size - 10))).toBe(true);
      const part = await get(subject, bucket, 'k', { ...customer, PartNumber: 1 });
      expect([part.data.length, part.PartsCount]).toEqual([size, undefined]);
    });

    it('leaves nothing of a form that breaks off or is refused', async () => {
      const bucket = await subject.bucket();
      const cut = await upload(bucket, [['key', 'k']], { file: bytes(9 * mib), end: '--' });
      expect([cut.status, cut.element('Code')]).toEqual([400, 'MalformedPOSTRequest']);
      const wrong = await upload(
        bucket,
        [
          ['key', 'k'],
          ['x-amz-checksum-crc32', 'AAAAAA=='],
        ],
        { file: bytes(9 * mib) },
      );
      expect([wrong.status, wrong.element('Code')]).toEqual([400, 'BadDigest']);
      await expectMissing(subject, bucket, 'k');
      const missing = await upload('no-such-bucket', [['key', 'k']]);
      expect([missing.status, missing.element('Code')]).toEqual([404, 'NoSuchBucket']);
    });
  });
}
