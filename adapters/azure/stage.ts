/** Staging bytes as blocks, and removing what was staged. */
import type { BlockBlobClient } from '@azure/storage-blob';
import { AdapterError, isAdapterError } from '../errors.ts';
import type { Body, PartToken } from '../types.ts';
import { blockIds, blockSizes, newStagedPart, type StagedPart } from './blocks.ts';
import type { AzureContext } from './context.ts';
import { serviceCode } from './errors.ts';
import { breakLease } from './lease.ts';
import { about } from './look.ts';

/** Sends the body, once, as blocks of `blob` under a fresh nonce. `current`: the part it is to replace. */
export async function stageBody(
  azure: AzureContext,
  blob: BlockBlobClient,
  partNumber: number,
  body: Body,
  signal: AbortSignal | undefined,
  current?: PartToken,
): Promise<StagedPart> {
  const staged = newStagedPart(blockSizes(body.size, azure.limits.blockBytes), current);
  const ids = blockIds(staged, partNumber);
  await azure.sendBody(about('stage bytes', blob), signal, body, async (reader, abortSignal) => {
    if (ids.length === 0) await reader.whole();
    for (const [index, id] of ids.entries()) {
      const size = staged.sizes[index] ?? 0;
      const block = reader.block(size, index === ids.length - 1);
      let sent = false;
      const once = (): NodeJS.ReadableStream => {
        // Asked for again by the retries of a client that is not ours.
        if (sent) throw notTwice();
        sent = true;
        return block;
      };
      await blob.stageBlock(id, once, size, { abortSignal });
    }
  });
  return staged;
}

function notTwice(): AdapterError {
  return new AdapterError('Unavailable', 'Azure did not take the body, and a body cannot be sent twice', {
    retryAfter: 1,
  });
}

/**
 * Removes a private blob and its blocks. Idempotent. A lease that a crashed Complete left is broken. Delete Blob does not find
 * a blob that was never committed: one that may be such is committed empty first.
 */
export async function removeStaged(
  azure: AzureContext,
  blob: BlockBlobClient,
  signal: AbortSignal | undefined,
  options: { readonly uncommitted: boolean },
): Promise<void> {
  if (await remove(azure, blob, signal)) return;
  if (!options.uncommitted) return;
  if (await commitEmpty(azure, blob, signal)) await remove(azure, blob, signal);
}

/** Whether there was such a committed blob. */
async function remove(
  azure: AzureContext,
  blob: BlockBlobClient,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const send = (): Promise<unknown> =>
    azure.send(about('remove a staged blob', blob), signal, (abortSignal) =>
      blob.delete({ abortSignal, deleteSnapshots: 'include' }),
    );
  try {
    await send();
    return true;
  } catch (error) {
    if (isAdapterError(error, 'NoSuchObject', 'NoSuchBucket')) return false;
    if (serviceCode(error) !== 'LeaseIdMissing') throw error;
    await breakLease(azure, blob, signal);
    await send();
    return true;
  }
}

/** `false` when there is nothing to commit to. */
async function commitEmpty(
  azure: AzureContext,
  blob: BlockBlobClient,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  try {
    await azure.send(about('remove staged blocks', blob), signal, (abortSignal) =>
      blob.commitBlockList([], { abortSignal, conditions: { ifNoneMatch: '*' } }),
    );
    return true;
  } catch (error) {
    if (isAdapterError(error, 'NoSuchBucket')) return false;
    // Somebody committed it just now.
    if (isAdapterError(error, 'PreconditionFailed')) return true;
    throw error;
  }
}
