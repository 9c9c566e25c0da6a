/** What takes a signature, whatever a policy says: "All CopyObject requests must be authenticated", and so on in the API reference. */
import { S3Error } from '../errors.ts';
import type { Operation } from '../operation.ts';

const general = 'Anonymous users cannot invoke this API. Please authenticate.';

/** By action, in AWS's words and with AWS's spaces. */
const refusals: ReadonlyMap<string, string> = new Map([
  ['CreateMultipartUpload', 'Anonymous users cannot initiate multipart uploads.  Please authenticate.'],
  ['CopyObject', 'Anonymous users cannot copy objects.  Please authenticate.'],
  ['UploadPartCopy', 'Access Denied'],
  ['CreateBucket', general],
  ['PutBucketAcl', general],
  ['PutObjectAcl', general],
  ['SelectObjectContent', general],
  ...['Get', 'Put', 'Delete'].map((verb): [string, string] => [
    `${verb}BucketOwnershipControls`,
    // There is no permission of its own for removing them.
    `s3:${verb === 'Delete' ? 'Put' : verb}BucketOwnershipControls does not support Anonymous requests!`,
  ]),
]);

/** AccessDenied */
export function refuseUnsigned({ action }: Operation): void {
  const message = refusals.get(action);
  if (message !== undefined) throw new S3Error('AccessDenied', { message });
}

const ofPolicies: ReadonlySet<string> = new Set(['GetBucketPolicy', 'PutBucketPolicy', 'DeleteBucketPolicy']);

/**
 * "If you have the correct permissions, but you're not using an identity that belongs to the bucket owner's account, Amazon S3 returns a
 * 405 Method Not Allowed error" ("GetBucketPolicy", likewise of the other two): else an Allow of `s3:*` for all would hand the bucket over.
 */
export function refuseStranger({ action, route: { method } }: Operation): void {
  if (!ofPolicies.has(action)) return;
  throw new S3Error('MethodNotAllowed', {
    extra: { Method: method, ResourceType: 'BUCKETPOLICY' },
    headers: { allow: '' },
  });
}
