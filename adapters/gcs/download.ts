/** The bytes of an object on their way to a client: read on where the connection broke, counted, timed, and checked against the object's CRC32C. */
import type { IncomingMessage } from 'node:http';
import { type Readable, Transform, type TransformCallback } from 'node:stream';
import { AdapterError } from '../errors.ts';
import { createCrc32c, toBase64 } from './crc32c.ts';
import { NetworkFailure } from './errors.ts';
import { networkFailure } from './transport.ts';

export interface Expected {
  readonly length: number;
  /** Of all the bytes; a part of an object cannot be checked by it. */
  readonly crc32c: number | undefined;
  /** Longest silence of the service, in milliseconds. */
  readonly timeoutMs: number;
  /** Waits before the next try, or throws when there have been enough without a byte. */
  readonly pause: (error: unknown, attempt: number) => Promise<void>;
  /** One try to get the rest, from this byte of the body on, of the very state that was opened. */
  readonly reopen: (from: number) => Promise<IncomingMessage>;
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
      letGo();
      done(error === null || error instanceof AdapterError ? error : unavailable(error.message, error));
    },
  });
  let source: IncomingMessage | undefined;
  let received = 0;
  let fruitless = 0;

  const letGo = (): void => {
    const was = source;
    source = undefined;
    was?.off('data', onData).off('end', onEnd).off('error', onEnd).off('close', onEnd);
    was?.on('error', () => undefined);
    was?.destroy();
  };
  const onData = (chunk: Buffer): void => {
    received += chunk.length;
    fruitless = 0;
    if (!body.write(chunk)) source?.pause();
  };
  /** In order, by a failure, or by ourselves. Heard once of each source: two of them must never write into one body. */
  const onEnd = (error?: Error): void => {
    letGo();
    if (received >= expected.length) body.end();
    else void goOn(networkFailure(error ?? new NetworkFailure(`the body ended after ${received} bytes`)));
  };
  const goOn = async (lost: unknown): Promise<void> => {
    try {
      for (let failure = lost; !body.destroyed; ) {
        fruitless += 1;
        await expected.pause(failure, fruitless);
        if (body.destroyed) return;
        try {
          take(await expected.reopen(received));
          return;
        } catch (error) {
          failure = error;
        }
      }
    } catch (error) {
      body.destroy(error as Error);
    }
  };
  const take = (next: IncomingMessage): void => {
    if (body.destroyed) {
      next.on('error', () => undefined);
      next.destroy();
      return;
    }
    source = next;
    silence.refresh();
    next.on('data', onData).on('end', onEnd).on('error', onEnd).on('close', onEnd);
    if (next.destroyed) onEnd(next.errored ?? undefined);
    else if (body.writableNeedDrain) next.pause();
  };
  body.on('drain', () => source?.resume());
  // Silence counts only while the reader waits for bytes; one that takes its time is no fault of the service.
  const silence = setTimeout(() => {
    const isService = source !== undefined && body.readableLength === 0 && !body.writableNeedDrain;
    silence.refresh();
    if (isService) onEnd(new NetworkFailure(`no bytes for ${expected.timeoutMs / 1000} s`, { silent: true }));
  }, expected.timeoutMs);
  take(incoming);
  return body;
}

function unavailable(message: string, cause?: unknown): AdapterError {
  return new AdapterError('Unavailable', `reading from GCS broke off: ${message}`, { cause });
}
