import { requireBucket } from '../bucket/documents-of.ts';
import {
  bucketEncryptionContent,
  bucketEncryptionOf,
  maxEncryptionBytes,
  parseBucketEncryption,
} from '../bucket/encryption.ts';
import { requireManagedKeys } from '../encryption/write.ts';
import { S3Error } from '../errors.ts';
import type { Operation } from '../operation.ts';
import { emptyReply, xmlReply } from '../reply.ts';
import { xml } from '../xml.ts';

const root = 'ServerSideEncryptionConfiguration';

/** A bucket that was told nothing encrypts nothing by itself, and says so; on AWS every bucket does. */
export const getBucketEncryption: Operation = {
  action: 'GetBucketEncryption',
  permission: 's3:GetEncryptionConfiguration',
  route: { method: 'GET', on: 'bucket', sub: 'encryption' },
  body: 'none',
  async handle({ bucket, gateway }) {
    const encryption = await bucketEncryptionOf(gateway, bucket);
    if (encryption === undefined) {
      throw new S3Error('ServerSideEncryptionConfigurationNotFoundError', { extra: { BucketName: bucket } });
    }
    return xmlReply(root, bucketEncryptionContent(encryption));
  },
};

export const putBucketEncryption: Operation = {
  action: 'PutBucketEncryption',
  permission: 's3:PutEncryptionConfiguration',
  route: { method: 'PUT', on: 'bucket', sub: 'encryption' },
  body: 'document',
  async handle(context) {
    const { bucket, gateway } = context;
    const document = await context.body.read(maxEncryptionBytes);
    await requireBucket(context);
    const encryption = parseBucketEncryption(document, gateway.encryption.kms);
    if (encryption === undefined) return emptyReply(200);
    // Or every later write would be refused.
    requireManagedKeys(gateway.encryption, gateway.storage.for(bucket));
    await gateway.documents.put(bucket, 'encryption', xml(root, bucketEncryptionContent(encryption)));
    return emptyReply(200);
  },
};

export const deleteBucketEncryption: Operation = {
  action: 'DeleteBucketEncryption',
  permission: 's3:PutEncryptionConfiguration',
  route: { method: 'DELETE', on: 'bucket', sub: 'encryption' },
  body: 'none',
  async handle(context) {
    await requireBucket(context);
    await context.gateway.documents.put(context.bucket, 'encryption', undefined);
    return emptyReply(204);
  },
};
