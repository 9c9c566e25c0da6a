import type { ChecksumAlgorithm } from './algorithms.ts';
import { createDigest, type Digest } from './digests.ts';

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
