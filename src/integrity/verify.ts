/** `partway verify`: walks objects in the order of listings, has several read at once, and adds up in that order what is found. */
import { isAdapterError } from '../../adapters/errors.ts';
import type { Storage } from '../storage.ts';
import type { ObjectName, Verdict } from './check-object.ts';
import { type Progress, withUnlisted, withVerdict } from './progress.ts';

export interface VerifyCall {
  readonly storage: Pick<Storage, 'for' | 'listBuckets'>;
  readonly check: (name: ObjectName) => Promise<Verdict>;
  /** One bucket, or all. */
  readonly bucket?: string;
  readonly prefix?: string;
  /** Objects being read at once. */
  readonly inFlight: number;
  readonly from: Progress;
  /** Told after every object. */
  readonly onProgress?: (progress: Progress) => void;
  /** Ends it early: nothing more is begun, and what was read in order until then is in the result. */
  readonly signal?: AbortSignal;
}

/** Objects that may be finished before one that was listed earlier: as many are held in memory. */
const window = 1000;
const pageSize = 1000;

interface Pending {
  readonly name: ObjectName;
  readonly size: number;
  verdict: Verdict | undefined;
}

/** Rejects when the buckets cannot be listed, and with what `check` rejects with. */
export async function verify(call: VerifyCall): Promise<Progress> {
  return new Walk(call).run();
}

class Walk {
  readonly #call: VerifyCall;
  #progress: Progress;
  #queue: Pending[] = [];
  #reading = 0;
  #failure: { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;

  constructor(call: VerifyCall) {
    this.#call = call;
    this.#progress = call.from;
  }

  async run(): Promise<Progress> {
    for (const bucket of await this.#buckets()) {
      if (this.#isOver()) break;
      const problem = await this.#bucket(bucket);
      await this.#until(() => this.#queue.length === 0);
      if (problem !== undefined) this.#progress = withUnlisted(this.#progress, bucket, problem);
    }
    await this.#until(() => this.#reading === 0);
    if (this.#failure !== undefined) throw this.#failure.error;
    return this.#progress;
  }

  async #buckets(): Promise<readonly string[]> {
    const { bucket, storage } = this.#call;
    const names = bucket === undefined ? (await storage.listBuckets()).map(({ name }) => name) : [bucket];
    const from = this.#progress.position?.bucket;
    return from === undefined ? names : names.filter((name) => name >= from);
  }

  /** Why it could not be listed to its end. */
  async #bucket(bucket: string): Promise<string | undefined> {
    const { prefix, storage } = this.#call;
    const { position } = this.#progress;
    let after = position?.bucket === bucket ? position.key : undefined;
    for (;;) {
      try {
        const page = await storage.for(bucket).listObjects({
          bucket,
          limit: pageSize,
          ...(prefix !== undefined && { prefix }),
          ...(after !== undefined && { startAfter: after }),
        });
        for (const entry of page.entries) {
          if (entry.kind !== 'object') continue;
          after = entry.info.key;
          await this.#object({ bucket, key: entry.info.key }, entry.info.size);
          if (this.#isOver()) return undefined;
        }
        if (!page.truncated) return undefined;
      } catch (error) {
        if (isAdapterError(error)) return `its objects cannot be listed: ${error.message}`;
        throw error;
      }
    }
  }

  async #object(name: ObjectName, size: number): Promise<void> {
    await this.#until(() => this.#reading < this.#call.inFlight && this.#queue.length < window);
    if (this.#isOver()) return;
    const pending: Pending = { name, size, verdict: undefined };
    this.#queue.push(pending);
    this.#reading += 1;
    this.#call.check(name).then(
      (verdict) => {
        pending.verdict = verdict;
        this.#finished();
      },
      (error: unknown) => {
        this.#failure ??= { error };
        this.#finished();
      },
    );
  }

  #finished(): void {
    this.#reading -= 1;
    let done = 0;
    for (const { name, size, verdict } of this.#queue) {
      if (verdict === undefined) break;
      this.#progress = withVerdict(this.#progress, name, size, verdict);
      done += 1;
    }
    if (done > 0) {
      this.#queue = this.#queue.slice(done);
      this.#call.onProgress?.(this.#progress);
    }
    this.#wake?.();
  }

  #isOver(): boolean {
    return this.#failure !== undefined || this.#call.signal?.aborted === true;
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition() && !this.#isOver()) {
      const { signal } = this.#call;
      const { promise, resolve } = Promise.withResolvers<void>();
      const wake = (): void => resolve();
      this.#wake = wake;
      signal?.addEventListener('abort', wake, { once: true });
      await promise;
      signal?.removeEventListener('abort', wake);
    }
  }
}
