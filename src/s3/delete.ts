import { isAdapterError } from '../../adapters/errors.ts';
import { refuseEmptyIfMatch } from '../http/conditions.ts';
import type { Headers } from '../http/headers.ts';
import { S3Error } from './errors.ts';
import { unquoteEtag } from './etag.ts';
import type { Gateway } from './operation.ts';

/** Attempts to pin the state that was judged, when other writers keep replacing it. */
const maxAttempts = 5;

/** The ETag that the object must have, `*` for any; `undefined` deletes whatever is there. General-purpose buckets take no other condition ("Conditional deletes"). */
export function readDeleteCondition(headers: Headers): string | undefined {
  for (const name of ['x-amz-if-match-last-modified-time', 'x-amz-if-match-size']) {
    if (headers.has(name)) throw new S3Error('NotImplemented', { extra: { Header: name } });
  }
  const ifMatch = headers.get('if-match');
  if (ifMatch === undefined) return undefined;
  refuseEmptyIfMatch(ifMatch);
  return unquoteEtag(ifMatch);
}

/** Deletes an object if its ETag is the one wanted. A missing object is no error, unless a condition names one. */
export async function deleteConditionally(
  gateway: Gateway,
  bucket: string,
  key: string,
  etag: string | undefined,
): Promise<void> {
  const storage = gateway.storage.for(bucket);
  if (etag === undefined) return storage.deleteObject({ bucket, key });
  for (let attempt = 1; ; attempt += 1) {
    const version = await versionWithEtag(gateway, bucket, key, etag);
    try {
      return await storage.deleteObject({ bucket, key, condition: { version } });
    } catch (error) {
      if (!isAdapterError(error, 'PreconditionFailed')) throw error;
      // Somebody wrote between the look and the delete: judge again what is there now.
      if (attempt === maxAttempts)
        throw new S3Error('ConditionalRequestConflict', {
          extra: { Condition: 'If-Match', Key: key },
          cause: error,
        });
    }
  }
}

async function versionWithEtag(gateway: Gateway, bucket: string, key: string, etag: string): Promise<string> {
  try {
    const info = await gateway.storage.for(bucket).headObject({ bucket, key });
    if (etag === '*' || info.attributes.etag === etag) return info.version;
  } catch (error) {
    // AWS answers a condition on a missing key with 404 for `If-Match: etag` and for `*` alike.
    if (isAdapterError(error, 'NoSuchObject'))
      throw new S3Error('NoSuchKey', { extra: { Key: key }, cause: error });
    throw error;
  }
  throw new S3Error('PreconditionFailed', { extra: { Condition: 'If-Match' } });
}
