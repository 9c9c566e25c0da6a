import { createHash } from 'node:crypto';
import {
  AbortMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import {
  begin,
  bytes,
  expectFailure,
  expectMissing,
  expectObject,
  minPart,
  multipartEtag,
  put,
} from './kit.ts';
import type { Subject } from './suite.ts';

export function completionTests(subject: Subject): void {
  describe('CompleteMultipartUpload', () => {
    it('answers the same result when it is repeated, also after the object was replaced', async () => {
      const bucket = await subject.bucket();
      const upload = await begin(subject, bucket, 'again');
      const parts = [await upload.part(1, bytes(minPart)), await upload.part(2, bytes(10))];
      const first = await upload.complete(parts);
      expect((await upload.complete(parts)).ETag).toBe(first.ETag);
      const newer = bytes(100);
      await put(subject, bucket, 'again', newer);
      expect((await upload.complete(parts)).ETag).toBe(first.ETag);
      await expectObject(subject, bucket, 'again', newer);
      await expectFailure(subject.client.send(new ListPartsCommand(upload.address)), 'NoSuchUpload', 404);
      await expectFailure(upload.part(1, bytes(1)), 'NoSuchUpload', 404);
      await expectFailure(upload.abort(), 'NoSuchUpload', 404);
    });

    it('is not repeated into a bucket that is gone', async () => {
      const bucket = await subject.bucket();
      const upload = await begin(subject, bucket, 'gone');
      const parts = [await upload.part(1, bytes(10))];
      await upload.complete(parts);
      await subject.client.send(new DeleteObjectCommand({ Bucket: bucket, Key: 'gone' }));
      await subject.client.send(new DeleteBucketCommand({ Bucket: bucket }));
      await expectFailure(upload.complete(parts), 'NoSuchBucket', 404);
    });

    it('gives one ETag and the right bytes to five clients at once', async () => {
      const bucket = await subject.bucket();
      const upload = await begin(subject, bucket, 'raced');
      const bodies = [bytes(minPart), bytes(minPart), bytes(321)];
      const parts = await Promise.all(bodies.map((body, index) => upload.part(index + 1, body)));
      const answers = await Promise.all(Array.from({ length: 5 }, () => upload.complete(parts)));
      expect(new Set(answers.map((answer) => answer.ETag))).toEqual(new Set([multipartEtag(bodies)]));
      await expectObject(subject, bucket, 'raced', Buffer.concat(bodies));
    });

    it('makes the object of the parts it names and drops the others', async () => {
      const bucket = await subject.bucket();
      const upload = await begin(subject, bucket, 'subset');
      const bodies = [bytes(minPart), bytes(minPart), bytes(minPart), bytes(5)];
      const parts = [];
      for (const [index, body] of bodies.entries()) parts.push(await upload.part(index + 1, body));
      const chosen = [parts[0], parts[2]].filter((part) => part !== undefined);
      await upload.complete(chosen);
      await expectObject(
        subject,
        bucket,
        'subset',
        Buffer.concat([bodies[0] ?? bytes(0), bodies[2] ?? bytes(0)]),
      );
    });

    it('leaves the upload whole when it fails, whatever the reason', async () => {
      const bucket = await subject.bucket();
      const live = bytes(50);
      await put(subject, bucket, 'whole', live);
      const upload = await begin(subject, bucket, 'whole');
      const bodies = [bytes(minPart), bytes(100), bytes(minPart), bytes(7)];
      const parts = [];
      for (const [index, body] of bodies.entries()) parts.push(await upload.part(index + 1, body));
      const [one, short, three, four] = parts;
      if (!one || !short || !three || !four) throw new Error('parts are missing');

      await expectFailure(upload.complete([]), 'InvalidRequest', 400);
      await expectFailure(upload.complete([three, one]), 'InvalidPartOrder', 400);
      await expectFailure(upload.complete([one, one]), 'InvalidPartOrder', 400);
      await expectFailure(upload.complete([one, short, three]), 'EntityTooSmall', 400);
      await expectFailure(upload.complete([one, { PartNumber: 5, ETag: three.ETag }]), 'InvalidPart', 400);
      await expectFailure(upload.complete([{ ...one, ETag: short.ETag }]), 'InvalidPart', 400);
      await expectFailure(upload.complete([one, three], { IfNoneMatch: '*' }), 'PreconditionFailed', 412);
      await expectFailure(upload.complete([one, three], { MpuObjectSize: 5 }), 'InvalidRequest', 400);
      await expectObject(subject, bucket, 'whole', live);

      const late = bytes(12);
      const fifth = await upload.part(5, late);
      await upload.complete([one, three, fifth]);
      await expectObject(
        subject,
        bucket,
        'whole',
        Buffer.concat([bodies[0] ?? bytes(0), bodies[2] ?? bytes(0), late]),
      );
    });

    it('ends with NoSuchUpload for an upload that was aborted, never was, or is of another key', async () => {
      const bucket = await subject.bucket();
      const other = await subject.bucket();
      const upload = await begin(subject, bucket, 'key');
      const part = await upload.part(1, bytes(10));
      for (const address of [
        { Bucket: bucket, Key: 'other', UploadId: upload.id },
        { Bucket: other, Key: 'key', UploadId: upload.id },
        { Bucket: bucket, Key: 'key', UploadId: `${upload.id}0` },
        { Bucket: bucket, Key: 'key', UploadId: '../../x' },
      ]) {
        const call = new UploadPartCommand({ ...address, PartNumber: 1, Body: bytes(1) });
        await expectFailure(subject.client.send(call), 'NoSuchUpload', 404);
      }
      await upload.abort();
      await expectFailure(upload.abort(), 'NoSuchUpload', 404);
      await expectFailure(upload.complete([part]), 'NoSuchUpload', 404);
      await expectMissing(subject, bucket, 'key');
    });

    it('leaves an upload that began at another time than Abort says', async () => {
      const bucket = await subject.bucket();
      const upload = await begin(subject, bucket, 'timed');
      const { Uploads } = await subject.client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
      const initiated = Uploads?.[0]?.Initiated ?? new Date(0);
      const abort = (IfMatchInitiatedTime: Date) =>
        subject.client.send(new AbortMultipartUploadCommand({ ...upload.address, IfMatchInitiatedTime }));
      await expectFailure(abort(new Date(initiated.getTime() - 1000)), 'PreconditionFailed', 412);
      await upload.part(1, bytes(1));
      await abort(initiated);
      await expectFailure(upload.part(1, bytes(1)), 'NoSuchUpload', 404);
    });

    it('applies what Create said of the object', async () => {
      const bucket = await subject.bucket();
      const upload = await begin(subject, bucket, 'described', {
        ContentType: 'text/x-partway',
        CacheControl: 'max-age=5',
        ContentDisposition: 'attachment; filename="a b.txt"',
        Metadata: { 'with-hyphens': 'yes', under_score: 'a=b; c, d' },
        StorageClass: 'STANDARD_IA',
        Tagging: 'a=1&b=2',
      });
      await upload.complete([await upload.part(1, bytes(10))]);
      const head = await subject.client.send(new HeadObjectCommand({ Bucket: bucket, Key: 'described' }));
      expect(head.ContentType).toBe('text/x-partway');
      expect(head.CacheControl).toBe('max-age=5');
      expect(head.StorageClass).toBe('STANDARD_IA');
      expect(head.Metadata?.['with-hyphens']).toBe('yes');
      expect(head.Metadata?.['under_score']).toBe('a=b; c, d');
      expect(head.TagCount).toBe(2);
    });
  });

  describe('checksums of an upload', () => {
    it('combines CRCs of the parts for FULL_OBJECT and digests them for COMPOSITE', {
      timeout: 300_000,
    }, async () => {
      // Values of 3 parts of 5 MiB 'A', 'B', 'C', equal to those of other implementations.
      const expected = {
        CRC32: { FULL_OBJECT: 'WgDhBQ==', COMPOSITE: 'Z+ry2Q==-3' },
        CRC32C: { FULL_OBJECT: 'xU+Krw==', COMPOSITE: 'g9DPqQ==-3' },
        CRC64NVME: { FULL_OBJECT: 'i+6LR0y3eFo=' },
        SHA1: { COMPOSITE: 'sizjvY4eud3MrcHdZM3cQ/ol39o=-3' },
        SHA256: { COMPOSITE: 'uWBwpe1dxI4Vw8Gf0X9ynOdw/SS6VBzfWm9giiv1sf4=-3' },
        // Which the SDK sends as Content-MD5.
        MD5: { COMPOSITE: 'sq3ZbMlwK79O+wzN/Gt3Rw==-3' },
      } as const;
      const bucket = await subject.bucket();
      const bodies = ['A', 'B', 'C'].map((letter) => Buffer.alloc(minPart, letter));
      for (const [algorithm, types] of Object.entries(expected)) {
        for (const [type, value] of Object.entries(types)) {
          const key = `${algorithm} ${type}`;
          const upload = await begin(subject, bucket, key, {
            ChecksumAlgorithm: algorithm as 'CRC32',
            ChecksumType: type as 'FULL_OBJECT',
          });
          const parts = [];
          for (const [index, body] of bodies.entries()) {
            const answer = await subject.client.send(
              new UploadPartCommand({
                ...upload.address,
                PartNumber: index + 1,
                Body: body,
                ChecksumAlgorithm: algorithm as 'CRC32',
              }),
            );
            parts.push({
              PartNumber: index + 1,
              ETag: answer.ETag,
              [`Checksum${algorithm}`]: answer[`Checksum${algorithm}` as 'ChecksumCRC32'],
            });
          }
          const done = await upload.complete(parts);
          expect([done[`Checksum${algorithm}` as 'ChecksumCRC32'], done.ChecksumType]).toEqual([value, type]);
          const head = await subject.client.send(
            new HeadObjectCommand({ Bucket: bucket, Key: key, ChecksumMode: 'ENABLED' }),
          );
          expect(head[`Checksum${algorithm}` as 'ChecksumCRC32']).toBe(value);
        }
      }
    });

    it('holds a checksum of the whole object against it', async () => {
      const bucket = await subject.bucket();
      const body = Buffer.from('hello');
      const upload = await begin(subject, bucket, 'whole', {
        ChecksumAlgorithm: 'CRC32',
        ChecksumType: 'FULL_OBJECT',
      });
      const part = await upload.part(1, body);
      const complete = (ChecksumCRC32: string) =>
        upload.complete([part], { ChecksumCRC32, ChecksumType: 'FULL_OBJECT' });
      await expectFailure(complete('AAAAAA=='), 'BadDigest', 400);
      expect((await complete('NhCmhg==')).ChecksumCRC32).toBe('NhCmhg==');

      const composite = await begin(subject, bucket, 'composite', { ChecksumAlgorithm: 'SHA256' });
      const sent = await subject.client.send(
        new UploadPartCommand({
          ...composite.address,
          PartNumber: 1,
          Body: body,
          ChecksumAlgorithm: 'SHA256',
        }),
      );
      const named = { PartNumber: 1, ETag: sent.ETag, ChecksumSHA256: sent.ChecksumSHA256 };
      const digest = Buffer.from(sent.ChecksumSHA256 ?? '', 'base64');
      const ChecksumSHA256 = `${createHash('sha256').update(digest).digest('base64')}-1`;
      expect((await composite.complete([named], { ChecksumSHA256 })).ChecksumSHA256).toBe(ChecksumSHA256);
    });

    it('computes CRC64NVME of the object when nobody named an algorithm', async () => {
      const bucket = await subject.bucket();
      const upload = await begin(subject, bucket, 'unnamed');
      const parts = [];
      for (const [index, letter] of ['A', 'B', 'C'].entries()) {
        parts.push(await upload.part(index + 1, Buffer.alloc(minPart, letter)));
      }
      const done = await upload.complete(parts);
      expect([done.ChecksumCRC64NVME, done.ChecksumType]).toEqual(['i+6LR0y3eFo=', 'FULL_OBJECT']);
    });
  });
}
