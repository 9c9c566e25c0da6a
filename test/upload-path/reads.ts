import { HeadObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { begin, bytes, expectFailure, get, minPart, put } from './kit.ts';
import type { Subject } from './suite.ts';

export function readTests(subject: Subject): void {
  describe('reads', () => {
    it('gives ranges', async () => {
      const bucket = await subject.bucket();
      const data = bytes(1000);
      await put(subject, bucket, 'key', data);
      const range = (Range: string) => get(subject, bucket, 'key', { Range });
      for (const [header, start, end] of [
        ['bytes=0-0', 0, 1],
        ['bytes=10-19', 10, 20],
        ['bytes=990-', 990, 1000],
        ['bytes=-10', 990, 1000],
        ['bytes=-5000', 0, 1000],
        ['bytes=500-9999', 500, 1000],
      ] as const) {
        const answer = await range(header);
        expect(answer.data.equals(data.subarray(start, end))).toBe(true);
        expect(answer.ContentRange).toBe(`bytes ${start}-${end - 1}/1000`);
      }
      await expectFailure(range('bytes=1000-'), 'InvalidRange', 416);
      await expectFailure(range('bytes=-0'), 'InvalidRange', 416);
      expect((await range('bytes=5-2')).data.equals(data)).toBe(true);
    });

    it('gives an empty object, and no range of it', async () => {
      const bucket = await subject.bucket();
      await put(subject, bucket, 'empty', Buffer.alloc(0));
      expect((await get(subject, bucket, 'empty')).data).toHaveLength(0);
      await expectFailure(get(subject, bucket, 'empty', { Range: 'bytes=0-5' }), 'InvalidRange', 416);
    });

    it('gives a multipart object by part', async () => {
      const bucket = await subject.bucket();
      const upload = await begin(subject, bucket, 'parts');
      const bodies = [bytes(minPart), bytes(minPart + 1), bytes(3)];
      const parts = [];
      for (const [index, body] of bodies.entries()) parts.push(await upload.part(index * 2 + 1, body));
      await upload.complete(parts);
      for (const [index, body] of bodies.entries()) {
        const part = await get(subject, bucket, 'parts', { PartNumber: index + 1 });
        expect(part.data.equals(body)).toBe(true);
        expect([part.PartsCount, part.$metadata.httpStatusCode]).toEqual([3, 206]);
      }
      await expectFailure(get(subject, bucket, 'parts', { PartNumber: 4 }), 'InvalidPartNumber', 416);
      const head = await subject.client.send(
        new HeadObjectCommand({ Bucket: bucket, Key: 'parts', PartNumber: 3 }),
      );
      expect([head.ContentLength, head.PartsCount]).toEqual([3, 3]);
    });

    it('honours conditions before ranges', async () => {
      const bucket = await subject.bucket();
      const etag = await put(subject, bucket, 'key', bytes(10));
      const read = (more: object) => get(subject, bucket, 'key', more);
      await expectFailure(read({ IfMatch: '"x"', Range: 'bytes=50-' }), 'PreconditionFailed', 412);
      const past = new Date(Date.now() - 3_600_000);
      await expectFailure(read({ IfUnmodifiedSince: past }), 'PreconditionFailed', 412);
      expect((await read({ IfMatch: etag, IfUnmodifiedSince: past })).data).toHaveLength(10);
      await expect(read({ IfNoneMatch: etag })).rejects.toMatchObject({ $metadata: { httpStatusCode: 304 } });
    });
  });
}
