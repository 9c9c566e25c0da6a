import { requireBucket } from '../bucket/documents-of.ts';
import {
  maxBlockBytes,
  parsePublicAccessBlock,
  publicAccessBlockContent,
  publicAccessBlockOf,
} from '../bucket/public-access-block.ts';
import { S3Error } from '../errors.ts';
import type { Operation } from '../operation.ts';
import { emptyReply, xmlReply } from '../reply.ts';
import { xml } from '../xml.ts';

const root = 'PublicAccessBlockConfiguration';

export const getPublicAccessBlock: Operation = {
  action: 'GetPublicAccessBlock',
  permission: 's3:GetBucketPublicAccessBlock',
  route: { method: 'GET', on: 'bucket', sub: 'publicAccessBlock' },
  body: 'none',
  async handle({ bucket, gateway }) {
    const block = await publicAccessBlockOf(gateway, bucket);
    if (block === undefined) {
      throw new S3Error('NoSuchPublicAccessBlockConfiguration', { extra: { BucketName: bucket } });
    }
    return xmlReply(root, publicAccessBlockContent(block));
  },
};

export const putPublicAccessBlock: Operation = {
  action: 'PutPublicAccessBlock',
  permission: 's3:PutBucketPublicAccessBlock',
  route: { method: 'PUT', on: 'bucket', sub: 'publicAccessBlock' },
  body: 'document',
  async handle({ body, bucket, gateway }) {
    const block = parsePublicAccessBlock(await body.read(maxBlockBytes));
    await gateway.documents.put(bucket, 'publicAccessBlock', xml(root, publicAccessBlockContent(block)));
    return emptyReply(200);
  },
};

export const deletePublicAccessBlock: Operation = {
  action: 'DeletePublicAccessBlock',
  permission: 's3:PutBucketPublicAccessBlock',
  route: { method: 'DELETE', on: 'bucket', sub: 'publicAccessBlock' },
  body: 'none',
  async handle(context) {
    await requireBucket(context);
    await context.gateway.documents.put(context.bucket, 'publicAccessBlock', undefined);
    return emptyReply(204);
  },
};
