import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
} from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { begin, bytes, expectFailure, expectMissing, expectObject, minPart, put } from './kit.ts';
import type { Subject } from './suite.ts';

export function isolationTests(subject: Subject): void {
  describe('uploads, objects and buckets beside one another', () => {
    it('keeps two uploads of one key apart; the last Complete wins', async () => {
      const bucket = await subject.bucket();
      const [a, b] = [await begin(subject, bucket, 'key'), await begin(subject, bucket, 'key')];
      const bodies = { a: [bytes(minPart), bytes(11)], b: [bytes(minPart), bytes(22)] };
      const aParts = [];
      const bParts = [];
      for (const index of [0, 1]) {
        aParts.push(await a.part(index + 1, bodies.a[index] ?? bytes(0)));
        bParts.push(await b.part(index + 1, bodies.b[index] ?? bytes(0)));
      }
      await a.complete(aParts);
      await expectObject(subject, bucket, 'key', Buffer.concat(bodies.a));
      await b.complete(bParts);
      await expectObject(subject, bucket, 'key', Buffer.concat(bodies.b));
    });

    it('survives a PutObject and a DeleteObject in the middle of an upload', async () => {
      const bucket = await subject.bucket();
      const upload = await begin(subject, bucket, 'key');
      const [one, two] = [bytes(minPart), bytes(40)];
      const first = await upload.part(1, one);
      const live = bytes(77);
      await put(subject, bucket, 'key', live);
      const second = await upload.part(2, two);
      await expectObject(subject, bucket, 'key', live);
      await subject.client.send(new DeleteObjectCommand({ Bucket: bucket, Key: 'key' }));
      await upload.complete([first, second]);
      await expectObject(subject, bucket, 'key', Buffer.concat([one, two]));
    });

    it('leaves the live object alone when an upload of its key is aborted', async () => {
      const bucket = await subject.bucket();
      const live = bytes(64);
      await put(subject, bucket, 'key', live);
      const upload = await begin(subject, bucket, 'key');
      await upload.part(1, bytes(minPart));
      await upload.abort();
      await expectObject(subject, bucket, 'key', live);
    });

    it('shows nothing of open uploads in listings, and lets their bucket be deleted', async () => {
      const bucket = await subject.bucket();
      const upload = await begin(subject, bucket, 'a/b');
      await upload.part(1, bytes(100));
      const listing = await subject.client.send(new ListObjectsV2Command({ Bucket: bucket }));
      expect([listing.KeyCount, listing.Contents, listing.CommonPrefixes]).toEqual([0, undefined, undefined]);
      await subject.client.send(new DeleteBucketCommand({ Bucket: bucket }));
      await expectFailure(upload.part(2, bytes(1)), 'NoSuchBucket', 404);

      await subject.client.send(new CreateBucketCommand({ Bucket: bucket }));
      const uploads = await subject.client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
      expect(uploads.Uploads).toBeUndefined();
      await expectFailure(upload.part(2, bytes(1)), 'NoSuchUpload', 404);
    });

    it('keeps a bucket that has an object', async () => {
      const bucket = await subject.bucket();
      await put(subject, bucket, 'only/one', bytes(1));
      const remove = () => subject.client.send(new DeleteBucketCommand({ Bucket: bucket }));
      await expectFailure(remove(), 'BucketNotEmpty', 409);
      await subject.client.send(new DeleteObjectCommand({ Bucket: bucket, Key: 'only/one' }));
      await remove();
      await expectFailure(remove(), 'NoSuchBucket', 404);
    });

    it('discards a part that arrives after the upload has ended', async () => {
      const bucket = await subject.bucket();
      const upload = await begin(subject, bucket, 'key');
      const late = upload.part(1, bytes(8 * minPart)).then(
        () => 'stored',
        (error: unknown) => (error instanceof Error ? error.name : 'unknown'),
      );
      await upload.abort();
      // Which of the two came first is open; a part that came second is refused.
      expect(['stored', 'NoSuchUpload']).toContain(await late);
      await expectFailure(upload.part(2, bytes(1)), 'NoSuchUpload', 404);
      await expectMissing(subject, bucket, 'key');
    });
  });
}
