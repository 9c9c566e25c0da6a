/** Hands changes to the writer's thread in batches, and keeps each caller's deadline. */
import { Worker } from 'node:worker_threads';
import { UploadStoreUnavailable } from '../types.ts';
import { describeFailure, toStoreError } from './errors.ts';
import type { Change, Reply, ToWriter, TransitionName } from './protocol.ts';
import type { DatabaseOptions } from './schema.ts';
import type { Transitions } from './transitions.ts';

/** Changes that share one transaction, at most: the other processes' turn comes in between. */
const maxBatch = 256;

interface Waiting extends Change {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

export interface WriteQueue {
  /**
   * Resolves once the change is committed. Rejects with `UploadStoreUnavailable` after `timeoutMs`; a change that has not begun by then
   * never will, one that has may still be committed.
   */
  submit<Name extends TransitionName>(
    name: Name,
    argument: Parameters<Transitions[Name]>[0],
  ): Promise<ReturnType<Transitions[Name]>>;
  /** Resolves when what was submitted is settled and the file is closed. */
  close(): Promise<void>;
}

export function createWriteQueue(options: DatabaseOptions, timeoutMs: number): WriteQueue {
  let queue: Waiting[] = [];
  let batch: readonly Waiting[] = [];
  let worker: Worker | undefined;
  let closing: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;

  const startWorker = (): Worker => {
    // The compiled package holds .js beside .js.
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    const started = new Worker(new URL(`./writer.${extension}`, import.meta.url), { workerData: options });
    started.on('message', (replies: readonly Reply[]) => settle(replies));
    started.on('error', (error) => lost(started, error));
    started.on('exit', () => lost(started, new Error('the writer thread has ended')));
    return started;
  };

  const flush = (): void => {
    if (batch.length > 0) return;
    if (queue.length === 0) {
      worker?.unref();
      if (closing !== undefined) end();
      return;
    }
    batch = queue.slice(0, maxBatch);
    queue = queue.slice(maxBatch);
    worker ??= startWorker();
    worker.ref();
    post(worker, { changes: batch.map(({ argument, deadline, name }) => ({ argument, deadline, name })) });
  };

  const settle = (replies: readonly Reply[]): void => {
    const settled = batch;
    batch = [];
    settled.forEach((waiting, index) => {
      clearTimeout(waiting.timer);
      const reply = replies[index] ?? { failure: describeFailure(new Error('the writer gave no reply')) };
      if ('value' in reply) waiting.resolve(reply.value);
      else if ('failure' in reply) waiting.reject(toStoreError(reply.failure));
      else waiting.reject(timedOut(timeoutMs));
    });
    flush();
  };

  /** The thread died: what it was doing may be committed or not. The next change starts another. */
  const lost = (dead: Worker, cause: Error): void => {
    if (worker !== dead) return;
    worker = undefined;
    const unsettled = batch;
    batch = [];
    for (const waiting of unsettled) {
      clearTimeout(waiting.timer);
      waiting.reject(new UploadStoreUnavailable('the embedded upload store stopped writing', { cause }));
    }
    flush();
  };

  const end = (): void => {
    const last = worker;
    worker = undefined;
    if (last === undefined) {
      closing?.resolve();
      return;
    }
    last.ref();
    last.once('exit', () => closing?.resolve());
    post(last, 'close');
  };

  return {
    submit(name, argument) {
      return new Promise((resolve, reject) => {
        if (closing !== undefined) {
          reject(new UploadStoreUnavailable('the embedded upload store is closed'));
          return;
        }
        const waiting: Waiting = {
          name,
          argument,
          deadline: Date.now() + timeoutMs,
          resolve: resolve as (value: unknown) => void,
          reject,
          timer: setTimeout(() => reject(timedOut(timeoutMs)), timeoutMs),
        };
        queue.push(waiting);
        flush();
      });
    },
    close() {
      if (closing === undefined) {
        let resolve = (): void => {};
        const promise = new Promise<void>((done) => {
          resolve = done;
        });
        closing = { promise, resolve };
        flush();
      }
      return closing.promise;
    },
  };
}

function post(worker: Worker, message: ToWriter): void {
  worker.postMessage(message);
}

function timedOut(timeoutMs: number): UploadStoreUnavailable {
  return new UploadStoreUnavailable(`the embedded upload store did not write within ${timeoutMs} ms`);
}
