/** Byte ranges: the Range header of reads, and x-amz-copy-source-range. Pure. */
import { S3Error } from '../s3/errors.ts';

/** `start`..`end` inclusive, `start`.. to the end, or the last `suffix` bytes. */
export type ByteRange = { readonly start: number; readonly end?: number } | { readonly suffix: number };

/** First and last byte, inclusive. */
export interface ResolvedRange {
  readonly start: number;
  readonly end: number;
}

/**
 * The one range that a Range header asks for, or `undefined` when the header must be ignored and the whole object sent: another unit, bad syntax, an
 * end before its start (RFC 9110, section 14.2), or several ranges ("Amazon S3 doesn't support retrieving multiple ranges of data per
 * GET request").
 */
export function parseRange(header: string | undefined): ByteRange | undefined {
  const match = /^bytes=(\d*)-(\d*)$/i.exec(header ?? '');
  if (match === null) return undefined;
  const [, first = '', last = ''] = match;
  if (first === '') return last === '' ? undefined : { suffix: toOffset(last) };
  const start = toOffset(first);
  if (last === '') return { start };
  const end = toOffset(last);
  return end < start ? undefined : { start, end };
}

/** What the range is on an object of `size` bytes; `undefined` when no byte of it is there (416 InvalidRange). */
export function resolveRange(range: ByteRange, size: number): ResolvedRange | undefined {
  if ('suffix' in range) {
    const length = Math.min(range.suffix, size);
    return length === 0 ? undefined : { start: size - length, end: size - 1 };
  }
  if (range.start >= size) return undefined;
  return { start: range.start, end: Math.min(range.end ?? size - 1, size - 1) };
}

/**
 * Whether the range is all of an object that has no bytes: "If the selected representation is shorter than the specified suffix-length,
 * the entire representation is used" (RFC 9110, section 14.1.2). No Content-Range names it, so that the answer is the whole object's.
 */
export function isAllOfNothing(range: ByteRange, size: number): boolean {
  return size === 0 && 'suffix' in range && range.suffix > 0;
}

const copyRange = 'x-amz-copy-source-range';

/**
 * `bytes=first-last` of UploadPartCopy, both required, on a source of `size` bytes. InvalidArgument, or InvalidRequest when it
 * begins behind the end.
 */
export function parseCopySourceRange(header: string, size: number): ResolvedRange {
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(header) ?? [];
  const start = first === undefined ? Number.NaN : toOffset(first);
  const end = last === undefined ? Number.NaN : toOffset(last);
  if (!(start <= end)) {
    throw invalidCopyRange(
      header,
      `The ${copyRange} value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy`,
    );
  }
  if (start >= size) {
    throw new S3Error('InvalidRequest', {
      message: 'The specified copy range is invalid for the source object size',
    });
  }
  if (end >= size) {
    throw invalidCopyRange(header, `Range specified is not valid for source object of size: ${size}`);
  }
  return { start, end };
}

function invalidCopyRange(header: string, message: string): S3Error {
  return new S3Error('InvalidArgument', {
    message,
    extra: { ArgumentName: copyRange, ArgumentValue: header },
  });
}

/** Decimal digits as an offset. No object reaches what a number cannot hold exactly. */
function toOffset(digits: string): number {
  return Math.min(Number(digits), Number.MAX_SAFE_INTEGER);
}
