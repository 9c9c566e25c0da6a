import type { CompletedPart, UploadPartCommandOutput } from '@aws-sdk/client-s3';
import { HeadObjectCommand, ListPartsCommand, UploadPartCommand } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { segmentSize } from '../../src/s3/encryption/format.ts';
import type { TestUpload } from '../upload-path/kit.ts';
import { begin, bytes, expectFailure, md5, md5Etag, minPart, multipartEtag } from '../upload-path/kit.ts';
import type { Subject } from '../upload-path/suite.ts';
import { getWith, keyMd5, ssec } from './requests.ts';

const notAppropriate =
  'The multipart upload initiate requested encryption. Subsequent part requests must include the appropriate encryption parameters.';

export function encryptedUploadTests(subject: Subject): void {
  const sendPart = (
    upload: TestUpload,
    partNumber: number,
    body: Uint8Array,
    more: object,
  ): Promise<UploadPartCommandOutput> =>
    subject.client.send(
      new UploadPartCommand({ ...upload.address, PartNumber: partNumber, Body: body, ...more }),
    );

  /** ETag over the parts' ETags, whatever those are. */
  const etagOf = (parts: readonly CompletedPart[]): string => {
    const etags = parts.map(({ ETag = '' }) => Buffer.from(ETag.replaceAll('"', ''), 'hex'));
    return `"${md5(Buffer.concat(etags))}-${parts.length}"`;
  };

  describe('uploads under a key of the customer', () => {
    const key = ssec();

    it('make one object of unequal parts, a replaced one and some left out', async () => {
      const bucket = await subject.bucket();
      const upload = await begin(subject, bucket, 'parts', { ...key, ContentType: 'text/x' });
      const bodies = [bytes(minPart), bytes(minPart + segmentSize + 1), bytes(2 * segmentSize + 3)] as const;
      const sent: CompletedPart[] = [];
      await sendPart(upload, 3, bytes(100), key);
      for (const [number, body] of [
        [9, bodies[2]],
        [3, bodies[0]],
        [5, bodies[1]],
      ] as const) {
        const answer = await sendPart(upload, number, body, key);
        expect(answer).toMatchObject({
          SSECustomerAlgorithm: 'AES256',
          SSECustomerKeyMD5: keyMd5(key),
        });
        expect(answer.ETag).toMatch(/^"[0-9a-f]{32}"$/);
        expect(answer.ETag).not.toBe(md5Etag(body));
        sent.push({ PartNumber: number, ETag: answer.ETag });
      }
      await sendPart(upload, 4, bytes(1000), key);
      const { Parts } = await subject.client.send(new ListPartsCommand(upload.address));
      expect(Parts?.map(({ Size }) => Size)).toEqual([
        bodies[0].length,
        1000,
        bodies[1].length,
        bodies[2].length,
      ]);

      const parts = sent.toSorted((a, b) => (a.PartNumber ?? 0) - (b.PartNumber ?? 0));
      const done = await upload.complete(parts, key);
      expect(done.ETag).toBe(etagOf(parts));
      expect(done.ChecksumCRC64NVME).toBeUndefined();
      const plain = Buffer.concat(bodies);
      const got = await getWith(subject, bucket, 'parts', key);
      expect(got.data.equals(plain)).toBe(true);
      expect(got).toMatchObject({ ContentType: 'text/x', ETag: done.ETag, ContentLength: plain.length });
      for (const [index, body] of bodies.entries()) {
        const part = await getWith(subject, bucket, 'parts', { ...key, PartNumber: index + 1 });
        expect(part.data.equals(body)).toBe(true);
        expect([part.PartsCount, part.$metadata.httpStatusCode]).toEqual([3, 206]);
      }
      const edge = minPart + bodies[1].length;
      for (const [start, end] of [
        [minPart - 3, minPart + 3],
        [minPart, minPart],
        [10, plain.length - 10],
        [edge - 1, edge],
        [plain.length - 1, plain.length - 1],
      ] as const) {
        const range = await getWith(subject, bucket, 'parts', { ...key, Range: `bytes=${start}-${end}` });
        expect(range.data.equals(plain.subarray(start, end + 1))).toBe(true);
      }
      const head = await subject.client.send(
        new HeadObjectCommand({ Bucket: bucket, Key: 'parts', PartNumber: 3, ...key }),
      );
      expect([head.ContentLength, head.PartsCount]).toEqual([bodies[2].length, 3]);
    });

    it('complete without the key too, once or twice', async () => {
      const bucket = await subject.bucket();
      const upload = await begin(subject, bucket, 'key', key);
      const body = bytes(10);
      const { ETag } = await sendPart(upload, 1, body, key);
      const parts = [{ PartNumber: 1, ETag }];
      const wrong = upload.complete(parts, ssec());
      expect((await expectFailure(wrong, 'InvalidRequest', 400)).message).toBe(
        'The provided encryption parameters did not match the ones used originally.',
      );
      const done = await upload.complete(parts);
      expect((await upload.complete(parts)).ETag).toBe(done.ETag);
      expect((await getWith(subject, bucket, 'key', key)).data.equals(body)).toBe(true);
    });

    it('refuse parts without the key, or with another one, and keep the part that was there', async () => {
      const bucket = await subject.bucket();
      const upload = await begin(subject, bucket, 'key', key);
      const body = bytes(10);
      const { ETag } = await sendPart(upload, 1, body, key);
      const without = sendPart(upload, 1, bytes(10), {});
      expect((await expectFailure(without, 'InvalidRequest', 400)).message).toBe(notAppropriate);
      const other = sendPart(upload, 1, bytes(10), ssec());
      expect((await expectFailure(other, 'InvalidRequest', 400)).message).toBe(
        'The provided encryption parameters did not match the ones used originally.',
      );
      await upload.complete([{ PartNumber: 1, ETag }]);
      expect((await getWith(subject, bucket, 'key', key)).data.equals(body)).toBe(true);
    });

    it('have declared checksums, of the plain bytes', async () => {
      const bucket = await subject.bucket();
      const upload = await begin(subject, bucket, 'key', { ...key, ChecksumAlgorithm: 'SHA256' });
      const part = await sendPart(upload, 1, bytes(10), { ...key, ChecksumAlgorithm: 'SHA256' });
      const done = await upload.complete(
        [{ PartNumber: 1, ETag: part.ETag, ChecksumSHA256: part.ChecksumSHA256 }],
        key,
      );
      expect(done.ChecksumSHA256).toMatch(/^.{44}-1$/);
    });
  });

  it('an upload without a key refuses parts with one', async () => {
    const bucket = await subject.bucket();
    const upload = await begin(subject, bucket, 'key');
    const refused = sendPart(upload, 1, bytes(10), ssec());
    expect((await expectFailure(refused, 'InvalidRequest', 400)).message).toBe(notAppropriate);
  });

  it('uploads with AES256 are encrypted part by part, without a word in the parts', async () => {
    const bucket = await subject.bucket();
    const upload = await begin(subject, bucket, 'key', { ServerSideEncryption: 'AES256' });
    const bodies = [bytes(minPart + 1), bytes(segmentSize)] as const;
    const parts: CompletedPart[] = [];
    for (const [index, body] of bodies.entries()) {
      const answer = await sendPart(upload, index + 1, body, {});
      expect(answer).toMatchObject({ ServerSideEncryption: 'AES256', ETag: md5Etag(body) });
      parts.push({ PartNumber: index + 1, ETag: answer.ETag });
    }
    const done = await upload.complete(parts);
    expect(done).toMatchObject({
      ServerSideEncryption: 'AES256',
      ETag: multipartEtag(bodies),
    });
    // As for every other object: the SDK sent a CRC32 with each part, and the default was computed.
    expect(done.ChecksumCRC64NVME).toBeDefined();
    const plain = Buffer.concat(bodies);
    const got = await getWith(subject, bucket, 'key');
    expect(got.data.equals(plain)).toBe(true);
    expect(got.ServerSideEncryption).toBe('AES256');
    const range = await getWith(subject, bucket, 'key', { Range: `bytes=${minPart}-${minPart + 2}` });
    expect(range.data.equals(plain.subarray(minPart, minPart + 3))).toBe(true);
    const part = await getWith(subject, bucket, 'key', { PartNumber: 2 });
    expect(part.data.equals(bodies[1])).toBe(true);
  });
}
