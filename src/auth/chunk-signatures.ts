/** The chain of signatures over the chunks and the trailer of a signed aws-chunked body. */
import { createHash, type Hash, hash } from 'node:crypto';
import { algorithm, type ChunkSigning, sign, signatureMismatch, signaturesEqual } from './sigv4.ts';

const emptyHash = hash('sha256', '', 'hex');

/** Verifies one chunk after the other; each signature covers the one before it. */
export class ChunkSignatures {
  readonly #signing: ChunkSigning;
  #previous: string;
  #provided = '';
  #hash: Hash | undefined;
  #digest = emptyHash;

  constructor(signing: ChunkSigning) {
    this.#signing = signing;
    this.#previous = signing.seedSignature;
  }

  begin(signature: string): void {
    this.#provided = signature;
    this.#hash = undefined;
    this.#digest = emptyHash;
  }

  /** `last` says that the chunk ends with `data`. */
  update(data: Buffer, last: boolean): void {
    if (last && this.#hash === undefined) {
      this.#digest = hash('sha256', data, 'hex');
      return;
    }
    this.#hash ??= createHash('sha256');
    this.#hash.update(data);
    if (last) this.#digest = this.#hash.digest('hex');
  }

  /** Throws SignatureDoesNotMatch unless the chunk begun last is the one that was signed. */
  verifyChunk(): void {
    this.#verify(`${algorithm}-PAYLOAD`, `${emptyHash}\n${this.#digest}`, this.#provided);
  }

  /** `lines` is each trailer as `name:value\n`, whatever line ends the wire used. */
  verifyTrailer(lines: string, signature: string): void {
    this.#verify('AWS4-HMAC-SHA256-TRAILER', hash('sha256', Buffer.from(lines, 'latin1'), 'hex'), signature);
  }

  #verify(name: string, digests: string, provided: string): void {
    const { accessKeyId, key, scope, timestamp } = this.#signing;
    const text = `${name}\n${timestamp}\n${scope}\n${this.#previous}\n${digests}`;
    const expected = sign(key, text);
    if (!signaturesEqual(expected, provided)) throw signatureMismatch(accessKeyId, text, provided);
    this.#previous = expected;
  }
}
