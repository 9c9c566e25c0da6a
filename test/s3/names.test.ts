import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  encodeListingText,
  isBucketName,
  keyProblem,
  percentEncode,
  requireBucketName,
} from '../../src/s3/names.ts';

describe('bucket names', () => {
  it.each([
    'abc',
    '123',
    'a-b',
    'a--b',
    'a.b',
    'my.bucket-1.example',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.a',
    'xn-a',
    'a'.repeat(63),
    'a-s3aliases',
  ])('%s is one', (name) => {
    expect(isBucketName(name)).toBe(true);
  });

  it.each([
    '',
    'ab',
    'a'.repeat(64),
    'Abc',
    'a_b',
    'a b',
    'ä-b',
    'a/b',
    '-ab',
    'ab-',
    '.ab',
    'ab.',
    'foo..bar',
    'foo.-bar',
    'foo-.bar',
    'alpha!soup',
    '192.168.5.123',
    '999.999.999.999',
    'xn--a',
    'sthree-a',
    'sthree-configurator',
    'amzn-s3-demo-a',
    'a-s3alias',
    'a--ol-s3',
    'a.mrap',
    'a--x-s3',
    'a--table-s3',
    '...',
    '..',
    'abc\n',
  ])('%j is none', (name) => {
    expect(isBucketName(name)).toBe(false);
    expect(() => requireBucketName(name)).toThrow(
      expect.objectContaining({
        code: 'InvalidBucketName',
        message: 'The specified bucket is not valid.',
        extra: { BucketName: name },
      }),
    );
  });
});

describe('keys', () => {
  it.each(['a', 'a/', 'a//b', '..', '/', ' ', '\u0000', 'é'.repeat(512), '😀'.repeat(256)])(
    '%j is one',
    (key) => {
      expect(keyProblem(key)).toBeUndefined();
    },
  );

  it('has at most 1,024 bytes of UTF-8', () => {
    expect(keyProblem('é'.repeat(513))).toMatchObject({
      code: 'KeyTooLongError',
      extra: { Size: 1026, MaxSizeAllowed: 1024 },
    });
  });

  it('has a UTF-8 form', () => {
    expect(keyProblem('a\ud800')?.code).toBe('InvalidURI');
  });
});

describe('encoding', () => {
  it.each([
    ['a/b c+d', 'a/b+c%2Bd', 'a%2Fb%20c%2Bd'],
    ['é😀', '%C3%A9%F0%9F%98%80', '%C3%A9%F0%9F%98%80'],
    ["!'()*~-._", '%21%27%28%29%2A~-._', '%21%27%28%29%2A~-._'],
    ['\u0001\r\n%', '%01%0D%0A%25', '%01%0D%0A%25'],
    ['', '', ''],
  ])('%j', (text, listing, percent) => {
    expect(encodeListingText(text)).toBe(listing);
    expect(percentEncode(text)).toBe(percent);
  });

  it('is undone by what clients do', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(decodeURIComponent(encodeListingText(text).replaceAll('+', ' '))).toBe(text);
        expect(decodeURIComponent(percentEncode(text))).toBe(text);
        expect(percentEncode(text)).toMatch(/^(?:[A-Za-z0-9._~-]|%[0-9A-F]{2})*$/);
      }),
    );
  });

  it('survives a text that has no UTF-8', () => {
    expect(encodeListingText('\ud800')).toBe('%EF%BF%BD');
  });
});
