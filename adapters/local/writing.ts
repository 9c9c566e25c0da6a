/** Objects, one at a time: written, described, copied, removed. */
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AdapterError } from '../errors.ts';
import type {
  CopyObjectCall,
  DeleteObjectCall,
  ObjectInfo,
  PutObjectCall,
  SetAttributesCall,
} from '../types.ts';
import { copyRange, writeBody } from './body.ts';
import type { Context } from './context.ts';
import { FromCaller } from './errors.ts';
import {
  bucketIdentity,
  find,
  missingObject,
  naturalState,
  noSuchBucket,
  oddState,
  requireBucket,
} from './find.ts';
import { checkKey } from './names.ts';
import { openHandle } from './open.ts';
import { checkCondition, publish } from './publish.ts';
import { type FileState, lastModifiedOf, nanosecondsOf, stampWithin, stateOf, versionOf } from './state.ts';

export async function putObject(context: Context, call: PutObjectCall): Promise<ObjectInfo> {
  const { bucket, key, body, condition, signal } = call;
  checkKey(key);
  const identity = await requireBucket(context, bucket);
  return withTemporary(context, async (path, handle) => {
    await writeBody(handle, 0, body, signal);
    const attributes = await fromCaller(call.attributes);
    if (signal?.aborted) throw new FromCaller(signal.reason);
    return publish(context, { bucket, key, identity, path, handle, attributes, condition });
  });
}

async function fromCaller<T>(callback: () => T | Promise<T>): Promise<T> {
  try {
    return await callback();
  } catch (error) {
    throw new FromCaller(error);
  }
}

/** Hands out a new file of ours, which is removed unless it was renamed. */
async function withTemporary<T>(
  context: Context,
  work: (path: string, handle: FileHandle) => Promise<T>,
): Promise<T> {
  const { files, layout } = context;
  const path = layout.newTemporary();
  const handle = await files.create(path);
  try {
    const result = await work(path, handle);
    await handle.close();
    return result;
  } catch (error) {
    await handle.close().catch(() => undefined);
    await files.discard(path);
    throw error;
  }
}

export async function deleteObject(context: Context, call: DeleteObjectCall): Promise<void> {
  const { attributes, files, layout, locks } = context;
  const { bucket, key, condition } = call;
  checkKey(key);
  const natural = layout.natural(bucket, key);
  const odd = layout.odd(bucket, key);
  const states: (FileState | undefined)[] = [];
  const release = await locks.acquire(bucket, key);
  try {
    const [identity, naturalNow, oddNow] = await Promise.all([
      bucketIdentity(context, bucket),
      natural === undefined ? undefined : naturalState(context, natural),
      oddState(context, odd),
    ]);
    if (identity === undefined) throw noSuchBucket(bucket);
    if (condition !== undefined) checkCondition(key, condition, naturalNow ?? oddNow);
    // The private one first: were we cut off between the two, it must not come to light as if it were the object.
    if (oddNow !== undefined) await files.remove(odd);
    if (natural !== undefined && naturalNow !== undefined) await files.remove(natural);
    states.push(naturalNow, oddNow);
  } finally {
    release();
  }
  const [naturalFormer, oddFormer] = states;
  if (oddFormer !== undefined) {
    await files.syncDirectory(await files.prune(dirname(odd), layout.oddRoot(bucket)));
    await attributes.discard(bucket, key, oddFormer);
  }
  if (natural !== undefined && naturalFormer !== undefined) {
    await files.syncDirectory(await files.prune(dirname(natural), layout.bucket(bucket)));
    await attributes.discard(bucket, key, naturalFormer);
  }
}

/**
 * The file takes another time within the same millisecond, and with it other attributes: one step, for readers as after a
 * crash, and a version of its own.
 */
export async function setAttributes(context: Context, call: SetAttributesCall): Promise<ObjectInfo> {
  const { attributes, files, locks } = context;
  const { bucket, key, version } = call;
  const opened = await openHandle(context, bucket, key);
  if (opened === undefined) throw await missingObject(context, bucket, key);
  const { handle, found } = opened;
  try {
    checkCondition(key, { version }, found.state);
    const { stamp, state: planned } = await writeUnder(context, call, found.state);
    let state = planned;
    const release = await locks.acquire(bucket, key);
    try {
      const now = await find(context, bucket, key);
      checkCondition(key, { version }, now?.state);
      await handle.utimes(stamp, stamp);
      state = stateOf(await files.look.stat(handle));
      // A file system that keeps coarser times has given it another one.
      if (state.mtimeNs !== planned.mtimeNs) await attributes.move(bucket, key, planned, state);
    } catch (error) {
      await attributes.discard(bucket, key, planned);
      throw error;
    } finally {
      release();
    }
    await files.sync(handle);
    if (state.mtimeNs !== found.state.mtimeNs) await attributes.discard(bucket, key, found.state);
    return {
      key,
      size: state.size,
      lastModified: lastModifiedOf(state),
      version: versionOf(state),
      attributes: call.attributes,
    };
  } finally {
    await handle.close();
  }
}

async function writeUnder(
  context: Context,
  { bucket, key, attributes }: SetAttributesCall,
  former: FileState,
): Promise<{ readonly stamp: number; readonly state: FileState }> {
  for (;;) {
    const stamp = stampWithin(lastModifiedOf(former));
    const state = { ...former, mtimeNs: nanosecondsOf(stamp) };
    if (await context.attributes.write(bucket, key, state, attributes)) return { stamp, state };
  }
}

export async function copyObject(context: Context, call: CopyObjectCall): Promise<ObjectInfo> {
  const { bucket, key, source, attributes, condition, signal } = call;
  checkKey(key);
  const identity = await requireBucket(context, bucket);
  const opened = await ofSource(openSource(context, source));
  try {
    const { size } = opened.info;
    if (condition !== undefined) checkCondition(key, condition, (await find(context, bucket, key))?.state);
    return await withTemporary(context, async (path, handle) => {
      const onCopied = call.onProgress && ((done: number) => call.onProgress?.(done, size));
      await copyRange(opened.handle, 0, size, handle, 0, { signal, ...(onCopied && { onCopied }) });
      if (signal?.aborted) throw new FromCaller(signal.reason);
      return publish(context, { bucket, key, identity, path, handle, attributes, condition });
    });
  } finally {
    await opened.handle.close();
  }
}

async function openSource(
  context: Context,
  { bucket, key, version }: CopyObjectCall['source'],
): Promise<{ readonly handle: FileHandle; readonly info: ObjectInfo }> {
  const opened = await openHandle(context, bucket, key);
  if (opened === undefined) throw await missingObject(context, bucket, key);
  if (opened.info.version === version) return opened;
  await opened.handle.close();
  throw new AdapterError('PreconditionFailed', `${key} is not in the expected state`);
}

async function ofSource<T>(promise: Promise<T>): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    if (!(error instanceof AdapterError)) throw error;
    throw new AdapterError(error.kind, error.message, { cause: error.cause, subject: 'source' });
  }
}
