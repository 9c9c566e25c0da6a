/** The one pass over a request body: decode, count, digest, verify. */
import { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { requireSha256 } from '../auth/payload.ts';
import { trailerValue } from '../auth/trailer.ts';
import { type ChecksumAlgorithm, checksumInfo } from '../s3/checksums/algorithms.ts';
import type { Digests } from '../s3/checksums/digest-set.ts';
import { type ChecksumPlan, requireChecksum } from '../s3/checksums/plan.ts';
import { S3Error } from '../s3/errors.ts';
import { type Intake, LongIntake, ShortIntake } from './intake.ts';
import { discardBytes, giveSlab, slabBytes } from './slabs.ts';

/** Takes the framing off a body. What it throws is what the body fails with. */
export interface BodyDecoder {
  /** Hands on decoded bytes as views of `input`. */
  write(input: Buffer, emit: (data: Buffer) => void): void;
  /** Throws unless the framing is complete. Trailers by lower-case name. */
  end(): { readonly trailers: ReadonlyMap<string, string> };
}

export interface IncomingBodyOptions {
  /** Decoded bytes that must come; `undefined` when the request does not say. */
  readonly size: number | undefined;
  readonly decoder?: BodyDecoder;
  /** What the body must hash to, lower-case hex. */
  readonly sha256?: string;
  readonly plan: ChecksumPlan;
  /** Digests wanted besides MD5 and the plan's. */
  readonly digests?: readonly ChecksumAlgorithm[];
  /** How BadDigest spells the Content-MD5: AWS answers PutObject in hex and everything else in base64. */
  readonly contentMd5As?: 'base64' | 'hex';
  /** Called when the first byte is asked for: the moment for `100 Continue`. */
  readonly onFirstRead?: () => void;
}

/**
 * A body that ends only if every length, digest, signature and trailer agreed, and otherwise fails with the S3Error to answer. It never
 * destroys the request that feeds it, since the answer still has to go out on that connection; {@link drain} the rest then.
 */
export class IncomingBody extends Readable {
  readonly #incoming: Readable;
  readonly #options: IncomingBodyOptions;
  readonly #intake: Intake;
  /** Bytes of a request's own are in memory of their own, which may be given back. */
  readonly #ownsChunks: boolean;
  #started = false;
  #ended = false;
  /** Whoever reads has room. */
  #isWanted = true;
  #received = 0;
  #result: Digests | undefined;

  constructor(incoming: Readable, options: IncomingBodyOptions) {
    super({ highWaterMark: 2 * slabBytes });
    this.#incoming = incoming;
    this.#options = options;
    const { plan, sha256, size, digests = [] } = options;
    const algorithms = [
      ...digests,
      ...(plan.checksum === undefined ? [] : [plan.checksum.algorithm]),
      ...(sha256 === undefined ? [] : (['SHA256'] as const)),
    ];
    const isLong = size !== undefined && size >= slabBytes;
    this.#intake = new (isLong ? LongIntake : ShortIntake)(algorithms, this.#pass);
    this.#ownsChunks = this.#intake.copies && incoming instanceof IncomingMessage;
    // Who reads learns of the failure however late it comes to listen; until then it must not end the process.
    this.on('error', ignore);
  }

  /** Digests of all bytes. Throws before the body has ended well. */
  result(): Digests {
    if (this.#result === undefined) throw new Error('the body has not ended');
    return this.#result;
  }

  /** Takes back a chunk of this stream, once: whoever does so must not look at it any more. */
  recycle(chunk: Buffer): void {
    giveSlab(chunk);
  }

  override _read(): void {
    this.#isWanted = true;
    if (this.#started) {
      this.#flow();
      return;
    }
    this.#started = true;
    // Listeners come too late for a client that is already gone.
    if (this.#incoming.destroyed) {
      this.destroy(this.#cutShort());
      return;
    }
    this.#incoming.on('error', this.#onError);
    this.#incoming.on('close', this.#onClose);
    this.#incoming.on('end', this.#onEnd);
    this.#incoming.on('data', this.#onData);
    this.#options.onFirstRead?.();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const incoming = this.#incoming;
    this.#intake.abandon();
    incoming.off('data', this.#onData);
    incoming.off('end', this.#onEnd);
    incoming.off('close', this.#onClose);
    incoming.off('error', this.#onError);
    incoming.on('error', ignore);
    incoming.pause();
    callback(error);
  }

  readonly #onData = (chunk: Buffer): void => {
    const { decoder } = this.#options;
    try {
      if (decoder === undefined) this.#take(chunk);
      else decoder.write(chunk, this.#take);
    } catch (error) {
      this.destroy(error as Error);
      return;
    }
    if (this.#ownsChunks) discardBytes(chunk);
    this.#flow();
  };

  readonly #take = (data: Buffer): void => {
    this.#received += data.length;
    const { size } = this.#options;
    if (size !== undefined && this.#received > size) throw new S3Error('IncompleteBody');
    this.#intake.take(data);
  };

  readonly #pass = (data: Buffer): void => {
    this.#isWanted = this.push(data);
    this.#flow();
  };

  #flow(): void {
    if (this.destroyed || this.#ended) return;
    const isWelcome = this.#isWanted && !this.#intake.isBehind;
    if (isWelcome === this.#incoming.isPaused()) this.#incoming[isWelcome ? 'resume' : 'pause']();
  }

  readonly #onEnd = (): void => {
    this.#ended = true;
    try {
      const trailers = this.#requireWhole();
      this.#intake.end((digests) => this.#endWith(digests, trailers));
    } catch (error) {
      this.destroy(error as Error);
    }
  };

  #endWith(digests: Digests, trailers: ReadonlyMap<string, string>): void {
    try {
      this.#verify(digests, trailers);
    } catch (error) {
      this.destroy(error as Error);
      return;
    }
    this.#result = digests;
    this.push(null);
  }

  readonly #onError = (cause: Error): void => {
    this.destroy(this.#cutShort(cause));
  };

  readonly #onClose = (): void => {
    if (!this.#ended) this.destroy(this.#cutShort());
  };

  #cutShort(cause?: Error): S3Error {
    return new S3Error('IncompleteBody', {
      ...(this.#options.decoder !== undefined && { message: 'The request body terminated unexpectedly' }),
      cause,
      close: true,
    });
  }

  #requireWhole(): ReadonlyMap<string, string> {
    const { decoder, size } = this.#options;
    const trailers = decoder?.end().trailers ?? new Map<string, string>();
    if (size !== undefined && this.#received !== size) throw new S3Error('IncompleteBody');
    return trailers;
  }

  #verify(digests: Digests, trailers: ReadonlyMap<string, string>): void {
    const { contentMd5As = 'base64', plan, sha256 } = this.#options;
    if (sha256 !== undefined) requireSha256(sha256, digests.raw('SHA256').toString('hex'));
    if (plan.contentMd5 !== undefined) {
      requireMd5(plan.contentMd5, digests.raw('MD5'), contentMd5As);
    }
    const { checksum } = plan;
    const announced = checksum?.from === 'trailer' ? checksumInfo[checksum.algorithm].header : undefined;
    const trailer = trailerValue(announced, trailers);
    if (checksum !== undefined) requireChecksum(checksum, digests.raw(checksum.algorithm), trailer);
  }
}

function requireMd5(expected: Buffer, calculated: Buffer, expectedAs: 'base64' | 'hex'): void {
  if (calculated.equals(expected)) return;
  throw new S3Error('BadDigest', {
    extra: { ExpectedDigest: expected.toString(expectedAs), CalculatedDigest: calculated.toString('base64') },
  });
}

function ignore(): void {}

/**
 * A body to be held in memory, such as an XML document, verified like any other. MaxMessageLengthExceeded above `maxBytes`, at once when the
 * declared size says so.
 */
export async function readSmallBody(
  incoming: Readable,
  options: IncomingBodyOptions & { readonly maxBytes: number },
): Promise<Buffer> {
  const { maxBytes, size } = options;
  const tooLarge = (): S3Error =>
    new S3Error('MaxMessageLengthExceeded', { extra: { MaxMessageLengthBytes: maxBytes } });
  if (size !== undefined && size > maxBytes) throw tooLarge();
  const chunks: Buffer[] = [];
  let received = 0;
  for await (const chunk of new IncomingBody(incoming, options)) {
    received += (chunk as Buffer).length;
    if (received > maxBytes) throw tooLarge();
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks, received);
}

export interface DrainOptions {
  readonly maxBytes: number;
  readonly timeoutMs: number;
}

/**
 * Reads and throws away what is left of a request that was answered early, so that the client gets to see the answer instead of a reset.
 * `true`: all of it was read and the connection can carry the next request. `false`: too much, too slow or gone; close the connection.
 */
export function drain(incoming: Readable, { maxBytes, timeoutMs }: DrainOptions): Promise<boolean> {
  if (incoming.readableEnded) return Promise.resolve(true);
  if (incoming.destroyed) return Promise.resolve(false);
  return new Promise((resolve) => {
    let received = 0;
    const settle = (drained: boolean): void => {
      clearTimeout(timer);
      incoming.off('data', onData);
      incoming.off('end', onEnd);
      incoming.off('close', onGone);
      incoming.off('error', onGone);
      incoming.on('error', ignore);
      if (!drained) incoming.pause();
      resolve(drained);
    };
    const onData = (chunk: Buffer): void => {
      received += chunk.length;
      if (received > maxBytes) settle(false);
    };
    const onEnd = (): void => settle(true);
    const onGone = (): void => settle(false);
    const timer = setTimeout(onGone, timeoutMs);
    incoming.on('error', onGone);
    incoming.on('close', onGone);
    incoming.on('end', onEnd);
    incoming.on('data', onData);
    incoming.resume();
  });
}
