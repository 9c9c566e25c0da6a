import { requireBucket } from '../bucket/documents-of.ts';
import type { Operation } from '../operation.ts';
import { xmlReply } from '../reply.ts';

/** An empty document: versioning was never turned on ("GetBucketVersioning"). PutBucketVersioning is refused. */
export const getBucketVersioning: Operation = {
  action: 'GetBucketVersioning',
  permission: 's3:GetBucketVersioning',
  route: { method: 'GET', on: 'bucket', sub: 'versioning' },
  body: 'none',
  async handle(context) {
    await requireBucket(context);
    return xmlReply('VersioningConfiguration', {});
  },
};
