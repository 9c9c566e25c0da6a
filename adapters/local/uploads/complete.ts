/** Makes an object of staged parts: in place where they lie as they must, else with one copy. */
import type { FileHandle } from 'node:fs/promises';
import { AdapterError } from '../../errors.ts';
import type { CompleteUploadCall, ObjectInfo, StoredPart } from '../../types.ts';
import { copyRange } from '../body.ts';
import type { Context } from '../context.ts';
import { type BucketIdentity, find, findInfo, requireBucket } from '../find.ts';
import { unique } from '../layout.ts';
import { FileLock } from '../lock.ts';
import { checkKey } from '../names.ts';
import { checkCondition, publish } from '../publish.ts';
import { readPublished, removeJournal, writeJournal } from './journal.ts';
import { type Place, placeOf, Staging } from './staging.ts';

export async function completeUpload(context: Context, call: CompleteUploadCall): Promise<ObjectInfo> {
  const { bucket, key, uploadId } = call;
  checkKey(key);
  const identity = await requireBucket(context, bucket);
  const staging = new Staging(context, bucket, uploadId);
  const there = await context.files.look.lstat(staging.directory);
  if (there === undefined) return recognise(context, staging, call);
  return staging.guard(() => completeStaged(context, staging, identity, call));
}

async function completeStaged(
  context: Context,
  staging: Staging,
  identity: BucketIdentity,
  call: CompleteUploadCall,
): Promise<ObjectInfo> {
  const { bucket, key, condition } = call;
  // A lease that ran out while its holder was stopped must not let two work on the same files.
  using lock = new FileLock(`${staging.directory}/lock`);
  await lock.acquire().catch(async (error: unknown) => {
    const there = await context.files.look.lstat(staging.directory);
    throw there === undefined ? await staging.gone(error) : error;
  });
  const published = await readPublished(context, staging.directory);
  if (published !== undefined) return published;
  // Judged again when it counts; known now, it saves the work.
  if (condition !== undefined) checkCondition(key, condition, (await find(context, bucket, key))?.state);
  await discardAttempt(context, staging);
  await staging.seal();
  // Awaited, for the lock to be held until then.
  return await assemble(context, staging, identity, call);
}

/** What was staged is gone, as it is after Complete and clean-up: then the object says which upload made it. */
async function recognise(context: Context, staging: Staging, call: CompleteUploadCall): Promise<ObjectInfo> {
  const live = await findInfo(context, call.bucket, call.key);
  if (live?.info.attributes.uploadId === call.uploadId) return live.info;
  throw await staging.gone();
}

/** Removes what an attempt that was cut off, or refused, had put together from copies. */
async function discardAttempt(context: Context, staging: Staging): Promise<void> {
  const { files } = context;
  const names = await files.layer.readdir(staging.directory);
  const copies = names.filter((name) => name.startsWith('assembled.'));
  if (copies.length === 0) return;
  await removeJournal(context, staging.directory);
  await Promise.all(copies.map((name) => files.remove(`${staging.directory}/${name}`)));
}

interface PlacedPart {
  readonly part: StoredPart;
  readonly place: Place;
  /** Offset in the object. */
  readonly offset: number;
}

async function assemble(
  context: Context,
  staging: Staging,
  identity: BucketIdentity,
  call: CompleteUploadCall,
): Promise<ObjectInfo> {
  let total = 0;
  const parts = call.parts.map((part): PlacedPart => {
    const offset = total;
    total += part.size;
    return { part, place: placeOf(part.token), offset };
  });
  const slot = await findGrid(staging, parts, call);
  const source = slot === undefined ? `assembled.${unique()}` : `data.${slot}`;
  const path = `${staging.directory}/${source}`;
  const handle = await (slot === undefined
    ? context.files.createHere(path)
    : context.files.layer.open(path, 'r+'));
  try {
    // In place only what lies elsewhere is copied: a last part that came first, parts that were replaced.
    const elsewhere = parts.filter(({ place }) => !('slot' in place && place.slot === slot));
    await copyParts(staging, elsewhere, handle, call);
    await cut(handle, total);
    return await publish(context, {
      bucket: call.bucket,
      key: call.key,
      identity,
      path,
      handle,
      attributes: call.attributes,
      condition: call.condition,
      beforePublish: call.beforePublish,
      beforeRename: (info) => writeJournal(context, staging.directory, source, info),
    });
  } catch (error) {
    if (slot === undefined) await discardAttempt(context, staging).catch(() => undefined);
    throw error;
  } finally {
    await handle.close();
  }
}

/**
 * The slotted file that is the object but for parts that can be copied into it: parts 1 to k, all of the slot's size but
 * for the last, and no other part, be it recorded or on its way in, with a slot there that would be cut off or overwritten.
 */
async function findGrid(
  staging: Staging,
  parts: readonly PlacedPart[],
  { unused }: CompleteUploadCall,
): Promise<number | undefined> {
  const first = parts[0];
  if (first === undefined) throw new AdapterError('Internal', 'an object has at least one part');
  const slot = parts.length === 1 && 'slot' in first.place ? first.place.slot : first.part.size;
  const last = parts.length - 1;
  const dense = parts.every(
    ({ part }, i) => part.partNumber === i + 1 && (i === last ? part.size <= slot : part.size === slot),
  );
  const inSlots = new Set<number>();
  for (const { part, place } of parts)
    if ('slot' in place && place.slot === slot) inSlots.add(part.partNumber);
  if (!dense || unused.length > 0 || inSlots.size === 0) return undefined;
  const { taken, dead } = await staging.claims(slot);
  for (const number of taken) if (!inSlots.has(number) && !dead.has(number)) return undefined;
  return slot;
}

async function copyParts(
  staging: Staging,
  parts: readonly PlacedPart[],
  to: FileHandle,
  { parts: all, signal, onProgress }: CompleteUploadCall,
): Promise<void> {
  const total = all.reduce((sum, { size }) => sum + size, 0);
  let done = total - parts.reduce((sum, { part }) => sum + part.size, 0);
  for (const { part, place, offset } of parts) {
    if ('empty' in place) continue;
    await using from = await staging.openStaged(place);
    const start = 'slot' in place ? (part.partNumber - 1) * place.slot : 0;
    if ((await from.stat()).size < start + part.size) throw lost();
    const before = done;
    await copyRange(from, start, part.size, to, offset, {
      signal,
      onCopied: (bytes) => onProgress?.(before + bytes, total),
    });
    done += part.size;
  }
}

/** A slotted file may go on after the last part, where attempts that were given up wrote. It must not end before. */
async function cut(handle: FileHandle, size: number): Promise<void> {
  const stats = await handle.stat();
  if (stats.size < size) throw lost();
  if (stats.size > size) await handle.truncate(size);
}

function lost(): AdapterError {
  return new AdapterError('NoSuchPart', 'staged bytes are gone');
}
