/** What answers tell of the lifecycle rules that an object or upload falls under. */
import { isAdapterError } from '../../../adapters/errors.ts';
import type { ObjectInfo } from '../../../adapters/types.ts';
import type { Gateway, RequestContext } from '../operation.ts';
import { remembering, storedOf } from './documents-of.ts';
import { abortTimeOf, type Due, expirationDue, firstDue, type LifecycleRule } from './lifecycle.ts';
import { parseLifecycle } from './lifecycle-document.ts';

const parse = remembering(parseLifecycle);

/** Rules of the bucket; `undefined` when it has none. NoSuchBucket. */
export function lifecycleOf(
  gateway: Pick<Gateway, 'documents'>,
  bucket: string,
): Promise<readonly LifecycleRule[] | undefined> {
  return storedOf(gateway, bucket, 'lifecycle', parse);
}

type ExpirationHeaders = (info: ObjectInfo) => Readonly<Record<string, string>>;
const nothing: Readonly<Record<string, string>> = {};
const never: ExpirationHeaders = () => nothing;

/**
 * `x-amz-expiration` of an object that will expire. Ask early, so that it is known when the object is. Never rejects: no answer is lost for want
 * of this header.
 */
export async function expirationHeaders(
  context: Pick<RequestContext, 'bucket' | 'gateway'>,
): Promise<ExpirationHeaders> {
  const rules = await rulesOf(context);
  if (rules === undefined || !rules.some(({ enabled, expiration }) => enabled && expiration !== undefined)) {
    return never;
  }
  return ({ attributes, key, lastModified, size }) => {
    const due = expirationDue(rules, {
      key,
      size: attributes.plainSize ?? size,
      lastModified,
      tags: attributes.tags ?? {},
    });
    if (due === undefined) return nothing;
    return { 'x-amz-expiration': `expiry-date="${dateOf(due)}", rule-id="${headerText(due.rule.id)}"` };
  };
}

/** As {@link expirationHeaders}, of the object that an upload has just made; it is looked at only where a rule could apply. */
export async function expirationOfUpload(
  context: Pick<RequestContext, 'bucket' | 'gateway' | 'key'>,
  uploadId: string,
): Promise<Readonly<Record<string, string>>> {
  const headersOf = await expirationHeaders(context);
  if (headersOf === never) return nothing;
  const { bucket, gateway, key } = context;
  try {
    const info = await gateway.storage.for(bucket).headObject({ bucket, key });
    return info.attributes.uploadId === uploadId ? headersOf(info) : nothing;
  } catch (error) {
    if (!isAdapterError(error, 'NoSuchBucket', 'NoSuchObject')) {
      gateway.log.warn('could not see when an object expires', { bucket, key, error });
    }
    return nothing;
  }
}

/** `x-amz-abort-date` and `x-amz-abort-rule-id` of an upload that a rule will end. Never rejects. */
export async function abortHeaders(
  context: Pick<RequestContext, 'bucket' | 'gateway' | 'key'>,
  initiatedAt: number,
): Promise<Readonly<Record<string, string>>> {
  const rules = await rulesOf(context);
  const due = rules && firstDue(rules, (rule) => abortTimeOf(rule, context.key, initiatedAt));
  if (due === undefined) return nothing;
  return { 'x-amz-abort-date': dateOf(due), 'x-amz-abort-rule-id': headerText(due.rule.id) };
}

async function rulesOf({
  bucket,
  gateway,
}: Pick<RequestContext, 'bucket' | 'gateway'>): Promise<readonly LifecycleRule[] | undefined> {
  try {
    return await lifecycleOf(gateway, bucket);
  } catch (error) {
    if (!isAdapterError(error, 'NoSuchBucket')) {
      gateway.log.warn('could not read the lifecycle rules of a bucket', { bucket, error });
    }
    return undefined;
  }
}

function dateOf({ at }: Due): string {
  return new Date(at).toUTCString();
}

/** "The value of rule-id is URL-encoded"; as AWS sends it, what can stand in a header stays. */
function headerText(id: string): string {
  return id.replace(/[^\x20-\x7e]+|["%\\]/g, (text) => encodeURIComponent(text.toWellFormed()));
}
