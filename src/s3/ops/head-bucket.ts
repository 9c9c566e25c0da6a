import type { Operation } from '../operation.ts';
import { emptyReply } from '../reply.ts';

export const headBucket: Operation = {
  action: 'HeadBucket',
  permission: 's3:ListBucket',
  route: { method: 'HEAD', on: 'bucket' },
  body: 'none',
  async handle(context) {
    const { settings, storage } = context.gateway;
    await storage.for(context.bucket).headBucket({ bucket: context.bucket, signal: context.signal });
    return emptyReply(200, {
      'x-amz-bucket-region': settings.region,
      'x-amz-bucket-arn': `arn:aws:s3:::${context.bucket}`,
      'x-amz-access-point-alias': 'false',
      'content-type': 'application/xml',
    });
  },
};
