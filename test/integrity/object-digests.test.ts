/** The digests of objects that are read at the same time share their work, and still are each object's own. */
import { createHash, randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import type { ObjectAttributes } from '../../adapters/types.ts';
import { ObjectDigests } from '../../src/integrity/object-digests.ts';
import { multipartEtag } from '../../src/s3/etag.ts';

const KiB = 1024;
const chunkBytes = 256 * KiB;

interface Sample {
  readonly bytes: Buffer;
  readonly attributes: ObjectAttributes;
}

const md5 = (bytes: Buffer): string => createHash('md5').update(bytes).digest('hex');

function sample(...sizes: number[]): Sample {
  const pieces = sizes.map((size) => randomBytes(size));
  const bytes = Buffer.concat(pieces);
  const common = { headers: {}, metadata: {} };
  if (sizes.length === 1) return { bytes, attributes: { ...common, etag: md5(bytes) } };
  const parts = sizes.map((size, index) => ({ partNumber: index + 1, size }));
  return { bytes, attributes: { ...common, etag: multipartEtag(pieces.map(md5)), parts } };
}

interface Outcome {
  readonly problems: readonly string[];
  /** Bytes in chunks that did not come back. */
  readonly kept: number;
  /** The most that were kept at once. */
  readonly peak: number;
}

async function digest({ attributes, bytes }: Sample): Promise<Outcome> {
  let kept = 0;
  let peak = 0;
  const given = new Set<Buffer>();
  const digests = new ObjectDigests(attributes, bytes.length, (chunk) => {
    if (!given.delete(chunk)) throw new Error('what came back is no chunk');
    kept -= chunk.length;
    // As a chunk that is used again.
    chunk.fill(0);
  });
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    const chunk = Buffer.from(bytes.subarray(at, at + chunkBytes));
    given.add(chunk);
    kept += chunk.length;
    peak = Math.max(peak, kept);
    digests.update(chunk);
    await digests.ready();
  }
  return { problems: await digests.problems(), kept, peak };
}

const shapes = [
  [0],
  [1],
  [chunkBytes - 1],
  [chunkBytes],
  [3 * chunkBytes + 17],
  [chunkBytes, 1],
  [1, 0, chunkBytes],
  [300 * KiB, 300 * KiB, 5],
  [5 * chunkBytes, 5 * chunkBytes, 2 * chunkBytes + 1],
  [700 * KiB, 10, 20, 900 * KiB],
];

test('finds every object as it was, in whatever parts, beside others', async () => {
  const outcomes = await Promise.all(shapes.map((sizes) => digest(sample(...sizes))));
  expect(outcomes.map(({ problems }) => problems)).toEqual(shapes.map(() => []));
});

test('finds one bit in any part, and in no other object', async () => {
  const samples = Array.from({ length: 5 }, () => sample(300 * KiB, 700 * KiB, 5));
  const places = [0, 299 * KiB, 300 * KiB, 1000 * KiB + 4];
  for (const [index, place] of places.entries()) {
    const { bytes } = samples[index] as Sample;
    bytes[place] = (bytes[place] ?? 0) ^ 1;
  }
  const outcomes = await Promise.all(samples.map(digest));
  expect(outcomes.map(({ problems }) => problems.length)).toEqual([1, 1, 1, 1, 0]);
});

test('gives chunks back before many are waiting', async () => {
  const outcomes = await Promise.all(Array.from({ length: 4 }, () => digest(sample(16 * chunkBytes))));
  for (const { kept, peak } of outcomes) {
    expect(kept).toBe(0);
    expect(peak).toBeLessThanOrEqual(3 * chunkBytes);
  }
});

test('an object that is given up is forgotten, and holds up no other', async () => {
  const { attributes, bytes } = sample(2 * chunkBytes);
  const returned: Buffer[] = [];
  const given = new ObjectDigests(attributes, bytes.length, (chunk) => void returned.push(chunk));
  given.update(bytes.subarray(0, chunkBytes));
  const other = digest(sample(4 * chunkBytes));
  given.abandon();
  expect((await other).problems).toEqual([]);
  expect(returned).toEqual([]);
});
