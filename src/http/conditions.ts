/** Conditional requests: of reads and copies (RFC 9110, section 13), and of writes as Amazon S3 takes them. Pure. */
import { S3Error } from '../s3/errors.ts';
import { parseHttpDate } from './dates.ts';
import type { Headers } from './headers.ts';

export interface ReadConditions {
  readonly ifMatch?: string;
  readonly ifNoneMatch?: string;
  readonly ifModifiedSince?: Date;
  readonly ifUnmodifiedSince?: Date;
}

/** What a condition is held against. */
export interface Validators {
  /** Without quotes. */
  readonly etag: string;
  readonly lastModified: Date;
}

export type ReadCondition = 'If-Match' | 'If-None-Match' | 'If-Modified-Since' | 'If-Unmodified-Since';

export type ReadVerdict =
  | { readonly outcome: 'ok' }
  | { readonly outcome: 'not-modified'; readonly condition: ReadCondition }
  | { readonly outcome: 'precondition-failed'; readonly condition: ReadCondition };

/** A date that is none is ignored, as the RFC asks. */
export function readConditions(headers: Headers): ReadConditions {
  return conditionsAfter('', headers);
}

/** The conditions of a copy on its source. */
export function readCopySourceConditions(headers: Headers): ReadConditions {
  return conditionsAfter('x-amz-copy-source-', headers);
}

function conditionsAfter(prefix: string, headers: Headers): ReadConditions {
  const ifMatch = headers.get(`${prefix}if-match`);
  const ifNoneMatch = headers.get(`${prefix}if-none-match`);
  const ifModifiedSince = parseHttpDate(headers.get(`${prefix}if-modified-since`));
  const ifUnmodifiedSince = parseHttpDate(headers.get(`${prefix}if-unmodified-since`));
  return {
    ...(ifMatch !== undefined && { ifMatch }),
    ...(ifNoneMatch !== undefined && { ifNoneMatch }),
    ...(ifModifiedSince !== undefined && { ifModifiedSince }),
    ...(ifUnmodifiedSince !== undefined && { ifUnmodifiedSince }),
  };
}

/**
 * The order of RFC 9110, section 13.2.2: an ETag condition makes the date condition of its pair irrelevant. An If-Modified-Since in the
 * future is ignored, as on AWS. For GET and HEAD; `now` in milliseconds.
 */
export function judgeReadConditions(
  conditions: ReadConditions,
  object: Validators,
  now = Date.now(),
): ReadVerdict {
  const { ifMatch, ifNoneMatch, ifModifiedSince, ifUnmodifiedSince } = conditions;
  // HTTP dates have no fractions of a second.
  const modified = Math.floor(object.lastModified.getTime() / 1000) * 1000;
  if (ifMatch !== undefined) {
    if (!matches(ifMatch, object.etag)) {
      return { outcome: 'precondition-failed', condition: 'If-Match' };
    }
  } else if (ifUnmodifiedSince !== undefined && modified > ifUnmodifiedSince.getTime()) {
    return { outcome: 'precondition-failed', condition: 'If-Unmodified-Since' };
  }
  if (ifNoneMatch !== undefined) {
    if (matches(ifNoneMatch, object.etag)) {
      return { outcome: 'not-modified', condition: 'If-None-Match' };
    }
  } else if (
    ifModifiedSince !== undefined &&
    ifModifiedSince.getTime() <= now &&
    modified <= ifModifiedSince.getTime()
  ) {
    return { outcome: 'not-modified', condition: 'If-Modified-Since' };
  }
  return { outcome: 'ok' };
}

/** The condition that the source of a copy fails, as PreconditionFailed names it: a copy knows no 304. */
export function judgeCopySource(
  conditions: ReadConditions,
  source: Validators,
  now = Date.now(),
): `x-amz-copy-source-${ReadCondition}` | undefined {
  const verdict = judgeReadConditions(conditions, source, now);
  return verdict.outcome === 'ok' ? undefined : `x-amz-copy-source-${verdict.condition}`;
}

/**
 * Whether a list of ETags (or `*`) names this one. Quotes may be missing, as many S3 clients leave them out. A weak one is as good, also for
 * If-Match, which the RFC compares strongly: AWS does not, and a proxy that compresses answers makes their ETags weak.
 */
function matches(list: string, etag: string): boolean {
  return list.split(',').some((item) => {
    const candidate = item.trim();
    if (candidate === '*') return true;
    const tag = candidate.startsWith('W/') ? candidate.slice(2) : candidate;
    return tag === etag || tag === `"${etag}"`;
  });
}

/** The condition of PutObject, CopyObject and CompleteMultipartUpload on the key they write ("Conditional writes"). */
export type WritePrecondition =
  /** `If-None-Match: *`: nothing may be there. */
  | { readonly kind: 'if-none-match' }
  /** The object must have this ETag (without quotes). */
  | { readonly kind: 'if-match'; readonly etag: string };

/**
 * NotImplemented, with AWS's words, for what S3 takes on no write: both at once, `If-None-Match: etag`, `If-Match: *`. InvalidArgument for
 * an empty If-Match.
 */
export function readWritePrecondition(headers: Headers): WritePrecondition | undefined {
  const ifMatch = headers.get('if-match');
  const ifNoneMatch = headers.get('if-none-match');
  if (ifMatch !== undefined && ifNoneMatch !== undefined) {
    throw notImplemented(
      'If-Match,If-None-Match',
      'Multiple conditional request headers present in the request',
    );
  }
  if (ifNoneMatch !== undefined) {
    if (ifNoneMatch.trim() !== '*') throw unacceptable('If-None-Match');
    return { kind: 'if-none-match' };
  }
  if (ifMatch === undefined) return undefined;
  refuseEmptyIfMatch(ifMatch);
  const etag = ifMatch.trim().replace(/^"(.*)"$/, '$1');
  if (etag === '*') throw unacceptable('If-Match');
  return { kind: 'if-match', etag };
}

/** Of writes and deletes. */
export function refuseEmptyIfMatch(ifMatch: string): void {
  if (ifMatch.trim() !== '') return;
  throw new S3Error('InvalidArgument', {
    message: 'The value provided for the If-Match query parameter cannot be empty for this API.',
    extra: { ArgumentName: 'If-Match' },
  });
}

function unacceptable(header: string): S3Error {
  return notImplemented(header, `We don't accept the provided value of ${header} header for this API`);
}

function notImplemented(header: string, additionalMessage: string): S3Error {
  return new S3Error('NotImplemented', { extra: { Header: header, additionalMessage } });
}
