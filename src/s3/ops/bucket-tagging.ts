import { readVerified, remembering, requireBucket, storedOf } from '../bucket/documents-of.ts';
import { S3Error } from '../errors.ts';
import type { Operation } from '../operation.ts';
import { emptyReply, xmlReply } from '../reply.ts';
import { bucketTagLimit, type Tags } from '../tagging-header.ts';
import { maxTaggingBytes, parseTagging } from '../xml/tagging.ts';
import { type XmlNode, xml } from '../xml.ts';

function content(tags: Tags): XmlNode {
  return { TagSet: { Tag: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) } };
}

const parse = remembering((text) => parseTagging(Buffer.from(text), bucketTagLimit));

export const getBucketTagging: Operation = {
  action: 'GetBucketTagging',
  permission: 's3:GetBucketTagging',
  route: { method: 'GET', on: 'bucket', sub: 'tagging' },
  body: 'none',
  async handle({ bucket, gateway }) {
    const tags = await storedOf(gateway, bucket, 'tagging', parse);
    if (tags === undefined) throw new S3Error('NoSuchTagSet', { extra: { BucketName: bucket } });
    return xmlReply('Tagging', content(tags));
  },
};

export const putBucketTagging: Operation = {
  action: 'PutBucketTagging',
  permission: 's3:PutBucketTagging',
  route: { method: 'PUT', on: 'bucket', sub: 'tagging' },
  body: 'document',
  async handle(context) {
    const tags = parseTagging(await readVerified(context, maxTaggingBytes), bucketTagLimit);
    // An empty set is none.
    const text = Object.keys(tags).length === 0 ? undefined : xml('Tagging', content(tags));
    await requireBucket(context);
    await context.gateway.documents.put(context.bucket, 'tagging', text);
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
