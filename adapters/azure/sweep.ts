/** Collecting what crashes left: staging blobs of uploads and puts, and sidecars that no object refers to. */
import type { BlobItem, BlockBlobClient } from '@azure/storage-blob';
import { isAdapterError } from '../errors.ts';
import type { Leftover, SweepCall, SweepResult } from '../types.ts';
import { decodeAttributes } from './attributes.ts';
import { listBuckets } from './buckets.ts';
import type { AzureContext } from './context.ts';
import { about } from './look.ts';
import { metaPrefix, putsPrefix, uploadsPrefix } from './names.ts';
import { removeStaged } from './stage.ts';
import { BlobWalk } from './walk.ts';

class Tally {
  removed = 0;
  bytes = 0;
  readonly #onLeftover: SweepCall['onLeftover'];

  constructor({ onLeftover }: SweepCall) {
    this.#onLeftover = onLeftover;
  }

  count(leftover: Leftover): void {
    this.removed += 1;
    this.bytes += leftover.bytes;
    this.#onLeftover?.(leftover);
  }
}

export async function sweep(azure: AzureContext, call: SweepCall): Promise<SweepResult> {
  const tally = new Tally(call);
  for (const { name: bucket } of await listBuckets(azure, call.signal)) {
    if (call.isOurs?.(bucket) === false) continue;
    try {
      await sweepStaged(azure, bucket, uploadsPrefix, call, tally);
      await sweepStaged(azure, bucket, putsPrefix, call, tally);
      await sweepSidecars(azure, bucket, call, tally);
    } catch (error) {
      // Deleted meanwhile.
      if (!isAdapterError(error, 'NoSuchBucket')) throw error;
    }
  }
  const { bytes, removed } = tally;
  return { removed, bytes };
}

async function sweepStaged(
  azure: AzureContext,
  bucket: string,
  prefix: string,
  call: SweepCall,
  tally: Tally,
): Promise<void> {
  for await (const item of oldBlobs(azure, bucket, prefix, call)) {
    const uploadId = prefix === uploadsPrefix ? item.name.slice(prefix.length) : undefined;
    if (uploadId !== undefined && (await call.isOpen(uploadId))) continue;
    const blob = azure.blob(bucket, item.name);
    const staged = await stagedBytes(azure, blob, call.signal);
    if (staged === undefined) continue;
    if (call.dryRun !== true) await removeStaged(azure, blob, call.signal, { uncommitted: true });
    tally.count({
      kind: uploadId === undefined ? 'write' : 'upload',
      bucket,
      ...(uploadId !== undefined && { uploadId }),
      place: `${blob.containerName}/${blob.name}`,
      bytes: staged,
    });
  }
}

async function sweepSidecars(
  azure: AzureContext,
  bucket: string,
  call: SweepCall,
  tally: Tally,
): Promise<void> {
  for await (const item of oldBlobs(azure, bucket, metaPrefix, call)) {
    if (await isReferred(azure, bucket, item, call.signal)) continue;
    const blob = azure.blob(bucket, item.name);
    if (call.dryRun !== true)
      await azure.send(about('remove orphaned attributes', blob), call.signal, (abortSignal) =>
        blob.deleteIfExists({ abortSignal, deleteSnapshots: 'include' }),
      );
    tally.count({
      kind: 'attributes',
      bucket,
      place: `${blob.containerName}/${blob.name}`,
      bytes: item.properties.contentLength ?? 0,
    });
  }
}

async function* oldBlobs(
  azure: AzureContext,
  bucket: string,
  prefix: string,
  { olderThan, signal }: SweepCall,
): AsyncGenerator<BlobItem> {
  const walk = new BlobWalk(azure, {
    bucket,
    prefix,
    metadata: true,
    uncommitted: true,
    pageSize: 1000,
    signal,
  });
  for (let item = await walk.peek(); item !== undefined; item = await walk.peek()) {
    const modified = item.blob?.properties.lastModified;
    // A blob that was never committed may have no time: whether its upload is open decides. Other such writes may be under way; the service
    // drops their blocks after a week ("Put Block").
    const isOld = modified === undefined ? prefix === uploadsPrefix : modified < olderThan;
    if (item.blob !== undefined && isOld) yield item.blob;
    walk.next();
  }
}

/** `undefined` when it is gone. */
async function stagedBytes(
  azure: AzureContext,
  blob: BlockBlobClient,
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  try {
    const list = await azure.send(about('list the staged blocks', blob), signal, (abortSignal) =>
      blob.getBlockList('all', { abortSignal }),
    );
    const blocks = [...(list.committedBlocks ?? []), ...(list.uncommittedBlocks ?? [])];
    return blocks.reduce((sum, { size }) => sum + size, 0);
  } catch (error) {
    if (isAdapterError(error, 'NoSuchObject')) return undefined;
    throw error;
  }
}

/** Whether the object that the sidecar was written for still refers to it. */
async function isReferred(
  azure: AzureContext,
  bucket: string,
  sidecar: BlobItem,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const owner = sidecar.metadata?.['owner'];
  if (owner === undefined) return false;
  const blob = azure.blob(bucket, Buffer.from(owner, 'base64url').toString());
  try {
    const properties = await azure.send(about('describe the object', blob), signal, (abortSignal) =>
      blob.getProperties({ abortSignal }),
    );
    return decodeAttributes(properties.metadata, properties.contentLength ?? 0)?.sidecar === sidecar.name;
  } catch (error) {
    if (isAdapterError(error, 'NoSuchObject')) return false;
    throw error;
  }
}
