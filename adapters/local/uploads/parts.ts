/** The parts of an upload, from its beginning to its end. */
import { dirname } from 'node:path';
import { AdapterError } from '../../errors.ts';
import type { DiscardPartsCall, PartToken, PutPartCall, UploadCall, UploadState } from '../../types.ts';
import { writeBody } from '../body.ts';
import { mapBounded } from '../bounded.ts';
import { moveToTrash } from '../buckets.ts';
import type { Context } from '../context.ts';
import { isSameBucket, noSuchBucket, requireBucket } from '../find.ts';
import { unique } from '../layout.ts';
import { checkKey } from '../names.ts';
import { placeOf, Staging } from './staging.ts';

export async function beginUpload(context: Context, call: UploadCall): Promise<UploadState> {
  const { bucket, key, uploadId } = call;
  const { files, layout } = context;
  checkKey(key);
  const identity = await requireBucket(context, bucket);
  const directory = layout.upload(bucket, uploadId);
  await Promise.all([files.makePrivate(`${directory}/claims`), files.makePrivate(`${directory}/parts`)]);
  // Were the bucket removed in between, its successor must not inherit the upload.
  if (!isSameBucket(await requireBucket(context, bucket), identity)) throw noSuchBucket(bucket);
  await files.syncPath(directory, layout.root);
  return {};
}

export async function putPart(context: Context, call: PutPartCall): Promise<PartToken> {
  const { bucket, uploadId, partNumber, body, current, signal } = call;
  if (!Number.isInteger(partNumber) || partNumber < 1) {
    throw new AdapterError('InvalidName', `no part has the number ${partNumber}`);
  }
  const staging = new Staging(context, bucket, uploadId);
  return staging.guard(async () => {
    if (body.size === 0) {
      await writeBody(undefined, 0, body, signal);
      await staging.grids();
      return { empty: true };
    }
    const slot = current === undefined ? await staging.claimSlot(partNumber, body.size) : undefined;
    return slot === undefined ? writeFile(context, staging, call) : writeSlot(context, staging, call, slot);
  });
}

async function writeSlot(
  context: Context,
  staging: Staging,
  { partNumber, body, signal }: PutPartCall,
  slot: number,
): Promise<PartToken> {
  const { files, layout } = context;
  try {
    await using data = await staging.openData(slot);
    await writeBody(data, (partNumber - 1) * slot, body, signal);
    await Promise.all([files.syncData(data), files.syncFileName(staging.data(slot), layout.root)]);
  } catch (error) {
    // The file is closed and no write is outstanding, so the next attempt may have the slot.
    await staging.releaseSlot(slot, partNumber);
    throw error;
  }
  return { slot };
}

async function writeFile(
  context: Context,
  staging: Staging,
  { partNumber, body, signal }: PutPartCall,
): Promise<PartToken> {
  const { files, layout } = context;
  const file = `${partNumber}.${unique()}`;
  const path = staging.part(file);
  const handle = await files.createHere(path);
  try {
    await writeBody(handle, 0, body, signal);
    await Promise.all([files.sync(handle), files.syncPath(dirname(path), layout.root)]);
    await handle.close();
  } catch (error) {
    await handle.close().catch(() => undefined);
    await files.discard(path);
    throw error;
  }
  return { file };
}

export async function discardParts(context: Context, call: DiscardPartsCall): Promise<void> {
  const staging = new Staging(context, call.bucket, call.uploadId);
  await mapBounded(call.parts, async ({ partNumber, token }) => {
    const place = placeOf(token);
    if ('file' in place) await context.files.remove(staging.part(place.file));
    if ('slot' in place) await staging.killSlot(place.slot, partNumber);
  });
}

export async function abortUpload(context: Context, call: UploadCall): Promise<void> {
  const trash = await moveToTrash(context, context.layout.upload(call.bucket, call.uploadId));
  if (trash !== undefined) await context.files.discardTree(trash);
}
