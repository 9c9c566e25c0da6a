/**
 * The file of a form as an object. How long a file is nobody knows before its end, and backends ask before they begin: a file of one
 * piece is written in one request, a longer one in pieces that the backend puts together. To clients either is an object of one request.
 */
import { Readable } from 'node:stream';
import type { ObjectAttributes, ObjectInfo, StoredPart } from '../../../adapters/types.ts';
import { newUploadId } from '../../uploads/id.ts';
import type { ChecksumAlgorithm } from '../checksums/algorithms.ts';
import { DigestSet, type Digests } from '../checksums/digest-set.ts';
import type { WriteEncryption } from '../encryption/write.ts';
import type { Gateway } from '../operation.ts';

/** Stored bytes of a piece that is not the last; two are in memory at most. 640 make 5 GiB. */
export const pieceSize = 8 * 1024 * 1024;

export interface FormWrite {
  readonly gateway: Gateway;
  readonly bucket: string;
  readonly key: string;
  readonly encryption: WriteEncryption;
  readonly algorithms: readonly ChecksumAlgorithm[];
  /** Throws for a file that is not to be stored. */
  readonly check: (size: number, digests: Digests) => void;
  readonly attributes: (size: number, digests: Digests) => ObjectAttributes;
}

interface Piece {
  readonly chunks: readonly Buffer[];
  readonly size: number;
}

/** @param file its bytes; throws what is wrong with them */
export async function storeFile(file: AsyncIterable<Buffer>, write: FormWrite): Promise<ObjectInfo> {
  const digested = new Digested(file, write.algorithms);
  const pieces = cut(write.encryption.unsized(digested));
  const attributes = (): ObjectAttributes => {
    const digests = digested.finish();
    write.check(digested.size, digests);
    return write.attributes(digested.size, digests);
  };
  const first = await pieces.next();
  // A piece that is not full is the last.
  if (first.done === true || first.value.size < pieceSize) {
    const piece = first.done === true ? { chunks: [], size: 0 } : first.value;
    return putWhole(piece, attributes(), write);
  }
  return putInPieces(first.value, pieces, attributes, write);
}

function putWhole(
  { chunks, size }: Piece,
  attributes: ObjectAttributes,
  { bucket, gateway, key }: FormWrite,
): Promise<ObjectInfo> {
  return gateway.storage
    .for(bucket)
    .putObject({ bucket, key, body: { stream: Readable.from(chunks), size }, attributes: () => attributes });
}

async function putInPieces(
  first: Piece,
  pieces: AsyncIterator<Piece, void, undefined>,
  attributes: () => ObjectAttributes,
  { bucket, gateway, key }: FormWrite,
): Promise<ObjectInfo> {
  const storage = gateway.storage.for(bucket);
  const uploadId = newUploadId();
  const call = { bucket, key, uploadId };
  const state = await storage.beginUpload(call);
  try {
    const parts: StoredPart[] = [];
    const write = async ({ chunks, size }: Piece): Promise<void> => {
      const partNumber = parts.length + 1;
      const body = { stream: Readable.from(chunks), size };
      const token = await storage.putPart({ ...call, state, partNumber, body });
      parts.push({ partNumber, size, token });
    };
    for (let piece: Piece | undefined = first; piece !== undefined; ) {
      // The next piece arrives while this one is written; neither is left behind when the other fails.
      const [written, next]: [PromiseSettledResult<void>, PromiseSettledResult<IteratorResult<Piece, void>>] =
        await Promise.allSettled([write(piece), pieces.next()]);
      if (next.status === 'rejected') throw next.reason;
      if (written.status === 'rejected') throw written.reason;
      piece = next.value.done === true ? undefined : next.value.value;
    }
    return await storage.completeUpload({
      ...call,
      state,
      parts,
      unused: [],
      attributes: { ...attributes(), uploadId },
    });
  } finally {
    gateway.background('free the pieces of a form', () => storage.abortUpload({ ...call, state }));
  }
}

/** Pieces of `pieceSize` bytes, but for the last. */
async function* cut(bytes: AsyncIterable<Buffer>): AsyncGenerator<Piece, void, undefined> {
  let chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of bytes) {
    for (let at = 0; at < chunk.length; ) {
      const taken = chunk.subarray(at, at + pieceSize - size);
      at += taken.length;
      size += taken.length;
      chunks.push(taken);
      if (size < pieceSize) continue;
      yield { chunks, size };
      [chunks, size] = [[], 0];
    }
  }
  if (size > 0) yield { chunks, size };
}

/** Bytes that are counted and digested on their way. */
class Digested implements AsyncIterable<Buffer> {
  readonly #bytes: AsyncIterable<Buffer>;
  readonly #digests: DigestSet;
  size = 0;

  constructor(bytes: AsyncIterable<Buffer>, algorithms: readonly ChecksumAlgorithm[]) {
    this.#bytes = bytes;
    this.#digests = new DigestSet(algorithms);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, undefined> {
    for await (const chunk of this.#bytes) {
      this.#digests.update(chunk);
      this.size += chunk.length;
      yield chunk;
    }
  }

  /** Once they have ended. */
  finish(): Digests {
    return this.#digests.finish();
  }
}
