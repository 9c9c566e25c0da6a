import { randomBytes } from 'node:crypto';
import {
  CreateBucketCommand,
  DeleteBucketTaggingCommand,
  GetBucketTaggingCommand,
  PutBucketTaggingCommand,
} from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { expectFailure } from '../upload-path/kit.ts';
import { ask, failure, putDocument } from './kit.ts';
import type { BucketSubject } from './suite.ts';

function tagging(...tags: ReadonlyArray<readonly [string, string]>): string {
  const elements = tags.map(([key, value]) => `<Tag><Key>${key}</Key><Value>${value}</Value></Tag>`);
  return `<Tagging><TagSet>${elements.join('')}</TagSet></Tagging>`;
}

export function bucketTaggingTests(subject: BucketSubject): void {
  describe('bucket tags', () => {
    it('are kept, replaced and removed', async () => {
      const Bucket = await subject.bucket();
      const { client } = subject;
      const get = () => client.send(new GetBucketTaggingCommand({ Bucket }));
      const none = await expectFailure(get(), 'NoSuchTagSet', 404);
      expect([none.message, none]).toEqual([
        'The TagSet does not exist',
        expect.objectContaining({ BucketName: Bucket }),
      ]);
      const TagSet = Array.from({ length: 50 }, (_, index) => ({
        Key: `k ${index}`,
        Value: index === 0 ? '' : `Wärter @${index}`,
      }));
      const { $metadata } = await client.send(new PutBucketTaggingCommand({ Bucket, Tagging: { TagSet } }));
      expect($metadata.httpStatusCode).toBe(204);
      expect((await get()).TagSet).toEqual(TagSet);
      await client.send(
        new PutBucketTaggingCommand({ Bucket, Tagging: { TagSet: [{ Key: '__proto__', Value: 'x' }] } }),
      );
      expect((await get()).TagSet).toEqual([{ Key: '__proto__', Value: 'x' }]);
      const removed = await client.send(new DeleteBucketTaggingCommand({ Bucket }));
      expect(removed.$metadata.httpStatusCode).toBe(204);
      await expectFailure(get(), 'NoSuchTagSet', 404);
    });

    it('can come with the bucket', async () => {
      const Bucket = `tagged-${randomBytes(6).toString('hex')}`;
      const { client } = subject;
      const Tags = [{ Key: 'team', Value: 'red @ blue' }];
      await client.send(new CreateBucketCommand({ Bucket, CreateBucketConfiguration: { Tags } }));
      expect((await client.send(new GetBucketTaggingCommand({ Bucket }))).TagSet).toEqual(Tags);
      const other = `${Bucket}-x`;
      const refused = client.send(
        new CreateBucketCommand({
          Bucket: other,
          CreateBucketConfiguration: { Tags: [{ Key: 'aws:x', Value: '' }] },
        }),
      );
      await expectFailure(refused, 'InvalidTag', 400);
      await expectFailure(client.send(new GetBucketTaggingCommand({ Bucket: other })), 'NoSuchBucket', 404);
    });

    it.each([
      [
        '51 tags',
        tagging(...Array.from({ length: 51 }, (_, index) => [`k${index}`, ''] as const)),
        'BadRequest',
        'Bucket tag count cannot be greater than 50',
      ],
      [
        'a key twice',
        tagging(['a', '1'], ['a', '2']),
        'InvalidTag',
        'Cannot provide multiple Tags with the same key',
      ],
      ['an empty key', tagging(['', '1']), 'InvalidTag', 'The TagKey you have provided is invalid'],
      [
        'a key of AWS',
        tagging(['aws:x', '1']),
        'InvalidTag',
        'System tags cannot be added/updated by requester',
      ],
      [
        'a long value',
        tagging(['a', 'x'.repeat(257)]),
        'InvalidTag',
        'The TagValue you have provided is invalid',
      ],
      ['no set', '<Tagging/>', 'MalformedXML', expect.any(String)],
    ])('refuse %s', async (_, document, code, message) => {
      const bucket = await subject.bucket();
      await putDocument(subject, `/${bucket}`, 'tagging', tagging(['kept', 'yes']));
      expect(failure(await putDocument(subject, `/${bucket}`, 'tagging', document))).toEqual([
        400,
        code,
        message,
      ]);
      expect((await ask(subject, 'GET', `/${bucket}`, 'tagging')).element('Key')).toBe('kept');
    });
  });
}
