import { setTimeout as sleep } from 'node:timers/promises';
import type { AbortOutcome, StalledCompletion, UploadRecord } from '../../uploads/types.ts';
import { retryAfter } from '../adapter-errors.ts';
import { S3Error } from '../errors.ts';
import type { Gateway } from '../operation.ts';
import { liveObject } from '../write-condition.ts';
import { finishStalled } from './complete.ts';
import { noSuchUpload } from './upload.ts';

/** How long an Abort waits for a Complete that is under way to end one way or the other. */
const patienceMs = 10_000;
const pollMs = 100;

/** Ends an upload that may be open, or stuck in a Complete that was cut off. NoSuchUpload when it has ended already. */
export async function abortUpload(gateway: Gateway, upload: UploadRecord): Promise<void> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const result = await tryAbort(gateway, upload);
    if (result.outcome === 'aborted') break;
    if (result.outcome === 'none') throw noSuchUpload(upload.uploadId);
    if (Date.now() > deadline) throw new S3Error('SlowDown', { headers: retryAfter(1) });
    await sleep(pollMs);
  }
  freeStaging(gateway, upload);
}

/**
 * One try. A Complete that was cut off after it had published is finished instead, and the upload is then no more. One that is not dead but was
 * stopped right before its last step can take it no more once the staged bytes are gone: so they go before the answer, and what it
 * had made visible until then counts.
 */
export async function tryAbort(gateway: Gateway, upload: UploadRecord): Promise<AbortOutcome> {
  const result = await gateway.uploads.abort(upload.uploadId);
  if (result.outcome !== 'busy' || result.stalled === undefined) return result;
  if (await hasPublished(gateway, result.stalled)) {
    await finishStalled(gateway, result.stalled);
    return { outcome: 'none' };
  }
  const ended = await gateway.uploads.abort(upload.uploadId, result.stalled.claim);
  if (ended.outcome !== 'aborted') return ended;
  const { bucket, key, state, uploadId } = upload;
  await gateway.storage.for(bucket).abortUpload({ bucket, key, uploadId, state });
  if (!(await hasPublished(gateway, result.stalled))) return ended;
  freeStaging(gateway, upload);
  return { outcome: 'none' };
}

async function hasPublished(gateway: Gateway, { upload }: StalledCompletion): Promise<boolean> {
  const { bucket, key, uploadId } = upload;
  const live = await liveObject(gateway.storage.for(bucket), bucket, key);
  return live?.attributes.uploadId === uploadId;
}

/** Staged bytes go after the answer; what a crash leaves is the janitor's. */
export function freeStaging(gateway: Gateway, upload: UploadRecord): void {
  const { bucket, key, state, uploadId } = upload;
  gateway.background('free the parts of an upload', async () => {
    await gateway.storage.for(bucket).abortUpload({ bucket, key, uploadId, state });
    await gateway.uploads.cleaned(uploadId);
  });
}
