/**
 * Attributes as blob metadata. "Setting and retrieving properties and metadata": names are C# identifiers, values ASCII,
 * 8 KiB in all; so one name holds base64url of JSON, deflated when that is shorter. What does not fit goes to a sidecar
 * blob, and the metadata keeps what a listing shows. The native properties are set beside it for other tools; what we read
 * back is the JSON.
 */
import { createHash } from 'node:crypto';
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import type { BlobHTTPHeaders } from '@azure/storage-blob';
import { AdapterError } from '../errors.ts';
import type { JsonValue, ListedObject, ObjectAttributes, ObjectPart } from '../types.ts';

const metadataName = 'partway';
/** Of the 8 KiB that name and value may take, with some air. */
const maxMetadataChars = 7_900;
/** A sidecar holds at most 10,000 parts with their checksums; anything larger when inflated is not ours. */
const maxSidecarBytes = 16 * 1024 * 1024;

/** What is kept beside the attributes. Short names: it all counts towards the 8 KiB. */
interface Envelope {
  /** Bytes of the blob: other bytes under this metadata were written by another tool. */
  readonly size: number;
  /** Names this write, so that a retry recognises its own work. */
  readonly write: string;
  /** Shown instead of the blob's own time, which changes with its metadata. Milliseconds. */
  readonly modified?: number;
}

interface Stored {
  readonly v: 1;
  readonly s: number;
  readonly w: string;
  readonly m?: number;
  /** Name of the sidecar that holds all of it; then `a` has only what a listing shows. */
  readonly x?: string;
  readonly a: PackedAttributes;
}

type PackedAttributes = Omit<ObjectAttributes, 'parts'> & { readonly parts?: PackedParts };

/** Runs of parts with one size and consecutive numbers, and the checksums of all, if any. */
interface PackedParts {
  readonly runs: ReadonlyArray<readonly [first: number, count: number, size: number]>;
  readonly checksums?: ReadonlyArray<string | 0>;
}

export interface EncodedAttributes {
  readonly metadata: Record<string, string>;
  /** To be stored first, under the name that the metadata refers to. */
  readonly sidecar: Buffer | undefined;
}

/** `sidecar` names the blob that may be needed. */
export function encodeAttributes(
  attributes: ObjectAttributes,
  envelope: Envelope,
  sidecar: string,
): EncodedAttributes {
  const { size, write, modified } = envelope;
  const common = { v: 1, s: size, w: write, ...(modified === undefined ? {} : { m: modified }) } as const;
  const packed = pack(attributes);
  const whole = encode({ ...common, a: packed } satisfies Stored);
  if (whole.length <= maxMetadataChars) return { metadata: { [metadataName]: whole }, sidecar: undefined };
  const short = encode({ ...common, x: sidecar, a: summary(attributes) } satisfies Stored);
  return { metadata: { [metadataName]: short }, sidecar: deflate(Buffer.from(JSON.stringify(packed))) };
}

export interface DecodedAttributes {
  /** A part of them when there is a sidecar. */
  readonly attributes: ObjectAttributes;
  readonly sidecar: string | undefined;
  readonly write: string;
  readonly modified: Date | undefined;
}

/** `undefined` for a blob that another tool wrote. */
export function decodeAttributes(
  metadata: Readonly<Record<string, string>> | undefined,
  size: number,
): DecodedAttributes | undefined {
  const text = Object.entries(metadata ?? {}).find(([name]) => name.toLowerCase() === metadataName)?.[1];
  if (text === undefined) return undefined;
  const stored = decode(text);
  if (stored === undefined || stored.s !== size) return undefined;
  return {
    attributes: unpack(stored.a),
    sidecar: stored.x,
    write: stored.w,
    modified: stored.m === undefined ? undefined : new Date(stored.m),
  };
}

export function decodeSidecar(bytes: Buffer): ObjectAttributes {
  try {
    return unpack(JSON.parse(inflate(bytes).toString()) as PackedAttributes);
  } catch (cause) {
    throw new AdapterError('Corrupt', 'the attributes kept beside the object cannot be read', { cause });
  }
}

/** What a listing shows; all of it is in the metadata, whether there is a sidecar or not. */
export function listed(
  key: string,
  info: { readonly size: number; readonly lastModified: Date; readonly attributes: ObjectAttributes },
): ListedObject {
  const { attributes } = info;
  const storageClass = attributes.headers['x-amz-storage-class'];
  return {
    key,
    size: attributes.plainSize ?? info.size,
    lastModified: info.lastModified,
    etag: attributes.etag,
    ...(storageClass === undefined ? {} : { storageClass }),
    ...(attributes.checksum === undefined
      ? {}
      : { checksum: { algorithm: attributes.checksum.algorithm, type: attributes.checksum.type } }),
  };
}

/** Native properties, so that other tools see sensible values. Headers that are not plain ASCII are left out. */
export function nativeHeaders(attributes: ObjectAttributes, md5?: Uint8Array): BlobHTTPHeaders {
  const get = (name: string): string | undefined => {
    const value = attributes.headers[name];
    return value !== undefined && /^[\x20-\x7e]{1,1024}$/.test(value) ? value : undefined;
  };
  const headers: Array<readonly [keyof BlobHTTPHeaders, string | undefined]> = [
    ['blobContentType', get('content-type')],
    ['blobCacheControl', get('cache-control')],
    ['blobContentDisposition', get('content-disposition')],
    ['blobContentEncoding', get('content-encoding')],
    ['blobContentLanguage', get('content-language')],
  ];
  return {
    ...Object.fromEntries(headers.filter(([, value]) => value !== undefined)),
    ...(md5 === undefined ? {} : { blobContentMD5: md5 }),
  };
}

/** Whether the blob has these native properties. */
export function sameHeaders(wanted: BlobHTTPHeaders, native: Omit<NativeBlob, 'etag'>): boolean {
  const same = (a: string | undefined, b: string | undefined): boolean => (a ?? '') === (b ?? '');
  return (
    // The service fills this one in when nobody gives it.
    same(wanted.blobContentType ?? 'application/octet-stream', native.contentType) &&
    same(wanted.blobCacheControl, native.cacheControl) &&
    same(wanted.blobContentDisposition, native.contentDisposition) &&
    same(wanted.blobContentEncoding, native.contentEncoding) &&
    same(wanted.blobContentLanguage, native.contentLanguage)
  );
}

/** The MD5 that an ETag names, when it is that of an object stored as it came in one request. */
export function md5OfEtag(attributes: ObjectAttributes): Uint8Array | undefined {
  const { etag, parts, plainSize, encryption } = attributes;
  if (parts !== undefined || plainSize !== undefined || encryption !== undefined) return undefined;
  return /^[0-9a-f]{32}$/.test(etag) ? Buffer.from(etag, 'hex') : undefined;
}

/** A blob as the service shows it, from its properties, a download or a listing. */
export interface NativeBlob {
  readonly etag: string;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly contentType?: string | undefined;
  readonly cacheControl?: string | undefined;
  readonly contentDisposition?: string | undefined;
  readonly contentEncoding?: string | undefined;
  readonly contentLanguage?: string | undefined;
}

/** Attributes of a blob that another tool wrote. Its ETag holds a `-`, so that nobody takes it for an MD5. */
export function foreignAttributes(blob: NativeBlob): ObjectAttributes {
  const headers: Array<readonly [string, string | undefined]> = [
    ['content-type', blob.contentType],
    ['cache-control', blob.cacheControl],
    ['content-disposition', blob.contentDisposition],
    ['content-encoding', blob.contentEncoding],
    ['content-language', blob.contentLanguage],
  ];
  const metadata = Object.entries(blob.metadata ?? {})
    .map(([name, value]) => [name.toLowerCase(), value] as const)
    .filter(([name]) => name !== metadataName);
  // Listings give the service's ETag without quotes.
  const version = blob.etag.replaceAll('"', '');
  return {
    etag: `${createHash('md5').update(version).digest('hex')}-1`,
    headers: Object.fromEntries(
      headers.filter((header): header is [string, string] => header[1] !== undefined && header[1] !== ''),
    ),
    metadata: Object.fromEntries(metadata),
  };
}

function summary(attributes: ObjectAttributes): PackedAttributes {
  const { etag, headers, checksum, uploadId, plainSize } = attributes;
  const storageClass = headers['x-amz-storage-class'];
  return {
    etag,
    headers: storageClass === undefined ? {} : { 'x-amz-storage-class': storageClass },
    metadata: {},
    ...(checksum === undefined ? {} : { checksum }),
    ...(uploadId === undefined ? {} : { uploadId }),
    ...(plainSize === undefined ? {} : { plainSize }),
  };
}

function pack(attributes: ObjectAttributes): PackedAttributes {
  const { parts, ...rest } = attributes;
  return parts === undefined ? rest : { ...rest, parts: packParts(parts) };
}

function packParts(parts: readonly ObjectPart[]): PackedParts {
  const runs: Array<[number, number, number]> = [];
  for (const { partNumber, size } of parts) {
    const run = runs.at(-1);
    if (run !== undefined && run[2] === size && run[0] + run[1] === partNumber) run[1]++;
    else runs.push([partNumber, 1, size]);
  }
  if (!parts.some(({ checksum }) => checksum !== undefined)) return { runs };
  return { runs, checksums: parts.map(({ checksum }) => checksum ?? 0) };
}

function unpack(packed: PackedAttributes): ObjectAttributes {
  const { parts, ...rest } = packed;
  if (parts === undefined) return rest;
  const numbers = parts.runs.flatMap(([first, count, size]) =>
    Array.from({ length: count }, (_, i) => ({ partNumber: first + i, size })),
  );
  const { checksums } = parts;
  if (checksums === undefined) return { ...rest, parts: numbers };
  return {
    ...rest,
    parts: numbers.map((part, i) => {
      const checksum = checksums[i];
      return typeof checksum === 'string' ? { ...part, checksum } : part;
    }),
  };
}

function encode(value: Stored): string {
  const json = Buffer.from(JSON.stringify(value));
  const deflated = deflate(json);
  return deflated.length < json.length
    ? `z${deflated.toString('base64url')}`
    : `j${json.toString('base64url')}`;
}

function decode(text: string): Stored | undefined {
  const bytes = Buffer.from(text.slice(1), 'base64url');
  try {
    const json = text.startsWith('z') ? inflate(bytes) : text.startsWith('j') ? bytes : undefined;
    const value = json === undefined ? undefined : (JSON.parse(json.toString()) as JsonValue);
    return isStored(value) ? value : undefined;
  } catch (error) {
    // Another tool's metadata that happens to bear our name.
    if (error instanceof SyntaxError || isZlibError(error)) return undefined;
    throw error;
  }
}

function isStored(value: unknown): value is Stored {
  return (
    typeof value === 'object' &&
    value !== null &&
    'v' in value &&
    value.v === 1 &&
    's' in value &&
    'w' in value &&
    'a' in value &&
    typeof value.a === 'object'
  );
}

function deflate(bytes: Buffer): Buffer {
  return deflateRawSync(bytes, { level: constants.Z_BEST_SPEED });
}

function inflate(bytes: Buffer): Buffer {
  return inflateRawSync(bytes, { maxOutputLength: maxSidecarBytes });
}

function isZlibError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^(Z_|ERR_BUFFER_TOO_LARGE)/.test(String(error.code));
}
