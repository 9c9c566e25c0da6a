import { randomBytes } from 'node:crypto';
import { PassThrough, Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AdapterError } from '../../adapters/errors.ts';
import { headSize, sealedSize, segmentSize, tagSize } from '../../src/s3/encryption/format.ts';
import { sliceOf } from '../../src/s3/encryption/layout.ts';
import { seal } from '../../src/s3/encryption/sealer.ts';
import {
  baseKey,
  collect,
  cut,
  identity,
  keysOf,
  objectInfo,
  open,
  opener,
  runsOf,
  runsOfSizes,
  sealed,
  sealedParts,
  single,
} from './kit.ts';

const stride = segmentSize + tagSize;

async function expectCorrupt(opening: Promise<Buffer>): Promise<void> {
  await expect(opening).rejects.toMatchObject({ name: 'AdapterError', kind: 'Corrupt' });
}

describe('a sealed run', () => {
  it.each([
    0,
    1,
    15,
    16,
    17,
    segmentSize - 1,
    segmentSize,
    segmentSize + 1,
    2 * segmentSize,
    3 * segmentSize + 5,
  ])('of %i bytes opens to what went in, and has the size that was told before', async (size) => {
    const plain = randomBytes(size);
    for (const chunkSize of [1000, 65_536, segmentSize, segmentSize + 13, 4 * segmentSize]) {
      const stored = await sealed(plain, 0, chunkSize);
      expect(stored.length).toBe(sealedSize(size));
      expect((await open(stored, { ...single(size), chunkSize })).equals(plain)).toBe(true);
    }
    if (size >= 15) expect((await sealed(plain)).includes(plain.subarray(0, 64))).toBe(false);
  });

  it('opens byte by byte', async () => {
    const plain = randomBytes(100);
    expect((await open(await sealed(plain, 0, 1), { ...single(100), chunkSize: 1 })).equals(plain)).toBe(
      true,
    );
  });

  it('is another one each time', async () => {
    const plain = Buffer.alloc(1000);
    const [one, two] = await Promise.all([sealed(plain), sealed(plain)]);
    expect(one.subarray(0, 16).equals(two.subarray(0, 16))).toBe(true);
    expect(one.subarray(16, 48).equals(two.subarray(16, 48))).toBe(false);
    expect(one.subarray(48).equals(two.subarray(48))).toBe(false);
  });

  it('does not end when the body has another size than was declared', async () => {
    for (const [declared, actual] of [
      [10, 9],
      [10, 11],
      [0, 1],
      [segmentSize, segmentSize + 1],
    ] as const) {
      const body = { stream: Readable.from([randomBytes(actual)]), size: declared };
      await expect(collect(seal(body, baseKey, { ...identity, partNumber: 0 }).stream)).rejects.toThrow();
    }
  });

  it('fails as its body fails, and leaves that alone until it is read', async () => {
    const source = new PassThrough();
    const { stream } = seal({ stream: source, size: 5 }, baseKey, { ...identity, partNumber: 0 });
    expect(source.readableFlowing).toBe(null);
    source.destroy(new Error('bad digest'));
    await expect(collect(stream)).rejects.toThrow('bad digest');
  });

  it('frees its body when it is not wanted any more', async () => {
    const source = new PassThrough();
    const { stream } = seal({ stream: source, size: 5 }, baseKey, { ...identity, partNumber: 0 });
    stream.destroy();
    await new Promise((resolve) => source.once('close', resolve));
    expect(source.destroyed).toBe(true);
  });
});

describe('a sealed run that was changed does not open', () => {
  const plain = randomBytes(40);

  it('at any single byte', async () => {
    const stored = await sealed(plain);
    for (let at = 0; at < stored.length; at += 1) {
      const changed = Buffer.from(stored);
      changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
      await expectCorrupt(open(changed, single(40)));
    }
  });

  it('cut off anywhere', async () => {
    const stored = await sealed(plain);
    for (let length = 0; length < stored.length; length += 1) {
      await expectCorrupt(open(stored.subarray(0, length), single(40)));
    }
  });

  it('cut off anywhere, with a size that was changed to match', async () => {
    const stored = await sealed(plain);
    for (let size = 0; size < 40; size += 1) {
      await expectCorrupt(open(stored.subarray(0, sealedSize(size)), single(size)));
      const tail = Buffer.concat([stored.subarray(0, headSize + size), stored.subarray(-tagSize)]);
      await expectCorrupt(open(tail, single(size)));
    }
  });

  const size = 3 * segmentSize + 100;
  const segments = (stored: Buffer): Buffer[] => cut(stored.subarray(headSize), stride);
  const joined = (stored: Buffer, parts: readonly (Buffer | undefined)[]): Buffer =>
    Buffer.concat([stored.subarray(0, headSize), ...parts.map((part) => part ?? Buffer.alloc(0))]);

  it('at the edges of its segments', async () => {
    const stored = await sealed(randomBytes(size));
    const edges = [0, 1, 2, 3].flatMap((index) => {
      const start = headSize + index * stride;
      const end = Math.min(start + stride, stored.length);
      return [start, start + 1, end - tagSize - 1, end - tagSize, end - 1];
    });
    for (const at of edges) {
      const changed = Buffer.from(stored);
      changed[at] = (changed[at] ?? 0) ^ 0x80;
      await expectCorrupt(open(changed, single(size)));
    }
  });

  it('by segments that were swapped, repeated, left out or added', async () => {
    const stored = await sealed(randomBytes(size));
    const [a, b, c, d] = segments(stored);
    const whole = single(size);
    expect((await open(joined(stored, [a, b, c, d]), whole)).length).toBe(size);
    for (const order of [
      [b, a, c, d],
      [a, c, b, d],
      [a, a, c, d],
      [a, b, b, d],
      [a, b, d],
      [b, c, d],
      [a, b, c],
      [a, b, c, d, d],
      [a, b, c, d, a],
      [a, b, c, c],
    ]) {
      await expectCorrupt(open(joined(stored, order), whole));
    }
  });

  it('by whole segments that were left out or added, with a size that was changed to match', async () => {
    const stored = await sealed(randomBytes(size));
    const [a, b, c, d] = segments(stored);
    await expectCorrupt(open(joined(stored, [a, b, c]), single(3 * segmentSize)));
    await expectCorrupt(open(joined(stored, [a, b, d]), single(2 * segmentSize + 100)));
    await expectCorrupt(open(joined(stored, [a, b, c, c, d]), single(size + segmentSize)));
    const exact = await sealed(randomBytes(2 * segmentSize));
    const [first, second] = segments(exact);
    await expectCorrupt(open(joined(exact, [first]), single(segmentSize)));
    await expectCorrupt(open(joined(exact, [first, second, second]), single(3 * segmentSize)));
  });

  it('by segments of another run under the same key', async () => {
    const [one, two] = await Promise.all([sealed(randomBytes(size)), sealed(randomBytes(size))]);
    const [a, , c, d] = segments(one);
    await expectCorrupt(open(joined(one, [a, segments(two)[1], c, d]), single(size)));
    await expectCorrupt(
      open(Buffer.concat([one.subarray(0, headSize), two.subarray(headSize)]), single(size)),
    );
  });

  it('as another object, upload or part, or under another key', async () => {
    const stored = await sealed(plain);
    const refused = [
      keysOf(randomBytes(32)),
      keysOf(baseKey, { ...identity, bucket: 'bucket2' }),
      keysOf(baseKey, { ...identity, key: 'some/keY' }),
      keysOf(baseKey, { ...identity, bucket: 'bucketsome', key: '/key' }),
      keysOf(baseKey, { ...identity, envelopeSalt: randomBytes(16) }),
    ];
    for (const keys of refused) await expectCorrupt(open(stored, { ...single(40), keys }));
    await expectCorrupt(open(stored, { runs: [{ partNumber: 1, size: 40 }] }));
    expect((await open(stored, single(40))).equals(plain)).toBe(true);
  });

  it.each([false, true])(
    'beyond the segments before the change: none of its own bytes are given (lent: %s)',
    async (lent) => {
      const bytes = randomBytes(size);
      const stored = await sealed(bytes);
      const at = headSize + 2 * stride + 10;
      stored[at] = (stored[at] ?? 0) ^ 1;
      const given: Buffer[] = [];
      const stream = opener(stored, { ...single(size), lent });
      const reading = (async () => {
        for await (const chunk of stream) given.push(chunk as Buffer);
      })();
      await expect(reading).rejects.toBeInstanceOf(AdapterError);
      const all = Buffer.concat(given);
      expect(all.length).toBeLessThanOrEqual(2 * segmentSize);
      expect(all.equals(bytes.subarray(0, all.length))).toBe(true);
    },
  );
});

describe('ranges of sealed parts', () => {
  const sizes = [segmentSize * 2 + 7, segmentSize, 3, segmentSize * 3, 1, 0];
  const parts = sizes.map((size) => randomBytes(size));
  const plain = Buffer.concat(parts);
  const runs = runsOfSizes(sizes);
  const stored = sealedParts(parts);

  it('are the same bytes of the plain ones', async () => {
    const bytes = await stored;
    const edges = [0, ...sizes.map((_, index) => sizes.slice(0, index + 1).reduce((a, b) => a + b))];
    const offset = fc.oneof(
      fc.integer({ min: 0, max: plain.length - 1 }),
      fc
        .tuple(fc.constantFrom(...edges, segmentSize, 2 * segmentSize), fc.integer({ min: -2, max: 2 }))
        .map(([edge, by]) => Math.min(plain.length - 1, Math.max(0, edge + by))),
    );
    await fc.assert(
      fc.asyncProperty(offset, offset, fc.integer({ min: 1000, max: 600_000 }), async (a, b, chunkSize) => {
        const range = { start: Math.min(a, b), end: Math.max(a, b) };
        const opened = await open(bytes, { runs, range, chunkSize });
        expect(opened.equals(plain.subarray(range.start, range.end + 1))).toBe(true);
      }),
      { numRuns: 150 },
    );
  });

  it('read no more segments than they lie in', () => {
    const { headAt, stored: read } = sliceOf(runsOfSizes([10 * segmentSize]), {
      start: 5 * segmentSize + 1,
      end: 5 * segmentSize + 2,
    });
    expect(headAt).toBe(0);
    expect(read).toEqual({ start: headSize + 5 * stride, end: headSize + 6 * stride - 1 });
  });

  it('do not open when a byte that they need was changed, and do when another was', async () => {
    const bytes = await stored;
    const range = { start: segmentSize + 5, end: segmentSize + 5 };
    for (const [at, opens] of [
      [headSize + 10, true],
      [headSize + stride + 1, false],
      [headSize + 2 * stride - 1, false],
      [headSize + 2 * stride, true],
      [20, false],
    ] as const) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      const opening = open(changed, { runs, range });
      if (opens) expect((await opening).equals(plain.subarray(range.start, range.start + 1))).toBe(true);
      else await expectCorrupt(opening);
    }
  });

  it('and the whole do not open when parts have changed places', async () => {
    const equal = [randomBytes(100), randomBytes(100), randomBytes(50)];
    const bytes = await sealedParts(equal);
    const [one, two, three] = [
      bytes.subarray(0, sealedSize(100)),
      bytes.subarray(sealedSize(100), 2 * sealedSize(100)),
      bytes.subarray(2 * sealedSize(100)),
    ];
    const swapped = Buffer.concat([two, one, three]);
    await expectCorrupt(open(swapped, { runs: runsOfSizes([100, 100, 50]) }));
  });
});

describe('the layout of an object', () => {
  it('is that of its parts, or of one run', () => {
    const parts = runsOfSizes([100, 7]);
    expect(runsOf(objectInfo({ size: sealedSize(100) + sealedSize(7), plainSize: 107, parts }))).toBe(parts);
    expect(runsOf(objectInfo({ size: sealedSize(5), plainSize: 5 }))).toEqual([{ partNumber: 0, size: 5 }]);
  });

  it.each([
    ['another size in the backend', objectInfo({ size: sealedSize(5) + 1, plainSize: 5 })],
    ['a plain size that is gone', objectInfo({ size: sealedSize(5) })],
    [
      'parts that do not make up the plain size',
      objectInfo({ size: 2 * sealedSize(5), plainSize: 11, parts: runsOfSizes([5, 5]) }),
    ],
    [
      'parts out of order',
      objectInfo({
        size: 2 * sealedSize(5),
        plainSize: 10,
        parts: [
          { partNumber: 2, size: 5 },
          { partNumber: 1, size: 5 },
        ],
      }),
    ],
    [
      'a part given twice',
      objectInfo({
        size: 2 * sealedSize(5),
        plainSize: 10,
        parts: [
          { partNumber: 1, size: 5 },
          { partNumber: 1, size: 5 },
        ],
      }),
    ],
  ])('is damaged with %s', (_, info) => {
    expect(() => runsOf(info)).toThrow(AdapterError);
  });
});
