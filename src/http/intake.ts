/** What becomes of a body's decoded bytes before anybody else gets them: digests. */
import type { ChecksumAlgorithm } from '../s3/checksums/algorithms.ts';
import { DigestSet, type Digests, SharedDigestSet } from '../s3/checksums/digest-set.ts';
import { giveSlab, slabBytes, takeSlab } from './slabs.ts';

export interface Intake {
  /** Whether the bytes that were taken may be thrown away at once. */
  readonly copies: boolean;
  /** More bytes are better taken later. Looked at when some are passed on. */
  readonly isBehind: boolean;
  take(data: Buffer): void;
  /** `done` is called once all bytes are passed on. */
  end(done: (digests: Digests) => void): void;
  /** Nothing is passed on any more. */
  abandon(): void;
}

/** Passes on what it takes, as it comes. */
export class ShortIntake implements Intake {
  readonly copies = false;
  readonly isBehind = false;
  readonly #digests: DigestSet;
  readonly #pass: (data: Buffer) => void;

  constructor(algorithms: readonly ChecksumAlgorithm[], pass: (data: Buffer) => void) {
    this.#digests = new DigestSet(algorithms);
    this.#pass = pass;
  }

  take(data: Buffer): void {
    this.#digests.update(data);
    this.#pass(data);
  }

  end(done: (digests: Digests) => void): void {
    done(this.#digests.finish());
  }

  abandon(): void {}
}

/** What a slow client has sent is passed on after this many milliseconds at the latest, if any more comes: who stores it must not take it for dead. */
const maxHoldMs = 2_000;

/** Passes on slabs, which the receiver may give back. */
export class LongIntake implements Intake {
  readonly copies = true;
  readonly #digests: SharedDigestSet;
  #slab: Buffer | undefined;
  #filled = 0;
  #begunAt = 0;

  constructor(algorithms: readonly ChecksumAlgorithm[], pass: (data: Buffer) => void) {
    this.#digests = new SharedDigestSet(algorithms, pass);
  }

  get isBehind(): boolean {
    return this.#digests.isBehind;
  }

  take(data: Buffer): void {
    for (let at = 0; at < data.length; ) {
      if (this.#slab === undefined) {
        this.#slab = takeSlab();
        this.#begunAt = performance.now();
      }
      const copied = data.copy(this.#slab, this.#filled, at);
      at += copied;
      this.#filled += copied;
      if (this.#filled === slabBytes) this.#handOver(false);
    }
    if (this.#slab !== undefined && performance.now() - this.#begunAt > maxHoldMs) this.#handOver(true);
  }

  end(done: (digests: Digests) => void): void {
    this.#handOver(true);
    this.#digests.finish(done);
  }

  abandon(): void {
    this.#digests.abandon();
    if (this.#slab !== undefined) giveSlab(this.#slab);
    this.#slab = undefined;
  }

  #handOver(hurries: boolean): void {
    if (this.#slab === undefined) return;
    const filled = this.#slab.subarray(0, this.#filled);
    // A client that trickles shall not hold a slab for each of its bytes.
    const isWorthwhile = filled.length > slabBytes / 4;
    const bytes = isWorthwhile ? filled : Buffer.from(filled);
    if (!isWorthwhile) giveSlab(filled);
    this.#slab = undefined;
    this.#filled = 0;
    this.#digests.update(bytes, hurries);
  }
}
