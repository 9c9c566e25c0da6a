/**
 * The aws-chunked body (S3 API reference, "Transferring Payload in Multiple Chunks" and "… with Trailing Headers").
 *
 *     <hex size>[;chunk-signature=<64 hex>]\r\n<bytes>\r\n …
 *     0[;chunk-signature=<64 hex>]\r\n
 *     [<name>:<value>\r\n]
 *     [x-amz-trailer-signature:<64 hex>\r\n]
 *     \r\n
 *
 * No chunk is ever held: its bytes are passed on as they arrive, and whoever stores them may publish them only once
 * {@link ChunkedDecoder.end} has returned.
 */
import { S3Error } from '../s3/errors.ts';
import { ChunkSignatures } from './chunk-signatures.ts';
import type { ChunkSigning } from './sigv4.ts';

export interface ChunkedDecoderOptions {
  /** Bytes of the decoded body, from `x-amz-decoded-content-length`. */
  readonly decodedLength: number;
  /** Set for the signed forms. */
  readonly signing?: ChunkSigning;
  /** The form ends in a trailer; any trailer is refused otherwise. */
  readonly trailer: boolean;
  /** Fewest bytes of a chunk that is not the last; 0 by default. AWS documents 8192, but its own SDKs send less. */
  readonly minChunkSize?: number;
}

/** Longest chunk header or trailer line, and longest trailer section, in bytes. */
const maxLine = 1024;
const maxTrailers = 8192;

const cr = 0x0d;
const lf = 0x0a;

type State = 'header' | 'data' | 'data-cr' | 'data-lf' | 'trailer' | 'done';

/** Incremental: feed it what arrives, in pieces of any size. Once it has thrown, it only throws again. */
export class ChunkedDecoder {
  readonly #decodedLength: number;
  readonly #signatures: ChunkSignatures | undefined;
  readonly #withTrailer: boolean;
  readonly #minChunkSize: number;

  #state: State = 'header';
  #failure: unknown;
  /** Start of a line whose end has not arrived yet. */
  #line = '';
  /** Bytes of the current chunk still to come. */
  #remaining = 0;
  #chunks = 0;
  #chunkSize = 0;
  /** Bytes announced by the chunk headers so far. */
  #decoded = 0;

  readonly #trailers = new Map<string, string>();
  #trailerBytes = 0;
  #trailerLines = '';
  #trailerSignature: string | undefined;
  /** The line before ended in a bare `\n`: minio-go writes `name:value\n\r\n` where others write `name:value\r\n`. */
  #afterBareLf = false;

  constructor(options: ChunkedDecoderOptions) {
    this.#decodedLength = options.decodedLength;
    this.#signatures = options.signing && new ChunkSignatures(options.signing);
    this.#withTrailer = options.trailer;
    this.#minChunkSize = options.minChunkSize ?? 0;
  }

  /**
   * Takes the next bytes of the wire and hands the decoded ones to `emit`, as views of `input`.
   * Throws IncompleteBody, InvalidChunkSizeError, MalformedTrailerError or SignatureDoesNotMatch.
   */
  write(input: Buffer, emit: (data: Buffer) => void): void {
    this.#guard(() => {
      let position = 0;
      while (position < input.length) position = this.#step(input, position, emit);
    });
  }

  /** Call at the end of the body. Throws as {@link write} does when it came too early. */
  end(): { readonly trailers: ReadonlyMap<string, string> } {
    this.#guard(() => {
      // Some clients leave out the empty line that ends the trailer, or the body without one.
      if (this.#state === 'trailer' && this.#line === '') this.#finish();
      if (this.#state !== 'done') throw cutShort();
    });
    return { trailers: this.#trailers };
  }

  #guard(action: () => void): void {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      action();
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  /** Returns the position after what it took. */
  #step(input: Buffer, position: number, emit: (data: Buffer) => void): number {
    switch (this.#state) {
      case 'data':
        return this.#data(input, position, emit);
      case 'data-cr':
        if (input[position] !== cr) throw cutShort();
        this.#state = 'data-lf';
        return position + 1;
      case 'data-lf':
        if (input[position] !== lf) throw cutShort();
        this.#state = 'header';
        return position + 1;
      case 'header':
      case 'trailer':
        return this.#lineFrom(input, position);
      case 'done':
        throw new S3Error('MalformedTrailerError');
    }
  }

  #data(input: Buffer, position: number, emit: (data: Buffer) => void): number {
    const end = Math.min(input.length, position + this.#remaining);
    const data = input.subarray(position, end);
    this.#remaining -= data.length;
    const last = this.#remaining === 0;
    this.#signatures?.update(data, last);
    if (last) {
      this.#signatures?.verifyChunk();
      this.#state = 'data-cr';
    }
    emit(data);
    return end;
  }

  #lineFrom(input: Buffer, position: number): number {
    const found = input.indexOf(lf, position);
    const end = found < 0 ? input.length : found + 1;
    if (this.#line.length + end - position > maxLine) throw this.#malformed();
    this.#line += input.toString('latin1', position, end);
    if (found < 0) return end;

    const line = this.#line;
    this.#line = '';
    if (this.#state === 'header') this.#chunkHeader(line);
    else this.#trailerLine(line);
    return end;
  }

  #chunkHeader(line: string): void {
    const match = /^0*([0-9a-f]{0,13})[ \t]*(;.*)?\r\n$/i.exec(line);
    if (match === null || !/^[0-9a-f]/i.test(line)) throw cutShort();
    const size = Number.parseInt(`0${match[1]}`, 16);
    this.#decoded += size;
    if (this.#decoded > this.#decodedLength) throw new S3Error('IncompleteBody');
    if (size > 0 && this.#chunks > 0 && this.#chunkSize < this.#minChunkSize) {
      throw new S3Error('InvalidChunkSizeError', {
        // AWS names the chunk behind it, at which it turned out not to be the last.
        extra: { Chunk: this.#chunks + 1, BadChunkSize: this.#chunkSize },
      });
    }
    this.#signatures?.begin(chunkSignature(match[2] ?? ''));
    if (size === 0) {
      this.#lastChunk();
      return;
    }
    this.#chunks += 1;
    this.#chunkSize = size;
    this.#remaining = size;
    this.#state = 'data';
  }

  #lastChunk(): void {
    if (this.#decoded !== this.#decodedLength) throw new S3Error('IncompleteBody');
    this.#signatures?.verifyChunk();
    this.#state = 'trailer';
  }

  #trailerLine(line: string): void {
    this.#trailerBytes += line.length;
    const text = line.trim();
    if (text === '') {
      if (!this.#afterBareLf) this.#finish();
      this.#afterBareLf = false;
      return;
    }
    this.#afterBareLf = !line.endsWith('\r\n');
    const colon = text.indexOf(':');
    const name = text.slice(0, Math.max(0, colon)).trimEnd().toLowerCase();
    const value = text.slice(colon + 1).trimStart();
    // Lines where none belong, and what is no line of a trailer, are broken framing; a trailer that was not announced is a malformed one.
    if (!this.#withTrailer || name === '' || text.includes('\r')) throw cutShort();
    if (this.#trailerBytes > maxTrailers) throw this.#malformed();

    if (name === 'x-amz-trailer-signature') {
      if (this.#signatures === undefined || this.#trailerSignature !== undefined) throw this.#malformed();
      if (!isSignature(value)) throw cutShort();
      this.#trailerSignature = value;
      return;
    }
    if (this.#trailers.has(name)) throw this.#malformed();
    this.#trailers.set(name, value);
    this.#trailerLines += `${name}:${value}\n`;
  }

  #finish(): void {
    this.#state = 'done';
    if (this.#signatures === undefined) return;
    if (this.#trailerSignature !== undefined) {
      this.#signatures.verifyTrailer(this.#trailerLines, this.#trailerSignature);
    } else if (this.#trailers.size > 0) {
      throw cutShort();
    }
  }

  #malformed(): S3Error {
    return this.#state === 'header' ? cutShort() : new S3Error('MalformedTrailerError');
  }
}

/** The extension that carries the signature; others are nobody's business here. What is no signature is broken framing, not a wrong one. */
function chunkSignature(extensions: string): string {
  const signature = /;[ \t]*chunk-signature=([^;\r\n]*)/i.exec(extensions)?.[1]?.trim();
  if (signature === undefined || !isSignature(signature)) throw cutShort();
  return signature;
}

function isSignature(text: string): boolean {
  return /^[0-9a-f]{64}$/i.test(text);
}

/** AWS's words for framing that is broken as for framing that is cut. */
function cutShort(): S3Error {
  return new S3Error('IncompleteBody', { message: 'The request body terminated unexpectedly' });
}
