/**
 * Failures of the service, the network and the credentials as {@link AdapterError}s. What the statuses and reasons mean:
 * "HTTP status and error codes for JSON" and "Retry strategy" (Cloud Storage documentation).
 */
import { AdapterError, type AdapterErrorKind } from '../errors.ts';

/** An answer that is no success. */
export class ServiceFailure extends Error {
  override readonly name = 'ServiceFailure';
  readonly status: number;
  /** `notFound`, `rateLimitExceeded` …; `NoSuchBucket`, `NoSuchKey` … where the XML API answered. */
  readonly reason: string | undefined;
  /** Seconds. */
  readonly retryAfter: number | undefined;

  constructor(status: number, reason: string | undefined, message: string, retryAfter?: number) {
    super(message);
    this.status = status;
    this.reason = reason;
    this.retryAfter = retryAfter;
  }
}

/** No answer: the connection could not be made, was cut, or stayed silent. */
export class NetworkFailure extends Error {
  override readonly name = 'NetworkFailure';
  /** The request cannot have reached the service. */
  readonly unsent: boolean;
  /** It is we who gave up waiting. */
  readonly silent: boolean;

  constructor(
    message: string,
    options: { readonly cause?: unknown; readonly unsent?: boolean; readonly silent?: boolean } = {},
  ) {
    super(message, { cause: options.cause });
    this.unsent = options.unsent ?? false;
    this.silent = options.silent ?? false;
  }
}

/** No credentials, or none that get a token. */
export class CredentialsFailure extends Error {
  override readonly name = 'CredentialsFailure';
}

/** The stream that was to be stored failed. Its error is the caller's own, and reaches it unchanged as `cause`. */
export class BodyFailure extends Error {
  override readonly name = 'BodyFailure';
}

/** May see buckets: what tells a missing object from a missing bucket. */
export const BUCKET_VIEWER = 'roles/storage.bucketViewer';

const rateLimits = new Set(['rateLimitExceeded', 'userRateLimitExceeded', 'dailyLimitExceeded', 'SlowDown']);
const transientStatuses = new Set([408, 429, 500, 502, 503, 504]);

/** The same request may succeed a little later. */
export function isTransient(error: unknown): boolean {
  if (error instanceof NetworkFailure) return true;
  if (!(error instanceof ServiceFailure)) return false;
  return transientStatuses.has(error.status) || rateLimits.has(error.reason ?? '');
}

/** The request failed for us, yet may have been carried out. */
export function mayHaveHappened(error: unknown): boolean {
  if (error instanceof NetworkFailure) return !error.unsent;
  return error instanceof ServiceFailure && (error.status === 408 || error.status >= 500);
}

export function hasStatus(error: unknown, ...statuses: number[]): error is ServiceFailure {
  return error instanceof ServiceFailure && statuses.includes(error.status);
}

export function aborted(signal: AbortSignal): AdapterError {
  return new AdapterError('Aborted', 'the request was aborted', { cause: signal.reason });
}

/** What a call was about, for the errors that depend on it. */
export interface ErrorContext {
  /** What a person would call it: `read an object`. */
  readonly action: string;
  /** What a 404 means. The bucket's existence decides, asked for by `bucketExists`; a call without it never gets one. */
  readonly missing?: { readonly kind: AdapterErrorKind; readonly bucketExists: () => Promise<boolean> };
  readonly subject?: 'source' | 'target';
  /** The role that the credentials need for it. */
  readonly role?: string;
}

/** The error to throw: an {@link AdapterError}, or the caller's own that broke its body. */
export async function translate(error: unknown, context: ErrorContext): Promise<unknown> {
  if (error instanceof AdapterError) return error;
  if (error instanceof BodyFailure) return error.cause;
  const subject = context.subject === undefined ? {} : { subject: context.subject };
  const options = { cause: error, ...subject };
  const what = `GCS could not ${context.action}`;
  if (error instanceof NetworkFailure)
    return new AdapterError('Unavailable', `${what}: ${error.message}`, options);
  if (error instanceof CredentialsFailure)
    return new AdapterError('Forbidden', `${what}: ${error.message}`, options);
  if (!(error instanceof ServiceFailure)) {
    return new AdapterError(
      'Internal',
      `${what}: ${error instanceof Error ? error.message : error}`,
      options,
    );
  }
  const message = `${what}: ${error.message} (${error.status}${error.reason === undefined ? '' : ` ${error.reason}`})`;
  if (isTransient(error)) {
    const throttled = error.status === 429 || rateLimits.has(error.reason ?? '');
    const retryAfter = error.retryAfter === undefined ? {} : { retryAfter: error.retryAfter };
    return new AdapterError(throttled ? 'Throttled' : 'Unavailable', message, { ...options, ...retryAfter });
  }
  switch (error.status) {
    case 401:
    case 403:
      return new AdapterError('Forbidden', `${message}. ${advice(error, context)}`, options);
    case 404:
      return notFound(error, context, message, options);
    case 412:
      return new AdapterError('PreconditionFailed', message, options);
    case 413:
      return new AdapterError('TooLarge', message, options);
    case 416:
      return new AdapterError('InvalidRange', message, options);
    default:
      return new AdapterError('Internal', message, options);
  }
}

function advice(error: ServiceFailure, context: ErrorContext): string {
  if (error.status === 401) {
    return 'The credentials are not accepted: check the key file, the workload identity or the metadata server.';
  }
  return `The credentials lack a permission that ${context.role ?? 'roles/storage.objectAdmin'} has: grant that role on the bucket or the project.`;
}

async function notFound(
  error: ServiceFailure,
  context: ErrorContext,
  message: string,
  options: { readonly cause: unknown; readonly subject?: 'source' | 'target' },
): Promise<unknown> {
  const { missing } = context;
  if (missing === undefined) return new AdapterError('NoSuchBucket', message, options);
  if (error.reason === 'NoSuchBucket') return new AdapterError('NoSuchBucket', message, options);
  if (error.reason === 'NoSuchKey') return new AdapterError(missing.kind, message, options);
  try {
    const there = await missing.bucketExists();
    return new AdapterError(there ? missing.kind : 'NoSuchBucket', message, options);
  } catch (problem) {
    return translate(problem, {
      ...context,
      action: `${context.action}, nor tell whether its bucket exists`,
      role: BUCKET_VIEWER,
    });
  }
}
