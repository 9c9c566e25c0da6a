/**
 * Every bucket is its owner's alone (BucketOwnerEnforced), as a new one is on AWS. Ownership controls can be removed and put back, which
 * tools wait to see; access control lists stay off either way.
 */
import { requireBucket } from '../bucket/documents-of.ts';
import { S3Error } from '../errors.ts';
import type { Operation } from '../operation.ts';
import { emptyReply, xmlReply } from '../reply.ts';
import { childrenNamed, malformedXml, parseXml, requiredText } from '../xml.ts';

const maxBytes = 16 * 1024;
const enforced = 'BucketOwnerEnforced';
const known: ReadonlySet<string> = new Set([enforced, 'BucketOwnerPreferred', 'ObjectWriter']);
/** Text of the document that remembers a removal. */
const removed = 'removed';

export const getBucketOwnershipControls: Operation = {
  action: 'GetBucketOwnershipControls',
  permission: 's3:GetBucketOwnershipControls',
  route: { method: 'GET', on: 'bucket', sub: 'ownershipControls' },
  body: 'none',
  async handle({ bucket, gateway }) {
    if ((await gateway.documents.get(bucket, 'ownershipControls')) === removed) {
      throw new S3Error('OwnershipControlsNotFoundError', { extra: { BucketName: bucket } });
    }
    return xmlReply('OwnershipControls', { Rule: { ObjectOwnership: enforced } });
  },
};

export const putBucketOwnershipControls: Operation = {
  action: 'PutBucketOwnershipControls',
  permission: 's3:PutBucketOwnershipControls',
  route: { method: 'PUT', on: 'bucket', sub: 'ownershipControls' },
  body: 'document',
  async handle(context) {
    const root = parseXml(await context.body.read(maxBytes), { root: 'OwnershipControls' });
    const [rule, another] = childrenNamed(root, 'Rule');
    if (rule === undefined || another !== undefined) throw malformedXml('not one Rule');
    const ownership = requiredText(rule, 'ObjectOwnership').trim();
    if (!known.has(ownership)) throw malformedXml('ObjectOwnership');
    await requireBucket(context);
    if (ownership !== enforced) {
      throw new S3Error('NotImplemented', {
        extra: { Header: 'ownershipControls', additionalMessage: ownership },
      });
    }
    await context.gateway.documents.put(context.bucket, 'ownershipControls', undefined);
    return emptyReply(200);
  },
};

export const deleteBucketOwnershipControls: Operation = {
  action: 'DeleteBucketOwnershipControls',
  permission: 's3:PutBucketOwnershipControls',
  route: { method: 'DELETE', on: 'bucket', sub: 'ownershipControls' },
  body: 'none',
  async handle({ bucket, gateway }) {
    await gateway.documents.put(bucket, 'ownershipControls', removed);
    return emptyReply(204);
  },
};
