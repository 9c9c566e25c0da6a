/**
 * A copy in blocks: for objects above the limit of the one-request copies, and for the first bytes of a blob. The blocks
 * wait uncommitted on the target, where another writer's commit sweeps them away; then they are copied again.
 */
import { AdapterError } from '../errors.ts';
import { blockSizes, foreignBlockId, maxBlocks, newNonce } from './blocks.ts';
import type { AzureContext } from './context.ts';
import { serviceCode } from './errors.ts';
import { about, findObject } from './look.ts';
import type { Publication, Source, Written } from './publish.ts';
import { checkSource } from './source.ts';

const maxRounds = 4;
const ownIdBytes = 25;

export async function copyByBlocks(
  azure: AzureContext,
  source: Source,
  publication: Publication,
): Promise<Written> {
  await checkCondition(azure, publication);
  let idBytes = ownIdBytes;
  for (let round = 1; ; round++) {
    try {
      return await copyOnce(azure, source, publication, idBytes);
    } catch (error) {
      const code = serviceCode(error);
      if (round === maxRounds || (code !== 'InvalidBlockList' && code !== 'InvalidBlobOrBlock')) {
        if (code !== 'InvalidBlockList') throw error;
        throw new AdapterError('Unavailable', 'other writers of the object kept sweeping the copy away', {
          cause: error,
          retryAfter: 2,
        });
      }
      if (code === 'InvalidBlobOrBlock') idBytes = await idBytesOf(azure, publication);
    }
  }
}

async function copyOnce(
  azure: AzureContext,
  source: Source,
  publication: Publication,
  idBytes: number,
): Promise<Written> {
  const { limits } = azure;
  const { signal, onProgress, target, description } = publication;
  const blob = azure.object(target.bucket, target.key);
  const sizes = blockSizes(source.size, Math.max(limits.copyBlockBytes, Math.ceil(source.size / maxBlocks)));
  const nonce = newNonce();
  const ids = sizes.map((_, index) => foreignBlockId(nonce, index, idBytes));
  let next = 0;
  let done = 0;
  let failed = false;
  const worker = async (): Promise<void> => {
    while (next < sizes.length && !failed) {
      const index = next++;
      const offset = index * (sizes[0] ?? 0);
      const count = sizes[index] ?? 0;
      try {
        await azure.send(
          about('copy a block', blob),
          signal,
          async (abortSignal) => {
            const { url, sourceAuthorization } = await azure.source(source.blob);
            return blob.stageBlockFromURL(ids[index] ?? '', url, offset, count, {
              abortSignal,
              ...(sourceAuthorization === undefined ? {} : { sourceAuthorization }),
            });
          },
          { timeoutMs: limits.copyMs },
        );
      } catch (error) {
        failed = true;
        throw error;
      }
      done += count;
      onProgress?.(done, source.size);
    }
  };
  const results = await Promise.allSettled(
    Array.from({ length: Math.min(limits.copyConcurrency, sizes.length) }, worker),
  );
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  // The SDK's Put Block From URL takes no condition on its source: what was in this state before and is in it now was in it throughout.
  await checkSource(azure, source, signal);
  publication.beforePublish?.();
  return azure.send(
    about('commit the copy', blob),
    signal,
    (abortSignal) =>
      blob.commitBlockList(ids, {
        abortSignal,
        conditions: publication.conditions,
        metadata: description.metadata,
        blobHTTPHeaders: publication.headers,
      }),
    { timeoutMs: limits.copyMs },
  );
}

/** Spares a long copy whose commit would be refused; the commit itself decides. */
async function checkCondition(azure: AzureContext, { target, signal }: Publication): Promise<void> {
  const { bucket, key, condition } = target;
  if (condition === undefined) return;
  const live = await findObject(azure, bucket, key, signal);
  const version = live?.info.version;
  if (version !== ('absent' in condition ? undefined : condition.version))
    throw new AdapterError('PreconditionFailed', `the object '${key}' is not in the expected state`);
}

/** Raw length of the IDs that another tool uses on the target. */
async function idBytesOf(azure: AzureContext, { target, signal }: Publication): Promise<number> {
  const blob = azure.object(target.bucket, target.key);
  const list = await azure.send(about('list the blocks of the object', blob), signal, (abortSignal) =>
    blob.getBlockList('all', { abortSignal }),
  );
  const [block] = [...(list.uncommittedBlocks ?? []), ...(list.committedBlocks ?? [])];
  return block === undefined ? ownIdBytes : Buffer.from(block.name, 'base64').length;
}
