/** Which parts of an upload have lost their bytes. */
import { isAdapterError } from '../errors.ts';
import type { DiscardPartsCall } from '../types.ts';
import { blockIds, readToken } from './blocks.ts';
import type { AzureContext } from './context.ts';
import { about } from './look.ts';
import { isDirect, stagingBlob } from './uploads.ts';

export async function findMissingParts(
  azure: AzureContext,
  call: DiscardPartsCall,
): Promise<readonly number[]> {
  const staged = await stagedBlocks(azure, call);
  return call.parts.flatMap(({ partNumber, token }) => {
    const part = readToken(token);
    const isThere = blockIds(part, partNumber).every((id, index) => staged.get(id) === part.sizes[index]);
    return isThere ? [] : [partNumber];
  });
}

/** Sizes by block ID; none when the blob is gone. */
async function stagedBlocks(
  azure: AzureContext,
  call: DiscardPartsCall,
): Promise<ReadonlyMap<string, number>> {
  const blob = isDirect(call.state) ? azure.object(call.bucket, call.key) : stagingBlob(azure, call);
  try {
    const list = await azure.send(about('list the staged blocks', blob), call.signal, (abortSignal) =>
      blob.getBlockList('all', { abortSignal }),
    );
    const blocks = [...(list.committedBlocks ?? []), ...(list.uncommittedBlocks ?? [])];
    return new Map(blocks.map(({ name, size }) => [name, size]));
  } catch (error) {
    if (isAdapterError(error, 'NoSuchObject', 'NoSuchBucket')) return new Map();
    throw error;
  }
}
