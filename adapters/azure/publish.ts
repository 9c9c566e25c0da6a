/**
 * Making an object visible, in one request that also checks the client's condition: Put Blob, Copy Blob From URL, Put Blob
 * From URL or, after Put Block From URL, Put Block List. Never Copy Blob, which may go on in the background: until
 * it is done the target is empty, and stays so when it fails ("Abort Copy Blob").
 */
import type { BlobHTTPHeaders, BlockBlobClient } from '@azure/storage-blob';
import { AdapterError, isAdapterError } from '../errors.ts';
import type { ObjectInfo } from '../types.ts';
import { nativeHeaders, sameHeaders } from './attributes.ts';
import type { AzureContext } from './context.ts';
import { copyByBlocks } from './copy-blocks.ts';
import { type Description, describeFor, type Target } from './describe.ts';
import { type About, serviceCode, serviceStatus } from './errors.ts';
import { about, findObject } from './look.ts';
import { checkSource } from './source.ts';

/** The state of a blob that is copied. */
export interface Source {
  readonly blob: BlockBlobClient;
  readonly version: string;
  /** Bytes of the object: all of the blob, or its first ones. */
  readonly size: number;
  readonly whole: boolean;
  /** Native properties of the blob, which Copy Blob From URL takes over. */
  readonly headers: BlobHTTPHeaders;
}

export interface Publication {
  readonly target: Target;
  readonly description: Description;
  readonly headers: BlobHTTPHeaders;
  readonly conditions: { readonly ifNoneMatch?: string; readonly ifMatch?: string };
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ((done: number, total: number) => void) | undefined;
  /** As in `CompleteUploadCall`. */
  readonly beforePublish: (() => void) | undefined;
}

/** What the service says of a write. */
export interface Written {
  readonly etag?: string;
  readonly lastModified?: Date;
}

export interface PublishOptions {
  readonly md5?: Uint8Array | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly beforePublish?: (() => void) | undefined;
}

/** Publishes bytes that are held in memory. `AdapterError` with code `Md5Mismatch` when they are not those of `md5`. */
export async function publishBytes(
  azure: AzureContext,
  bytes: Buffer,
  target: Target,
  options: PublishOptions,
): Promise<ObjectInfo> {
  return publish(azure, bytes.length, target, options, (publication) => {
    const blob = azure.object(target.bucket, target.key);
    return azure.send(about('store the object', blob), options.signal, (abortSignal) =>
      blob.upload(bytes, bytes.length, {
        abortSignal,
        conditions: publication.conditions,
        metadata: publication.description.metadata,
        blobHTTPHeaders: publication.headers,
      }),
    );
  });
}

/** Publishes blocks that are staged on the live blob itself (`staging: direct`). */
export async function publishBlocks(
  azure: AzureContext,
  blocks: { readonly ids: readonly string[]; readonly size: number },
  target: Target,
  options: PublishOptions,
): Promise<ObjectInfo> {
  return publish(azure, blocks.size, target, options, (publication) => {
    const blob = azure.object(target.bucket, target.key);
    return azure.send(
      about('commit the object', blob),
      options.signal,
      (abortSignal) =>
        blob.commitBlockList([...blocks.ids], {
          abortSignal,
          conditions: publication.conditions,
          metadata: publication.description.metadata,
          blobHTTPHeaders: publication.headers,
        }),
      { timeoutMs: azure.limits.copyMs },
    );
  });
}

/** Publishes bytes of another blob, copied inside the service. `PreconditionFailed` of `source`: it is in another state. */
export async function publishCopy(
  azure: AzureContext,
  source: Source,
  target: Target,
  options: PublishOptions,
): Promise<ObjectInfo> {
  if (source.size === 0) return publishBytes(azure, Buffer.alloc(0), target, options);
  return publish(azure, source.size, target, options, (publication) => copy(azure, source, publication));
}

async function publish(
  azure: AzureContext,
  size: number,
  target: Target,
  { md5, signal, onProgress, beforePublish }: PublishOptions,
  write: (publication: Publication) => Promise<Written>,
): Promise<ObjectInfo> {
  const { bucket, key, attributes, condition } = target;
  const description = await describeFor(azure, target, size, signal);
  const headers = nativeHeaders(attributes, md5);
  const conditions =
    condition === undefined
      ? {}
      : 'absent' in condition
        ? { ifNoneMatch: '*' }
        : { ifMatch: condition.version };
  try {
    beforePublish?.();
    const { etag, lastModified } = await write({
      target,
      description,
      headers,
      conditions,
      signal,
      onProgress,
      beforePublish,
    });
    if (etag === undefined || lastModified === undefined)
      throw new AdapterError('Internal', 'the service answered a write without ETag or Last-Modified');
    return { key, size, version: etag, lastModified, attributes };
  } catch (error) {
    // "If-Match" on a blob that is not there may also be answered "not found".
    const unmet =
      isAdapterError(error, 'PreconditionFailed') ||
      (isAdapterError(error, 'NoSuchObject') && error.subject === 'target' && condition !== undefined);
    if (!unmet || error.subject === 'source') throw error;
    const live = await findObject(azure, bucket, key, signal);
    // Ours, when an answer was lost and the request sent again.
    if (live?.write === description.write) return live.info;
    throw new AdapterError('PreconditionFailed', `the object '${key}' is not in the expected state`, {
      cause: error,
    });
  }
}

async function copy(azure: AzureContext, source: Source, publication: Publication): Promise<Written> {
  const { limits } = azure;
  const { size, whole } = source;
  const inherits = sameHeaders(publication.headers, nativeOf(source.headers));
  if (whole && inherits && size <= limits.copyBytes) return copyFromUrl(azure, source, publication);
  if (whole && size <= limits.putFromUrlBytes && !azure.lacksPutFromUrl) {
    const written = await putFromUrl(azure, source, publication);
    if (written !== undefined) return written;
  }
  return copyByBlocks(azure, source, publication);
}

async function copyFromUrl(azure: AzureContext, source: Source, publication: Publication): Promise<Written> {
  const blob = azure.object(publication.target.bucket, publication.target.key);
  return fromSource(azure, source, publication, about('copy to the object', blob), async (abortSignal) => {
    const { url, sourceAuthorization } = await azure.source(source.blob);
    return blob.syncCopyFromURL(url, {
      abortSignal,
      conditions: publication.conditions,
      sourceConditions: { ifMatch: source.version },
      metadata: publication.description.metadata,
      ...(sourceAuthorization === undefined ? {} : { sourceAuthorization }),
    });
  });
}

/** `undefined` when the service does not know the operation. */
async function putFromUrl(
  azure: AzureContext,
  source: Source,
  publication: Publication,
): Promise<Written | undefined> {
  const blob = azure.object(publication.target.bucket, publication.target.key);
  try {
    return await fromSource(
      azure,
      source,
      publication,
      about('copy to the object', blob),
      async (abortSignal) => {
        const { url, sourceAuthorization } = await azure.source(source.blob);
        return blob.syncUploadFromURL(url, {
          abortSignal,
          conditions: publication.conditions,
          sourceConditions: { ifMatch: source.version },
          copySourceBlobProperties: false,
          blobHTTPHeaders: publication.headers,
          metadata: publication.description.metadata,
          ...(sourceAuthorization === undefined ? {} : { sourceAuthorization }),
        });
      },
    );
  } catch (error) {
    if (serviceStatus(error) !== 501) throw error;
    azure.lacksPutFromUrl = true;
    return undefined;
  }
}

/** Sends a copy, and says of its failure whether it is the source that is missing or changed. */
async function fromSource<T>(
  azure: AzureContext,
  source: Source,
  { signal }: Publication,
  what: About,
  request: (abortSignal: AbortSignal) => Promise<T>,
): Promise<T> {
  try {
    return await azure.send(what, signal, request, { timeoutMs: azure.limits.copyMs });
  } catch (error) {
    if (!isAdapterError(error, 'PreconditionFailed', 'NoSuchObject') || error.subject === 'source')
      throw error;
    if (serviceCode(error) === 'BlobAlreadyExists') throw error;
    // "ConditionNotMet" and "BlobNotFound" do not say which of the two blobs is meant.
    await checkSource(azure, source, signal);
    throw error;
  }
}

function nativeOf(headers: BlobHTTPHeaders): Parameters<typeof sameHeaders>[1] {
  const {
    blobContentType,
    blobCacheControl,
    blobContentDisposition,
    blobContentEncoding,
    blobContentLanguage,
  } = headers;
  return {
    contentType: blobContentType ?? 'application/octet-stream',
    ...(blobCacheControl === undefined ? {} : { cacheControl: blobCacheControl }),
    ...(blobContentDisposition === undefined ? {} : { contentDisposition: blobContentDisposition }),
    ...(blobContentEncoding === undefined ? {} : { contentEncoding: blobContentEncoding }),
    ...(blobContentLanguage === undefined ? {} : { contentLanguage: blobContentLanguage }),
  };
}
