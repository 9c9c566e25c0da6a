import { randomFillSync } from 'node:crypto';
import { createCRC64 } from 'hash-wasm';
import { describe, expect, it } from 'vitest';
import { Crc64Nvme } from '../../src/s3/checksums/crc64.ts';

const reference = await createCRC64('9a6c9329ac4bc9b5');
const bytes = randomFillSync(Buffer.alloc(700_000));

function expected(data: Uint8Array): string {
  return reference.init().update(data).digest('hex');
}

describe('CRC64NVME', () => {
  // Around the sizes where it goes over to folding, to another step of it, and to another piece.
  const sizes = [10_829, 10_830, 10_831, 10_846, 65_535, 65_536, 262_143, 262_144, 262_145, 700_000];

  it.each([1, 7, 8, 9, 3_610, ...sizes])('is that of another implementation for %i bytes', (size) => {
    const data = bytes.subarray(0, size);
    const crc = new Crc64Nvme();
    crc.update(data);
    expect(crc.digest().toString('hex')).toBe(expected(data));
  });

  it('goes on where it was, whatever came between, however the bytes are cut', () => {
    const streams = [bytes, bytes.subarray(1), bytes.subarray(77, 600_001)].map((data) => ({
      data,
      crc: new Crc64Nvme(),
    }));
    const cuts = [0, 3, 3, 20_000, 20_008, 90_000, 500_001, bytes.length];
    for (const [i, start] of cuts.entries()) {
      for (const { data, crc } of streams) crc.update(data.subarray(start, cuts[i + 1]));
    }
    for (const { data, crc } of streams) expect(crc.digest().toString('hex')).toBe(expected(data));
  });

  it('is the same for bytes that are all zero or all one', () => {
    for (const fill of [0, 0xff]) {
      const data = Buffer.alloc(100_000, fill);
      const crc = new Crc64Nvme();
      crc.update(data);
      expect(crc.digest().toString('hex')).toBe(expected(data));
    }
  });
});
