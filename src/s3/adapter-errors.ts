import type { AdapterError, AdapterErrorKind } from '../../adapters/errors.ts';
import { S3Error } from './errors.ts';

/** What the failed call was about, for the elements that AWS puts in its errors. */
export interface Subject {
  readonly bucket?: string | undefined;
  readonly key?: string | undefined;
}

const defaultRetryAfterSeconds = 1;

type Translate = (error: AdapterError, subject: Subject) => S3Error;

/** The one map from storage failures to S3 errors; `satisfies` makes the compiler check that no kind is missing. */
const translations = {
  NoSuchBucket: (cause, { bucket = '' }) =>
    new S3Error('NoSuchBucket', { extra: { BucketName: bucket }, cause }),
  NoSuchObject: (cause, { key = '' }) => new S3Error('NoSuchKey', { extra: { Key: key }, cause }),
  NoSuchPart: (cause) => new S3Error('InvalidPart', { cause }),
  BucketExists: (cause, { bucket = '' }) =>
    new S3Error('BucketAlreadyOwnedByYou', { extra: { BucketName: bucket }, cause }),
  BucketNotEmpty: (cause, { bucket = '' }) =>
    new S3Error('BucketNotEmpty', { extra: { BucketName: bucket }, cause }),
  InvalidName: (cause) => new S3Error('InvalidArgument', { message: cause.message, cause }),
  InvalidRange: (cause) => new S3Error('InvalidRange', { cause }),
  PreconditionFailed: (cause) => new S3Error('PreconditionFailed', { cause }),
  TooLarge: (cause) => new S3Error('EntityTooLarge', { cause }),
  Forbidden: (cause) =>
    new S3Error('AccessDenied', {
      message:
        'The storage behind this gateway refused access. Its operator finds the missing role in the log.',
      cause,
    }),
  Throttled: (cause) => new S3Error('SlowDown', { headers: retryAfter(cause.retryAfter), cause }),
  Unavailable: (cause) => new S3Error('ServiceUnavailable', { headers: retryAfter(cause.retryAfter), cause }),
  Full: (cause) => new S3Error('InsufficientStorage', { cause }),
  Corrupt: (cause) => new S3Error('InternalError', { cause }),
  Aborted: (cause) => new S3Error('RequestTimeout', { cause, close: true }),
  Internal: (cause) => new S3Error('InternalError', { cause }),
} satisfies Record<AdapterErrorKind, Translate>;

export function fromAdapterError(error: AdapterError, subject: Subject): S3Error {
  return translations[error.kind](error, subject);
}

export function retryAfter(seconds: number | undefined): Record<string, string> {
  return { 'retry-after': String(Math.max(1, Math.ceil(seconds ?? defaultRetryAfterSeconds))) };
}
