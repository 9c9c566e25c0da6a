import { corsContent, maxCorsBytes, parseCors } from '../bucket/cors.ts';
import { corsOf } from '../bucket/cross-origin.ts';
import { readVerified, requireBucket } from '../bucket/documents-of.ts';
import { S3Error } from '../errors.ts';
import type { Operation } from '../operation.ts';
import { emptyReply, xmlReply } from '../reply.ts';
import { xml } from '../xml.ts';

export const getBucketCors: Operation = {
  action: 'GetBucketCors',
  permission: 's3:GetBucketCORS',
  route: { method: 'GET', on: 'bucket', sub: 'cors' },
  body: 'none',
  async handle({ bucket, gateway }) {
    const rules = await corsOf(gateway, bucket);
    if (rules === undefined) throw new S3Error('NoSuchCORSConfiguration', { extra: { BucketName: bucket } });
    return xmlReply('CORSConfiguration', corsContent(rules));
  },
};

export const putBucketCors: Operation = {
  action: 'PutBucketCors',
  permission: 's3:PutBucketCORS',
  route: { method: 'PUT', on: 'bucket', sub: 'cors' },
  body: 'document',
  async handle(context) {
    const rules = parseCors(await readVerified(context, maxCorsBytes));
    await context.gateway.documents.put(context.bucket, 'cors', xml('CORSConfiguration', corsContent(rules)));
    return emptyReply(200);
  },
};

export const deleteBucketCors: Operation = {
  action: 'DeleteBucketCors',
  permission: 's3:PutBucketCORS',
  route: { method: 'DELETE', on: 'bucket', sub: 'cors' },
  body: 'none',
  async handle(context) {
    await requireBucket(context);
    await context.gateway.documents.put(context.bucket, 'cors', undefined);
    return emptyReply(204);
  },
};
