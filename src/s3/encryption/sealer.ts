import { type CipherGCM, createCipheriv, createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { AdapterError } from '../../../adapters/errors.ts';
import type { Body, BodyStream } from '../../../adapters/types.ts';
import { discardBytes } from '../../http/slabs.ts';
import {
  cipherName,
  magic,
  type RunIdentity,
  runKey,
  saltSize,
  sealedSize,
  segmentCount,
  segmentNonce,
  segmentSize,
  tagSize,
} from './format.ts';
import { Through } from './through.ts';

/** The body as it is stored: one run under a key of its own. Ends only if the body does, with exactly its declared bytes. */
export function seal(body: Body, baseKey: Buffer, identity: RunIdentity): Body {
  const salt = randomBytes(saltSize);
  return {
    stream: new Sealer(body.stream, body.size, runKey(baseKey, salt, identity), salt),
    size: sealedSize(body.size),
  };
}

/** Two segments and their tags: one more is ciphered while the sink writes. */
const heldChunks = 4;

class Sealer extends Through {
  /** As an object: given the bytes each time, the cipher takes ten times as long to set up. */
  readonly #key: KeyObject;
  readonly #last: number;
  readonly #body: BodyStream;
  #toCome: number;
  #index = 0;
  #left = 0;
  #cipher: CipherGCM;

  constructor(source: BodyStream, size: number, key: Buffer, salt: Buffer) {
    super(source, heldChunks);
    this.#body = source;
    this.#key = createSecretKey(key);
    this.#toCome = size;
    this.#last = segmentCount(size) - 1;
    this.#cipher = this.#begin();
    this.push(Buffer.concat([magic, salt]));
  }

  protected override convert(chunk: Buffer): void {
    if (chunk.length > this.#toCome) throw wrongSize();
    this.#toCome -= chunk.length;
    for (let at = 0; at < chunk.length; ) {
      if (this.#left === 0) this.#next();
      const piece = chunk.subarray(at, at + this.#left);
      at += piece.length;
      this.#left -= piece.length;
      this.pass(this.#cipher.update(piece));
    }
    this.#body.recycle?.(chunk);
  }

  /** Frees a chunk of this stream: the cipher gives each in memory of its own, which would pile up until a full garbage collection. */
  recycle(chunk: Buffer): void {
    discardBytes(chunk);
  }

  protected override finish(): void {
    if (this.#toCome !== 0) throw wrongSize();
    this.#end();
  }

  #next(): void {
    this.#end();
    this.#index += 1;
    this.#cipher = this.#begin();
  }

  #begin(): CipherGCM {
    this.#left = segmentSize;
    const nonce = segmentNonce(this.#index, this.#index === this.#last);
    return createCipheriv(cipherName, this.#key, nonce, { authTagLength: tagSize });
  }

  #end(): void {
    this.#cipher.final();
    this.pass(this.#cipher.getAuthTag());
  }
}

function wrongSize(): AdapterError {
  return new AdapterError('Internal', 'the body does not have the size that it was declared with');
}
