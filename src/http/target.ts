/**
 * What a request addresses: bucket, key and query, read from the raw request target.
 *
 * Nothing here normalises: `.`, `..`, `//` and `+` in a path are parts of a key, and a path that is decoded twice or
 * tidied up by a URL library is another object, or another bucket, than the one that was signed.
 */
import { S3Error } from '../s3/errors.ts';
import type { AccessPoint, AccessPoints } from './access-points.ts';
import type { HostAddress, HostReader } from './hosts.ts';

/** Longest key in bytes of UTF-8 (S3 user guide, "Naming Amazon S3 objects"). */
export const maxKeyBytes = 1024;

export interface Target {
  /** Path as sent: no query, no authority. */
  readonly rawPath: string;
  /** Path percent-decoded once; what SigV4 signs, re-encoded. */
  readonly path: string;
  /** The path's segments, decoded each, where an ARN stands in it: clients sign the slash within as they send it, encoded. */
  readonly segments?: readonly string[];
  /** Query as sent, without its `?`; empty when there is none. */
  readonly rawQuery: string;
  readonly query: Query;
  /** Where the bucket was named: in the path, or in the host name. */
  readonly style: 'path' | 'host';
  /** Absent for the service itself. Never empty, but not yet held against the naming rules. */
  readonly bucket?: string;
  /** Absent for the service and for a bucket (`/bucket` and `/bucket/` are the same). Never empty. */
  readonly key?: string;
  /** By which the bucket was addressed, if it was. */
  readonly accessPoint?: AccessPoint;
}

export interface TargetOptions {
  /** Reads host names; without it buckets are named in the path alone. */
  readonly hosts?: HostReader;
  /** For their ARNs in the path. */
  readonly accessPoints?: AccessPoints;
}

/** Parameters in the order sent, decoded (`+` is a space). Names are case-sensitive, the first of a name counts. */
export class Query implements Iterable<readonly [name: string, value: string]> {
  readonly #entries: ReadonlyArray<readonly [string, string]>;

  constructor(entries: ReadonlyArray<readonly [name: string, value: string]>) {
    this.#entries = entries;
  }

  get(name: string): string | undefined {
    return this.#entries.find((entry) => entry[0] === name)?.[1];
  }

  has(name: string): boolean {
    return this.#entries.some((entry) => entry[0] === name);
  }

  names(): string[] {
    return this.#entries.map((entry) => entry[0]);
  }

  [Symbol.iterator](): Iterator<readonly [name: string, value: string]> {
    return this.#entries[Symbol.iterator]();
  }
}

/**
 * Reads a request target as it stands on the request line (`req.url`, latin1) together with the `Host` header.
 * Throws InvalidURI, InvalidBucketName (empty), KeyTooLongError, and what the reader of hosts throws.
 */
export function parseTarget(target: string, host: string | undefined, options: TargetOptions = {}): Target {
  const origin = originForm(target, host);
  const mark = origin.target.indexOf('?');
  const rawPath = mark < 0 ? origin.target : origin.target.slice(0, mark);
  const rawQuery = mark < 0 ? '' : origin.target.slice(mark + 1);
  const query = parseQuery(rawQuery);
  const path = percentDecode(rawPath);
  if (path.includes('\0')) throw invalidUri();

  const address = options.hosts?.(origin.host);
  const base = { rawPath, path, rawQuery, query } as const;
  if (address !== undefined && address.kind !== 'service') {
    return { ...base, style: 'host', ...bucketOf(address), ...keyOf(path.slice(1)) };
  }
  const style = 'path';
  if (path === '/') return { ...base, style };

  const byArn = options.accessPoints?.ofArn(path.slice(1));
  if (byArn !== undefined) {
    const { point, rest } = byArn;
    const segments = rawPath.split('/').map(percentDecode);
    return { ...base, segments, style, bucket: point.bucket, accessPoint: point, ...keyOf(rest) };
  }

  // The raw slash ends the bucket: an encoded one would let `/a%2Fb/c` reach another bucket than the one it spells.
  const slash = rawPath.indexOf('/', 1);
  const bucket = percentDecode(slash < 0 ? rawPath.slice(1) : rawPath.slice(1, slash));
  if (bucket === '') throw new S3Error('InvalidBucketName', { extra: { BucketName: '' } });
  return { ...base, style, bucket, ...(slash < 0 ? {} : keyOf(percentDecode(rawPath.slice(slash + 1)))) };
}

/** The form that a client of an origin server sends (RFC 9112, section 3.2), whichever of the four arrived. */
function originForm(target: string, host: string | undefined): { target: string; host: string | undefined } {
  if (target.includes('#')) throw invalidUri();
  if (target.startsWith('/')) return { target, host };

  const absolute = /^(https?):\/\/([^/?@]+)(.*)$/is.exec(target);
  if (absolute === null) throw invalidUri();
  const [, scheme = '', authority = '', rest = ''] = absolute;
  // RFC 9112 lets the authority override Host, but it is Host that is signed: they must say the same.
  const defaultPort = scheme.toLowerCase() === 'https' ? /:443$/ : /:80$/;
  const plain = (name: string): string => name.toLowerCase().replace(defaultPort, '');
  if (host !== undefined && plain(host) !== plain(authority)) throw invalidUri();
  return { target: rest.startsWith('/') ? rest : `/${rest}`, host: authority };
}

function bucketOf(
  address: Exclude<HostAddress, { kind: 'service' }>,
): Pick<Target, 'bucket' | 'accessPoint'> {
  return address.kind === 'bucket'
    ? { bucket: address.bucket }
    : { bucket: address.point.bucket, accessPoint: address.point };
}

function keyOf(key: string): { key?: string } {
  if (key === '') return {};
  const size = Buffer.byteLength(key);
  if (size > maxKeyBytes) {
    throw new S3Error('KeyTooLongError', { extra: { Size: size, MaxSizeAllowed: maxKeyBytes } });
  }
  return { key };
}

function parseQuery(raw: string): Query {
  if (raw === '') return new Query([]);
  const entries: Array<readonly [string, string]> = [];
  for (const pair of raw.split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const name = equals < 0 ? pair : pair.slice(0, equals);
    const value = equals < 0 ? '' : pair.slice(equals + 1);
    entries.push([formDecode(name), formDecode(value)]);
  }
  return new Query(entries);
}

function formDecode(raw: string): string {
  return percentDecode(raw.includes('+') ? raw.replaceAll('+', ' ') : raw);
}

/** Decodes once; the bytes, escaped or raw, must be valid UTF-8. */
function percentDecode(raw: string): string {
  if (/^[\x20-\x24\x26-\x7e]*$/.test(raw)) return raw;
  const ascii = raw.replace(/[^\0-\x7f]/g, (byte) => {
    // Node.js hands over one latin1 character per byte of the wire; anything above is not from a wire.
    if (byte.charCodeAt(0) > 0xff) throw invalidUri();
    return `%${byte.charCodeAt(0).toString(16)}`;
  });
  try {
    return decodeURIComponent(ascii);
  } catch (cause) {
    throw invalidUri(cause);
  }
}

function invalidUri(cause?: unknown): S3Error {
  return new S3Error('InvalidURI', { cause });
}
