import { Readable } from 'node:stream';
import { AdapterError } from '../../../adapters/errors.ts';

/**
 * Bytes made of another stream's. That stream is not touched before the first byte is asked for (an upload that is refused shall cost
 * none), its failure is this one's, and destroying this one destroys it.
 */
export abstract class Through extends Readable {
  readonly #source: Readable;
  #started = false;
  #ended = false;

  /** @param chunks that are held for a reader that is slower */
  constructor(source: Readable, chunks: number) {
    // A stream of bytes copies the chunks that have gathered into one; a stream of objects hands them on as they are.
    super({ objectMode: true, highWaterMark: chunks });
    this.#source = source;
    source.on('error', this.#onError);
    // Who reads learns of the failure however late it comes to listen; until then it must not end the process.
    this.on('error', () => {});
  }

  /** Turns bytes into bytes for {@link pass}. What it throws is what the stream fails with. */
  protected abstract convert(chunk: Buffer): void;
  /** The source has ended: passes the rest, or throws because it should not have. */
  protected abstract finish(): void;

  protected pass(data: Buffer): void {
    if (!this.push(data)) this.#source.pause();
  }

  override _read(): void {
    const source = this.#source;
    if (this.#started) {
      source.resume();
      return;
    }
    this.#started = true;
    if (source.destroyed) {
      this.destroy(source.errored ?? cutShort());
      return;
    }
    source.on('close', this.#onClose).on('end', this.#onEnd).on('data', this.#onData);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const source = this.#source;
    source.off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onClose);
    // Its failure is of no interest any more, and must not end the process.
    source.destroy();
    callback(error);
  }

  readonly #onData = (chunk: Buffer): void => {
    try {
      this.convert(chunk);
    } catch (error) {
      this.destroy(error as Error);
    }
  };

  readonly #onEnd = (): void => {
    this.#ended = true;
    try {
      this.finish();
    } catch (error) {
      this.destroy(error as Error);
      return;
    }
    this.push(null);
  };

  readonly #onError = (error: Error): void => {
    this.destroy(error);
  };

  readonly #onClose = (): void => {
    if (!this.#ended) this.destroy(this.#source.errored ?? cutShort());
  };
}

function cutShort(): AdapterError {
  return new AdapterError('Aborted', 'the stream was closed before its end');
}
