/**
 * The file of a form as an object. How long a file is nobody knows before its end, and backends ask before they begin: a file of one
 * piece is written in one request, a longer one in pieces that the backend puts together. To clients either is an object of one request.
 */
import { Readable } from 'node:stream';
import type { ObjectAttributes, ObjectInfo, ObjectPart, StoredPart } from '../../../adapters/types.ts';
import { newUploadId } from '../../uploads/id.ts';
import type { ChecksumAlgorithm } from '../checksums/algorithms.ts';
import { DigestSet, type Digests } from '../checksums/digest-set.ts';
import type { WriteEncryption } from '../encryption/write.ts';
import type { Gateway } from '../operation.ts';

/** Bytes of the file that are in memory at once, at most, and of a piece that is not the last. 640 pieces make 5 GiB. */
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

/** @param file its bytes; throws what is wrong with them */
export async function storeFile(file: AsyncIterable<Buffer>, write: FormWrite): Promise<ObjectInfo> {
  const pieces = new Pieces(file, write.algorithms);
  const first = await pieces.next();
  return pieces.ended ? putWhole(first, pieces, write) : putInPieces(first, pieces, write);
}

function putWhole(chunks: readonly Buffer[], pieces: Pieces, write: FormWrite): Promise<ObjectInfo> {
  const { bucket, encryption, gateway, key } = write;
  const { size } = pieces;
  const digests = pieces.finish();
  write.check(size, digests);
  return gateway.storage.for(bucket).putObject({
    bucket,
    key,
    body: encryption.body({ stream: Readable.from(chunks), size }, 0),
    attributes: () => write.attributes(size, digests),
  });
}

async function putInPieces(first: readonly Buffer[], pieces: Pieces, write: FormWrite): Promise<ObjectInfo> {
  const { bucket, encryption, gateway, key } = write;
  const storage = gateway.storage.for(bucket);
  const uploadId = newUploadId();
  const call = { bucket, key, uploadId };
  const state = await storage.beginUpload(call);
  try {
    const parts: StoredPart[] = [];
    const layout: ObjectPart[] = [];
    for (let chunks = first; chunks.length > 0; chunks = await pieces.next()) {
      const partNumber = parts.length + 1;
      const size = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
      const body = encryption.body({ stream: Readable.from(chunks), size }, partNumber);
      const token = await storage.putPart({ ...call, state, partNumber, body });
      parts.push({ partNumber, size: body.size, token });
      layout.push({ partNumber, size });
    }
    const { size } = pieces;
    const digests = pieces.finish();
    write.check(size, digests);
    const attributes: ObjectAttributes = {
      ...write.attributes(size, digests),
      uploadId,
      // Sealed pieces are opened one by one.
      ...(!encryption.isPlain && { parts: layout }),
    };
    return await storage.completeUpload({ ...call, state, parts, unused: [], attributes });
  } finally {
    gateway.background('free the pieces of a form', () => storage.abortUpload({ ...call, state }));
  }
}

/** Takes a file in pieces, digesting it on the way. */
class Pieces {
  readonly #file: AsyncIterator<Buffer>;
  readonly #digests: DigestSet;
  #left: Buffer | undefined;
  size = 0;
  ended = false;

  constructor(file: AsyncIterable<Buffer>, algorithms: readonly ChecksumAlgorithm[]) {
    this.#file = file[Symbol.asyncIterator]();
    this.#digests = new DigestSet(algorithms);
  }

  /** Of `pieceSize` bytes, but for the last; none once the file has ended. */
  async next(): Promise<readonly Buffer[]> {
    const chunks: Buffer[] = [];
    for (let room = pieceSize; room > 0; ) {
      const chunk = this.#left ?? (await this.#read());
      if (chunk === undefined) break;
      const taken = chunk.subarray(0, room);
      this.#left = taken.length < chunk.length ? chunk.subarray(room) : undefined;
      room -= taken.length;
      chunks.push(taken);
    }
    return chunks;
  }

  finish(): Digests {
    return this.#digests.finish();
  }

  async #read(): Promise<Buffer | undefined> {
    if (this.ended) return undefined;
    const { done, value } = await this.#file.next();
    if (done === true) {
      this.ended = true;
      return undefined;
    }
    this.#digests.update(value);
    this.size += value.length;
    return value;
  }
}
