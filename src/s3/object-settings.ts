/** What a writer says of an object in headers: PutObject, CreateMultipartUpload, and CopyObject that replaces. */
import { type Headers, readObjectHeaders, readUserMetadata } from '../http/headers.ts';
import { refuseUnsupportedAcl } from './acl.ts';
import { S3Error } from './errors.ts';
import { parseTaggingHeader } from './tagging-header.ts';

export interface ObjectSettings {
  readonly headers: Readonly<Record<string, string>>;
  readonly metadata: Readonly<Record<string, string>>;
  readonly tags?: Readonly<Record<string, string>>;
}

const storageClasses: ReadonlySet<string> = new Set([
  'STANDARD',
  'REDUCED_REDUNDANCY',
  'STANDARD_IA',
  'ONEZONE_IA',
  'INTELLIGENT_TIERING',
  'GLACIER',
  'DEEP_ARCHIVE',
  'GLACIER_IR',
]);

export function readObjectSettings(headers: Headers): ObjectSettings {
  refuseUnsupported(headers);
  const tags = readTags(headers);
  return {
    headers: { ...readObjectHeaders(headers), ...readOwnHeaders(headers) },
    metadata: readUserMetadata(headers),
    ...(tags !== undefined && { tags }),
  };
}

export function readTags(headers: Headers): Readonly<Record<string, string>> | undefined {
  const text = headers.get('x-amz-tagging');
  if (text === undefined || text === '') return undefined;
  return parseTaggingHeader(text);
}

/** Storage class and redirect, which belong to the object like its Content-Type. */
export function readOwnHeaders(headers: Headers): Record<string, string> {
  const own: Record<string, string> = {};
  const storageClass = headers.get('x-amz-storage-class');
  if (storageClass !== undefined && storageClass !== '') {
    if (!storageClasses.has(storageClass)) {
      throw new S3Error('InvalidStorageClass', { extra: { StorageClassRequested: storageClass } });
    }
    if (storageClass !== 'STANDARD') own['x-amz-storage-class'] = storageClass;
  }
  const redirect = headers.get('x-amz-website-redirect-location');
  if (redirect !== undefined) {
    if (!/^(\/|https?:\/\/)/.test(redirect)) throw new S3Error('InvalidRedirectLocation');
    own['x-amz-website-redirect-location'] = redirect;
  }
  return own;
}

/** Headers that ask for what no bucket here has. Silence would be a promise that nobody keeps. */
export function refuseUnsupported(headers: Headers): void {
  refuseUnsupportedAcl(headers);
  refuseObjectLock(headers);
  for (const name of [
    'x-amz-write-offset-bytes',
    'x-amz-object-lock-event-hold',
    'x-amz-object-lock-event-hold-duration-days',
    'x-amz-object-lock-event-hold-duration-years',
  ]) {
    if (headers.has(name)) throw new S3Error('NotImplemented', { extra: { Header: name } });
  }
}

function refuseObjectLock(headers: Headers): void {
  const mode = headers.get('x-amz-object-lock-mode');
  const until = headers.get('x-amz-object-lock-retain-until-date');
  const hold = headers.get('x-amz-object-lock-legal-hold');
  if ((mode === undefined) !== (until === undefined)) {
    throw new S3Error('InvalidArgument', {
      message: 'x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied',
      extra: {
        ArgumentName: mode === undefined ? 'x-amz-object-lock-mode' : 'x-amz-object-lock-retain-until-date',
        ArgumentValue: 'null',
      },
    });
  }
  // A legal hold that is OFF asks for nothing.
  if (mode !== undefined || (hold !== undefined && hold !== 'OFF')) {
    throw new S3Error('InvalidRequest', { message: 'Bucket is missing ObjectLockConfiguration' });
  }
}
