import { readVerified, requireBucket } from '../bucket/documents-of.ts';
import { lifecycleContent } from '../bucket/lifecycle.ts';
import { maxLifecycleBytes, parseLifecycle } from '../bucket/lifecycle-document.ts';
import { lifecycleOf } from '../bucket/lifecycle-headers.ts';
import { S3Error } from '../errors.ts';
import type { Operation, RequestContext } from '../operation.ts';
import { emptyReply, xmlReply } from '../reply.ts';
import { xml } from '../xml.ts';

const root = 'LifecycleConfiguration';
const minimumSize = 'x-amz-transition-default-minimum-object-size';
const allClasses = 'all_storage_classes_128K';

export const getBucketLifecycleConfiguration: Operation = {
  action: 'GetBucketLifecycleConfiguration',
  permission: 's3:GetLifecycleConfiguration',
  route: { method: 'GET', on: 'bucket', sub: 'lifecycle' },
  body: 'none',
  async handle({ bucket, gateway }) {
    const rules = await lifecycleOf(gateway, bucket);
    if (rules === undefined) {
      throw new S3Error('NoSuchLifecycleConfiguration', { extra: { BucketName: bucket } });
    }
    return xmlReply(root, lifecycleContent(rules), { [minimumSize]: allClasses });
  },
};

/** Also the older PutBucketLifecycle, whose rules have a Prefix of their own. */
export const putBucketLifecycleConfiguration: Operation = {
  action: 'PutBucketLifecycleConfiguration',
  permission: 's3:PutLifecycleConfiguration',
  route: { method: 'PUT', on: 'bucket', sub: 'lifecycle' },
  body: 'document',
  async handle(context) {
    const document = await readVerified(context, maxLifecycleBytes);
    await requireBucket(context);
    judgeMinimumSize(context);
    const rules = parseLifecycle(document);
    await context.gateway.documents.put(context.bucket, 'lifecycle', xml(root, lifecycleContent(rules)));
    return emptyReply(200, { [minimumSize]: allClasses });
  },
};

export const deleteBucketLifecycle: Operation = {
  action: 'DeleteBucketLifecycle',
  permission: 's3:PutLifecycleConfiguration',
  route: { method: 'DELETE', on: 'bucket', sub: 'lifecycle' },
  body: 'none',
  async handle(context) {
    await requireBucket(context);
    await context.gateway.documents.put(context.bucket, 'lifecycle', undefined);
    return emptyReply(204);
  },
};

/** It is about transitions, of which there are none: any that AWS knows would be so. Only the default is given back. */
function judgeMinimumSize({ headers }: RequestContext): void {
  const asked = headers.get(minimumSize);
  if (asked === undefined || asked === allClasses) return;
  if (asked === 'varies_by_storage_class') {
    throw new S3Error('NotImplemented', { extra: { Header: minimumSize } });
  }
  throw new S3Error('InvalidRequest', {
    message: `Invalid TransitionDefaultMinimumObjectSize found: ${asked}`,
  });
}
