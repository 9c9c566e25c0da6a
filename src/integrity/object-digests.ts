/** What the bytes of an object must hash to, by what it says about itself. One pass, bounded memory. */
import type { ObjectAttributes } from '../../adapters/types.ts';
import { type ChecksumAlgorithm, checksumAlgorithmNamed } from '../s3/checksums/algorithms.ts';
import { DigestSet, type Digests, SharedDigestSet } from '../s3/checksums/digest-set.ts';
import { createDigest, type Digest } from '../s3/checksums/digests.ts';
import { multipartChecksum } from '../s3/checksums/multipart.ts';
import { multipartEtag } from '../s3/etag.ts';

/** Written by Amazon S3's rules: an MD5, with the number of parts behind it when there were any. */
const etagForm = /^[0-9a-f]{32}(?:-(\d+))?$/;

/** Whether there is anything to compare the bytes with: adapters derive an ETag with a `-` for what another program wrote. */
export function isForeign({ checksum, etag, parts }: ObjectAttributes): boolean {
  return parts === undefined && checksum === undefined && !/^[0-9a-f]{32}$/.test(etag);
}

/** Shorter parts are hashed at once. Longer ones, of objects that are read at the same time, share the work of MD5. */
const sharedFrom = 256 * 1024;

export class ObjectDigests {
  readonly #attributes: ObjectAttributes;
  readonly #onDigested: (chunk: Buffer) => void;
  readonly #sizes: readonly number[];
  readonly #checksum: ChecksumAlgorithm | undefined;
  /** Of a multipart object whose checksum is over all its bytes. */
  readonly #whole: Digest | undefined;
  readonly #finished: Digests[] = [];
  /** Pieces of chunks in which a part ends: no chunks, so they do not come back. */
  readonly #pieces = new Set<Buffer>();
  /** Parts whose digests are not there yet, the one that gets bytes among them. */
  readonly #open = new Set<PartDigests>();
  #part: PartDigests;
  #partsBegun = 0;
  #left: number;
  #wake: (() => void) | undefined;

  /**
   * Chunks come back by `onDigested`, some time after {@link update}; until then they must stay as they are.
   * @param size of the plain bytes; no more than that many may come
   */
  constructor(attributes: ObjectAttributes, size: number, onDigested: (chunk: Buffer) => void = () => {}) {
    this.#onDigested = onDigested;
    const { checksum, parts } = attributes;
    this.#attributes = attributes;
    this.#sizes = parts?.map((part) => part.size) ?? [size];
    this.#checksum = checksum && checksumAlgorithmNamed(checksum.algorithm);
    const overAll = parts !== undefined && checksum?.type === 'FULL_OBJECT';
    this.#whole = overAll && this.#checksum ? createDigest(this.#checksum) : undefined;
    this.#left = this.#sizes[0] ?? 0;
    this.#part = this.#newPart();
  }

  update(chunk: Buffer): void {
    this.#whole?.update(chunk);
    for (let at = 0; at < chunk.length; ) {
      while (this.#left === 0) this.#nextPart();
      const isWhole = at === 0 && chunk.length <= this.#left;
      const piece = isWhole ? chunk : chunk.subarray(at, at + this.#left);
      if (!isWhole) this.#pieces.add(piece);
      this.#left -= piece.length;
      at += piece.length;
      this.#part.update(piece);
    }
  }

  /** Resolves once more bytes may come. */
  async ready(): Promise<void> {
    while (this.#part.isBehind) await this.#change();
  }

  /** Ends it. What does not agree, in words; nothing when all does. */
  async problems(): Promise<readonly string[]> {
    while (this.#partsBegun < this.#sizes.length) this.#nextPart();
    this.#endPart();
    while (this.#open.size > 0) await this.#change();
    return [...this.#etagProblems(), ...this.#checksumProblems()];
  }

  /** Ends it before all bytes came. */
  abandon(): void {
    for (const part of this.#open) part.abandon();
    this.#open.clear();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #nextPart(): void {
    if (this.#partsBegun >= this.#sizes.length) throw new RangeError('more bytes than the object has');
    this.#endPart();
    this.#left = this.#sizes[this.#partsBegun] ?? 0;
    this.#part = this.#newPart();
  }

  #endPart(): void {
    const part = this.#part;
    const index = this.#partsBegun - 1;
    part.finish((digests) => {
      this.#finished[index] = digests;
      this.#open.delete(part);
      this.#wake?.();
    });
  }

  #newPart(): PartDigests {
    const inParts = this.#checksum !== undefined && this.#whole === undefined;
    const algorithms = inParts ? [this.#checksum] : [];
    const part =
      this.#left < sharedFrom
        ? new PromptDigests(algorithms, this.#takeBack)
        : new SharedDigestSet(algorithms, this.#takeBack);
    this.#partsBegun += 1;
    this.#open.add(part);
    return part;
  }

  readonly #takeBack = (bytes: Buffer): void => {
    if (!this.#pieces.delete(bytes)) this.#onDigested(bytes);
    this.#wake?.();
  };

  #etagProblems(): readonly string[] {
    const { etag, parts } = this.#attributes;
    const [isKnown, count] = etagForm.exec(etag) ?? [];
    if (isKnown === undefined) return [];
    const md5s = this.#finished.map(({ md5 }) => md5);
    // Of an object without a list of parts, an ETag with a number cannot be made again.
    if (parts === undefined && count !== undefined) return [];
    const found = parts === undefined ? (md5s[0] ?? '') : multipartEtag(md5s);
    return found === etag ? [] : [`its ETag is ${etag}, its bytes have ${found}`];
  }

  #checksumProblems(): readonly string[] {
    const { checksum, parts } = this.#attributes;
    if (checksum === undefined) return [];
    const algorithm = this.#checksum;
    if (algorithm === undefined) return [`${checksum.algorithm} is no checksum that is known`];
    const differs = (found: string): readonly string[] =>
      found === checksum.value ? [] : [`its ${algorithm} is ${checksum.value}, its bytes have ${found}`];
    if (this.#whole !== undefined) return differs(this.#whole.digest().toString('base64'));
    const [first] = this.#finished;
    if (parts === undefined) return first === undefined ? [] : differs(first.base64(algorithm));
    const found = this.#finished.map((digests, index) => ({
      checksum: digests.base64(algorithm),
      size: this.#sizes[index] ?? 0,
    }));
    const bad = parts.filter((part, index) => part.checksum !== found[index]?.checksum);
    return [
      ...bad.slice(0, 10).map(({ partNumber }) => `part ${partNumber} does not have its ${algorithm}`),
      ...differs(multipartChecksum(algorithm, 'COMPOSITE', found)),
    ];
  }
}

interface PartDigests {
  readonly isBehind: boolean;
  update(bytes: Buffer, hurries?: boolean): void;
  finish(done: (digests: Digests) => void): void;
  abandon(): void;
}

/** As {@link SharedDigestSet}, but at once. */
class PromptDigests implements PartDigests {
  readonly isBehind = false;
  readonly #digests: DigestSet;
  readonly #onDigested: (bytes: Buffer) => void;

  constructor(algorithms: readonly ChecksumAlgorithm[], onDigested: (bytes: Buffer) => void) {
    this.#digests = new DigestSet(algorithms);
    this.#onDigested = onDigested;
  }

  update(bytes: Buffer): void {
    this.#digests.update(bytes);
    this.#onDigested(bytes);
  }

  finish(done: (digests: Digests) => void): void {
    done(this.#digests.finish());
  }

  abandon(): void {}
}
