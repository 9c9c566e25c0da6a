import { createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto';
import type { BodyStream } from '../../../adapters/types.ts';
import { discardBytes } from '../../http/slabs.ts';
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

/** Enough for the next segment to be opened while the one before is sent. */
const heldSegments = 2;

/**
 * Plain bytes of a slice of stored ones, a segment at a time. Nothing leaves before its segment's tag was found right; `Corrupt` otherwise,
 * and when stored bytes are missing or left over.
 */
export class Opener extends Through {
  readonly #keys: RunKeys;
  readonly #runs: readonly RunSlice[];
  #run = 0;
  #index = 0;
  #key: KeyObject | undefined;
  readonly #source: BodyStream;
  /** A head, or a segment with its tag, as far as it has come, if it did not come in one chunk. Used again and again. */
  #gathered: Buffer | undefined;
  #length = 0;
  #wanted = headSize;
  /** Everything that the slice has was opened. */
  #complete = false;
  #skip: number;
  #toPass: number;

  /** @param salt of the first run, when the slice begins behind its head */
  constructor(source: BodyStream, slice: Slice, keys: RunKeys, salt?: Buffer) {
    super(source, heldSegments);
    this.#source = source;
    this.#keys = keys;
    this.#runs = slice.runs;
    this.#skip = slice.skip;
    this.#toPass = slice.length;
    if (salt !== undefined) this.#beginRun(salt);
  }

  protected override convert(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.#complete) throw damaged('there are more bytes than there should be');
      const piece = chunk.subarray(at, at + this.#wanted - this.#length);
      at += piece.length;
      if (piece.length === this.#wanted) this.#take(piece);
      else this.#gather(piece);
    }
    this.#source.recycle?.(chunk);
  }

  /** One call of the cipher is cheaper than several, and its result goes out as one chunk. */
  #gather(piece: Buffer): void {
    this.#gathered ??= Buffer.allocUnsafeSlow(segmentSize + tagSize);
    piece.copy(this.#gathered, this.#length);
    this.#length += piece.length;
    if (this.#length < this.#wanted) return;
    this.#length = 0;
    this.#take(this.#gathered.subarray(0, this.#wanted));
  }

  /** Frees a chunk of this stream: the cipher gives each in memory of its own, which would pile up until a full garbage collection. */
  recycle(chunk: Buffer): void {
    discardBytes(chunk);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (this.#gathered !== undefined) discardBytes(this.#gathered);
    this.#gathered = undefined;
    super._destroy(error, callback);
  }

  protected override finish(): void {
    if (!this.#complete) throw damaged('bytes are missing');
  }

  #take(bytes: Buffer): void {
    if (this.#key === undefined) this.#beginRun(saltOf(bytes));
    else this.#endSegment(this.#key, bytes);
  }

  #beginRun(salt: Buffer): void {
    const { first, partNumber } = this.#current();
    this.#key = createSecretKey(this.#keys(partNumber, salt));
    this.#beginSegment(first);
  }

  #beginSegment(index: number): void {
    const { size } = this.#current();
    const last = segmentCount(size) - 1;
    this.#index = index;
    this.#wanted = tagSize + (index === last ? size - last * segmentSize : segmentSize);
  }

  #endSegment(key: KeyObject, sealed: Buffer): void {
    const { last, size } = this.#current();
    this.#release(open(key, sealed, this.#index, this.#index === segmentCount(size) - 1));
    if (this.#index < last) {
      this.#beginSegment(this.#index + 1);
    } else if (this.#run < this.#runs.length - 1) {
      this.#run += 1;
      this.#key = undefined;
      this.#wanted = headSize;
    } else this.#complete = true;
  }

  #release(plain: Buffer): void {
    const wanted = plain.subarray(this.#skip, this.#skip + this.#toPass);
    this.#skip -= Math.min(this.#skip, plain.length);
    this.#toPass -= wanted.length;
    if (wanted.length > 0) this.pass(wanted);
  }

  #current(): RunSlice {
    const run = this.#runs[this.#run];
    if (run === undefined) throw new RangeError('a slice has at least one run');
    return run;
  }
}

function open(key: KeyObject, sealed: Buffer, index: number, last: boolean): Buffer {
  const nonce = segmentNonce(index, last);
  const decipher = createDecipheriv(cipherName, key, nonce, { authTagLength: tagSize });
  const plain = decipher.update(sealed.subarray(0, -tagSize));
  try {
    decipher.setAuthTag(sealed.subarray(-tagSize)).final();
  } catch (cause) {
    throw damaged('a segment does not have the bytes that were written', cause);
  }
  return plain;
}

/** `Corrupt` when these are not the bytes that a run begins with. */
export function saltOf(head: Buffer): Buffer {
  if (!head.subarray(0, magic.length).equals(magic)) throw damaged('a run does not begin as it should');
  return head.subarray(magic.length);
}
