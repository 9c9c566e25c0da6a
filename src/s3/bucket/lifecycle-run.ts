/**
 * Does what the lifecycle rules of buckets say. Every step can be repeated and may be under way on any number of replicas at once. Memory
 * holds one page of a listing, whatever a bucket holds.
 */
import { isAdapterError } from '../../../adapters/errors.ts';
import type { ListedObject, StorageAdapter } from '../../../adapters/types.ts';
import type { UploadRecord } from '../../uploads/types.ts';
import { mapConcurrently } from '../concurrency.ts';
import { freeStaging, tryAbort } from '../multipart/abort.ts';
import type { Gateway } from '../operation.ts';
import { plainSizeOf } from '../read.ts';
import { abortTimeOf, expirationDue, expiryOf, firstDue, type LifecycleRule, prefixOf } from './lifecycle.ts';
import { lifecycleOf } from './lifecycle-headers.ts';

const pageSize = 1000;
/** Objects of a page that are looked at and removed at once. */
const concurrency = 8;

export interface LifecycleReport {
  /** Objects removed. */
  readonly expired: number;
  /** Uploads ended. */
  readonly aborted: number;
  /** Buckets that could not be gone through to the end, each with a warning in the log. */
  readonly failed: number;
}

/** @param now milliseconds since the epoch; rejects with the signal's reason only */
export async function runLifecycle(
  gateway: Gateway,
  now: number,
  signal: AbortSignal,
): Promise<LifecycleReport> {
  const report = { expired: 0, aborted: 0, failed: 0 };
  const step = async (fields: Readonly<Record<string, string>>, work: () => Promise<void>): Promise<void> => {
    signal.throwIfAborted();
    try {
      await work();
    } catch (error) {
      signal.throwIfAborted();
      if (isAdapterError(error, 'NoSuchBucket')) return;
      report.failed += 1;
      gateway.log.warn('lifecycle: could not follow the rules of a bucket', { ...fields, error });
    }
  };
  for (const { adapter, name } of gateway.storage.backends) {
    await step({ backend: name }, async () => {
      for (const { name: bucket } of await adapter.listBuckets({ signal })) {
        if (gateway.storage.for(bucket) !== adapter) continue;
        await step({ bucket }, async () => {
          const rules = await lifecycleOf(gateway, bucket);
          if (rules === undefined) return;
          const enabled = rules.filter((rule) => rule.enabled);
          report.expired += await expireObjects(gateway, { adapter, bucket, now, signal }, rules);
          report.aborted += await abortUploads(gateway, { bucket, now, signal }, enabled);
        });
      }
    });
  }
  return report;
}

interface Place {
  readonly bucket: string;
  readonly now: number;
  readonly signal: AbortSignal;
}

async function expireObjects(
  gateway: Gateway,
  { adapter, bucket, now, signal }: Place & { readonly adapter: StorageAdapter },
  rules: readonly LifecycleRule[],
): Promise<number> {
  let expired = 0;
  for (const prefix of outermost(expiringOf(rules))) {
    let startAfter: string | undefined;
    for (;;) {
      signal.throwIfAborted();
      const page = await adapter.listObjects({
        bucket,
        prefix,
        limit: pageSize,
        signal,
        ...(startAfter !== undefined && { startAfter }),
      });
      // Rules may be changed or taken back while a large bucket is gone through.
      const expiring = expiringOf(await lifecycleOf(gateway, bucket));
      const due = page.entries.flatMap((entry) =>
        entry.kind === 'object' && mayBeDue(expiring, entry.info, now) ? [entry.info.key] : [],
      );
      const removed = await mapConcurrently(due, concurrency, (key) =>
        expireOne(adapter, { bucket, now, signal }, key, expiring),
      );
      expired += removed.filter(Boolean).length;
      const last = page.entries.at(-1);
      if (!page.truncated || last === undefined) break;
      startAfter = last.kind === 'object' ? last.info.key : last.prefix;
    }
  }
  if (expired > 0) gateway.log.info('lifecycle: objects expired', { bucket, expired });
  return expired;
}

function expiringOf(rules: readonly LifecycleRule[] = []): readonly LifecycleRule[] {
  return rules.filter(({ enabled, expiration }) => enabled && expiration !== undefined);
}

/** A listing tells no tags: what it says is enough to leave an object alone, not to remove it. */
function mayBeDue(
  rules: readonly LifecycleRule[],
  { key, lastModified }: ListedObject,
  now: number,
): boolean {
  return rules.some((rule) => {
    const at = key.startsWith(prefixOf(rule.filter)) ? expiryOf(rule, lastModified) : undefined;
    return at !== undefined && at <= now;
  });
}

/** Removes the very state that was judged: one that was written meanwhile stays. */
async function expireOne(
  adapter: StorageAdapter,
  { bucket, now, signal }: Place,
  key: string,
  rules: readonly LifecycleRule[],
): Promise<boolean> {
  signal.throwIfAborted();
  try {
    const info = await adapter.headObject({ bucket, key, signal });
    const { attributes, lastModified, version } = info;
    const subject = { key, size: plainSizeOf(info), lastModified, tags: attributes.tags ?? {} };
    const due = expirationDue(rules, subject);
    if (due === undefined || due.at > now) return false;
    await adapter.deleteObject({ bucket, key, condition: { version } });
    return true;
  } catch (error) {
    if (isAdapterError(error, 'NoSuchObject', 'PreconditionFailed')) return false;
    throw error;
  }
}

async function abortUploads(
  gateway: Gateway,
  { bucket, now, signal }: Place,
  rules: readonly LifecycleRule[],
): Promise<number> {
  const ending = rules.filter(({ abortAfterDays }) => abortAfterDays !== undefined);
  let aborted = 0;
  for (const prefix of outermost(ending)) {
    let after: UploadRecord | undefined;
    for (;;) {
      signal.throwIfAborted();
      const page = await gateway.uploads.listUploads({
        bucket,
        prefix,
        limit: pageSize,
        ...(after !== undefined && { keyMarker: after.key, uploadIdMarker: after.uploadId }),
      });
      for (const entry of page.entries) {
        if (entry.kind !== 'upload') continue;
        const { upload } = entry;
        after = upload;
        const due = firstDue(ending, (rule) => abortTimeOf(rule, upload.key, upload.initiatedAt));
        if (due === undefined || due.at > now) continue;
        signal.throwIfAborted();
        // One that a Complete holds is asked again by the next run.
        if ((await tryAbort(gateway, upload)).outcome !== 'aborted') continue;
        freeStaging(gateway, upload);
        aborted += 1;
      }
      if (!page.truncated || page.entries.length === 0) break;
    }
  }
  if (aborted > 0) gateway.log.info('lifecycle: uploads aborted', { bucket, aborted });
  return aborted;
}

/** Prefixes of the rules, without those that lie within another: nothing is listed twice. */
function outermost(rules: readonly LifecycleRule[]): readonly string[] {
  const found: string[] = [];
  for (const prefix of rules.map(({ filter }) => prefixOf(filter)).sort()) {
    const last = found.at(-1);
    if (last === undefined || !prefix.startsWith(last)) found.push(prefix);
  }
  return found;
}
