/**
 * The body of a `multipart` upload: the object's resource, then its bytes, in one request of known length. "Uploading
 * objects": an upload that is cut leaves no object.
 */
import { randomBytes } from 'node:crypto';
import { addAbortSignal, finished } from 'node:stream';
import { AdapterError } from '../errors.ts';
import type { Body, BodyStream } from '../types.ts';
import { createCrc32c } from './crc32c.ts';
import type { BodyWriter } from './transport.ts';

/** The fields of an object that its writer may set. */
export interface NewResource {
  readonly contentType?: string;
  readonly cacheControl?: string;
  readonly contentDisposition?: string;
  readonly contentEncoding?: string;
  readonly contentLanguage?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly storageClass?: string;
  /** Base64. The service refuses bytes that have another one. */
  readonly crc32c?: string;
}

export interface Envelope {
  readonly headers: Readonly<Record<string, string | number>>;
  readonly head: Buffer;
  readonly tail: Buffer;
}

/** What stands around `size` bytes of an object named `name`. */
export function envelope(name: string, resource: NewResource, size: number): Envelope {
  const boundary = `partway-${randomBytes(12).toString('hex')}`;
  const contentType = resource.contentType ?? 'application/octet-stream';
  const head = Buffer.from(
    `--${boundary}\r\nContent-Type: application/json; charset=utf-8\r\n\r\n` +
      `${JSON.stringify({ ...resource, name, contentType })}\r\n` +
      `--${boundary}\r\nContent-Type: ${contentType}\r\n\r\n`,
  );
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`);
  return {
    head,
    tail,
    headers: {
      'content-type': `multipart/related; boundary=${boundary}`,
      'content-length': head.length + size + tail.length,
    },
  };
}

/** Sends a body as it comes, once, and resolves `crc` with the CRC32C of what was sent. */
export function streamed(body: Body, { head, tail }: Envelope): { write: BodyWriter; crc: Promise<number> } {
  const crc = Promise.withResolvers<number>();
  crc.promise.catch(() => undefined);
  const write: BodyWriter = async (sink) => {
    const hash = await createCrc32c();
    try {
      const { stream, size } = body;
      addAbortSignal(sink.over, stream);
      await sink.write(head);
      let sent = 0;
      await eachChunk(stream, (chunk) => {
        sent += chunk.length;
        if (sent > size) throw wrongLength(sent, size);
        hash.update(chunk);
        return sink.write(chunk, () => stream.recycle?.(chunk));
      });
      if (sent !== size) throw wrongLength(sent, size);
      await sink.write(tail);
      crc.resolve(hash.digest());
    } catch (error) {
      hash.release();
      crc.reject(error);
      throw error;
    }
  };
  return { write, crc: crc.promise };
}

/** The whole of a small body. */
export async function buffered(body: Body, signal: AbortSignal | undefined): Promise<Buffer> {
  const { stream, size } = body;
  if (signal !== undefined) addAbortSignal(signal, stream);
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  await eachChunk(stream, (chunk) => {
    if (at + chunk.length > size) throw wrongLength(at + chunk.length, size);
    chunk.copy(bytes, at);
    at += chunk.length;
    stream.recycle?.(chunk);
    return undefined;
  });
  if (at !== size) throw wrongLength(at, size);
  return bytes;
}

/**
 * Resolves when the stream has ended. The next chunk comes once the promise that `take` gave, if any, has settled. `for await` would join chunks
 * that have gathered into new memory: a copy each, and none that can be given back.
 */
function eachChunk(stream: BodyStream, take: (chunk: Buffer) => Promise<void> | undefined): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const fail = (error: unknown): void => {
    // What has gathered would still come.
    stream.off('data', onData);
    stream.destroy();
    reject(error);
  };
  const onData = (chunk: Buffer): void => {
    try {
      const room = take(chunk);
      if (room === undefined) return;
      stream.pause();
      room.then(() => stream.resume(), fail);
    } catch (error) {
      fail(error);
    }
  };
  stream.on('data', onData);
  finished(stream, { writable: false }, (error) => {
    if (error === undefined || error === null) resolve();
    else reject(error);
  });
  return promise;
}

function wrongLength(sent: number, size: number): AdapterError {
  const length = sent > size ? `more than ${size}` : `${sent} of ${size}`;
  return new AdapterError('Internal', `the body to store gave ${length} bytes`);
}
