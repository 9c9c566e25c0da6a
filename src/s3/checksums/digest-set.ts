import type { ChecksumAlgorithm } from './algorithms.ts';
import { createDigest, type Digest } from './digests.ts';
import { Md5 } from './md5-lanes.ts';

/** Several digests over one pass of the bytes; MD5 is always among them, since it makes the ETag. */
export class DigestSet {
  readonly #running: ReadonlyArray<readonly [ChecksumAlgorithm, Digest]>;

  constructor(algorithms: Iterable<ChecksumAlgorithm> = []) {
    this.#running = [...new Set<ChecksumAlgorithm>(['MD5', ...algorithms])].map((algorithm) => [
      algorithm,
      createDigest(algorithm),
    ]);
  }

  update(chunk: Uint8Array): void {
    for (const [, digest] of this.#running) digest.update(chunk);
  }

  /** Ends them. */
  finish(): Digests {
    return new Digests(new Map(this.#running.map(([algorithm, digest]) => [algorithm, digest.digest()])));
  }
}

/** As {@link DigestSet}, for long bodies of clients: those that arrive at the same time share the work of MD5, which therefore lags behind. */
export class SharedDigestSet {
  readonly #others: ReadonlyArray<readonly [ChecksumAlgorithm, Digest]>;
  readonly #md5: Md5;

  /** Chunks come back by `onDigested`, in order, some time after {@link update}. Until then they must stay as they are. */
  constructor(algorithms: Iterable<ChecksumAlgorithm>, onDigested: (chunk: Buffer) => void) {
    const others = new Set(algorithms);
    others.delete('MD5');
    this.#others = [...others].map((algorithm) => [algorithm, createDigest(algorithm)]);
    this.#md5 = new Md5(onDigested);
  }

  /** Shall get no more for now; a chunk that comes back is the time to look again. */
  get isBehind(): boolean {
    return this.#md5.isBehind;
  }

  /** A chunk that `hurries` comes back soon, at whatever cost. */
  update(chunk: Buffer, hurries: boolean): void {
    for (const [, digest] of this.#others) digest.update(chunk);
    this.#md5.update(chunk, hurries);
  }

  /** Ends them. `done` is called once all chunks came back. */
  finish(done: (digests: Digests) => void): void {
    this.#md5.finish((md5) => {
      const raw = this.#others.map(([algorithm, digest]) => [algorithm, digest.digest()] as const);
      done(new Digests(new Map([['MD5', md5], ...raw])));
    });
  }

  /** Nothing comes back any more. */
  abandon(): void {
    this.#md5.abandon();
  }
}

/** Raw digests of a body that has ended. */
export class Digests {
  readonly #raw: ReadonlyMap<ChecksumAlgorithm, Buffer>;

  constructor(raw: ReadonlyMap<ChecksumAlgorithm, Buffer>) {
    this.#raw = raw;
  }

  /** Hex; the ETag of what was written in one request. */
  get md5(): string {
    return this.raw('MD5').toString('hex');
  }

  /** A RangeError for an algorithm that was not computed. */
  raw(algorithm: ChecksumAlgorithm): Buffer {
    const raw = this.#raw.get(algorithm);
    if (raw === undefined) throw new RangeError(`${algorithm} was not computed`);
    return raw;
  }

  base64(algorithm: ChecksumAlgorithm): string {
    return this.raw(algorithm).toString('base64');
  }
}
