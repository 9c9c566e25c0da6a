/** Copies inside one storage account. */
import { AdapterError, isAdapterError } from '../errors.ts';
import type { CopyObjectCall, ObjectInfo } from '../types.ts';
import type { AzureContext } from './context.ts';
import { type Look, lookAt } from './look.ts';
import { blobName } from './names.ts';
import { describeAnew } from './objects.ts';
import { publishCopy } from './publish.ts';
import { putObject } from './put.ts';
import { getObject } from './read.ts';

/** "Copy Blob From URL": a source is named by a URL of up to 2 KiB, of which a SAS takes its part. */
const maxSourceUrl = 2048;
const sasChars = 400;

export async function copyObject(azure: AzureContext, call: CopyObjectCall): Promise<ObjectInfo> {
  const { bucket, key, source, attributes, condition, signal, onProgress } = call;
  blobName(key);
  const look = await lookAtSource(azure, call);
  if (source.bucket === bucket && source.key === key) return copyOntoItself(azure, call, look);
  const blob = azure.object(source.bucket, source.key);
  const target = { bucket, key, attributes, condition };
  const md5 = look.native.contentMD5;
  if (blob.url.length + sasChars > maxSourceUrl) return copyThrough(azure, call, look);
  const headers = nativeHeadersOf(look);
  const from = { blob, version: source.version, size: look.info.size, whole: true, headers };
  return publishCopy(azure, from, target, { md5, signal, onProgress });
}

async function lookAtSource(azure: AzureContext, { source, signal }: CopyObjectCall): Promise<Look> {
  const { bucket, key, version } = source;
  try {
    const look = await lookAt(azure, { bucket, key, ...(signal === undefined ? {} : { signal }) });
    if (look.info.version === version) return look;
  } catch (error) {
    if (!isAdapterError(error) || error.subject === 'source') throw error;
    throw new AdapterError(error.kind, error.message, {
      cause: error.cause,
      subject: 'source',
      ...(error.retryAfter === undefined ? {} : { retryAfter: error.retryAfter }),
    });
  }
  throw new AdapterError('PreconditionFailed', `the source '${key}' is in another state`, {
    subject: 'source',
  });
}

/** The bytes stay; only the metadata is written, and with it the time. */
async function copyOntoItself(azure: AzureContext, call: CopyObjectCall, look: Look): Promise<ObjectInfo> {
  const { condition, source } = call;
  if (condition !== undefined && ('absent' in condition || condition.version !== source.version))
    throw new AdapterError('PreconditionFailed', `the object '${call.key}' is not in the expected state`);
  return describeAnew(azure, { ...call, look });
}

/** For a source whose name is too long to be one of a copy: its bytes pass through here, once. */
async function copyThrough(azure: AzureContext, call: CopyObjectCall, look: Look): Promise<ObjectInfo> {
  const { bucket, key, source, attributes, condition, signal } = call;
  const { body } = await getObject(azure, {
    ...source,
    ...(signal === undefined ? {} : { signal }),
  });
  return putObject(azure, {
    bucket,
    key,
    body: { stream: body, size: look.info.size },
    attributes: () => attributes,
    ...(condition === undefined ? {} : { condition }),
    ...(signal === undefined ? {} : { signal }),
  });
}

function nativeHeadersOf({ native }: Look): Parameters<typeof publishCopy>[1]['headers'] {
  const { contentType, cacheControl, contentDisposition, contentEncoding, contentLanguage } = native;
  return {
    ...(contentType === undefined ? {} : { blobContentType: contentType }),
    ...(cacheControl === undefined ? {} : { blobCacheControl: cacheControl }),
    ...(contentDisposition === undefined ? {} : { blobContentDisposition: contentDisposition }),
    ...(contentEncoding === undefined ? {} : { blobContentEncoding: contentEncoding }),
    ...(contentLanguage === undefined ? {} : { blobContentLanguage: contentLanguage }),
  };
}
