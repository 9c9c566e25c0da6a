/**
 * The strings and keys of AWS Signature Version 4 in S3's flavour: the path is encoded once and never normalised.
 * S3 API reference, "Signature Calculations for the Authorization Header: Transferring Payload in a Single Chunk".
 */
import { createHmac, createSecretKey, hash, type KeyObject, timingSafeEqual } from 'node:crypto';
import { S3Error } from '../s3/errors.ts';
import type { Credential, Secret } from './credentials.ts';

export const algorithm = 'AWS4-HMAC-SHA256';
export const terminator = 'aws4_request';

export interface Scope {
  /** `20130524` */
  readonly date: string;
  readonly region: string;
  readonly service: string;
}

export function scopeText(scope: Scope): string {
  return `${scope.date}/${scope.region}/${scope.service}/${terminator}`;
}

/** With what the chunks of a signed streaming body are verified. */
export interface ChunkSigning {
  readonly accessKeyId: string;
  readonly key: KeyObject;
  /** `20130524/us-east-1/s3/aws4_request` */
  readonly scope: string;
  /** `20130524T000000Z` */
  readonly timestamp: string;
  /** The signature of the request's head, which the first chunk's signature builds on. */
  readonly seedSignature: string;
}

export interface CanonicalParts {
  readonly method: string;
  /** Percent-decoded once; in segments where a slash that was sent encoded is signed so. */
  readonly path: string | readonly string[];
  readonly query: Iterable<readonly [name: string, value: string]>;
  /** Values by lower-case name, repeated headers joined by `,`; characters are bytes (latin1). */
  readonly headers: { get(name: string): string | undefined };
  /** Lower case, in the order of SignedHeaders. */
  readonly signedHeaders: readonly string[];
  readonly payloadHash: string;
}

/** The canonical request; characters are bytes (latin1). */
export function canonicalRequest(parts: CanonicalParts): string {
  const lines = parts.signedHeaders.map(
    (name) => `${name}:${canonicalValue(parts.headers.get(name) ?? '')}\n`,
  );
  return [
    parts.method,
    typeof parts.path === 'string' ? encodePath(parts.path) : parts.path.map(encode).join('/'),
    canonicalQuery(parts.query),
    lines.join(''),
    parts.signedHeaders.join(';'),
    parts.payloadHash,
  ].join('\n');
}

function canonicalQuery(query: CanonicalParts['query']): string {
  const pairs: Array<readonly [string, string]> = [];
  for (const [name, value] of query) {
    if (name.toLowerCase() !== 'x-amz-signature') pairs.push([encode(name), encode(value)]);
  }
  // By name and then by value: sorting the joined pairs would put `k-x=2` before `k=1`.
  pairs.sort(([a, x], [b, y]) => compare(a, b) || compare(x, y));
  return pairs.map(([name, value]) => `${name}=${value}`).join('&');
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function canonicalValue(value: string): string {
  return /\s/.test(value) ? value.replaceAll(/[ \t]+/g, ' ').trim() : value;
}

function encodePath(path: string): string {
  return /[^\w.~/-]/.test(path) ? encode(path).replaceAll('%2F', '/') : path;
}

/** `encodeURIComponent` leaves five characters alone that RFC 3986 reserves. */
function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

export function stringToSign(timestamp: string, scope: Scope, canonical: string): string {
  const digest = hash('sha256', Buffer.from(canonical, 'latin1'), 'hex');
  return `${algorithm}\n${timestamp}\n${scopeText(scope)}\n${digest}`;
}

/** Lower-case hex. */
export function sign(key: KeyObject, text: string): string {
  return createHmac('sha256', key).update(text).digest('hex');
}

/** Compares a signature in time that does not depend on where it differs. */
export function signaturesEqual(expected: string, provided: string): boolean {
  const [a, b] = [Buffer.from(expected, 'utf8'), Buffer.from(provided, 'utf8')];
  return a.length === b.length && timingSafeEqual(a, b);
}

/** SignatureDoesNotMatch with what the owner of the key needs to find out what was signed differently. */
export function signatureMismatch(
  accessKeyId: string,
  text: string,
  provided: string,
  canonical?: Buffer,
): S3Error {
  return new S3Error('SignatureDoesNotMatch', {
    extra: {
      AWSAccessKeyId: accessKeyId,
      StringToSign: text,
      SignatureProvided: provided,
      StringToSignBytes: spacedHex(Buffer.from(text)),
      ...(canonical && {
        CanonicalRequest: canonical.toString('utf8'),
        CanonicalRequestBytes: spacedHex(canonical),
      }),
    },
  });
}

function spacedHex(bytes: Buffer): string {
  return bytes.toString('hex').replaceAll(/(..)(?!$)/g, '$1 ');
}

export function deriveSigningKey(secret: Secret, scope: Scope): KeyObject {
  const steps = [scope.date, scope.region, scope.service, terminator];
  const key = steps.reduce<Buffer>(
    (previous, step) => createHmac('sha256', previous).update(step).digest(),
    Buffer.from(`AWS4${secret.reveal()}`),
  );
  return createSecretKey(key);
}

/** Derived keys, the most recently used kept: one derivation is four HMACs, and a client reuses it all day. */
export class SigningKeys {
  readonly #limit: number;
  readonly #entries = new Map<string, { readonly secret: Secret; readonly key: KeyObject }>();

  constructor(limit = 1000) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(credential: Credential, scope: Scope): KeyObject {
    const name = `${scopeText(scope)}/${credential.accessKeyId}`;
    const found = this.#entries.get(name);
    // The secret is compared by identity: reloaded credentials may give an old access key ID a new secret.
    const hit = found !== undefined && found.secret === credential.secretAccessKey;
    const entry = hit
      ? found
      : { secret: credential.secretAccessKey, key: deriveSigningKey(credential.secretAccessKey, scope) };
    this.#entries.delete(name);
    this.#entries.set(name, entry);
    if (this.#entries.size > this.#limit) {
      for (const oldest of this.#entries.keys()) {
        this.#entries.delete(oldest);
        break;
      }
    }
    return entry.key;
  }
}
