/**
 * A request body on its way to the service, once and in one or several blocks.
 *
 * The last bytes are held back until the stream has ended: it ends only if every digest agreed, and the service takes a
 * request of a known length as complete the moment its last byte arrives.
 */
import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { AdapterError } from '../errors.ts';
import type { Body, BodyStream } from '../types.ts';
import { StalledError } from './errors.ts';

export class BodyReader {
  readonly #stream: BodyStream;
  readonly #size: number;
  readonly #stallMs: number;
  readonly #abort: AbortController;
  #received = 0;
  #ended = false;
  /** Bytes that arrived and no block has taken. */
  #waiting: Buffer | undefined;
  /** The block that takes bytes now. */
  #block: BlockStream | undefined;
  /** The block that was handed out last. */
  #latest: BlockStream | undefined;
  #failure: { readonly reason: unknown } | undefined;
  /** Chunks that the stream gave and may have back. */
  readonly #given = new WeakSet<Buffer>();

  /** `abort` is aborted, with the reason, as soon as the body fails: whatever is being sent must not be finished. */
  constructor(body: Body, abort: AbortController, stallMs: number) {
    this.#stream = body.stream;
    this.#size = body.size;
    this.#abort = abort;
    this.#stallMs = stallMs;
    abort.signal.addEventListener('abort', () => this.#block?.destroy(), { once: true });
    body.stream.pause();
    body.stream.on('data', this.#onData);
    body.stream.on('end', this.#onEnd);
    body.stream.on('error', this.#onError);
    body.stream.on('close', this.#onClose);
    if (body.stream.errored) this.#onError(body.stream.errored);
    else if (body.stream.readableEnded) this.#onEnd();
    else if (body.stream.destroyed) this.#onClose();
  }

  /** The next `size` bytes. One at a time; `last` ends only once the whole body has. */
  block(size: number, last: boolean): BlockStream {
    const block = new BlockStream(size, last, this.#stallMs, {
      more: () => this.#more(),
      fail: (error) => this.#fail(error),
      recycle: (chunk) => this.#recycle(chunk),
    });
    this.#latest?.release();
    this.#latest = block;
    this.#block = block;
    return block;
  }

  /** Why the body failed: the very error of its stream, if that had one. */
  get failure(): { readonly reason: unknown } | undefined {
    return this.#failure;
  }

  /** Reads the body to its end into one buffer of its declared size. */
  async whole(): Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(this.#size);
    let at = 0;
    const block = this.block(this.#size, true);
    block.on('data', (chunk: Buffer) => {
      at += chunk.copy(bytes, at);
      this.#recycle(chunk);
    });
    await finished(block);
    return bytes;
  }

  /** Lets go of the stream; one that is not at its end is destroyed. */
  release(): void {
    const stream = this.#stream;
    stream.off('data', this.#onData);
    stream.off('end', this.#onEnd);
    stream.off('error', this.#onError);
    stream.off('close', this.#onClose);
    this.#block = undefined;
    this.#latest?.release();
    if (stream.readableEnded) return;
    stream.on('error', () => undefined);
    stream.destroy();
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#received += chunk.length;
    if (this.#received > this.#size) {
      this.#fail(
        new AdapterError('Aborted', `the body is longer than the ${this.#size} bytes that were declared`),
      );
      return;
    }
    this.#given.add(chunk);
    this.#waiting = this.#waiting === undefined ? chunk : Buffer.concat([this.#waiting, chunk]);
    if (!this.#deliver()) this.#stream.pause();
  };

  readonly #onEnd = (): void => {
    if (this.#received < this.#size) {
      this.#fail(
        new AdapterError('Aborted', `the body ended after ${this.#received} of ${this.#size} bytes`),
      );
      return;
    }
    this.#ended = true;
    this.#deliver();
  };

  readonly #onError = (error: unknown): void => this.#fail(error);

  readonly #onClose = (): void => {
    if (!this.#ended) this.#fail(new AdapterError('Aborted', 'the body was cut off'));
  };

  /** Nobody looks at these bytes any more. Chunks that were joined or divided on the way are not the stream's. */
  #recycle(chunk: Buffer): void {
    if (this.#given.delete(chunk)) this.#stream.recycle?.(chunk);
  }

  #more(): void {
    if (this.#deliver() && !this.#ended) this.#stream.resume();
  }

  /** Whether the block wants more. */
  #deliver(): boolean {
    const block = this.#block;
    if (block === undefined) return false;
    const chunk = this.#waiting;
    if (chunk !== undefined) {
      // The very end is held until the stream has ended; reading goes on to see it end.
      if (block.last && this.#received === this.#size && !this.#ended) return true;
      const taken = chunk.length <= block.missing ? chunk : chunk.subarray(0, block.missing);
      this.#waiting = taken.length === chunk.length ? undefined : chunk.subarray(taken.length);
      const wants = block.accept(taken);
      if (block.missing > 0) return wants;
    }
    if (block.missing > 0 || (block.last && !this.#ended)) return true;
    this.#block = undefined;
    block.finish();
    return false;
  }

  #fail(reason: unknown): void {
    this.#failure ??= { reason };
    const block = this.#block;
    this.#block = undefined;
    this.#abort.abort(reason);
    block?.destroy();
  }
}

interface BlockSource {
  more(): void;
  fail(error: Error): void;
  recycle(chunk: Buffer): void;
}

/** One block of the body: what the HTTP request reads. Tells when the service takes nothing for too long. */
class BlockStream extends Readable {
  readonly last: boolean;
  missing: number;
  readonly #source: BlockSource;
  readonly #timer: NodeJS.Timeout;
  /** Bytes lie ready that the request does not take, or all are taken and no answer came. A slow client is no stall. */
  #waiting = false;

  constructor(size: number, last: boolean, stallMs: number, source: BlockSource) {
    // Not destroyed at its end: the timer runs on until the answer came.
    super({ autoDestroy: false });
    this.missing = size;
    this.last = last;
    this.#source = source;
    this.#timer = setTimeout(() => {
      if (this.#waiting)
        source.fail(new StalledError(`the service took no bytes and gave no answer for ${stallMs} ms`));
      else this.#timer.refresh();
    }, stallMs);
    this.#timer.unref();
  }

  accept(chunk: Buffer): boolean {
    this.missing -= chunk.length;
    const wants = this.push(chunk);
    this.#waitFor(!wants);
    return wants;
  }

  finish(): void {
    this.push(null);
    this.#waitFor(true);
  }

  /** As the SDK's HTTP client sends a body. Of chunks that are written by the stream's own `pipe` nobody learns when they are sent. */
  override pipe<T extends NodeJS.WritableStream>(request: T): T {
    const write = (chunk: Buffer): void => {
      const hasRoom = request.write(chunk, (error) => {
        if (error === undefined || error === null) this.#source.recycle(chunk);
      });
      if (!hasRoom) this.pause();
    };
    const goOn = (): void => void this.resume();
    const end = (): void => void request.end();
    const stop = (): void => {
      this.off('data', write).off('end', end).pause();
      request.off('drain', goOn);
    };
    request.once('error', stop).once('close', stop).on('drain', goOn);
    this.on('data', write).once('end', end);
    return request;
  }

  /** The answer came. */
  release(): void {
    clearTimeout(this.#timer);
    this.destroy();
  }

  override _read(): void {
    this.#waitFor(false);
    this.#source.more();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    clearTimeout(this.#timer);
    callback(error);
  }

  #waitFor(waiting: boolean): void {
    this.#waiting = waiting;
    this.#timer.refresh();
  }
}

export type { BlockStream };
