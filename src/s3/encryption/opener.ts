import { createDecipheriv, type DecipherGCM } from 'node:crypto';
import type { Readable } from 'node:stream';
import {
  cipherName,
  damaged,
  headSize,
  magic,
  segmentCount,
  segmentNonce,
  segmentSize,
  tagSize,
} from './format.ts';
import type { RunSlice, Slice } from './layout.ts';
import { Through } from './through.ts';

/** The key of a run, of the salt in its head. */
export type RunKeys = (partNumber: number, salt: Buffer) => Buffer;

/** Enough for the next segment to be opened while the one before is sent: a segment is a chunk or two. */
const heldChunks = 4;

/**
 * Plain bytes of a slice of stored ones. Nothing leaves before its segment's tag was found right; `Corrupt` otherwise, and when stored bytes
 * are missing or left over. Holds one segment.
 */
export class Opener extends Through {
  readonly #keys: RunKeys;
  readonly #runs: readonly RunSlice[];
  #run = 0;
  #index = 0;
  #key: Buffer = Buffer.alloc(0);
  #decipher: DecipherGCM | undefined;
  #phase: 'head' | 'segment' | 'tag' = 'head';
  /** Everything that the slice has was opened. */
  #complete = false;
  /** Bytes that the phase still wants. */
  #left = headSize;
  /** Head or tag, as far as it has come. */
  #small: Buffer[] = [];
  /** Plain bytes of a segment whose tag has not come. */
  #held: Buffer[] = [];
  #skip: number;
  #toPass: number;

  /** @param salt of the first run, when the slice begins behind its head */
  constructor(source: Readable, slice: Slice, keys: RunKeys, salt?: Buffer) {
    super(source, heldChunks);
    this.#keys = keys;
    this.#runs = slice.runs;
    this.#skip = slice.skip;
    this.#toPass = slice.length;
    if (salt !== undefined) this.#beginRun(salt);
  }

  protected override convert(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.#complete) throw damaged('there are more bytes than there should be');
      const piece = chunk.subarray(at, at + this.#left);
      at += piece.length;
      this.#left -= piece.length;
      if (this.#decipher !== undefined && this.#phase === 'segment') {
        this.#held.push(this.#decipher.update(piece));
      } else this.#small.push(piece);
      while (this.#left === 0 && !this.#complete) this.#next();
    }
  }

  protected override finish(): void {
    if (!this.#complete) throw damaged('bytes are missing');
  }

  #next(): void {
    switch (this.#phase) {
      case 'head':
        this.#beginRun(saltOf(this.#takeSmall()));
        return;
      case 'segment':
        this.#phase = 'tag';
        this.#left = tagSize;
        return;
      case 'tag':
        this.#endSegment(this.#takeSmall());
        return;
    }
  }

  #beginRun(salt: Buffer): void {
    const { first, partNumber } = this.#current();
    this.#key = this.#keys(partNumber, salt);
    this.#beginSegment(first);
  }

  #beginSegment(index: number): void {
    const { size } = this.#current();
    const last = segmentCount(size) - 1;
    this.#index = index;
    this.#phase = 'segment';
    this.#left = index === last ? size - last * segmentSize : segmentSize;
    const nonce = segmentNonce(index, index === last);
    this.#decipher = createDecipheriv(cipherName, this.#key, nonce, { authTagLength: tagSize });
    // An empty segment is its tag alone.
    if (this.#left === 0) this.#next();
  }

  #endSegment(tag: Buffer): void {
    try {
      this.#decipher?.setAuthTag(tag).final();
    } catch (cause) {
      throw damaged('a segment does not have the bytes that were written', cause);
    }
    this.#release();
    if (this.#index < this.#current().last) {
      this.#beginSegment(this.#index + 1);
    } else if (this.#run < this.#runs.length - 1) {
      this.#run += 1;
      this.#phase = 'head';
      this.#left = headSize;
    } else this.#complete = true;
  }

  #release(): void {
    for (const data of this.#held) {
      const wanted = data.subarray(this.#skip, this.#skip + this.#toPass);
      this.#skip -= Math.min(this.#skip, data.length);
      this.#toPass -= wanted.length;
      if (wanted.length > 0) this.pass(wanted);
    }
    this.#held = [];
  }

  #takeSmall(): Buffer {
    const [only, ...more] = this.#small;
    const whole = only !== undefined && more.length === 0 ? only : Buffer.concat(this.#small);
    this.#small = [];
    return whole;
  }

  #current(): RunSlice {
    const run = this.#runs[this.#run];
    if (run === undefined) throw new RangeError('a slice has at least one run');
    return run;
  }
}

/** `Corrupt` when these are not the bytes that a run begins with. */
export function saltOf(head: Buffer): Buffer {
  if (!head.subarray(0, magic.length).equals(magic)) throw damaged('a run does not begin as it should');
  return head.subarray(magic.length);
}
