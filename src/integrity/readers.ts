/** Threads that read objects: hashing is what verifying costs, and one thread does a few hundred MiB of it in a second. */
import { Worker } from 'node:worker_threads';
import type { Config, MasterKeyConfig } from '../config.ts';
import type { ObjectName, Verdict } from './check-object.ts';
import type { ReaderData, ReaderReply, ReaderRequest } from './reader.ts';

export interface Readers {
  /** Rejects when the thread that was at it died. */
  check(name: ObjectName): Promise<Verdict>;
  bytesRead(): number;
  close(): Promise<void>;
}

interface Waiting {
  readonly resolve: (verdict: Verdict) => void;
  readonly reject: (error: Error) => void;
}

export function startReaders(
  config: Config,
  masterKeys: readonly MasterKeyConfig[],
  threads: number,
): Readers {
  const bytesRead = new SharedArrayBuffer(8);
  const counter = new BigInt64Array(bytesRead);
  const data: ReaderData = { config, masterKeys, bytesRead };
  const readers = Array.from({ length: threads }, () => new Reader(data));
  let lastId = 0;
  return {
    check(name) {
      const idle = readers.reduce((a, b) => (b.load < a.load ? b : a));
      lastId += 1;
      return idle.check({ ...name, id: lastId });
    },
    bytesRead: () => Number(Atomics.load(counter, 0)),
    async close() {
      await Promise.all(readers.map((reader) => reader.close()));
    },
  };
}

class Reader {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #failure: Error | undefined;

  constructor(workerData: ReaderData) {
    // The compiled package holds .js beside .js.
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    this.#worker = new Worker(new URL(`./reader.${extension}`, import.meta.url), { workerData });
    this.#worker.on('message', ({ id, verdict }: ReaderReply) => {
      this.#waiting.get(id)?.resolve(verdict);
      this.#waiting.delete(id);
    });
    this.#worker.on('error', (error) => this.#fail(error));
    this.#worker.on('exit', () => this.#fail(new Error('a reading thread has ended')));
  }

  get load(): number {
    return this.#failure === undefined ? this.#waiting.size : Number.POSITIVE_INFINITY;
  }

  check(request: ReaderRequest): Promise<Verdict> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#waiting.set(request.id, { resolve, reject });
      this.#worker.postMessage(request);
    });
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
