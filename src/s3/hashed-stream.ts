import { pipeline, type Readable, Transform, type TransformCallback } from 'node:stream';
import { AdapterError } from '../../adapters/errors.ts';
import type { ChecksumAlgorithm } from './checksums/algorithms.ts';
import { DigestSet, type Digests } from './checksums/digest-set.ts';
import type { BodyDigests, OpenBody } from './request-body.ts';

/** Bytes of a copy on their way from one place to another: counted and digested in passing. */
class HashedStream extends Transform {
  readonly #digests: DigestSet;
  readonly #size: number;
  #received = 0;
  result: Digests | undefined;

  constructor(size: number, algorithms: readonly ChecksumAlgorithm[]) {
    super({ readableHighWaterMark: 1024 * 1024 });
    this.#size = size;
    this.#digests = new DigestSet(algorithms);
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#received += chunk.length;
    this.#digests.update(chunk);
    done(null, chunk);
  }

  override _flush(done: TransformCallback): void {
    if (this.#received === this.#size) {
      this.result = this.#digests.finish();
      done();
      return;
    }
    done(new AdapterError('Corrupt', `read ${this.#received} bytes where ${this.#size} were promised`));
  }
}

/** A stream of `size` bytes with the digests that an object or part made of them needs. */
export function hashStream(
  source: Readable,
  size: number,
  algorithm: ChecksumAlgorithm | undefined,
): OpenBody {
  const stream = new HashedStream(size, algorithm === undefined ? [] : [algorithm]);
  stream.on('error', () => {});
  // Both ends are ours: either one's failure ends the other. Who reads the stream learns of it there.
  pipeline(source, stream, () => {});
  return { stream, digests: () => digestsOf(stream.result, algorithm) };
}

function digestsOf(result: Digests | undefined, algorithm: ChecksumAlgorithm | undefined): BodyDigests {
  if (result === undefined) throw new Error('the copied bytes have not ended');
  if (algorithm === undefined) return { md5: result.md5, checksums: {} };
  const value = result.base64(algorithm);
  return { md5: result.md5, checksums: { [algorithm]: value }, checksum: { algorithm, value } };
}
