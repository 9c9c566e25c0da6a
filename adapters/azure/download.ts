/** The bytes of an object on their way to the reader: resumed after a cut at the very state that was opened, never short. */
import { Readable } from 'node:stream';
import { AdapterError, isAdapterError } from '../errors.ts';
import { StalledError, toFailure } from './errors.ts';

export interface Download {
  /** Yields the bytes `start`..`end`; fails or ends early when the connection does. */
  readonly source: Readable;
  readonly start: number;
  readonly end: number;
  /** Opens the rest of the same state of the object. */
  readonly reopen: (from: number) => Promise<Readable>;
  readonly stallMs: number;
  /** Attempts without a byte of progress. */
  readonly tries: number;
  readonly signal: AbortSignal | undefined;
}

export class DownloadBody extends Readable {
  readonly #download: Download;
  #source: Readable;
  #offset: number;
  #fruitless = 0;
  /** The rest was asked for and has not come: it must not be asked for twice, lest two sources write into one body. */
  #reopening = false;
  readonly #timer: NodeJS.Timeout;
  /** The reader wants bytes: if none come, it is the service that stands still. */
  #wanting = false;

  constructor(download: Download) {
    super();
    this.#download = download;
    this.#offset = download.start;
    this.#source = download.source;
    this.#timer = setTimeout(() => {
      if (this.#wanting && !this.#reopening)
        this.#lose(new StalledError(`the service sent no bytes for ${download.stallMs} ms`));
      this.#timer.refresh();
    }, download.stallMs);
    this.#timer.unref();
    this.#attach(download.source);
    if (download.signal?.aborted) this.#onAbort();
    else download.signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  override _read(): void {
    this.#wanting = true;
    this.#timer.refresh();
    this.#source.resume();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    clearTimeout(this.#timer);
    this.#download.signal?.removeEventListener('abort', this.#onAbort);
    this.#detach();
    callback(error);
  }

  readonly #onAbort = (): void => {
    const reason: unknown = this.#download.signal?.reason;
    this.destroy(
      reason instanceof Error
        ? reason
        : new AdapterError('Aborted', 'the read was aborted', { cause: reason }),
    );
  };

  readonly #onData = (chunk: Buffer): void => {
    this.#offset += chunk.length;
    this.#fruitless = 0;
    this.#timer.refresh();
    if (this.#offset > this.#download.end + 1) {
      this.destroy(new AdapterError('Internal', 'the service sent more bytes than were asked for'));
      return;
    }
    this.#wanting = this.push(chunk);
    if (!this.#wanting) this.#source.pause();
  };

  readonly #onEnd = (): void =>
    this.#lose(
      new Error(`the service ended the object after byte ${this.#offset - 1} of ${this.#download.end}`),
    );

  readonly #onError = (error: Error): void => this.#lose(error);

  #attach(source: Readable): void {
    this.#source = source;
    source.on('data', this.#onData);
    source.on('end', this.#onEnd);
    source.on('error', this.#onError);
    source.pause();
    // It may have failed while the object's description was read.
    if (source.destroyed)
      queueMicrotask(() => {
        if (this.#source === source) this.#lose(source.errored ?? new Error('the connection was cut'));
      });
    else if (this.#wanting) source.resume();
  }

  #detach(): void {
    const source = this.#source;
    source.off('data', this.#onData);
    source.off('end', this.#onEnd);
    source.off('error', this.#onError);
    source.on('error', () => undefined);
    source.destroy();
  }

  /** The connection is at its end. Unless all bytes came: go on where it ended, at the same state of the object, or fail. */
  #lose(cause: Error): void {
    if (this.destroyed || this.readableEnded || this.#reopening) return;
    this.#detach();
    if (this.#offset > this.#download.end) {
      this.#wanting = false;
      this.push(null);
      return;
    }
    if (++this.#fruitless >= this.#download.tries) {
      this.destroy(
        new AdapterError(
          'Unavailable',
          `the object cannot be read on from byte ${this.#offset}: ${cause.message}`,
          {
            cause,
            retryAfter: 1,
          },
        ),
      );
      return;
    }
    this.#reopening = true;
    this.#download.reopen(this.#offset).then(
      (source) => {
        this.#reopening = false;
        this.#timer.refresh();
        this.#attach(source);
        if (this.destroyed) this.#detach();
      },
      (error: unknown) => {
        if (this.destroyed) return;
        const failure = isAdapterError(error) ? error : toFailure(error, { doing: 'read the object' }).error;
        this.destroy(failure);
      },
    );
  }
}
