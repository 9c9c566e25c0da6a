/** Objects written in one request. Small ones are one Put Blob; larger ones are staged on a private blob, then copied. */
import { createHash } from 'node:crypto';
import { AdapterError, isAdapterError } from '../errors.ts';
import type { ObjectAttributes, ObjectInfo, PutObjectCall } from '../types.ts';
import { md5OfEtag, nativeHeaders } from './attributes.ts';
import { blockIds, newNonce } from './blocks.ts';
import type { AzureContext } from './context.ts';
import type { Target } from './describe.ts';
import { serviceCode } from './errors.ts';
import { about } from './look.ts';
import { putsPrefix } from './names.ts';
import { publishBlocks, publishBytes, publishCopy } from './publish.ts';
import { removeStaged, stageBody } from './stage.ts';

export async function putObject(azure: AzureContext, call: PutObjectCall): Promise<ObjectInfo> {
  const { body } = call;
  const { limits } = azure;
  // Refuses a name that cannot be held before a byte is read.
  azure.object(call.bucket, call.key);
  if (body.size <= limits.singlePutBytes && azure.buffered + body.size <= limits.bufferedBytes) {
    azure.buffered += body.size;
    try {
      return await putBuffered(azure, call);
    } finally {
      azure.buffered -= body.size;
    }
  }
  return azure.staging === 'direct' ? putDirectly(azure, call) : putStaged(azure, call);
}

async function putBuffered(azure: AzureContext, call: PutObjectCall): Promise<ObjectInfo> {
  const { bucket, key, body, condition, signal } = call;
  const blob = azure.object(bucket, key);
  const bytes = await azure.sendBody(about('read the body', blob), signal, body, (reader) => reader.whole());
  const attributes = await call.attributes();
  const target = { bucket, key, attributes, condition };
  const md5 = md5OfEtag(attributes);
  try {
    return await publishBytes(azure, bytes, target, { md5, signal });
  } catch (error) {
    if (serviceCode(error) !== 'Md5Mismatch' || md5 === undefined) throw error;
    // "Put Blob" checks x-ms-blob-content-md5. Either the bytes were damaged on their way, or this ETag is no MD5 of them.
    if (createHash('md5').update(bytes).digest().equals(md5)) throw error;
    return publishBytes(azure, bytes, target, { signal });
  }
}

async function putStaged(azure: AzureContext, call: PutObjectCall): Promise<ObjectInfo> {
  const { bucket, key, body, condition, signal } = call;
  const blob = azure.blob(bucket, putsPrefix + newNonce());
  let committed = false;
  try {
    const staged = await stageBody(azure, blob, 1, body, signal);
    const attributes = await call.attributes();
    const md5 = md5OfEtag(attributes);
    const headers = nativeHeaders(attributes, md5);
    const { etag } = await azure.send(about('commit staged bytes', blob), signal, (abortSignal) =>
      blob.commitBlockList(blockIds(staged, 1), { abortSignal, blobHTTPHeaders: headers }),
    );
    committed = true;
    if (etag === undefined) throw new AdapterError('Internal', 'the service answered a write without ETag');
    const source = { blob, version: etag, size: body.size, whole: true, headers };
    return await publishCopy(azure, source, { bucket, key, attributes, condition }, { md5, signal });
  } finally {
    azure.background(removeStaged(azure, blob, undefined, { uncommitted: !committed }));
  }
}

async function putDirectly(azure: AzureContext, call: PutObjectCall): Promise<ObjectInfo> {
  const { bucket, key, body, condition, signal } = call;
  const blob = azure.object(bucket, key);
  const staged = await stageBody(azure, blob, 1, body, signal);
  const attributes: ObjectAttributes = await call.attributes();
  const target: Target = { bucket, key, attributes, condition };
  try {
    const blocks = { ids: blockIds(staged, 1), size: body.size };
    return await publishBlocks(azure, blocks, target, { md5: md5OfEtag(attributes), signal });
  } catch (error) {
    throw sweptAway(error);
  }
}

/** Another writer's commit discards the blocks that wait on the live blob: what `staging: direct` risks. */
export function sweptAway(error: unknown): unknown {
  if (!isAdapterError(error) || serviceCode(error) !== 'InvalidBlockList') return error;
  return new AdapterError(
    'Unavailable',
    'another writer of the object discarded the blocks staged on it: with staging: direct each key may have one writer',
    { cause: error, retryAfter: 1 },
  );
}
