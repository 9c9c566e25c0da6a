import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import type { BodyStream } from '../../adapters/types.ts';
import { segmentSize } from '../../src/s3/encryption/format.ts';
import { sliceOf } from '../../src/s3/encryption/layout.ts';
import { Opener } from '../../src/s3/encryption/opener.ts';
import { seal } from '../../src/s3/encryption/sealer.ts';
import { baseKey, cut, identity, keysOf, sealed, single } from './kit.ts';

/** Puts other bytes into a chunk at once when it is given back. */
class Recycling extends Readable {
  readonly #chunks: Buffer[];
  given = 0;
  returned = 0;

  constructor(bytes: Buffer, chunkSize: number) {
    super({ objectMode: true, highWaterMark: 2 });
    this.#chunks = cut(bytes, chunkSize).map((chunk) => Buffer.from(chunk));
  }

  override _read(): void {
    const chunk = this.#chunks.shift();
    this.given += chunk === undefined ? 0 : 1;
    this.push(chunk ?? null);
  }

  recycle(chunk: Buffer): void {
    this.returned += 1;
    chunk.fill(0xee);
  }
}

/** All bytes, each chunk given back once it was copied. */
async function drained(stream: BodyStream): Promise<{ readonly bytes: Buffer; readonly kept: number }> {
  const copies: Buffer[] = [];
  let kept = 0;
  for await (const item of stream) {
    const chunk = item as Buffer;
    copies.push(Buffer.from(chunk));
    stream.recycle?.(chunk);
    kept += chunk.buffer.byteLength;
  }
  return { bytes: Buffer.concat(copies), kept };
}

const size = 3 * segmentSize + 1000;

it.each([1000, 65_536, segmentSize, segmentSize + 13, 4 * segmentSize])(
  'gives the memory of chunks of %d bytes back, and frees its own',
  async (chunkSize) => {
    const plain = randomBytes(size);
    const body = new Recycling(plain, chunkSize);
    const stored = await drained(
      seal({ stream: body, size }, baseKey, { ...identity, partNumber: 0 }).stream,
    );
    expect(body.returned).toBe(body.given);
    // What is in memory of others': the head.
    expect(stored.kept).toBeLessThan(segmentSize / 2);

    const file = new Recycling(stored.bytes, chunkSize);
    const opened = await drained(new Opener(file, sliceOf(single(size).runs), keysOf()));
    expect(opened.bytes.equals(plain)).toBe(true);
    expect(file.returned).toBe(file.given);
    expect(opened.kept).toBe(0);
  },
);

it('leaves alone what the rest of a segment still lies beside', async () => {
  const plain = randomBytes(size);
  const stored = await sealed(plain);
  const range = { start: 10, end: 2 * segmentSize + 10 };
  const slice = sliceOf(single(size).runs, range);
  const file = new Recycling(stored.subarray(slice.stored.start, slice.stored.end + 1), 65_536);
  const { bytes } = await drained(new Opener(file, slice, keysOf()));
  expect(bytes.equals(plain.subarray(range.start, range.end + 1))).toBe(true);
});
