import type { Operation } from '../operation.ts';
import { xmlReply } from '../reply.ts';

/** us-east-1 is told by an empty element ("GetBucketLocation", LocationConstraint). */
export const getBucketLocation: Operation = {
  action: 'GetBucketLocation',
  permission: 's3:GetBucketLocation',
  route: { method: 'GET', on: 'bucket', sub: 'location' },
  body: 'none',
  async handle(context) {
    const { settings, storage } = context.gateway;
    await storage.for(context.bucket).headBucket({ bucket: context.bucket, signal: context.signal });
    return xmlReply('LocationConstraint', settings.region === 'us-east-1' ? '' : settings.region);
  },
};
