/** SigV4 in the query: presigned URLs (S3 API reference, "Using Query Parameters"). */
import type { Query } from '../http/target.ts';
import { S3Error } from '../s3/errors.ts';
import { isoSeconds, parseBasicDate } from './dates.ts';
import { maxSkewMs, unsupportedMechanism, unsupportedSigV4a } from './header-auth.ts';
import { parsePayloadForm, unsignedPayload } from './payload.ts';
import type { Headers, SignedClaim } from './request.ts';
import { parseCredential, type ScopeRules } from './scope.ts';
import { algorithm } from './sigv4.ts';

/** Longest validity of a presigned URL: seven days, in seconds. */
const maxExpires = 604_800;

const required = [
  'x-amz-algorithm',
  'x-amz-credential',
  'x-amz-signature',
  'x-amz-date',
  'x-amz-signedheaders',
  'x-amz-expires',
] as const;

const authParameters: ReadonlySet<string> = new Set([
  ...required,
  'x-amz-security-token',
  'x-amz-content-sha256',
]);

const sigV4Marks = ['x-amz-algorithm', 'x-amz-credential', 'x-amz-signature'] as const;

/** Which version of query authentication the query asks for, if any. */
export function queryMechanism(query: Query): 'sigv4' | 'sigv2' | undefined {
  const parameters = amzParameters(query);
  if (sigV4Marks.some((name) => parameters.has(name))) return 'sigv4';
  return query.has('Signature') || query.has('AWSAccessKeyId') ? 'sigv2' : undefined;
}

/** SigV2 is refused as AWS refuses it where it no longer serves it. */
export function refuseSigV2Query(query: Query): never {
  if (query.has('Signature') && query.has('Expires') && query.has('AWSAccessKeyId')) {
    throw unsupportedMechanism();
  }
  throw new S3Error('AccessDenied', {
    message: 'Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters',
  });
}

/**
 * The `x-amz-*` parameters of a presigned URL that stand for headers: signers move headers into the query so that
 * the URL alone is enough. They count where the request has no such header.
 *
 * Checksum values do not: AWS's own signer for JavaScript bakes the CRC32 of an empty body into every upload URL.
 */
export function hoistedHeaders(query: Query, headers: Headers): ReadonlyMap<string, string> {
  const hoisted = new Map<string, string>();
  if (queryMechanism(query) !== 'sigv4') return hoisted;
  for (const [name, value] of amzParameters(query)) {
    if (authParameters.has(name) || isChecksumValue(name) || headers.get(name) !== undefined) continue;
    // As from the wire: one latin1 character per byte of UTF-8.
    hoisted.set(name, Buffer.from(value).toString('latin1'));
  }
  return hoisted;
}

function isChecksumValue(name: string): boolean {
  if (name === 'x-amz-sdk-checksum-algorithm') return true;
  return /^x-amz-checksum-(?!algorithm$|type$|mode$)/.test(name);
}

/** What a presigned URL claims, checked in all that needs no key. */
export function readQueryAuth(query: Query, headers: Headers, rules: ScopeRules, now: Date): SignedClaim {
  const parameters = amzParameters(query);
  const value = (name: (typeof required)[number]): string => parameters.get(name) ?? '';

  if (required.some((name) => value(name) === '')) {
    throw parameterError(
      'Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.',
    );
  }
  if (value('x-amz-algorithm') === 'AWS4-ECDSA-P256-SHA256') throw unsupportedSigV4a();
  if (value('x-amz-algorithm') !== algorithm) {
    throw parameterError('X-Amz-Algorithm only supports "AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256"');
  }
  const timestamp = value('x-amz-date');
  const date = parseBasicDate(timestamp);
  if (date === undefined) {
    throw parameterError("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"");
  }
  const expires = parseExpires(value('x-amz-expires'));
  const { accessKeyId, scope } = parseCredential(value('x-amz-credential'), 'query', rules);
  if (scope.date !== timestamp.slice(0, 8)) {
    throw parameterError(
      `Invalid credential date "${scope.date}". This date is not the same as X-Amz-Date: "${timestamp.slice(0, 8)}".`,
    );
  }
  checkValidity(date, expires, now);

  const signedHeaders = value('x-amz-signedheaders').toLowerCase().split(';');
  const headerHash = headers.get('x-amz-content-sha256');
  const queryHash = parameters.get('x-amz-content-sha256') ?? unsignedPayload;
  return {
    scheme: 'presigned',
    accessKeyId,
    scope,
    timestamp,
    signedHeaders,
    signature: value('x-amz-signature'),
    sessionToken: parameters.get('x-amz-security-token') ?? headers.get('x-amz-security-token'),
    payloadHash: signedHeaders.includes('x-amz-content-sha256') ? (headerHash ?? queryHash) : queryHash,
    // An unsigned header still says how the body travels, and a hash that it gives is still verified.
    payload: parsePayloadForm(headerHash ?? queryHash),
    hoisted: hoistedHeaders(query, headers),
  };
}

/**
 * Parameters named `x-amz-…` in any case, by lower-case name. Of those that authenticate the first counts; others that are repeated are
 * joined as headers are.
 */
function amzParameters(query: Query): Map<string, string> {
  const parameters = new Map<string, string>();
  for (const [name, value] of query) {
    const lower = name.toLowerCase();
    if (!lower.startsWith('x-amz-')) continue;
    const earlier = parameters.get(lower);
    if (earlier !== undefined && authParameters.has(lower)) continue;
    parameters.set(lower, earlier === undefined ? value : `${earlier},${value}`);
  }
  return parameters;
}

function parseExpires(text: string): number {
  if (!/^-?\d+$/.test(text)) throw parameterError('X-Amz-Expires should be a number');
  const seconds = Number(text);
  if (seconds < 0) throw parameterError('X-Amz-Expires must be non-negative');
  if (seconds > maxExpires) {
    throw parameterError(
      'X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds',
    );
  }
  return seconds;
}

/** Valid from a clock skew before the date to `expires` seconds after it, both ends included. */
function checkValidity(date: Date, expires: number, now: Date): void {
  const end = new Date(date.getTime() + expires * 1000);
  if (now.getTime() < date.getTime() - maxSkewMs) {
    throw new S3Error('AccessDenied', {
      message: 'Request is not yet valid',
      extra: { 'X-Amz-Date': date.getTime(), Expires: isoSeconds(end), ServerTime: isoSeconds(now) },
    });
  }
  if (now > end) {
    throw new S3Error('AccessDenied', {
      message: 'Request has expired',
      extra: { 'X-Amz-Expires': expires, Expires: isoSeconds(end), ServerTime: isoSeconds(now) },
    });
  }
}

function parameterError(message: string): S3Error {
  return new S3Error('AuthorizationQueryParametersError', { message });
}
