/** What the service says of a blob, as an object of ours or as one that another tool wrote. */
import type { BlobGetPropertiesResponse, BlockBlobClient } from '@azure/storage-blob';
import { AdapterError, isAdapterError } from '../errors.ts';
import type { ObjectCall, ObjectInfo } from '../types.ts';
import { decodeAttributes, decodeSidecar, foreignAttributes, type NativeBlob } from './attributes.ts';
import type { AzureContext } from './context.ts';
import type { About } from './errors.ts';

/** An object that keeps changing while its description is read is looked at so many times. */
export const maxLooks = 5;

/** A blob as the service described it in an answer. */
export interface AnsweredBlob extends NativeBlob {
  readonly size: number;
  readonly lastModified: Date;
}

export interface Look {
  readonly info: ObjectInfo;
  /** Names the write that made this state, if it was ours. */
  readonly write: string | undefined;
  readonly native: BlobGetPropertiesResponse;
}

/** HEAD, and the sidecar when there is one. */
export async function lookAt(azure: AzureContext, call: ObjectCall): Promise<Look> {
  const blob = azure.object(call.bucket, call.key);
  for (let look = 1; ; look++) {
    const native = await azure.send(about('describe the object', blob), call.signal, (abortSignal) =>
      blob.getProperties({ abortSignal }),
    );
    const answered = answeredBlob(native, native.contentLength ?? 0);
    const info = await describe(azure, call, answered, look === maxLooks);
    if (info === undefined) continue;
    return { info, write: decodeAttributes(native.metadata, answered.size)?.write, native };
  }
}

/** `undefined` when the object's sidecar is gone: it was replaced meanwhile, most likely. */
export async function describe(
  azure: AzureContext,
  { bucket, key, signal }: ObjectCall,
  blob: AnsweredBlob,
  lastLook: boolean,
): Promise<ObjectInfo | undefined> {
  const { size, etag: version } = blob;
  const decoded = decodeAttributes(blob.metadata, size);
  if (decoded === undefined)
    return { key, size, version, lastModified: blob.lastModified, attributes: foreignAttributes(blob) };
  const lastModified = decoded.modified ?? blob.lastModified;
  if (decoded.sidecar === undefined)
    return { key, size, version, lastModified, attributes: decoded.attributes };
  const bytes = await readSmall(azure, azure.blob(bucket, decoded.sidecar), signal);
  if (bytes !== undefined) return { key, size, version, lastModified, attributes: decodeSidecar(bytes) };
  if (lastLook)
    throw new AdapterError('Corrupt', `the attributes of the object are gone: ${decoded.sidecar}`);
  return undefined;
}

/** A private blob of at most some MiB; `undefined` when there is none. */
export async function readSmall(
  azure: AzureContext,
  blob: BlockBlobClient,
  signal: AbortSignal | undefined,
): Promise<Buffer | undefined> {
  try {
    return await azure.send(about('read a private blob', blob), signal, async (abortSignal) => {
      const { readableStreamBody } = await blob.download(0, undefined, { abortSignal });
      const chunks: Buffer[] = [];
      for await (const chunk of readableStreamBody ?? []) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks);
    });
  } catch (error) {
    if (isAdapterError(error, 'NoSuchObject')) return undefined;
    throw error;
  }
}

/** The live object, or `undefined`. */
export async function findObject(
  azure: AzureContext,
  bucket: string,
  key: string,
  signal: AbortSignal | undefined,
): Promise<Look | undefined> {
  try {
    return await lookAt(azure, { bucket, key, ...(signal === undefined ? {} : { signal }) });
  } catch (error) {
    if (isAdapterError(error, 'NoSuchObject')) return undefined;
    throw error;
  }
}

export function answeredBlob(
  answer: Omit<NativeBlob, 'etag'> & { readonly etag?: string; readonly lastModified?: Date },
  size: number,
): AnsweredBlob {
  const { etag, lastModified } = answer;
  if (etag === undefined || lastModified === undefined)
    throw new AdapterError('Internal', 'the service answered without ETag or Last-Modified');
  const { metadata, contentType, cacheControl, contentDisposition, contentEncoding, contentLanguage } =
    answer;
  return {
    etag,
    lastModified,
    size,
    metadata,
    contentType,
    cacheControl,
    contentDisposition,
    contentEncoding,
    contentLanguage,
  };
}

export function about(doing: string, blob: BlockBlobClient): About {
  return { doing, container: blob.containerName, blob: blob.name };
}
