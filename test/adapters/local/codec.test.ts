import fc from 'fast-check';
import { expect, it } from 'vitest';
import { pack, unpack } from '../../../adapters/local/codec.ts';
import { fullAttributes } from '../contract/kit.ts';

const part = fc.record(
  {
    partNumber: fc.integer({ min: 1, max: 12 }),
    size: fc.constantFrom(0, 5, 5_242_880),
    checksum: fc.constantFrom('AAAAAA==', 'BBBBBB=='),
  },
  { requiredKeys: ['partNumber', 'size'] },
);

it('gives back the parts of an object as they were', () => {
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
      const attributes = { ...fullAttributes('x'), parts };
      expect(unpack(JSON.parse(JSON.stringify(pack(attributes))))).toEqual(attributes);
    }),
  );
});

it('keeps objects without parts apart from those with none', () => {
  const { parts, ...rest } = fullAttributes('x');
  expect(unpack(pack(rest))).not.toHaveProperty('parts');
  expect(unpack(pack({ ...rest, parts: [] }))).toHaveProperty('parts', []);
});

it('says 10,000 equal parts in a few words', () => {
  const parts = Array.from({ length: 10_000 }, (_, i) => ({
    partNumber: i + 1,
    size: i === 9_999 ? 7 : 8_388_608,
  }));
  expect(JSON.stringify(pack({ ...fullAttributes('x'), parts }).parts)).toBe(
    '[[1,9999,8388608],[10000,1,7]]',
  );
});
