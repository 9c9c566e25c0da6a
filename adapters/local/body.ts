/** Bodies to files and files to bodies, in one pass, with memory that does not grow with their size. */
import type { FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { AdapterError } from '../errors.ts';
import type { Body } from '../types.ts';
import { FromCaller, toAdapterError } from './errors.ts';

const KiB = 1024;

/** A write is worth its system call from here on; the stream goes on while it happens. */
const batchBytes = 256 * KiB;
const batchChunks = 4096;
/** Writes under way at once; then the stream waits. */
const writesInFlight = 2;
/** Below this many bytes per chunk, joining them costs less than naming each to the kernel. */
const joinBelow = 4 * KiB;

/**
 * Writes exactly `body.size` bytes at `position`. Rejects, once no write is outstanding any more, when the stream fails
 * or gives another number of bytes; the stream is then destroyed.
 */
export async function writeBody(
  handle: FileHandle | undefined,
  position: number,
  body: Body,
  signal?: AbortSignal,
): Promise<void> {
  const { stream, size } = body;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let chunks: Buffer[] = [];
  let bytes = 0;
  let received = 0;
  let writing = 0;
  let ended = false;
  let failure: { readonly error: unknown } | undefined;

  const settle = (): void => {
    if (writing > 0 || (failure === undefined && !ended)) return;
    stream.off('data', onData).off('end', onEnd).off('error', onError).off('close', onClose);
    signal?.removeEventListener('abort', onAbort);
    if (failure === undefined) {
      resolve();
      return;
    }
    // A late error of a stream that nobody listens to any more would end the process.
    stream.on('error', () => undefined);
    stream.destroy();
    reject(failure.error);
  };
  const fail = (error: unknown): void => {
    failure ??= { error };
    stream.pause();
    settle();
  };
  const flush = (): void => {
    if (bytes === 0 || handle === undefined) return;
    const written = chunks;
    const batch = bytes / chunks.length < joinBelow ? [Buffer.concat(chunks, bytes)] : chunks;
    const at = position;
    position += bytes;
    chunks = [];
    bytes = 0;
    writing++;
    if (writing >= writesInFlight) stream.pause();
    writeAll(handle, batch, at).then(
      () => {
        writing--;
        if (stream.recycle !== undefined) for (const chunk of written) stream.recycle(chunk);
        if (failure === undefined && !ended) stream.resume();
        settle();
      },
      (error: unknown) => {
        writing--;
        fail(error);
      },
    );
  };
  const onData = (chunk: Buffer): void => {
    received += chunk.length;
    if (failure !== undefined) return;
    if (received > size) {
      fail(wrongSize(size, received));
      return;
    }
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= batchBytes || chunks.length >= batchChunks) flush();
  };
  const onEnd = (): void => {
    if (received !== size) {
      fail(wrongSize(size, received));
      return;
    }
    if (failure === undefined) flush();
    ended = true;
    settle();
  };
  const onError = (error: unknown): void => fail(new FromCaller(error));
  const onClose = (): void => {
    if (!ended) fail(stream.errored === null ? wrongSize(size, received) : new FromCaller(stream.errored));
  };
  const onAbort = (): void => fail(new FromCaller(signal?.reason));

  stream.on('data', onData).on('end', onEnd).on('error', onError).on('close', onClose);
  signal?.addEventListener('abort', onAbort);
  if (signal?.aborted) onAbort();
  else if (stream.closed || stream.errored !== null) onClose();
  return promise;
}

function wrongSize(size: number, received: number): AdapterError {
  return new AdapterError('Aborted', `the body has ${received} bytes or more, not the ${size} declared`);
}

async function writeAll(handle: FileHandle, buffers: readonly Buffer[], position: number): Promise<void> {
  const { bytesWritten } = await handle.writev(buffers, position);
  let skip = bytesWritten;
  let at = position + bytesWritten;
  // A write may be cut short, by a disk that fills up for one: the next then says why.
  for (const buffer of buffers) {
    while (skip < buffer.length) {
      const more = await handle.write(buffer, skip, buffer.length - skip, at);
      skip += more.bytesWritten;
      at += more.bytesWritten;
    }
    skip -= buffer.length;
  }
}

const readBytes = 256 * KiB;
/** Chunks that are read before they are asked for. */
const readAhead = 2;

/** Memory for reads: given to the garbage collector, it would pile up by tens of megabytes. */
const free: Buffer[] = [];
const maxFree = 64;

/** Bytes `start` to `end`, inclusive, of an open file, which is closed at the end. */
export class FileBody extends Readable {
  readonly #handle: FileHandle;
  readonly #end: number;
  #position: number;

  constructor(handle: FileHandle, start: number, end: number) {
    // A stream of bytes copies the chunks that have gathered into one; a stream of objects hands them on as they are.
    super({ objectMode: true, highWaterMark: readAhead });
    this.#handle = handle;
    this.#position = start;
    this.#end = end;
  }

  override _read(): void {
    const wanted = Math.min(readBytes, this.#end - this.#position + 1);
    if (wanted <= 0) {
      this.push(null);
      return;
    }
    const memory = wanted === readBytes ? free.pop() : undefined;
    readFully(this.#handle, this.#position, wanted, memory).then(
      (chunk) => {
        this.#position += chunk.length;
        this.push(chunk);
      },
      (error: unknown) => this.destroy(toAdapterError(error)),
    );
  }

  recycle(chunk: Buffer): void {
    if (chunk.length === readBytes && free.length < maxFree) free.push(chunk);
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#handle.close().then(
      () => callback(error),
      (failed: unknown) => callback(error ?? (failed as Error)),
    );
  }
}

/** A body that is at hand. */
export class BytesBody extends Readable {
  readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    super();
    this.bytes = bytes;
  }

  override _read(): void {
    if (this.bytes.length > 0) this.push(this.bytes);
    this.push(null);
  }
}

/** `Corrupt` when the file is shorter than it was: another program cut it. */
export async function readFully(
  handle: FileHandle,
  position: number,
  size: number,
  buffer: Buffer = Buffer.allocUnsafeSlow(size),
): Promise<Buffer> {
  for (let done = 0; done < size; ) {
    const { bytesRead } = await handle.read(buffer, done, size - done, position + done);
    if (bytesRead === 0) throw new AdapterError('Corrupt', 'the file was cut while it was read');
    done += bytesRead;
  }
  return buffer;
}

const copyBytes = 1024 * KiB;

/** Copies a range between files, reading ahead of the write. */
export async function copyRange(
  from: FileHandle,
  start: number,
  size: number,
  to: FileHandle,
  position: number,
  options: { readonly signal?: AbortSignal | undefined; readonly onCopied?: (bytes: number) => void } = {},
): Promise<void> {
  let ahead: Promise<Buffer> | undefined;
  const readAt = (done: number): Promise<Buffer> | undefined => {
    if (done >= size) return undefined;
    const chunk = readFully(from, start + done, Math.min(copyBytes, size - done));
    chunk.catch(() => undefined);
    return chunk;
  };
  ahead = readAt(0);
  for (let done = 0; done < size; ) {
    if (options.signal?.aborted) throw new FromCaller(options.signal.reason);
    const chunk = await ahead;
    if (chunk === undefined) break;
    const at = position + done;
    done += chunk.length;
    ahead = readAt(done);
    await writeAll(to, [chunk], at);
    options.onCopied?.(done);
  }
  await ahead;
}
