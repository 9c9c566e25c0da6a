/** Which permissions a request takes ("Required permissions for Amazon S3 API operations"). */
import type { Operation, RequestContext } from '../operation.ts';

/** A request that names a version needs the permission for versions instead. */
const ofVersions: ReadonlyMap<string, string> = new Map([
  ['s3:GetObject', 's3:GetObjectVersion'],
  ['s3:GetObjectAcl', 's3:GetObjectVersionAcl'],
  ['s3:GetObjectAttributes', 's3:GetObjectVersionAttributes'],
  ['s3:GetObjectTagging', 's3:GetObjectVersionTagging'],
  ['s3:PutObjectAcl', 's3:PutObjectVersionAcl'],
  ['s3:PutObjectTagging', 's3:PutObjectVersionTagging'],
  ['s3:DeleteObject', 's3:DeleteObjectVersion'],
  ['s3:DeleteObjectTagging', 's3:DeleteObjectVersionTagging'],
]);

export function permissionFor(action: string, namesVersion: boolean): string {
  return (namesVersion ? ofVersions.get(action) : undefined) ?? action;
}

/** All that the request's head says it takes on its own bucket or object. */
export function permissionsOf(
  { action, permission }: Pick<Operation, 'action' | 'permission'>,
  { headers, target }: Pick<RequestContext, 'headers' | 'target'>,
): readonly string[] {
  const namesVersion = target.query.has('versionId');
  const needed = [permissionFor(permission, namesVersion)];
  if (action === 'GetObjectAttributes') needed.push(permissionFor('s3:GetObject', namesVersion));
  if (judged.has(action) && comparesEtag(headers.get('if-match'))) needed.push('s3:GetObject');
  if (permission === 's3:PutObject') {
    if ((headers.get('x-amz-tagging') ?? '') !== '') needed.push('s3:PutObjectTagging');
    if (setsAcl(headers)) needed.push('s3:PutObjectAcl');
  }
  return needed;
}

/** What `If-Match` decides on, "Conditional requests". */
const judged: ReadonlySet<string> = new Set([
  'PutObject',
  'CopyObject',
  'CompleteMultipartUpload',
  'DeleteObject',
]);

/** "Conditional deletes with a specific ETag value require both s3:DeleteObject and s3:GetObject permissions"; writes likewise. */
export function comparesEtag(ifMatch: string | undefined): boolean {
  return ifMatch !== undefined && ifMatch !== '*';
}

function setsAcl(headers: RequestContext['headers']): boolean {
  if (headers.has('x-amz-acl')) return true;
  for (const name of headers.keys()) if (name.startsWith('x-amz-grant-')) return true;
  return false;
}
