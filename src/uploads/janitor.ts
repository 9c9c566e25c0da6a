/**
 * Ends uploads that were left open, and frees what crashes left behind. Every step can be repeated and may be under way on any number
 * of replicas at once; what fails is tried again by the next run, and stops nothing else.
 */
import { isAdapterError } from '../../adapters/errors.ts';
import type { SweepResult } from '../../adapters/types.ts';
import type { Logger } from '../log.ts';
import type { Storage } from '../storage.ts';
import type { PendingUpload, UploadRecord, UploadStore } from './types.ts';

export interface JanitorOptions {
  readonly store: UploadStore;
  readonly storage: Pick<Storage, 'for' | 'backends'>;
  /** Uploads initiated longer ago are ended, and private data without an upload is removed; milliseconds, 7 days by default. */
  readonly maxAgeMs?: number;
  /** From one run to the next, give or take a quarter; milliseconds, an hour by default. */
  readonly intervalMs?: number;
  /** Does what the lifecycle rules of buckets say at that time, in milliseconds since the epoch. */
  readonly lifecycle?: (now: number, signal: AbortSignal) => Promise<LifecycleCounts>;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  readonly clock?: () => number;
}

export interface LifecycleCounts {
  /** Objects removed, uploads ended, buckets that could not be gone through. */
  readonly expired: number;
  readonly aborted: number;
  readonly failed: number;
}

export interface JanitorReport {
  /** Uploads ended for their age. */
  readonly expired: number;
  /** Uploads, ended now or earlier, whose staged data is gone. */
  readonly cleaned: number;
  readonly swept: SweepResult;
  /** What the lifecycle rules of buckets did away with. */
  readonly lifecycle?: Pick<LifecycleCounts, 'expired' | 'aborted'>;
  /** Results of finished uploads that were forgotten. */
  readonly forgotten: number;
  /** Steps that failed, each with a warning in the log. */
  readonly failed: number;
}

export interface Janitor {
  /** Runs now and then until `stop`. The first run comes within a minute. Keeps no process alive. */
  start(): void;
  /** Breaks off a run that is under way; resolves once nothing runs any more. */
  stop(): Promise<void>;
  /** One run. Rejects only with the signal's reason. */
  run(signal?: AbortSignal): Promise<JanitorReport>;
}

const hour = 60 * 60 * 1000;
const firstRunWithinMs = 60_000;

export function createJanitor(options: JanitorOptions): Janitor {
  const { clock = Date.now, intervalMs = hour, lifecycle, log, storage, store } = options;
  const { maxAgeMs = 7 * 24 * hour } = options;
  let timer: NodeJS.Timeout | undefined;
  let current: { readonly controller: AbortController; readonly done: Promise<void> } | undefined;

  const schedule = (delayMs: number): void => {
    timer = setTimeout(() => {
      const controller = new AbortController();
      const done = run(controller.signal).then(
        (report) => {
          if (report.expired + report.cleaned + report.swept.removed > 0)
            log.info('janitor: cleaned up', { report });
        },
        (error: unknown) => {
          if (!controller.signal.aborted) log.warn('janitor: the run was broken off', { error });
        },
      );
      current = { controller, done };
      void done.then(() => {
        current = undefined;
        // Replicas that were started together drift apart.
        if (timer !== undefined) schedule(intervalMs * (0.75 + Math.random() / 2));
      });
    }, delayMs);
    timer.unref();
  };

  const run = async (signal = new AbortController().signal): Promise<JanitorReport> => {
    const now = clock();
    const count = { expired: 0, cleaned: 0, forgotten: 0, failed: 0, removed: 0, bytes: 0 };
    const step = async (what: string, fields: Record<string, unknown>, work: () => Promise<void>) => {
      signal.throwIfAborted();
      try {
        await work();
      } catch (error) {
        signal.throwIfAborted();
        count.failed += 1;
        log.warn(`janitor: could not ${what}`, { ...fields, error });
      }
    };

    await step('read what there is to do', {}, async () => {
      for await (const pending of store.pendingWork({ initiatedBefore: now - maxAgeMs })) {
        const { bucket, key, uploadId } = pending.upload;
        await step('clean up an upload', { bucket, key, uploadId }, async () => {
          if (!(await ended(store, pending))) return;
          if (pending.work === 'expired') count.expired += 1;
          await freeStaging(storage, pending.upload, signal);
          await store.cleaned(uploadId);
          count.cleaned += 1;
        });
      }
    });
    let byRules: JanitorReport['lifecycle'];
    if (lifecycle !== undefined) {
      await step('follow lifecycle rules', {}, async () => {
        const { failed, ...done } = await lifecycle(now, signal);
        byRules = done;
        count.failed += failed;
      });
    }
    for (const { adapter, name } of storage.backends) {
      await step('sweep a backend', { backend: name }, async () => {
        const swept = await adapter.sweep({
          olderThan: new Date(now - maxAgeMs),
          isOpen: async (uploadId) => isOpen(await store.get(uploadId)),
          signal,
        });
        count.removed += swept.removed;
        count.bytes += swept.bytes;
      });
    }
    await step('forget old results', {}, async () => {
      count.forgotten = await store.forgetOld(now);
    });
    const { bytes, removed, ...counts } = count;
    return { ...counts, swept: { removed, bytes }, ...(byRules !== undefined && { lifecycle: byRules }) };
  };

  return {
    start() {
      if (timer === undefined) schedule(Math.random() * Math.min(firstRunWithinMs, intervalMs));
    },
    async stop() {
      clearTimeout(timer);
      timer = undefined;
      current?.controller.abort(new Error('the janitor was stopped'));
      await current?.done;
    },
    run,
  };
}

/** Whether the upload is one whose staged data may go. An expired one is ended first, unless a Complete has it. */
async function ended(store: UploadStore, { upload, work }: PendingUpload): Promise<boolean> {
  if (work === 'uncleaned') return true;
  const first = await store.abort(upload.uploadId);
  if (first.outcome !== 'busy' || first.stalled === undefined) return first.outcome === 'aborted';
  // Whether the Complete that was cut off has published is all one after so long: clean-up never touches the object.
  const second = await store.abort(upload.uploadId, first.stalled.claim);
  return second.outcome === 'aborted';
}

async function freeStaging(
  storage: Pick<Storage, 'for'>,
  { bucket, key, state, uploadId }: UploadRecord,
  signal: AbortSignal,
): Promise<void> {
  try {
    await storage.for(bucket).abortUpload({ bucket, key, uploadId, state, signal });
  } catch (error) {
    // Staged data goes with its bucket.
    if (!isAdapterError(error, 'NoSuchBucket')) throw error;
  }
}

function isOpen({ status }: { readonly status: string }): boolean {
  return status === 'open' || status === 'completing';
}
