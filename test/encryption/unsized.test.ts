import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { sealedSize, segmentSize } from '../../src/s3/encryption/format.ts';
import { sealUnsized } from '../../src/s3/encryption/seal-unsized.ts';
import { baseKey, collect, cut, identity, open, single } from './kit.ts';

async function* inPieces(plain: Buffer, size: number): AsyncGenerator<Buffer> {
  yield* cut(plain, size);
}

describe('bytes that are sealed before their number is known', () => {
  it.each([0, 1, segmentSize - 1, segmentSize, segmentSize + 1, 2 * segmentSize, 2 * segmentSize + 7])(
    'open like others: %i',
    async (size) => {
      const plain = randomBytes(size);
      for (const piece of [1000, segmentSize, 3 * segmentSize]) {
        const run = { ...identity, partNumber: 0 };
        const sealed = await collect(Readable.from(sealUnsized(inPieces(plain, piece), baseKey, run)));
        expect(sealed).toHaveLength(sealedSize(size));
        expect((await open(sealed, single(size))).equals(plain)).toBe(true);
      }
    },
  );
});
