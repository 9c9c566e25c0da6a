/** If-Match and If-None-Match on writes ("Conditional writes"), turned into a state that the backend enforces. */
import { isAdapterError } from '../../adapters/errors.ts';
import type { ObjectAttributes, ObjectInfo, StorageAdapter, WriteCondition } from '../../adapters/types.ts';
import type { WritePrecondition } from '../http/conditions.ts';
import { S3Error } from './errors.ts';

/** The live object, or `undefined`. NoSuchBucket stays an error. */
export async function liveObject(
  storage: StorageAdapter,
  bucket: string,
  key: string,
): Promise<ObjectInfo | undefined> {
  try {
    return await storage.headObject({ bucket, key });
  } catch (error) {
    if (isAdapterError(error, 'NoSuchObject')) return undefined;
    throw error;
  }
}

/** Holds the condition against the live object: the state to pin, or PreconditionFailed / NoSuchKey. */
export function resolveCondition(
  condition: WritePrecondition,
  live: ObjectInfo | undefined,
  key: string,
): WriteCondition {
  if (condition.kind === 'if-none-match') {
    if (live !== undefined) throw preconditionFailed('If-None-Match');
    return { absent: true };
  }
  if (live === undefined) throw new S3Error('NoSuchKey', { extra: { Key: key } });
  if (live.attributes.etag !== condition.etag) throw preconditionFailed('If-Match');
  return { version: live.version };
}

/** Conditional writes one after the other that an object remembers. */
const maxReplaced = 8;

/** What an object that is written under a condition remembers of what it replaces. */
export function replacedStates(live: ObjectInfo | undefined): Pick<ObjectAttributes, 'replaced'> {
  if (live === undefined) return { replaced: [''] };
  const { etag, replaced = [] } = live.attributes;
  return { replaced: [etag, ...replaced].slice(0, maxReplaced) };
}

/** The client's condition as the backend holds it, and what the object remembers of it. Both empty without one. */
export interface ConditionalWrite {
  readonly call: { readonly condition?: WriteCondition };
  readonly attributes: Pick<ObjectAttributes, 'replaced'>;
}

export function preconditionFailed(condition: string): S3Error {
  return new S3Error('PreconditionFailed', { extra: { Condition: condition } });
}

export function conditionalConflict(condition: string, key: string): S3Error {
  return new S3Error('ConditionalRequestConflict', { extra: { Condition: condition, Key: key } });
}

/**
 * Runs a write under the client's condition. The condition is judged before any byte is read, and the state it was judged on is
 * pinned in the backend's own atomic step: who loses that race gets 412 for `If-None-Match: *` and 409 for `If-Match`.
 */
export async function writeConditionally<T>(
  call: {
    readonly storage: StorageAdapter;
    readonly bucket: string;
    readonly key: string;
    readonly condition: WritePrecondition | undefined;
  },
  write: (conditional: ConditionalWrite) => Promise<T>,
): Promise<T> {
  const { condition, key } = call;
  if (condition === undefined) return write({ call: {}, attributes: {} });
  const live = await liveObject(call.storage, call.bucket, key);
  const pinned = resolveCondition(condition, live, key);
  try {
    return await write({ call: { condition: pinned }, attributes: replacedStates(live) });
  } catch (error) {
    if (!isAdapterError(error, 'PreconditionFailed') || error.subject === 'source') throw error;
    throw condition.kind === 'if-none-match'
      ? preconditionFailed('If-None-Match')
      : conditionalConflict('If-Match', key);
  }
}
