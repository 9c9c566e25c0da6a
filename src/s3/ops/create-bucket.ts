import { isAdapterError } from '../../../adapters/errors.ts';
import { refuseUnsupportedAcl } from '../acl.ts';
import { keepBucketTags } from '../bucket/tagging.ts';
import { endUploadsOf } from '../bucket-uploads.ts';
import { S3Error } from '../errors.ts';
import { requireBucketName } from '../names.ts';
import type { Operation, RequestContext } from '../operation.ts';
import { emptyReply } from '../reply.ts';
import { parseCreateBucketConfiguration } from '../xml/create-bucket.ts';

const maxDocumentBytes = 64 * 1024;
const ownerships: ReadonlySet<string> = new Set([
  'BucketOwnerEnforced',
  'BucketOwnerPreferred',
  'ObjectWriter',
]);

export const createBucket: Operation = {
  action: 'CreateBucket',
  permission: 's3:CreateBucket',
  route: { method: 'PUT', on: 'bucket' },
  body: 'document',
  async handle(context) {
    const { gateway, bucket } = context;
    const document = await context.body.read(maxDocumentBytes);
    requireBucketName(bucket);
    refuseUnsupportedOwnership(context);
    refuseUnsupportedAcl(context.headers, 'InvalidBucketAclWithObjectOwnership');
    const { location, tags } = parseCreateBucketConfiguration(document);
    judgeLocation(context, location);

    const { settings } = gateway;
    const headers = { location: `/${bucket}`, 'x-amz-bucket-arn': `arn:aws:s3:::${bucket}` };
    try {
      await gateway.storage.for(bucket).createBucket({ bucket });
      gateway.documents.forget(bucket);
    } catch (error) {
      // us-east-1 answers the owner's second CreateBucket with 200, every other region with 409 ("CreateBucket", errors).
      if (isAdapterError(error, 'BucketExists') && settings.region === 'us-east-1')
        return emptyReply(200, headers);
      if (isAdapterError(error, 'InvalidName')) {
        throw new S3Error('InvalidBucketName', {
          message: error.message,
          extra: { BucketName: bucket },
          cause: error,
        });
      }
      throw error;
    }
    await endUploadsOf(gateway, bucket);
    if (tags !== undefined) await keepBucketTags(gateway, bucket, tags);
    return emptyReply(200, headers);
  },
};

/**
 * A bucket of this gateway is in its one region. No constraint is taken as that region, since many tools never send one.
 * AWS's endpoint of us-east-1 makes buckets in all regions there are, and calls any other name invalid.
 */
function judgeLocation(context: RequestContext, constraint: string | undefined): void {
  const { region } = context.gateway.settings;
  if (constraint === undefined || constraint === region) return;
  if (region === 'us-east-1') {
    throw new S3Error('InvalidLocationConstraint', { extra: { LocationConstraint: constraint } });
  }
  throw new S3Error('IllegalLocationConstraintException', {
    message: `The ${constraint} location constraint is incompatible for the region specific endpoint this request was sent to.`,
  });
}

function refuseUnsupportedOwnership({ headers }: RequestContext): void {
  if (headers.get('x-amz-bucket-object-lock-enabled')?.toLowerCase() === 'true') {
    throw new S3Error('NotImplemented', { extra: { Header: 'x-amz-bucket-object-lock-enabled' } });
  }
  const ownership = headers.get('x-amz-object-ownership');
  if (ownership !== undefined && !ownerships.has(ownership)) {
    throw new S3Error('InvalidArgument', {
      message: `Invalid x-amz-object-ownership header: ${ownership}`,
      extra: { ArgumentName: 'x-amz-object-ownership' },
    });
  }
  if (ownership !== undefined && ownership !== 'BucketOwnerEnforced') {
    throw new S3Error('NotImplemented', { extra: { Header: 'x-amz-object-ownership' } });
  }
  const namespace = headers.get('x-amz-bucket-namespace');
  if (namespace !== undefined && namespace !== 'global') {
    throw new S3Error('NotImplemented', { extra: { Header: 'x-amz-bucket-namespace' } });
  }
}
