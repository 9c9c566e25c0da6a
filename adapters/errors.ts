/** Failures of a backend, as a closed set. Each adapter maps its SDK's errors to these in one file. */

export const adapterErrorKinds = [
  'NoSuchBucket',
  'NoSuchObject',
  'NoSuchPart',
  'BucketExists',
  'BucketNotEmpty',
  /** The backend cannot hold this bucket name or key; `message` says why. */
  'InvalidName',
  'InvalidRange',
  /** A write condition or expected version did not hold. */
  'PreconditionFailed',
  /** Larger than the backend's limit. */
  'TooLarge',
  /** Our credentials are refused, or lack a role; `message` names it. */
  'Forbidden',
  /** The backend asks for a lower rate. */
  'Throttled',
  /** Unreachable, timed out, or answering with its own outage. */
  'Unavailable',
  /** No space or quota left. */
  'Full',
  /** Stored bytes or attributes are not what they were when written. */
  'Corrupt',
  'Aborted',
  'Internal',
] as const;

export type AdapterErrorKind = (typeof adapterErrorKinds)[number];

export interface AdapterErrorOptions {
  readonly cause?: unknown;
  /** Which object of a copy failed; `target` when not given. */
  readonly subject?: 'source' | 'target';
  /** When to try again, in seconds. */
  readonly retryAfter?: number;
}

export class AdapterError extends Error {
  override readonly name = 'AdapterError';
  readonly kind: AdapterErrorKind;
  readonly subject: 'source' | 'target';
  readonly retryAfter: number | undefined;

  constructor(kind: AdapterErrorKind, message: string, options: AdapterErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = kind;
    this.subject = options.subject ?? 'target';
    this.retryAfter = options.retryAfter;
  }
}

export function isAdapterError(error: unknown, ...kinds: AdapterErrorKind[]): error is AdapterError {
  return error instanceof AdapterError && (kinds.length === 0 || kinds.includes(error.kind));
}
