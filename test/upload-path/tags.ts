import {
  DeleteObjectTaggingCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
} from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { bytes, expectFailure, expectObject, md5Etag } from './kit.ts';
import type { Subject } from './suite.ts';

export function tagTests(subject: Subject): void {
  describe('tags of an object', () => {
    it('are read, replaced and removed, and change nothing else', async () => {
      const bucket = await subject.bucket();
      const object = { Bucket: bucket, Key: 'tagged' };
      const body = bytes(500);
      await subject.client.send(
        new PutObjectCommand({ ...object, Body: body, Tagging: 'a=1&b=2', Metadata: { kept: 'yes' } }),
      );
      const tags = async () => {
        const { TagSet } = await subject.client.send(new GetObjectTaggingCommand(object));
        return TagSet?.map((tag) => `${tag.Key}=${tag.Value}`).sort();
      };
      const change = (TagSet: { Key: string; Value: string }[]) =>
        subject.client.send(new PutObjectTaggingCommand({ ...object, Tagging: { TagSet } }));
      expect(await tags()).toEqual(['a=1', 'b=2']);
      await change([{ Key: 'ü c', Value: '3+4' }]);
      expect(await tags()).toEqual(['ü c=3+4']);
      await expectFailure(
        change(Array.from({ length: 11 }, (_, index) => ({ Key: `k${index}`, Value: '' }))),
        'BadRequest',
        400,
      );
      expect(await tags()).toEqual(['ü c=3+4']);
      await subject.client.send(new DeleteObjectTaggingCommand(object));
      expect(await tags()).toEqual([]);
      const head = await subject.client.send(new HeadObjectCommand(object));
      expect([head.ETag, head.Metadata, head.TagCount]).toEqual([md5Etag(body), { kept: 'yes' }, undefined]);
      await expectObject(subject, bucket, 'tagged', body);
      await expectFailure(
        subject.client.send(new GetObjectTaggingCommand({ ...object, Key: 'none' })),
        'NoSuchKey',
        404,
      );
    });
  });
}
