/** Access control lists, as a bucket answers whose owner is enforced ("Controlling ownership of objects and disabling ACLs"). */
import type { Headers } from '../http/headers.ts';
import { S3Error } from './errors.ts';

const cannedAcls: ReadonlySet<string> = new Set([
  'private',
  'public-read',
  'public-read-write',
  'authenticated-read',
  'aws-exec-read',
  'bucket-owner-read',
  'bucket-owner-full-control',
  'log-delivery-write',
]);
const harmless: ReadonlySet<string> = new Set(['private', 'bucket-owner-full-control']);
const grants = ['full-control', 'read', 'read-acp', 'write', 'write-acp'].map(
  (name) => `x-amz-grant-${name}`,
);

/** AccessControlListNotSupported for any ACL that says more than "the owner controls it". */
export function refuseUnsupportedAcl(headers: Headers): void {
  const canned = headers.get('x-amz-acl');
  const granted = grants.filter((name) => headers.has(name));
  if (canned !== undefined && granted.length > 0) {
    throw new S3Error('InvalidRequest', {
      message: 'Specifying both Canned ACLs and Header Grants is not allowed',
    });
  }
  if (canned !== undefined && !cannedAcls.has(canned)) {
    throw new S3Error('InvalidArgument', { extra: { ArgumentName: 'x-amz-acl', ArgumentValue: canned } });
  }
  if (granted.length > 0 || (canned !== undefined && !harmless.has(canned))) {
    throw new S3Error('AccessControlListNotSupported');
  }
}
