import { CopyObjectCommand, HeadObjectCommand, UploadPartCopyCommand } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import {
  begin,
  bytes,
  expectFailure,
  expectObject,
  md5Etag,
  mib,
  minPart,
  multipartEtag,
  put,
} from './kit.ts';
import type { Subject } from './suite.ts';

export function copyTests(subject: Subject): void {
  describe('copies', () => {
    it('UploadPartCopy takes whole objects and ranges, between buckets', async () => {
      const from = await subject.bucket();
      const to = await subject.bucket();
      const source = bytes(6 * mib);
      await put(subject, from, 'some key/ä+b', source);
      const upload = await begin(subject, to, 'assembled');
      const copyPart = (number: number, range?: string) =>
        subject.client.send(
          new UploadPartCopyCommand({
            ...upload.address,
            PartNumber: number,
            CopySource: `${from}/${encodeURIComponent('some key/ä+b')}`,
            CopySourceRange: range,
          }),
        );
      const whole = await copyPart(1);
      expect(whole.CopyPartResult?.ETag).toBe(md5Etag(source));
      const some = await copyPart(2, 'bytes=5-14');
      const slice = source.subarray(5, 15);
      expect(some.CopyPartResult?.ETag).toBe(md5Etag(slice));
      const done = await upload.complete([
        { PartNumber: 1, ETag: whole.CopyPartResult?.ETag },
        { PartNumber: 2, ETag: some.CopyPartResult?.ETag },
      ]);
      expect(done.ETag).toBe(multipartEtag([source, slice]));
      await expectObject(subject, to, 'assembled', Buffer.concat([source, slice]));
    });

    it('UploadPartCopy refuses ranges that the source does not have', async () => {
      const bucket = await subject.bucket();
      await put(subject, bucket, 'source', bytes(10));
      const upload = await begin(subject, bucket, 'target');
      const copy = (CopySourceRange: string, CopySource = `${bucket}/source`) =>
        subject.client.send(
          new UploadPartCopyCommand({ ...upload.address, PartNumber: 1, CopySource, CopySourceRange }),
        );
      for (const range of ['bytes=0-10', 'bytes=0-', 'bytes=-5', '0-3', 'bytes=3-1']) {
        await expectFailure(copy(range), 'InvalidArgument', 400);
      }
      await expectFailure(copy('bytes=10-11'), 'InvalidRequest', 400);
      await expectFailure(copy('bytes=0-1', `${bucket}/none`), 'NoSuchKey', 404);
      await expectFailure(copy('bytes=0-1', 'no-such-bucket-here/none'), 'NoSuchBucket', 404);
    });

    it('CopyObject keeps or replaces what is said of the object', async () => {
      const bucket = await subject.bucket();
      const body = bytes(1000);
      await put(subject, bucket, 'plain', body);
      const copy = (more: object) =>
        subject.client.send(
          new CopyObjectCommand({ Bucket: bucket, Key: 'copy', CopySource: `${bucket}/plain`, ...more }),
        );
      const head = () => subject.client.send(new HeadObjectCommand({ Bucket: bucket, Key: 'copy' }));
      await copy({ MetadataDirective: 'REPLACE', Metadata: { color: 'blue' }, ContentType: 'text/plain' });
      expect(await head()).toMatchObject({
        ContentType: 'text/plain',
        Metadata: { color: 'blue' },
        ETag: md5Etag(body),
      });
      const again = await subject.client.send(
        new CopyObjectCommand({ Bucket: bucket, Key: 'third', CopySource: `${bucket}/copy` }),
      );
      expect(again.CopyObjectResult?.ETag).toBe(md5Etag(body));
      const third = await subject.client.send(new HeadObjectCommand({ Bucket: bucket, Key: 'third' }));
      expect(third).toMatchObject({ ContentType: 'text/plain', Metadata: { color: 'blue' } });
      await expectObject(subject, bucket, 'third', body);
    });

    it('CopyObject of a multipart object makes an object of one part', async () => {
      const bucket = await subject.bucket();
      const upload = await begin(subject, bucket, 'parts');
      const bodies = [bytes(minPart), bytes(17)];
      const parts = [];
      for (const [index, body] of bodies.entries()) parts.push(await upload.part(index + 1, body));
      await upload.complete(parts);
      const { CopyObjectResult } = await subject.client.send(
        new CopyObjectCommand({ Bucket: bucket, Key: 'one', CopySource: `${bucket}/parts` }),
      );
      expect(CopyObjectResult?.ETag).toBe(md5Etag(Buffer.concat(bodies)));
      await expectObject(subject, bucket, 'one', Buffer.concat(bodies));
    });

    it('CopyObject onto itself must change something, and then does', async () => {
      const bucket = await subject.bucket();
      const body = bytes(100);
      await put(subject, bucket, 'self', body);
      const copy = (more: object) =>
        subject.client.send(
          new CopyObjectCommand({ Bucket: bucket, Key: 'self', CopySource: `${bucket}/self`, ...more }),
        );
      await expectFailure(copy({}), 'InvalidRequest', 400);
      await copy({ MetadataDirective: 'REPLACE', Metadata: { mtime: '12' } });
      const head = await subject.client.send(new HeadObjectCommand({ Bucket: bucket, Key: 'self' }));
      expect(head.Metadata).toEqual({ mtime: '12' });
      await expectObject(subject, bucket, 'self', body);
    });
  });
}
