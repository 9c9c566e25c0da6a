/** What the operating system said, in the words of the storage contract. */
import { AdapterError, type AdapterErrorKind, isAdapterError } from '../errors.ts';

/** An error that the caller's own stream or callback raised: it goes back to the caller untouched. */
export class FromCaller extends Error {
  override readonly name = 'FromCaller';
  readonly original: unknown;

  constructor(original: unknown) {
    super('raised by the caller');
    this.original = original;
  }
}

export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/**
 * No such file, as far as the tree of names goes: a parent may be missing, a file, a link or too long a name. ENXIO is what
 * open(2) says of a socket, and of a device that is not there.
 */
const missing = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'ENXIO']);

export function isMissing(error: unknown): boolean {
  return missing.has(codeOf(error) ?? '');
}

/** Resolves to `undefined` where there is no such file; every other failure stays one. */
export async function orMissing<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

interface Meaning {
  readonly kind: AdapterErrorKind;
  readonly advice: string;
  /** Seconds. */
  readonly retryAfter?: number;
}

const forbidden = 'give the user that Partway runs as read and write permission below the root';
const full = 'free space, inodes or quota on the file system of the root';
const handles = 'raise the limit of open files (ulimit -n, LimitNOFILE=)';
const meanings: Readonly<Record<string, Meaning>> = {
  EACCES: { kind: 'Forbidden', advice: forbidden },
  EPERM: { kind: 'Forbidden', advice: forbidden },
  // The kernel does this by itself after errors of the disk.
  EROFS: { kind: 'Unavailable', advice: 'the file system of the root is mounted read-only', retryAfter: 5 },
  ENOSPC: { kind: 'Full', advice: full },
  EDQUOT: { kind: 'Full', advice: full },
  EFBIG: { kind: 'TooLarge', advice: 'the file system of the root holds no file of this size' },
  EMFILE: { kind: 'Unavailable', advice: handles, retryAfter: 1 },
  ENFILE: { kind: 'Unavailable', advice: handles, retryAfter: 1 },
  ENOMEM: { kind: 'Unavailable', advice: 'the machine is out of memory', retryAfter: 1 },
  EAGAIN: { kind: 'Unavailable', advice: 'the machine is short of resources', retryAfter: 1 },
  EBUSY: { kind: 'Unavailable', advice: 'the file system is busy', retryAfter: 1 },
  EIO: { kind: 'Unavailable', advice: 'the disk of the root fails to read or write: see the kernel log' },
  ESTALE: {
    kind: 'Unavailable',
    advice: 'the network file system of the root lost its server',
    retryAfter: 1,
  },
  ETIMEDOUT: { kind: 'Unavailable', advice: 'the network file system of the root does not answer' },
  ENODEV: { kind: 'Unavailable', advice: 'the file system of the root is gone' },
  EXDEV: {
    kind: 'Internal',
    advice: 'everything below the root must lie on one file system: mount it at the root, not below',
  },
};

/** What to throw at the caller for whatever went wrong inside: an error of the contract, or the caller's own. */
export function toThrow(error: unknown): unknown {
  return error instanceof FromCaller ? error.original : toAdapterError(error);
}

export function toAdapterError(error: unknown): AdapterError {
  if (isAdapterError(error)) return error;
  const reason = error instanceof Error ? error.message : String(error);
  const meaning = meanings[codeOf(error) ?? ''];
  if (meaning === undefined) return new AdapterError('Internal', reason, { cause: error });
  const { kind, advice, retryAfter } = meaning;
  return new AdapterError(kind, `${reason}; ${advice}`, {
    cause: error,
    ...(retryAfter === undefined ? {} : { retryAfter }),
  });
}
