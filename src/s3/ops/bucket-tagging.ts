import { readVerified, requireBucket } from '../bucket/documents-of.ts';
import { bucketTagsOf, keepBucketTags, taggingContent } from '../bucket/tagging.ts';
import { S3Error } from '../errors.ts';
import type { Operation } from '../operation.ts';
import { emptyReply, xmlReply } from '../reply.ts';
import { bucketTagLimit } from '../tagging-header.ts';
import { maxTaggingBytes, parseTagging } from '../xml/tagging.ts';

export const getBucketTagging: Operation = {
  action: 'GetBucketTagging',
  permission: 's3:GetBucketTagging',
  route: { method: 'GET', on: 'bucket', sub: 'tagging' },
  body: 'none',
  async handle({ bucket, gateway }) {
    const tags = await bucketTagsOf(gateway, bucket);
    if (tags === undefined) throw new S3Error('NoSuchTagSet', { extra: { BucketName: bucket } });
    return xmlReply('Tagging', taggingContent(tags));
  },
};

export const putBucketTagging: Operation = {
  action: 'PutBucketTagging',
  permission: 's3:PutBucketTagging',
  route: { method: 'PUT', on: 'bucket', sub: 'tagging' },
  body: 'document',
  async handle(context) {
    const tags = parseTagging(await readVerified(context, maxTaggingBytes), bucketTagLimit);
    await requireBucket(context);
    await keepBucketTags(context.gateway, context.bucket, tags);
    return emptyReply(204);
  },
};

export const deleteBucketTagging: Operation = {
  action: 'DeleteBucketTagging',
  permission: 's3:PutBucketTagging',
  route: { method: 'DELETE', on: 'bucket', sub: 'tagging' },
  body: 'none',
  async handle(context) {
    await requireBucket(context);
    await context.gateway.documents.put(context.bucket, 'tagging', undefined);
    return emptyReply(204);
  },
};
