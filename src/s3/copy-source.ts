/** `x-amz-copy-source` and its conditions. */
import { isAdapterError } from '../../adapters/errors.ts';
import type { ObjectAttributes, ObjectInfo } from '../../adapters/types.ts';
import type { AccessPoints } from '../http/access-points.ts';
import { judgeCopySource, readCopySourceConditions } from '../http/conditions.ts';
import { accessOf, concealMissing, requireAccess } from './access/authorize.ts';
import { requireExpectedOwner } from './access/expected-owner.ts';
import { permissionFor } from './access/permissions.ts';
import { fromAdapterError } from './adapter-errors.ts';
import { S3Error } from './errors.ts';
import { isBucketName } from './names.ts';
import type { RequestContext } from './operation.ts';

export interface CopySource {
  readonly bucket: string;
  readonly key: string;
}

const header = 'x-amz-copy-source';
/** "You can copy an object of up to 5 GB in a single atomic action" ("CopyObject"); the same for a part. */
export const maxCopySize = 5 * 1024 * 1024 * 1024;
const maxKeyBytes = 1024;

/**
 * `bucket/key`, `/bucket/key` or `{ARN of an access point}/object/key`, percent-encoded, with `?versionId=null` at most.
 */
export function parseCopySource(text: string, accessPoints: AccessPoints): CopySource {
  const mark = text.indexOf('?');
  const path = mark < 0 ? text : text.slice(0, mark);
  const decoded = decode(path).replace(/^\//, '');
  const byArn = accessPoints.ofArn(decoded);
  const slash = decoded.indexOf('/');
  const bucket = byArn?.point.bucket ?? (slash < 0 ? decoded : decoded.slice(0, slash));
  const key = byArn === undefined ? (slash < 0 ? '' : decoded.slice(slash + 1)) : objectOf(byArn.rest);
  if (!isBucketName(bucket)) throw invalid('Invalid copy source bucket name', text);
  if (key === '' || key.includes('\0') || Buffer.byteLength(key) > maxKeyBytes) throw invalidKey();
  const version = mark < 0 ? undefined : /^\?versionId=(.*)$/.exec(text.slice(mark))?.[1];
  if (mark >= 0 && version === undefined) throw invalidKey();
  if (version !== undefined && version !== 'null') {
    throw new S3Error('InvalidArgument', {
      message: version === '' ? 'Version id cannot be the empty string' : 'Invalid version id specified',
      extra: { ArgumentName: header, ArgumentValue: text },
    });
  }
  return { bucket, key };
}

/** What follows `object/` in an ARN; else empty. */
function objectOf(rest: string): string {
  return rest.startsWith('object/') ? rest.slice('object/'.length) : '';
}

/** Header values arrive as latin1; `%XX` and raw UTF-8 bytes mean the same. `+` is a plus. */
function decode(path: string): string {
  try {
    return decodeURIComponent(
      path.replace(/[^\x20-\x7e]/g, (char) => `%${char.charCodeAt(0).toString(16).padStart(2, '0')}`),
    );
  } catch (cause) {
    throw invalid('Invalid copy source encoding', path, cause);
  }
}

/** AWS gives the header's name for its value here. */
function invalidKey(): S3Error {
  return invalid('Invalid copy source object key', header);
}

function invalid(message: string, value: string, cause?: unknown): S3Error {
  return new S3Error('InvalidArgument', {
    message,
    extra: { ArgumentName: header, ArgumentValue: value },
    cause,
  });
}

/** The source as it is now, if the caller may read it and the request's conditions on it hold. */
export async function headCopySource(context: RequestContext, source: CopySource): Promise<ObjectInfo> {
  const info = await aboutSource(source, async () => {
    await requireSource(context, source);
    try {
      return await context.gateway.storage
        .for(source.bucket)
        .headObject({ ...source, signal: context.signal });
    } catch (error) {
      await concealMissing(error, context, source);
      throw error;
    }
  });
  const failed = judgeCopySource(readCopySourceConditions(context.headers), {
    etag: info.attributes.etag,
    lastModified: info.lastModified,
  });
  if (failed !== undefined) throw new S3Error('PreconditionFailed', { extra: { Condition: failed } });
  return info;
}

async function requireSource(context: RequestContext, source: CopySource): Promise<void> {
  const { gateway, headers } = context;
  requireExpectedOwner(headers, accessOf(gateway).accountId, 'x-amz-source-expected-bucket-owner');
  const action = permissionFor('s3:GetObject', headers.get(header)?.includes('?versionId=') === true);
  await requireAccess(context, { action, ...source });
}

/** Tags go along with a copy only for who may read them there and write them here ("CopyObject", permissions). */
export async function requireTagsOfSource(
  context: RequestContext,
  source: CopySource,
  tags: ObjectAttributes['tags'],
): Promise<void> {
  if (Object.keys(tags ?? {}).length === 0) return;
  const { bucket, key } = context;
  await requireAccess(context, { action: 's3:GetObjectTagging', ...source });
  await requireAccess(context, { action: 's3:PutObjectTagging', bucket, key });
}

/** Names the source, not the target, in what goes wrong with it. A source replaced under the copy is a conflict to be tried again. */
export async function aboutSource<T>(source: CopySource, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isAdapterError(error, 'PreconditionFailed')) {
      throw new S3Error('SlowDown', { headers: { 'retry-after': '1' }, cause: error });
    }
    if (isAdapterError(error)) throw fromAdapterError(error, source);
    throw error;
  }
}
