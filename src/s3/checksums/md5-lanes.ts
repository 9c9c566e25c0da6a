/**
 * Running MD5s of bodies that arrive at the same time, hashed together: chunks wait until the event loop has read from every socket that
 * has some, and then go through {@link md5Advance}. A body alone costs what it does with OpenSSL, four together a third of that each, eight less
 * than a quarter.
 */
import { blockBytes, laneBytes, lanes, type Md5Message, md5Advance, md5Start } from './md5-kernel.ts';

/** From here on a body has to wait for its hash: enough for the lanes to stay together, little enough to stay in the cache. */
const maxBacklog = 512 * 1024;

/** Those that got bytes and have not ended. */
const open = new Set<Md5>();
let scheduled = false;

export class Md5 implements Md5Message {
  readonly state = md5Start();
  readonly #onHashed: (chunk: Buffer) => void;
  readonly #chunks: Buffer[] = [];
  /** Of the first chunk, already hashed. */
  #offset = 0;
  readonly #hashed: Buffer[] = [];
  #size = 0;
  /** All that waits must go on now. */
  #hurries = false;
  /** Gets no more until a chunk came back. */
  #isBlocked = false;
  #padding: Buffer | undefined;
  #done: ((raw: Buffer) => void) | undefined;
  /** Bytes that wait to be hashed. */
  backlog = 0;

  /** Chunks come back by `onHashed`, in order, some time after {@link update}. Until then they must stay as they are. */
  constructor(onHashed: (chunk: Buffer) => void) {
    this.#onHashed = onHashed;
  }

  /** A chunk that `hurries` does not wait for company. */
  update(chunk: Buffer, hurries = false): void {
    this.#size += chunk.length;
    this.#hurries ||= hurries;
    this.#add(chunk);
    this.#isBlocked ||= this.isBehind;
  }

  /** Shall get no more for now; a chunk that comes back is the time to look again. */
  get isBehind(): boolean {
    return this.backlog >= maxBacklog;
  }

  /** Has to go on now, also alone. */
  get isUrgent(): boolean {
    return this.#hurries || this.isBehind || (this.#isBlocked && this.#hashed.length === 0);
  }

  /** No more bytes come; `done` is called once all chunks came back, but not after {@link abandon}. */
  finish(done: (raw: Buffer) => void): void {
    this.#done = done;
    this.#hurries = true;
    // RFC 1321, 3.1 and 3.2.
    const padding = Buffer.alloc(blockBytes - ((this.#size + 8) % blockBytes) + 8);
    padding[0] = 0x80;
    padding.writeBigUInt64LE(BigInt(this.#size) * 8n, padding.length - 8);
    this.#padding = padding;
    this.#add(padding);
  }

  abandon(): void {
    open.delete(this);
    this.#chunks.length = 0;
    this.#hashed.length = 0;
    this.backlog = 0;
    this.#done = undefined;
  }

  take(target: Uint8Array, at: number, size: number): void {
    this.backlog -= size;
    for (let left = size; left > 0; ) {
      const chunk = this.#chunks[0];
      if (chunk === undefined) throw new RangeError('more bytes than wait');
      const piece = chunk.subarray(this.#offset, this.#offset + left);
      target.set(piece, at + size - left);
      left -= piece.length;
      this.#offset += piece.length;
      if (this.#offset < chunk.length) break;
      this.#offset = 0;
      this.#chunks.shift();
      if (chunk !== this.#padding) this.#hashed.push(chunk);
    }
  }

  /** After a round of hashing. */
  settle(): void {
    if (this.backlog < blockBytes) this.#hurries = false;
    if (this.#hashed.length > 0) this.#isBlocked = false;
    for (let chunk = this.#hashed.shift(); chunk !== undefined; chunk = this.#hashed.shift()) {
      this.#onHashed(chunk);
    }
    if (this.#done === undefined || this.backlog > 0) return;
    const raw = Buffer.allocUnsafe(16);
    for (const [i, word] of this.state.entries()) raw.writeInt32LE(word, 4 * i);
    open.delete(this);
    this.#done(raw);
  }

  #add(chunk: Buffer): void {
    // Not before: a body that nobody ever reads would stay.
    open.add(this);
    this.#chunks.push(chunk);
    this.backlog += chunk.length;
    if (scheduled) return;
    scheduled = true;
    setImmediate(hashTogether);
  }
}

function hashTogether(): void {
  scheduled = false;
  const waiting = [...open].filter(hasBlock);
  const crowd = Math.min(open.size, lanes);
  let ready = waiting;
  // Who may wait does so for company.
  while (ready.length > 0 && (ready.length >= crowd || ready.some(({ isUrgent }) => isUrgent))) {
    const together = ready.toSorted((a, b) => b.backlog - a.backlog).slice(0, lanes);
    const least = together.reduce((size, { backlog }) => Math.min(size, backlog), laneBytes);
    md5Advance(together, least - (least % blockBytes));
    ready = ready.filter(hasBlock);
  }
  for (const md5 of waiting) md5.settle();
}

function hasBlock({ backlog }: Md5): boolean {
  return backlog >= blockBytes;
}
