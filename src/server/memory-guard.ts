/**
 * Load shedding. A request is taken if what it and those under way may come to hold has room; and a process that holds as much as it may, whatever
 * for, takes few requests beside those that are under way.
 */
import type { IncomingMessage } from 'node:http';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Logger } from '../log.ts';

export interface MemoryGuardOptions {
  /** Bytes that the process may hold: JavaScript's heap, buffers, and what it took before the first request. */
  readonly maxMemory: number;
  /** While there is memory. */
  readonly maxRequests: number;
  readonly log: Logger;
}

const KiB = 1024;
/** What a request comes to hold at most, as measured with hundreds of clients that stand still: for itself, for a body on its way in, on its way out. */
const headNeed = 64 * KiB;
const receivingNeed = 640 * KiB;
const sendingNeed = 896 * KiB;

function needOf({ headers, method }: IncomingMessage): number {
  if (method === 'GET') return sendingNeed;
  const length =
    headers['transfer-encoding'] === undefined ? Number(headers['content-length'] ?? 0) : Infinity;
  return headNeed + Math.min(length, receivingNeed);
}

/** Between two looks, in milliseconds: what a disk and a network can fill meanwhile has room beside the default bound. */
const lookEveryMs = 100;
/** A collection takes tens of milliseconds. */
const collectEveryMs = 500;
const freedAfterMs = 10;
const tellEveryMs = 10_000;
/** So many requests may be under way however much is held: what is held by nothing that ends must not end the service. */
const always = 16;
/** Of V8's own limit of its heap, at which it ends the process. */
const heapShare = 0.85;
/** Full at the bound, and until this much of it is left: else every answer that ends would let one more in, and write a line. */
const fullUntil = 0.9;

export class MemoryGuard {
  /** Under way now. */
  requests = 0;
  #maxRequests: number;
  /** What those under way may come to hold. */
  #claimed = 0;
  readonly #options: MemoryGuardOptions;
  /** All that was held before the first request. */
  readonly #idle: number;
  /** Code, stacks, SQLite: nothing of it is a request's. */
  readonly #base: number;
  readonly #maxHeap = getHeapStatistics().heap_size_limit * heapShare;
  #timer: NodeJS.Timeout | undefined;
  #collectedAt = Number.NEGATIVE_INFINITY;
  #toldAt = Number.NEGATIVE_INFINITY;
  #isFull = false;

  constructor(options: MemoryGuardOptions) {
    this.#options = options;
    this.#maxRequests = options.maxRequests;
    const { arrayBuffers, heapTotal, rss } = process.memoryUsage();
    this.#idle = rss;
    this.#base = Math.max(0, rss - heapTotal - arrayBuffers);
  }

  start(): void {
    this.#timer ??= setInterval(() => this.#look(), lookEveryMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Counts a request in, until {@link end}. @returns whether there is room for it */
  begin(incoming: IncomingMessage): boolean {
    this.requests += 1;
    this.#claimed += needOf(incoming);
    if (this.requests > this.#maxRequests) return false;
    if (this.requests <= always || this.#idle + this.#claimed <= this.#options.maxMemory) return true;
    this.#tellCrowd();
    return false;
  }

  end(incoming: IncomingMessage): void {
    this.requests -= 1;
    this.#claimed -= needOf(incoming);
  }

  #tellCrowd(): void {
    const now = performance.now();
    if (now - this.#toldAt < tellEveryMs) return;
    this.#toldAt = now;
    const { log, maxMemory } = this.#options;
    log.warn('more requests at once than memory has room for are answered SlowDown; see limits.maxMemory', {
      maxMemory,
      requests: this.requests,
    });
  }

  #look(): void {
    if (this.requests <= always) {
      this.#become(false, 0);
      return;
    }
    const fullness = this.#fullness();
    if (fullness < 1) this.#judge(fullness);
    else if (performance.now() - this.#collectedAt > collectEveryMs) {
      // Most of what is held may be garbage, which V8 is in no hurry to collect.
      collectGarbage();
      this.#collectedAt = performance.now();
      // Another thread frees the buffers.
      setTimeout(() => this.#judge(this.#fullness()), freedAfterMs).unref();
    }
  }

  #judge(fullness: number): void {
    this.#become(fullness >= (this.#isFull ? fullUntil : 1), fullness);
  }

  /** 1 and above: there is no room. Not by what is resident, because memory that was freed is used again before more is taken. */
  #fullness(): number {
    const { arrayBuffers, heapUsed } = process.memoryUsage();
    const held = this.#base + heapUsed + arrayBuffers;
    return Math.max(held / this.#options.maxMemory, heapUsed / this.#maxHeap);
  }

  #become(isFull: boolean, fullness: number): void {
    if (this.#isFull === isFull) return;
    this.#isFull = isFull;
    const { log, maxMemory, maxRequests } = this.#options;
    this.#maxRequests = isFull ? Math.min(always, maxRequests) : maxRequests;
    if (isFull) {
      log.warn('memory is full: new requests are answered SlowDown; see limits.maxMemory', {
        maxMemory,
        used: Math.round(fullness * maxMemory),
        requests: this.requests,
      });
    } else log.info('there is memory again', { requests: this.requests });
  }
}

let collector: (() => void) | undefined;

/** Without a flag on the command line of every process that wants it. */
function collectGarbage(): void {
  if (collector === undefined) {
    setFlagsFromString('--expose-gc');
    collector = runInNewContext('gc') as () => void;
  }
  collector();
}
