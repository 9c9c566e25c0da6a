/** Access control lists of buckets and objects: all alike, since the owner of a bucket owns what is in it. */
import { maxAclBytes, ownersAcl, refuseUnsupportedAclRequest } from '../acl.ts';
import { requireBucket } from '../bucket/documents-of.ts';
import type { Operation, RequestContext } from '../operation.ts';
import { refuseVersionId } from '../parameters.ts';
import { emptyReply, xmlReply } from '../reply.ts';

const root = 'AccessControlPolicy';

async function requireObject(context: RequestContext): Promise<void> {
  refuseVersionId(context);
  const { bucket, gateway, key, signal } = context;
  await gateway.storage.for(bucket).headObject({ bucket, key, signal });
}

export const getBucketAcl: Operation = {
  action: 'GetBucketAcl',
  permission: 's3:GetBucketAcl',
  route: { method: 'GET', on: 'bucket', sub: 'acl' },
  body: 'none',
  async handle(context) {
    await requireBucket(context);
    return xmlReply(root, ownersAcl(context.gateway.settings.owner));
  },
};

export const putBucketAcl: Operation = {
  action: 'PutBucketAcl',
  permission: 's3:PutBucketAcl',
  route: { method: 'PUT', on: 'bucket', sub: 'acl' },
  body: 'document',
  async handle(context) {
    const document = await context.body.read(maxAclBytes);
    await requireBucket(context);
    refuseUnsupportedAclRequest(context.headers, document, context.gateway.settings.owner);
    return emptyReply(200);
  },
};

export const getObjectAcl: Operation = {
  action: 'GetObjectAcl',
  permission: 's3:GetObjectAcl',
  route: { method: 'GET', on: 'object', sub: 'acl' },
  body: 'none',
  async handle(context) {
    await requireObject(context);
    return xmlReply(root, ownersAcl(context.gateway.settings.owner));
  },
};

export const putObjectAcl: Operation = {
  action: 'PutObjectAcl',
  permission: 's3:PutObjectAcl',
  route: { method: 'PUT', on: 'object', sub: 'acl' },
  body: 'document',
  async handle(context) {
    const document = await context.body.read(maxAclBytes);
    await requireObject(context);
    refuseUnsupportedAclRequest(context.headers, document, context.gateway.settings.owner);
    return emptyReply(200);
  },
};
