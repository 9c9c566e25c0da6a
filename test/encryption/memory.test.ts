import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import type { BodyStream } from '../../adapters/types.ts';
import { segmentSize } from '../../src/s3/encryption/format.ts';
import { sliceOf } from '../../src/s3/encryption/layout.ts';
import { Opener } from '../../src/s3/encryption/opener.ts';
import { seal } from '../../src/s3/encryption/sealer.ts';
import { baseKey, identity, keysOf, opener, Recycling, sealed, single } from './kit.ts';

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
    // The plain bytes lay where the sealed ones did.
    expect(opened.kept).toBeGreaterThanOrEqual(size);
  },
);

it('opens what is not lent in memory of its own, and frees that', async () => {
  const plain = randomBytes(size);
  const stored = await sealed(plain);
  const before = Buffer.from(stored);
  const { bytes, kept } = await drained(opener(stored, single(size)));
  expect(bytes.equals(plain)).toBe(true);
  expect(kept).toBe(0);
  expect(stored.equals(before)).toBe(true);
});

it('leaves alone what the rest of a segment still lies beside', async () => {
  const plain = randomBytes(size);
  const stored = await sealed(plain);
  const range = { start: 10, end: 2 * segmentSize + 10 };
  const slice = sliceOf(single(size).runs, range);
  const file = new Recycling(stored.subarray(slice.stored.start, slice.stored.end + 1), 65_536);
  const { bytes } = await drained(new Opener(file, slice, keysOf()));
  expect(bytes.equals(plain.subarray(range.start, range.end + 1))).toBe(true);
});
