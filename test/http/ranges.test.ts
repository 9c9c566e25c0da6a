import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCopySourceRange, parseRange, resolveRange } from '../../src/http/ranges.ts';
import { S3Error } from '../../src/s3/errors.ts';

/** What a read of ten bytes answers: `200` for a header that is ignored, `416`, or the bytes. */
function readTen(header: string): string {
  const range = parseRange(header);
  if (range === undefined) return '200';
  const resolved = resolveRange(range, 10);
  return resolved === undefined ? '416' : `${resolved.start}-${resolved.end}`;
}

describe('Range of ten bytes', () => {
  it.each([
    ['bytes=0-0', '0-0'],
    ['bytes=0-9', '0-9'],
    ['bytes=2-5', '2-5'],
    ['bytes=9-9', '9-9'],
    ['bytes=0-', '0-9'],
    ['bytes=9-', '9-9'],
    ['bytes=-1', '9-9'],
    ['bytes=-10', '0-9'],
    ['bytes=-11', '0-9'],
    ['bytes=5-10', '5-9'],
    ['bytes=0-99999999999999999999999', '0-9'],
    ['bytes=-99999999999999999999999', '0-9'],
    ['bytes=007-0008', '7-8'],
    ['Bytes=0-1', '0-1'],
    ['BYTES=0-1', '0-1'],
    ['bytes=10-', '416'],
    ['bytes=10-10', '416'],
    ['bytes=10-20', '416'],
    ['bytes=99999999999999999999999-', '416'],
    ['bytes=-0', '416'],
    ['bytes=5-4', '200'],
    ['bytes=-', '200'],
    ['bytes=', '200'],
    ['bytes', '200'],
    ['', '200'],
    ['bytes=a-b', '200'],
    ['bytes=0', '200'],
    ['bytes=0-1-2', '200'],
    ['bytes=--1', '200'],
    ['bytes=+1-2', '200'],
    ['bytes=1.0-2', '200'],
    ['bytes=0x1-2', '200'],
    ['bytes=1 - 2', '200'],
    ['bytes= 0-1', '200'],
    ['bytes= -1', '200'],
    ['bytes=0-1 ', '200'],
    ['bytes =0-1', '200'],
    ['bytes:0-1', '200'],
    ['0-1', '200'],
    ['items=0-1', '200'],
    ['bytes=0-1,3-4', '200'],
    ['bytes=0-1,', '200'],
    ['bytes=0-1, -1', '200'],
    ['bytes=٣-٤', '200'],
  ])('%j is %s', (header, expected) => {
    expect(readTen(header)).toBe(expected);
  });

  it('is nothing without the header', () => {
    expect(parseRange(undefined)).toBeUndefined();
  });
});

it.each(['bytes=0-', 'bytes=0-0', 'bytes=-1', 'bytes=-0'])('%s of no bytes is out of reach', (header) => {
  expect(resolveRange(parseRange(header) ?? { start: Number.NaN }, 0)).toBeUndefined();
});

it('always resolves to bytes that are there', () => {
  const header = fc.oneof(
    fc.string(),
    fc.tuple(fc.option(fc.nat(50)), fc.option(fc.nat(50))).map(([a, b]) => `bytes=${a ?? ''}-${b ?? ''}`),
  );
  fc.assert(
    fc.property(header, fc.nat(40), (text, size) => {
      const range = parseRange(text);
      const resolved = range && resolveRange(range, size);
      if (resolved === undefined) return;
      expect(resolved.start).toBeGreaterThanOrEqual(0);
      expect(resolved.end).toBeGreaterThanOrEqual(resolved.start);
      expect(resolved.end).toBeLessThan(size);
    }),
  );
});

describe('x-amz-copy-source-range', () => {
  const form =
    'The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy';
  const beyond = 'Range specified is not valid for source object of size: 10';

  it.each([
    ['bytes=0-0', { start: 0, end: 0 }],
    ['bytes=0-9', { start: 0, end: 9 }],
    ['bytes=3-7', { start: 3, end: 7 }],
  ])('%s', (header, expected) => {
    expect(parseCopySourceRange(header, 10)).toEqual(expected);
  });

  it.each([
    ['', 'InvalidArgument', form],
    ['0-1', 'InvalidArgument', form],
    ['bytes=0-', 'InvalidArgument', form],
    ['bytes=-5', 'InvalidArgument', form],
    ['bytes=-', 'InvalidArgument', form],
    ['bytes=5-4', 'InvalidArgument', form],
    ['bytes=0-1,2-3', 'InvalidArgument', form],
    ['bytes=a-b', 'InvalidArgument', form],
    ['bytes= 0-1', 'InvalidArgument', form],
    ['Bytes=0-1', 'InvalidArgument', form],
    ['bytes=0-10', 'InvalidArgument', beyond],
    ['bytes=9-99999999999999999999999', 'InvalidArgument', beyond],
    ['bytes=10-10', 'InvalidRequest', 'The specified copy range is invalid for the source object size'],
    ['bytes=10-20', 'InvalidRequest', 'The specified copy range is invalid for the source object size'],
  ])('%j is refused', (header, code, message) => {
    expect(() => parseCopySourceRange(header, 10)).toThrow(
      expect.objectContaining({
        code,
        message,
        extra:
          code === 'InvalidArgument'
            ? { ArgumentName: 'x-amz-copy-source-range', ArgumentValue: header }
            : {},
      }),
    );
  });

  it('throws nothing but S3Error', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(), (header, size) => {
        try {
          parseCopySourceRange(header, size);
        } catch (error) {
          expect(error).toBeInstanceOf(S3Error);
        }
      }),
    );
  });
});
