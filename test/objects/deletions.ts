import { DeleteObjectCommand, DeleteObjectsCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { bytes, expectFailure, put } from '../upload-path/kit.ts';
import type { Subject } from '../upload-path/suite.ts';

export function deletionTests(subject: Subject): void {
  describe('conditional deletions', () => {
    const keys = async (bucket: string) => {
      const { Contents = [] } = await subject.client.send(new ListObjectsV2Command({ Bucket: bucket }));
      return Contents.map(({ Key }) => Key);
    };

    it('delete one object with the ETag that they name, or any', async () => {
      const bucket = await subject.bucket();
      const remove = (Key: string, IfMatch?: string) =>
        subject.client.send(new DeleteObjectCommand({ Bucket: bucket, Key, IfMatch }));
      const etag = await put(subject, bucket, 'a', bytes(10));
      await put(subject, bucket, 'b', bytes(10));
      await expectFailure(remove('a', '"d41d8cd98f00b204e9800998ecf8427e"'), 'PreconditionFailed', 412);
      await expectFailure(remove('none', etag), 'NoSuchKey', 404);
      await expectFailure(remove('none', '*'), 'NoSuchKey', 404);
      expect(await keys(bucket)).toEqual(['a', 'b']);
      await remove('a', etag);
      await remove('b', '*');
      await remove('none');
      expect(await keys(bucket)).toEqual([]);
    });

    it('delete of many those whose ETag holds, and say of the others why not', async () => {
      const bucket = await subject.bucket();
      const etag = await put(subject, bucket, 'a', bytes(10));
      await put(subject, bucket, 'b', bytes(10));
      await put(subject, bucket, 'c', bytes(10));
      const { Deleted, Errors } = await subject.client.send(
        new DeleteObjectsCommand({
          Bucket: bucket,
          Delete: {
            Objects: [
              { Key: 'a', ETag: etag },
              { Key: 'b', ETag: etag },
              { Key: 'c', ETag: '*' },
              { Key: 'none', ETag: etag },
              { Key: 'nothing' },
            ],
          },
        }),
      );
      expect(Deleted?.map(({ Key }) => Key)).toEqual(['a', 'c', 'nothing']);
      expect(Errors?.map(({ Code, Key }) => [Key, Code])).toEqual([
        ['b', 'PreconditionFailed'],
        ['none', 'NoSuchKey'],
      ]);
      expect(await keys(bucket)).toEqual(['b']);
    });
  });
}
