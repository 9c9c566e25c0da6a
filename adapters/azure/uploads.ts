/**
 * Uploads by parts. Each has a private blob, committed empty at the start, on which parts wait as uncommitted blocks.
 *
 * "Put Block List" discards every uncommitted block that it does not name, and an upload must survive a Complete that fails.
 * So Complete takes a lease on the private blob, which keeps Put Block out; reads which blocks there are; and commits all
 * of them: first those of the object, in order, then every other that may still be needed. What it publishes is the blob, or
 * its first bytes when others follow them. Nothing that was acknowledged, or is yet to be, is ever discarded.
 */
import type { BlockBlobClient } from '@azure/storage-blob';
import { AdapterError, isAdapterError } from '../errors.ts';
import type {
  CompleteUploadCall,
  ObjectInfo,
  PartToken,
  PutPartCall,
  UploadCall,
  UploadState,
} from '../types.ts';
import { nativeHeaders } from './attributes.ts';
import { type BlockPlan, planBlocks } from './block-plan.ts';
import { blockIds, readToken, writeToken } from './blocks.ts';
import type { AzureContext } from './context.ts';
import { serviceCode } from './errors.ts';
import { withLease } from './lease.ts';
import { about, findObject } from './look.ts';
import { blobName, uploadsPrefix } from './names.ts';
import { publishBlocks, publishBytes, publishCopy } from './publish.ts';
import { sweptAway } from './put.ts';
import { removeStaged, stageBody } from './stage.ts';

const maxRounds = 4;

export async function beginUpload(azure: AzureContext, call: UploadCall): Promise<UploadState> {
  const { bucket, key, signal } = call;
  blobName(key);
  if (azure.staging === 'direct') {
    const container = azure.container(bucket);
    await azure.send(
      { doing: 'find the container', container: container.containerName },
      signal,
      (abortSignal) => container.getProperties({ abortSignal }),
    );
    return { direct: true };
  }
  const blob = stagingBlob(azure, call);
  await azure.send(about('begin the upload', blob), signal, (abortSignal) =>
    blob.upload(Buffer.alloc(0), 0, { abortSignal }),
  );
  return {};
}

export async function putPart(azure: AzureContext, call: PutPartCall): Promise<PartToken> {
  const { partNumber, body, signal, current } = call;
  blobName(call.key);
  const blob = isDirect(call.state) ? azure.object(call.bucket, call.key) : stagingBlob(azure, call);
  return writeToken(await stageBody(azure, blob, partNumber, body, signal, current));
}

export async function completeUpload(azure: AzureContext, call: CompleteUploadCall): Promise<ObjectInfo> {
  if (isDirect(call.state)) return completeDirectly(azure, call);
  for (let round = 1; ; round++) {
    const info = await tryComplete(azure, call);
    if (info !== undefined) return info;
    if (round === maxRounds)
      throw new AdapterError('Unavailable', 'other attempts to complete the upload kept coming in between', {
        retryAfter: 2,
      });
  }
}

/** `undefined`: another attempt came in between; try again. */
async function tryComplete(azure: AzureContext, call: CompleteUploadCall): Promise<ObjectInfo | undefined> {
  const { bucket, key, attributes, condition, signal, onProgress, beforePublish } = call;
  const blob = stagingBlob(azure, call);
  const headers = nativeHeaders(attributes);
  const target = { bucket, key, attributes, condition };
  const size = call.parts.reduce((sum, part) => sum + part.size, 0);
  let committing = false;
  try {
    return await withLease(azure, blob, signal, async (leaseId, release) => {
      const list = await azure.send(
        about('list the staged blocks', blob),
        signal,
        (abortSignal) => blob.getBlockList('all', { abortSignal }),
        { timeoutMs: azure.limits.copyMs },
      );
      const staged = { committed: list.committedBlocks ?? [], uncommitted: list.uncommittedBlocks ?? [] };
      // Something is committed: an earlier attempt came this far, and perhaps to the end.
      if (staged.committed.length > 0 || size === 0) {
        const done = await recognise(azure, call);
        if (done !== undefined) return done;
      }
      const plan = planBlocks(call, staged);
      committing = true;
      const version = await commit(azure, blob, plan, { leaseId, headers, etag: list.etag, signal });
      committing = false;
      // Parts may come in again: what is committed stays, and the version pins what is published.
      release();
      if (size === 0) return publishBytes(azure, Buffer.alloc(0), target, { signal, beforePublish });
      const source = { blob, version, size, whole: plan.others === 0, headers };
      return publishCopy(azure, source, target, { signal, onProgress, beforePublish });
    });
  } catch (error) {
    if (!isAdapterError(error)) throw error;
    if (error.kind === 'NoSuchObject' && error.subject === 'target') return onceCompleted(azure, call, error);
    // Another attempt committed anew, or our lease ran out.
    if (error.subject === 'source' && (error.kind === 'PreconditionFailed' || error.kind === 'NoSuchObject'))
      return undefined;
    if (committing && (error.kind === 'PreconditionFailed' || isLeaseLost(error))) return undefined;
    if (error.kind !== 'PreconditionFailed') throw error;
    const done = await recognise(azure, call);
    if (done !== undefined) return done;
    throw error;
  }
}

/** ETag of the private blob once it holds just what is planned. */
async function commit(
  azure: AzureContext,
  blob: BlockBlobClient,
  plan: BlockPlan,
  options: {
    readonly leaseId: string;
    readonly headers: ReturnType<typeof nativeHeaders>;
    readonly etag: string | undefined;
    readonly signal: AbortSignal | undefined;
  },
): Promise<string> {
  const { leaseId, headers, etag, signal } = options;
  if (plan.committedAlready && etag !== undefined) return etag;
  const committed = await azure.send(
    about('commit the staged blocks', blob),
    signal,
    (abortSignal) =>
      blob.commitBlockList([...plan.ids], { abortSignal, conditions: { leaseId }, blobHTTPHeaders: headers }),
    { timeoutMs: azure.limits.copyMs },
  );
  if (committed.etag === undefined)
    throw new AdapterError('Internal', 'the service answered a write without ETag');
  return committed.etag;
}

/** The private blob is gone: the upload was completed and cleaned up, or it was aborted. */
async function onceCompleted(
  azure: AzureContext,
  call: CompleteUploadCall,
  cause: AdapterError,
): Promise<ObjectInfo> {
  const done = await recognise(azure, call);
  if (done !== undefined) return done;
  throw new AdapterError('NoSuchPart', `nothing is staged for upload '${call.uploadId}'`, { cause });
}

/** The live object, if it is this upload that made it. */
async function recognise(azure: AzureContext, call: CompleteUploadCall): Promise<ObjectInfo | undefined> {
  const live = await findObject(azure, call.bucket, call.key, call.signal);
  return live !== undefined && live.info.attributes.uploadId === call.uploadId ? live.info : undefined;
}

async function completeDirectly(azure: AzureContext, call: CompleteUploadCall): Promise<ObjectInfo> {
  const { bucket, key, attributes, condition, signal, beforePublish } = call;
  const ids = call.parts.flatMap((part) => blockIds(readToken(part.token), part.partNumber));
  const size = call.parts.reduce((sum, part) => sum + part.size, 0);
  try {
    return await publishBlocks(
      azure,
      { ids, size },
      { bucket, key, attributes, condition },
      { signal, beforePublish },
    );
  } catch (error) {
    const gone = serviceCode(error) === 'InvalidBlockList';
    if (!gone && !isAdapterError(error, 'PreconditionFailed')) throw error;
    const done = await recognise(azure, call);
    if (done !== undefined) return done;
    if (!gone) throw error;
    throw new AdapterError('NoSuchPart', `the parts of upload '${call.uploadId}' are gone`, {
      cause: sweptAway(error),
    });
  }
}

/** Blocks on the live blob cannot be removed one by one: the service drops them after a week. */
export async function abortUpload(
  azure: AzureContext,
  call: UploadCall & { readonly state: UploadState },
): Promise<void> {
  if (isDirect(call.state)) return;
  await removeStaged(azure, stagingBlob(azure, call), call.signal, { uncommitted: false });
}

export function stagingBlob(azure: AzureContext, call: UploadCall): BlockBlobClient {
  return azure.blob(call.bucket, uploadsPrefix + call.uploadId);
}

export function isDirect(state: UploadState): boolean {
  return typeof state === 'object' && state !== null && 'direct' in state && state.direct === true;
}

function isLeaseLost(error: AdapterError): boolean {
  return /^Lease/.test(serviceCode(error) ?? '');
}
