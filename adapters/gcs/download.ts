/** The bytes of an object on their way to a client: counted, timed, and checked against the object's CRC32C. */
import type { IncomingMessage } from 'node:http';
import { pipeline, type Readable, Transform, type TransformCallback } from 'node:stream';
import { AdapterError } from '../errors.ts';
import { createCrc32c, toBase64 } from './crc32c.ts';

export interface Expected {
  readonly length: number;
  /** Of all the bytes; a part of an object cannot be checked by it. */
  readonly crc32c: number | undefined;
  /** Longest silence of the service, in milliseconds. */
  readonly timeoutMs: number;
}

/** The last chunk is held back until everything agreed: a body that is wrong ends in an error, never as if it were whole. */
export async function checkedBody(incoming: IncomingMessage, expected: Expected): Promise<Readable> {
  const hash = expected.crc32c === undefined ? undefined : await createCrc32c();
  let length = 0;
  let held: Buffer | undefined;

  const body = new Transform({
    // The socket's chunks pass through; nothing more is stored here than there.
    highWaterMark: 64 * 1024,
    transform(chunk: Buffer, _, done: TransformCallback) {
      silence.refresh();
      length += chunk.length;
      hash?.update(chunk);
      if (held !== undefined) this.push(held);
      held = chunk;
      done();
    },
    flush(done) {
      const crc = hash?.digest();
      if (length !== expected.length) {
        done(unavailable(`the body ended after ${length} of ${expected.length} bytes`));
      } else if (crc !== expected.crc32c) {
        const stored = toBase64(expected.crc32c ?? 0);
        done(
          new AdapterError(
            'Corrupt',
            `the bytes read have CRC32C ${toBase64(crc ?? 0)}, the object has ${stored}`,
          ),
        );
      } else {
        done(null, held);
      }
    },
    destroy(error, done) {
      clearTimeout(silence);
      hash?.release();
      incoming.destroy();
      done(error === null || error instanceof AdapterError ? error : unavailable(error.message, error));
    },
  });
  // Silence counts only while the reader waits for bytes; one that takes its time is no fault of the service.
  const silence = setTimeout(() => {
    if (body.readableLength > 0 || body.writableNeedDrain) silence.refresh();
    else body.destroy(unavailable(`no bytes for ${expected.timeoutMs / 1000} s`));
  }, expected.timeoutMs);

  // The outcome reaches the reader as the body's own end or error.
  pipeline(incoming, body, () => undefined);
  return body;
}

function unavailable(message: string, cause?: unknown): AdapterError {
  return new AdapterError('Unavailable', `reading from GCS broke off: ${message}`, { cause });
}
