import { Readable } from 'node:stream';
import { type Policy, PolicyFault } from '../../access/policy/types.ts';
import { validatePolicy } from '../../access/policy/validate.ts';
import { accessOf, callerOf } from '../access/authorize.ts';
import { policyOf } from '../access/policies.ts';
import { requireBucket } from '../bucket/documents-of.ts';
import { publicAccessBlockOf } from '../bucket/public-access-block.ts';
import { S3Error } from '../errors.ts';
import type { Operation } from '../operation.ts';
import { emptyReply, xmlReply } from '../reply.ts';

/** What is read before it is measured: white space is not counted, so that some of it may be sent. */
const maxDocumentBytes = 64 * 1024;

export const getBucketPolicy: Operation = {
  action: 'GetBucketPolicy',
  permission: 's3:GetBucketPolicy',
  route: { method: 'GET', on: 'bucket', sub: 'policy' },
  body: 'none',
  async handle(context) {
    const { bucket, gateway } = context;
    const stored = await gateway.documents.get(bucket, 'policy');
    if (stored === undefined) throw noPolicy(bucket);
    const text = Buffer.from(stored);
    return {
      status: 200,
      headers: { 'content-type': 'application/json', 'content-length': String(text.length) },
      stream: Readable.from([text]),
    };
  },
};

export const putBucketPolicy: Operation = {
  action: 'PutBucketPolicy',
  permission: 's3:PutBucketPolicy',
  route: { method: 'PUT', on: 'bucket', sub: 'policy' },
  body: 'document',
  async handle(context) {
    const { bucket, gateway } = context;
    const text = (await context.body.read(maxDocumentBytes)).toString('utf8');
    await requireBucket(context);
    const { accountId, hasId, hasUser } = accessOf(gateway);
    let policy: Policy;
    try {
      policy = validatePolicy(text, { bucket, account: accountId, hasId, hasUser });
    } catch (error) {
      if (!(error instanceof PolicyFault)) throw error;
      throw new S3Error('MalformedPolicy', { message: error.message, cause: error });
    }
    if (policy.isPublic && (await publicAccessBlockOf(gateway, bucket))?.blockPublicPolicy === true) {
      throw new S3Error('AccessDenied', {
        message: `User: ${callerOf(context).arn} is not authorized to perform: s3:PutBucketPolicy on resource: "arn:aws:s3:::${bucket}" because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access.`,
      });
    }
    await gateway.documents.put(bucket, 'policy', text);
    return emptyReply(204);
  },
};

export const deleteBucketPolicy: Operation = {
  action: 'DeleteBucketPolicy',
  permission: 's3:DeleteBucketPolicy',
  route: { method: 'DELETE', on: 'bucket', sub: 'policy' },
  body: 'none',
  async handle(context) {
    const { bucket, gateway } = context;
    await requireBucket(context);
    await gateway.documents.put(bucket, 'policy', undefined);
    return emptyReply(204);
  },
};

export const getBucketPolicyStatus: Operation = {
  action: 'GetBucketPolicyStatus',
  permission: 's3:GetBucketPolicyStatus',
  route: { method: 'GET', on: 'bucket', sub: 'policyStatus' },
  body: 'none',
  async handle(context) {
    const policy = await policyOf(context.gateway, context.bucket);
    if (policy === undefined) throw noPolicy(context.bucket);
    return xmlReply('PolicyStatus', { IsPublic: policy.isPublic });
  },
};

function noPolicy(bucket: string): S3Error {
  return new S3Error('NoSuchBucketPolicy', { extra: { BucketName: bucket } });
}
