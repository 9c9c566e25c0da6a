import { endUploadsOf } from '../bucket-uploads.ts';
import type { Operation } from '../operation.ts';
import { emptyReply } from '../reply.ts';

/** Open uploads do not keep a bucket ("DeleteBucket"): they end with it. */
export const deleteBucket: Operation = {
  action: 'DeleteBucket',
  permission: 's3:DeleteBucket',
  route: { method: 'DELETE', on: 'bucket' },
  body: 'none',
  async handle({ gateway, bucket }) {
    await gateway.storage.for(bucket).deleteBucket({ bucket });
    gateway.documents.forget(bucket);
    await endUploadsOf(gateway, bucket);
    return emptyReply(204);
  },
};
