import { createDecipheriv, createSecretKey, type DecipherGCM, type KeyObject } from 'node:crypto';
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

/** Enough for the next bytes to be opened while those before are sent. */
const heldChunks = 2;

/**
 * Bytes to be opened by one call. The cipher gives them in memory of its own, and Node.js copies them there once more: as few of them stay
 * in the core's cache, and in memory that is not had from the operating system each time.
 */
const pieceSize = 64 * 1024;

interface Opening {
  /** Of the run. */
  readonly key: KeyObject;
  /** Of the segment. */
  readonly decipher: DecipherGCM;
}

interface Opened {
  readonly plain: Buffer;
  /** The chunk of the source that they lie in. */
  readonly chunk: Buffer | undefined;
}

/**
 * Plain bytes of a slice of stored ones. Nothing leaves before its segment's tag was found right; `Corrupt` otherwise, and when stored bytes
 * are missing or left over.
 */
export class Opener extends Through {
  readonly #keys: RunKeys;
  readonly #runs: readonly RunSlice[];
  #run = 0;
  #index = 0;
  /** `undefined` while a run's head is awaited. */
  #opening: Opening | undefined;
  /** Bytes of the segment that are still to come before its tag. */
  #sealed = 0;
  /** A head or a tag, as far as it has come. */
  readonly #gathered = Buffer.alloc(headSize);
  #length = 0;
  readonly #source: BodyStream;
  /** A source that takes its chunks back lends them: plain bytes go where the sealed ones were. */
  readonly #inPlace: boolean;
  /** Where plain bytes go: a chunk of the source, or memory for one segment. */
  #room: Buffer = Buffer.alloc(0);
  #filled = 0;
  /** Bytes were opened whose tag has not come yet. */
  #doubtful = false;
  /** Chunks that doubtful bytes lie in, as they came. */
  readonly #waiting: Opened[] = [];
  /** Chunks of the source by the plain bytes that are in them now. */
  readonly #chunks = new WeakMap<Buffer, Buffer>();
  /** Everything that the slice has was opened. */
  #complete = false;
  #skip: number;
  #toPass: number;

  /** @param salt of the first run, when the slice begins behind its head */
  constructor(source: BodyStream, slice: Slice, keys: RunKeys, salt?: Buffer) {
    super(source, heldChunks);
    this.#source = source;
    this.#inPlace = source.recycle !== undefined;
    this.#keys = keys;
    this.#runs = slice.runs;
    this.#skip = slice.skip;
    this.#toPass = slice.length;
    if (salt !== undefined) this.#beginRun(salt);
  }

  protected override convert(chunk: Buffer): void {
    if (this.#inPlace) this.#room = chunk;
    for (let at = 0; at < chunk.length; ) {
      if (this.#complete) throw damaged('there are more bytes than there should be');
      const opening = this.#opening;
      const rest = chunk.subarray(at);
      if (opening === undefined) at += this.#takeHead(rest);
      else if (this.#sealed > 0) at += this.#open(opening, rest);
      else at += this.#takeTag(opening, rest);
    }
    if (!this.#inPlace) return;
    this.#leaveRoom(chunk);
    if (!this.#doubtful) this.#releaseAll();
  }

  /** For plain bytes of this stream that nobody needs any more: memory would pile up until a full garbage collection. */
  recycle(plain: Buffer): void {
    const chunk = this.#chunks.get(plain);
    if (chunk === undefined) discardBytes(plain);
    else this.#source.recycle?.(chunk);
  }

  protected override finish(): void {
    if (!this.#complete) throw damaged('bytes are missing');
  }

  #takeHead(bytes: Buffer): number {
    const taken = this.#gather(bytes, headSize);
    if (this.#length === 0) this.#beginRun(saltOf(this.#gathered));
    return taken;
  }

  #open({ decipher }: Opening, bytes: Buffer): number {
    const opened = decipher.update(bytes.subarray(0, Math.min(this.#sealed, pieceSize)));
    const { length } = opened;
    this.#room.set(opened, this.#filled);
    discardBytes(opened);
    this.#doubtful = true;
    this.#filled += length;
    this.#sealed -= length;
    return length;
  }

  #takeTag({ decipher, key }: Opening, bytes: Buffer): number {
    const taken = this.#gather(bytes, tagSize);
    if (this.#length > 0) return taken;
    try {
      decipher.setAuthTag(this.#gathered.subarray(0, tagSize)).final();
    } catch (cause) {
      throw damaged('a segment does not have the bytes that were written', cause);
    }
    this.#doubtful = false;
    if (!this.#inPlace) this.#leaveRoom();
    this.#releaseAll();
    this.#endSegment(key);
    return taken;
  }

  /** Bytes taken of these for what has `size` of them. All of it is there when `#length` is 0 again. */
  #gather(bytes: Buffer, size: number): number {
    const taken = bytes.copy(this.#gathered, this.#length, 0, size - this.#length);
    this.#length = (this.#length + taken) % size;
    return taken;
  }

  #beginRun(salt: Buffer): void {
    const { first, partNumber } = this.#current();
    this.#beginSegment(createSecretKey(this.#keys(partNumber, salt)), first);
  }

  #beginSegment(key: KeyObject, index: number): void {
    const { size } = this.#current();
    const last = segmentCount(size) - 1;
    this.#index = index;
    this.#sealed = index === last ? size - last * segmentSize : segmentSize;
    const nonce = segmentNonce(index, index === last);
    const decipher = createDecipheriv(cipherName, key, nonce, { authTagLength: tagSize });
    this.#opening = { decipher, key };
    if (!this.#inPlace) this.#room = Buffer.allocUnsafeSlow(this.#sealed);
  }

  #endSegment(key: KeyObject): void {
    if (this.#index < this.#current().last) {
      this.#beginSegment(key, this.#index + 1);
    } else if (this.#run < this.#runs.length - 1) {
      this.#run += 1;
      this.#opening = undefined;
    } else this.#complete = true;
  }

  #leaveRoom(chunk?: Buffer): void {
    this.#waiting.push({ plain: this.#room.subarray(0, this.#filled), chunk });
    this.#filled = 0;
  }

  #releaseAll(): void {
    for (const { chunk, plain } of this.#waiting.splice(0)) {
      const wanted = plain.subarray(this.#skip, this.#skip + this.#toPass);
      this.#skip -= Math.min(this.#skip, plain.length);
      this.#toPass -= wanted.length;
      if (chunk !== undefined) this.#chunks.set(wanted, chunk);
      if (wanted.length > 0) this.pass(wanted);
      else this.recycle(wanted);
    }
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
