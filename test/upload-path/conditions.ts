import { CopyObjectCommand, DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { begin, bytes, expectFailure, expectMissing, expectObject, put } from './kit.ts';
import type { Subject } from './suite.ts';

export function conditionTests(subject: Subject): void {
  describe('conditional writes', () => {
    const putIf = (bucket: string, body: Uint8Array, condition: object) =>
      subject.client.send(new PutObjectCommand({ Bucket: bucket, Key: 'key', Body: body, ...condition }));

    it('PutObject with If-None-Match: * writes only what is not there', async () => {
      const bucket = await subject.bucket();
      const first = bytes(20);
      await putIf(bucket, first, { IfNoneMatch: '*' });
      await expectFailure(putIf(bucket, bytes(20), { IfNoneMatch: '*' }), 'PreconditionFailed', 412);
      await expectObject(subject, bucket, 'key', first);
      await expectFailure(putIf(bucket, bytes(1), { IfNoneMatch: '"etag"' }), 'NotImplemented', 501);
    });

    it('PutObject with If-Match replaces only what it names', async () => {
      const bucket = await subject.bucket();
      await expectFailure(putIf(bucket, bytes(1), { IfMatch: '"x"' }), 'NoSuchKey', 404);
      const etag = await put(subject, bucket, 'key', bytes(9));
      await expectFailure(putIf(bucket, bytes(1), { IfMatch: '"x"' }), 'PreconditionFailed', 412);
      const next = bytes(30);
      await putIf(bucket, next, { IfMatch: etag });
      await expectFailure(putIf(bucket, bytes(1), { IfMatch: etag }), 'PreconditionFailed', 412);
      await expectObject(subject, bucket, 'key', next);
      await expectFailure(putIf(bucket, bytes(1), { IfMatch: '*' }), 'NotImplemented', 501);
    });

    it('lets exactly one of many If-None-Match: * writers win', async () => {
      const bucket = await subject.bucket();
      const bodies = Array.from({ length: 8 }, (_, index) => Buffer.from(`writer ${index}`));
      const outcomes = await Promise.allSettled(
        bodies.map((body) => putIf(bucket, body, { IfNoneMatch: '*' })),
      );
      const winners = outcomes.flatMap((outcome, index) => (outcome.status === 'fulfilled' ? [index] : []));
      expect(winners).toHaveLength(1);
      await expectObject(subject, bucket, 'key', bodies[winners[0] ?? 0] ?? bytes(0));
    });

    it('lets exactly one of many If-Match writers win', async () => {
      const bucket = await subject.bucket();
      const etag = await put(subject, bucket, 'key', bytes(5));
      const bodies = Array.from({ length: 8 }, (_, index) => Buffer.from(`writer ${index}`));
      const outcomes = await Promise.allSettled(bodies.map((body) => putIf(bucket, body, { IfMatch: etag })));
      const winners = outcomes.flatMap((outcome, index) => (outcome.status === 'fulfilled' ? [index] : []));
      expect(winners).toHaveLength(1);
      await expectObject(subject, bucket, 'key', bodies[winners[0] ?? 0] ?? bytes(0));
    });

    it('CompleteMultipartUpload tells a rewrite since Create by 409', async () => {
      const bucket = await subject.bucket();
      const body = bytes(16);
      const etag = await put(subject, bucket, 'key', body);
      const upload = await begin(subject, bucket, 'key');
      const parts = [await upload.part(1, bytes(3))];
      await put(subject, bucket, 'key', body);
      await expectFailure(upload.complete(parts, { IfMatch: etag }), 'ConditionalRequestConflict', 409);
      await subject.client.send(new DeleteObjectCommand({ Bucket: bucket, Key: 'key' }));
      await expectFailure(upload.complete(parts, { IfNoneMatch: '*' }), 'ConditionalRequestConflict', 409);
      await expectFailure(upload.complete(parts, { IfMatch: etag }), 'NoSuchKey', 404);
      await expectMissing(subject, bucket, 'key');
      await upload.complete(parts);
    });

    it('CompleteMultipartUpload with If-Match replaces the object that it names', async () => {
      const bucket = await subject.bucket();
      const etag = await put(subject, bucket, 'key', bytes(16));
      const upload = await begin(subject, bucket, 'key');
      const body = bytes(33);
      await upload.complete([await upload.part(1, body)], { IfMatch: etag });
      await expectObject(subject, bucket, 'key', body);
    });

    it('DeleteObject with If-Match deletes only what it names', async () => {
      const bucket = await subject.bucket();
      const etag = await put(subject, bucket, 'key', bytes(4));
      const remove = (IfMatch: string) =>
        subject.client.send(new DeleteObjectCommand({ Bucket: bucket, Key: 'key', IfMatch }));
      await expectFailure(remove('"other"'), 'PreconditionFailed', 412);
      await remove(etag);
      await expectMissing(subject, bucket, 'key');
    });

    it('CopyObject judges source and target', async () => {
      const bucket = await subject.bucket();
      const body = bytes(12);
      const etag = await put(subject, bucket, 'source', body);
      const copy = (more: object) =>
        subject.client.send(
          new CopyObjectCommand({ Bucket: bucket, Key: 'key', CopySource: `${bucket}/source`, ...more }),
        );
      await expectFailure(copy({ CopySourceIfMatch: '"x"' }), 'PreconditionFailed', 412);
      await expectFailure(copy({ CopySourceIfNoneMatch: etag }), 'PreconditionFailed', 412);
      await copy({ CopySourceIfMatch: etag, IfNoneMatch: '*' });
      await expectFailure(copy({ IfNoneMatch: '*' }), 'PreconditionFailed', 412);
      await expectObject(subject, bucket, 'key', body);
    });
  });
}
