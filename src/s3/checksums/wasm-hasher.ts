import type { IHasher } from 'hash-wasm';
import type { Digest } from './digests.ts';

/**
 * Any number of running digests over one WebAssembly instance: instances are costly and can only be made asynchronously, while their state
 * is a few bytes. The state is swapped only when another digest takes its turn, so a single stream pays nothing and
 * interleaved ones a microsecond per chunk.
 */
export class WasmHasher {
  readonly #hasher: IHasher;
  /** Whose state is in the instance. */
  #current: WasmDigest | undefined;

  constructor(hasher: IHasher) {
    this.#hasher = hasher;
  }

  start(): Digest {
    return new WasmDigest(this);
  }

  update(digest: WasmDigest, chunk: Uint8Array): void {
    this.#switchTo(digest);
    this.#hasher.update(chunk);
  }

  finish(digest: WasmDigest): Buffer {
    this.#switchTo(digest);
    this.#current = undefined;
    const raw = this.#hasher.digest('binary');
    return Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength);
  }

  #switchTo(digest: WasmDigest): void {
    if (this.#current === digest) return;
    if (this.#current !== undefined) this.#current.state = this.#hasher.save();
    if (digest.state === undefined) this.#hasher.init();
    else this.#hasher.load(digest.state);
    this.#current = digest;
  }
}

class WasmDigest implements Digest {
  readonly #owner: WasmHasher;
  state: Uint8Array | undefined;

  constructor(owner: WasmHasher) {
    this.#owner = owner;
  }

  update(chunk: Uint8Array): void {
    this.#owner.update(this, chunk);
  }

  digest(): Buffer {
    return this.#owner.finish(this);
  }
}
