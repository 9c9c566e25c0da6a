/** "Verifying bucket ownership with bucket owner condition". */
import type { Headers } from '../../http/headers.ts';
import { S3Error } from '../errors.ts';

/** AccessDenied when the client expects the bucket to be another account's. */
export function requireExpectedOwner(
  headers: Headers,
  accountId: string,
  name = 'x-amz-expected-bucket-owner',
): void {
  const expected = headers.get(name);
  if (expected === undefined) return;
  if (!/^\d{12}$/.test(expected)) {
    throw new S3Error('InvalidBucketOwnerAWSAccountID', {
      message: `The value of the expected bucket owner parameter must be an AWS Account ID... [${expected}]`,
    });
  }
  if (expected !== accountId) throw new S3Error('AccessDenied');
}
