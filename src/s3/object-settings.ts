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
  const kept = { ...readObjectHeaders(headers), ...readOwnHeaders(headers) };
  requireSystemSize(kept);
  return {
    headers: kept,
    metadata: readUserMetadata(headers),
    ...(tags !== undefined && { tags }),
  };
}

/** "The size of system-defined metadata is limited to 2 KB": names and values, in bytes. The storage class does not count. */
const maxSystemBytes = 2048;

/** What a request says of an object in headers that are not metadata of its own: MetadataTooLarge above 2 KiB in all. */
export function requireSystemSize(kept: Readonly<Record<string, string>>): void {
  let size = 0;
  for (const [name, value] of Object.entries(kept)) {
    // One character is one byte: they are latin1.
    if (name !== 'x-amz-storage-class') size += name.length + value.length;
  }
  if (size <= maxSystemBytes) return;
  throw new S3Error('MetadataTooLarge', { extra: { Size: size, MaxSizeAllowed: maxSystemBytes } });
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
    'x-amz-rename-source',
    'x-amz-object-lock-event-hold',
    'x-amz-object-lock-event-hold-duration-days',
    'x-amz-object-lock-event-hold-duration-years',
  ]) {
    if (headers.has(name)) throw new S3Error('NotImplemented', { extra: { Header: name } });
  }
}

const lockMode = 'x-amz-object-lock-mode';
const lockDate = 'x-amz-object-lock-retain-until-date';
const legalHold = 'x-amz-object-lock-legal-hold';

/** No bucket here has a lock; what asks for one is judged first, as on AWS. */
function refuseObjectLock(headers: Headers): void {
  const mode = headers.get(lockMode);
  const until = headers.get(lockDate);
  const hold = headers.get(legalHold);
  if ((mode === undefined) !== (until === undefined)) {
    throw invalidArgument(
      mode === undefined ? lockMode : lockDate,
      'null',
      `${lockDate} and ${lockMode} must both be supplied`,
    );
  }
  if (mode !== undefined && mode !== 'GOVERNANCE' && mode !== 'COMPLIANCE') {
    throw invalidArgument(lockMode, mode, 'Unknown wormMode directive.');
  }
  if (until !== undefined) judgeLockDate(until);
  if (hold !== undefined && hold !== 'ON' && hold !== 'OFF') {
    throw invalidArgument(legalHold, hold, "Legal Hold must be either of 'ON' or 'OFF'");
  }
  // A legal hold that is OFF asks for nothing.
  if (mode !== undefined || hold === 'ON') {
    throw new S3Error('InvalidRequest', { message: 'Bucket is missing ObjectLockConfiguration' });
  }
}

function judgeLockDate(until: string): void {
  const isIso = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)$/.test(until);
  const date = new Date(isIso ? until : Number.NaN);
  if (Number.isNaN(date.getTime())) {
    throw invalidArgument(lockDate, until, 'The retain until date must be provided in ISO 8601 format');
  }
  if (date.getTime() <= Date.now()) {
    throw invalidArgument(lockDate, until, 'The retain until date must be in the future!');
  }
}

function invalidArgument(ArgumentName: string, ArgumentValue: string, message: string): S3Error {
  return new S3Error('InvalidArgument', { message, extra: { ArgumentName, ArgumentValue } });
}
