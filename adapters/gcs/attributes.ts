/**
 * An object's attributes as its custom metadata, under one key, as JSON that a person can read in the console.
 * "Quotas & limits" (Cloud Storage documentation): 8 KiB of custom metadata in all. What is longer is deflated; what is
 * longer even then goes to a private object of its own, and the metadata keeps what a listing shows and its name.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { AdapterError } from '../errors.ts';
import type { JsonValue, ObjectAttributes, ObjectPart } from '../types.ts';

/** The key in custom metadata. */
export const METADATA_KEY = 'partway';
const MAX_METADATA_BYTES = 8 * 1024;
/** Deflating more than this for a chance of 8 KiB is not worth the time. */
const MAX_DEFLATED_INPUT = 128 * 1024;
const MAX_STORED_BYTES = 8 * 1024 * 1024;
const DEFLATED = 'deflate:';

/** What is stored: the attributes, and what the adapter adds. */
interface Stored extends Omit<ObjectAttributes, 'parts'> {
  readonly v: 1;
  /** One publication: how a write whose answer was lost finds that it happened. */
  readonly mark: string;
  readonly parts?: PackedParts;
  /** When the bytes were written, once a change of attributes moved the service's own time. */
  readonly writtenAt?: string;
  /** The private object that holds everything, when this is only the summary of it. */
  readonly sidecar?: string;
}

/** Runs of consecutive numbers as [first, count], and of equal sizes as [size, count]. */
interface PackedParts {
  readonly numbers: ReadonlyArray<readonly [number, number]>;
  readonly sizes: ReadonlyArray<readonly [number, number]>;
  readonly checksums?: ReadonlyArray<string | null>;
}

export interface Encoded {
  /** For custom metadata. */
  readonly value: string;
  /** For the private object `name`, when there must be one. */
  readonly sidecar?: { readonly name: string; readonly text: string };
}

export interface Decoded {
  readonly attributes: ObjectAttributes;
  readonly mark: string;
  readonly writtenAt: Date | undefined;
  readonly sidecar: string | undefined;
}

export function encode(
  attributes: ObjectAttributes,
  options: {
    readonly mark: string;
    readonly writtenAt?: Date;
    /** Bytes of custom metadata that other keys take. */
    readonly taken?: number;
    readonly sidecarName: () => string;
  },
): Encoded {
  const { parts, ...plain } = attributes;
  const stored: Stored = {
    v: 1,
    mark: options.mark,
    ...(options.writtenAt === undefined ? {} : { writtenAt: options.writtenAt.toISOString() }),
    ...plain,
    ...(parts === undefined ? {} : { parts: pack(parts) }),
  };
  const room = MAX_METADATA_BYTES - METADATA_KEY.length - (options.taken ?? 0);
  const text = ascii(stored);
  if (text.length <= room) return { value: text };
  if (text.length <= MAX_DEFLATED_INPUT) {
    const deflated = DEFLATED + deflateRawSync(text).toString('base64');
    if (deflated.length <= room) return { value: deflated };
  }
  const name = options.sidecarName();
  return { value: ascii({ ...summary(stored), sidecar: name }), sidecar: { name, text } };
}

/** What a listing shows and what recognises a publication. Far below the limit: each of these is short. */
function summary({ v, mark, writtenAt, etag, headers, checksum, plainSize, uploadId }: Stored): Stored {
  const storageClass = headers['x-amz-storage-class'];
  return {
    v,
    mark,
    etag,
    headers: storageClass === undefined ? {} : { 'x-amz-storage-class': storageClass },
    metadata: {},
    ...(writtenAt === undefined ? {} : { writtenAt }),
    ...(checksum === undefined ? {} : { checksum }),
    ...(plainSize === undefined ? {} : { plainSize }),
    ...(uploadId === undefined ? {} : { uploadId }),
  };
}

/** Reads what {@link encode} wrote, or the text of a sidecar. With `sidecar` set, the attributes are only the summary. */
export function decode(value: string): Decoded {
  let stored: Stored;
  try {
    const text = value.startsWith(DEFLATED)
      ? inflateRawSync(Buffer.from(value.slice(DEFLATED.length), 'base64'), {
          maxOutputLength: MAX_STORED_BYTES,
        }).toString('latin1')
      : value;
    stored = check(JSON.parse(text) as JsonValue);
  } catch (error) {
    throw new AdapterError('Corrupt', 'the attributes kept with an object are damaged', { cause: error });
  }
  const { v: _, mark, writtenAt, sidecar, parts, ...plain } = stored;
  return {
    attributes: { ...plain, ...(parts === undefined ? {} : { parts: unpack(parts) }) },
    mark,
    writtenAt: writtenAt === undefined ? undefined : new Date(writtenAt),
    sidecar,
  };
}

function check(value: JsonValue): Stored {
  const stored = value as unknown as Stored;
  const whole =
    stored?.v === 1 &&
    typeof stored.mark === 'string' &&
    typeof stored.etag === 'string' &&
    typeof stored.headers === 'object' &&
    typeof stored.metadata === 'object';
  if (!whole) throw new Error('a field is missing');
  return stored;
}

/** JSON in ASCII: it is a header value when the object is read by the XML API. */
function ascii(value: Stored): string {
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function pack(parts: readonly ObjectPart[]): PackedParts {
  const numbers: Array<[number, number]> = [];
  const sizes: Array<[number, number]> = [];
  for (const { partNumber, size } of parts) {
    const run = numbers.at(-1);
    if (run !== undefined && run[0] + run[1] === partNumber) run[1] += 1;
    else numbers.push([partNumber, 1]);
    const equal = sizes.at(-1);
    if (equal?.[0] === size) equal[1] += 1;
    else sizes.push([size, 1]);
  }
  const checksums = parts.some((part) => part.checksum !== undefined)
    ? { checksums: parts.map((part) => part.checksum ?? null) }
    : {};
  return { numbers, sizes, ...checksums };
}

function unpack({ numbers, sizes, checksums }: PackedParts): ObjectPart[] {
  const allSizes = sizes.flatMap(([size, count]) => Array.from({ length: count }, () => size));
  const allNumbers = numbers.flatMap(([first, count]) => Array.from({ length: count }, (_, i) => first + i));
  return allNumbers.map((partNumber, i) => {
    const checksum = checksums?.[i] ?? undefined;
    return { partNumber, size: allSizes[i] ?? 0, ...(checksum === undefined ? {} : { checksum }) };
  });
}

/** Fields of the object that GCS and its other tools understand. */
export const nativeFields = {
  contentType: 'content-type',
  cacheControl: 'cache-control',
  contentDisposition: 'content-disposition',
  contentEncoding: 'content-encoding',
  contentLanguage: 'content-language',
} as const;
export type NativeField = keyof typeof nativeFields;

/**
 * The standard headers for other readers of the bucket; what we give back comes from the attributes. A value that the
 * service would not take as a header, or longer than its "Object metadata" page allows, is left to the attributes alone.
 */
export function nativeHeaders({ headers }: ObjectAttributes): Partial<Record<NativeField, string>> {
  const entries = Object.entries(nativeFields).flatMap(([field, header]) => {
    const value = headers[header];
    const limit = field === 'contentLanguage' ? 100 : 1024;
    const storable =
      value !== undefined && value !== '' && value.length <= limit && /^[\x20-\x7e]*$/.test(value);
    return storable ? [[field, value] as const] : [];
  });
  return Object.fromEntries(entries);
}

/** Attributes of an object that another tool wrote. */
export function foreignAttributes(resource: {
  readonly generation: string;
  readonly md5Hash?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}): ObjectAttributes {
  const headers = Object.entries(nativeFields).flatMap(([field, header]) => {
    const value = resource[field];
    return typeof value === 'string' && value !== '' ? [[header, wire(value)] as const] : [];
  });
  // Other tools may use names and values that no HTTP header can carry; those stay out of sight.
  const metadata = Object.entries(resource.metadata ?? {}).flatMap(([name, value]) => {
    const fits = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name) && !/[\0\r\n]/.test(value);
    return fits ? [[name.toLowerCase(), wire(value)] as const] : [];
  });
  return {
    etag: foreignEtag(resource),
    headers: Object.fromEntries(headers),
    metadata: Object.fromEntries(metadata),
  };
}

/** The true MD5 where GCS has one; composed objects have none, and get what can't be taken for one. */
function foreignEtag({ md5Hash, generation }: { md5Hash?: string; generation: string }): string {
  const md5 = Buffer.from(md5Hash ?? '', 'base64');
  if (md5.length === 16) return md5.toString('hex');
  return `${BigInt(generation).toString(16).padStart(32, '0')}-1`;
}

/** Header values are the bytes of the wire as latin1. */
function wire(value: string): string {
  return Buffer.from(value, 'utf8').toString('latin1');
}
