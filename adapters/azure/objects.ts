/** Deleting objects and describing them anew. */
import { AdapterError, isAdapterError } from '../errors.ts';
import type { DeleteObjectCall, ObjectCall, ObjectInfo, SetAttributesCall } from '../types.ts';
import { nativeHeaders, sameHeaders } from './attributes.ts';
import type { AzureContext } from './context.ts';
import { describeFor, type Target } from './describe.ts';
import { about, findObject, type Look, lookAt } from './look.ts';

export async function headObject(azure: AzureContext, call: ObjectCall): Promise<ObjectInfo> {
  return (await lookAt(azure, call)).info;
}

export async function deleteObject(azure: AzureContext, call: DeleteObjectCall): Promise<void> {
  const { bucket, key, condition, signal } = call;
  const blob = azure.object(bucket, key);
  let sent = 0;
  try {
    await azure.send(about('delete the object', blob), signal, (abortSignal) => {
      sent++;
      return blob.delete({
        abortSignal,
        deleteSnapshots: 'include',
        ...(condition === undefined ? {} : { conditions: { ifMatch: condition.version } }),
      });
    });
  } catch (error) {
    if (condition === undefined) {
      if (!isAdapterError(error, 'NoSuchObject')) throw error;
      return;
    }
    // "If-Match" on a blob that is not there is answered either way.
    if (!isAdapterError(error, 'NoSuchObject', 'PreconditionFailed')) throw error;
    // A second attempt finds nothing where the first one, whose answer was lost, deleted it.
    if (sent > 1 && (await findObject(azure, bucket, key, signal)) === undefined) return;
    throw new AdapterError('PreconditionFailed', `the object '${key}' is not in the expected state`, {
      cause: error,
    });
  }
}

/** Metadata first changes the blob's own time of modification; the former is kept in it and shown on. */
export async function setAttributes(azure: AzureContext, call: SetAttributesCall): Promise<ObjectInfo> {
  const look = await lookAt(azure, call);
  if (look.info.version !== call.version)
    throw new AdapterError('PreconditionFailed', `the object '${call.key}' is in another state`);
  return describeAnew(azure, { ...call, look, modified: look.info.lastModified });
}

/** Replaces the attributes of the state that was looked at. Without `modified` the object counts as written now. */
export async function describeAnew(
  azure: AzureContext,
  call: Target & { readonly look: Look; readonly modified?: Date; readonly signal?: AbortSignal | undefined },
): Promise<ObjectInfo> {
  const { bucket, key, attributes, look, modified, signal } = call;
  const { size } = look.info;
  const blob = azure.object(bucket, key);
  const description = await describeFor(azure, call, size, signal, modified);
  const wanted = nativeHeaders(attributes, look.native.contentMD5);
  let { version } = look.info;
  try {
    if (!sameHeaders(wanted, look.native)) {
      // Before the metadata, which is what counts: a crash in between leaves the former attributes.
      const set = await azure.send(about('set the properties of the object', blob), signal, (abortSignal) =>
        blob.setHTTPHeaders(wanted, { abortSignal, conditions: { ifMatch: version } }),
      );
      version = set.etag ?? version;
    }
    const set = await azure.send(about('set the metadata of the object', blob), signal, (abortSignal) =>
      blob.setMetadata(description.metadata, { abortSignal, conditions: { ifMatch: version } }),
    );
    const lastModified = modified ?? set.lastModified ?? look.info.lastModified;
    return { key, size, version: set.etag ?? '', lastModified, attributes };
  } catch (error) {
    // Ours, when an answer was lost and the request sent again.
    if (isAdapterError(error, 'PreconditionFailed')) {
      const now = await lookAt(azure, { bucket, key, ...(signal === undefined ? {} : { signal }) });
      if (now.write === description.write) return now.info;
    }
    throw error;
  }
}
