/** What the bytes of an object must hash to, by what it says about itself. One pass, bounded memory. */
import type { ObjectAttributes } from '../../adapters/types.ts';
import { type ChecksumAlgorithm, checksumAlgorithmNamed } from '../s3/checksums/algorithms.ts';
import { DigestSet, type Digests } from '../s3/checksums/digest-set.ts';
import { createDigest, type Digest } from '../s3/checksums/digests.ts';
import { multipartChecksum } from '../s3/checksums/multipart.ts';
import { multipartEtag } from '../s3/etag.ts';

/** Written by Amazon S3's rules: an MD5, with the number of parts behind it when there were any. */
const etagForm = /^[0-9a-f]{32}(?:-(\d+))?$/;

/** Whether there is anything to compare the bytes with: adapters derive an ETag with a `-` for what another program wrote. */
export function isForeign({ checksum, etag, parts }: ObjectAttributes): boolean {
  return parts === undefined && checksum === undefined && !/^[0-9a-f]{32}$/.test(etag);
}

export class ObjectDigests {
  readonly #attributes: ObjectAttributes;
  readonly #sizes: readonly number[];
  readonly #checksum: ChecksumAlgorithm | undefined;
  /** Of a multipart object whose checksum is over all its bytes. */
  readonly #whole: Digest | undefined;
  readonly #finished: Digests[] = [];
  #part: DigestSet;
  #left: number;

  /** @param size of the plain bytes; no more than that many may come */
  constructor(attributes: ObjectAttributes, size: number) {
    const { checksum, parts } = attributes;
    this.#attributes = attributes;
    this.#sizes = parts?.map((part) => part.size) ?? [size];
    this.#checksum = checksum && checksumAlgorithmNamed(checksum.algorithm);
    const overAll = parts !== undefined && checksum?.type === 'FULL_OBJECT';
    this.#whole = overAll && this.#checksum ? createDigest(this.#checksum) : undefined;
    this.#part = this.#newPart();
    this.#left = this.#sizes[0] ?? 0;
  }

  update(chunk: Buffer): void {
    this.#whole?.update(chunk);
    for (let at = 0; at < chunk.length; ) {
      while (this.#left === 0) this.#nextPart();
      const piece = chunk.subarray(at, at + this.#left);
      this.#part.update(piece);
      this.#left -= piece.length;
      at += piece.length;
    }
  }

  /** Ends it. What does not agree, in words; nothing when all does. */
  problems(): readonly string[] {
    while (this.#finished.length < this.#sizes.length) this.#nextPart();
    return [...this.#etagProblems(), ...this.#checksumProblems()];
  }

  #nextPart(): void {
    if (this.#finished.length >= this.#sizes.length) throw new RangeError('more bytes than the object has');
    this.#finished.push(this.#part.finish());
    this.#part = this.#newPart();
    this.#left = this.#sizes[this.#finished.length] ?? 0;
  }

  #newPart(): DigestSet {
    const inParts = this.#checksum !== undefined && this.#whole === undefined;
    return new DigestSet(inParts ? [this.#checksum] : []);
  }

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
