import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { S3Error } from '../../src/s3/errors.ts';
import { parseTaggingHeader, requireTags } from '../../src/s3/tagging-header.ts';

it.each([
  ['', {}],
  ['a=1', { a: '1' }],
  ['a=1&b=2', { a: '1', b: '2' }],
  ['a=&b', { a: '', b: '' }],
  ['a+b=c%20d', { 'a b': 'c d' }],
  ['a=b=c', { a: 'b=c' }],
  ['a=1&', { a: '1' }],
  ['gr%C3%BCn=%F0%9D%92%B6', { grün: '𝒶' }],
  ['k%2B-%3D._%3A%2F%40=1', { 'k+-=._:/@': '1' }],
])('%j', (header, tags) => {
  expect(parseTaggingHeader(header)).toEqual(tags);
});

it('keeps a tag that is called like a thing of the prototype', () => {
  expect(Object.entries(parseTaggingHeader('__proto__=1'))).toEqual([['__proto__', '1']]);
});

describe('refuses', () => {
  it.each([
    ['a key twice', 'a=1&a=2'],
    ['a value without a key', 'a=1&=2'],
    ['an equals sign alone', '='],
    ['a broken percent sequence', 'a=%zz'],
    ['a percent sequence that ends too soon', 'a=%A'],
    ['commas for ampersands', 'a=1,b=2'],
  ])('%s', (_, header) => {
    expect(() => parseTaggingHeader(header)).toThrow(
      expect.objectContaining({
        code: 'InvalidArgument',
        message:
          "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.",
        extra: { ArgumentName: 'x-amz-tagging', ArgumentValue: header },
      }),
    );
  });

  it('more than ten tags', () => {
    const tags = (count: number) => Array.from({ length: count }, (_, index) => `k${index}=v`).join('&');
    expect(Object.keys(parseTaggingHeader(tags(10)))).toHaveLength(10);
    expect(() => parseTaggingHeader(tags(11))).toThrow(
      expect.objectContaining({ code: 'BadRequest', message: 'Object tags cannot be greater than 10' }),
    );
  });

  it.each([
    ['a key of 129 characters', `${'k'.repeat(129)}=1`, 'The TagKey you have provided is invalid'],
    ['a character that is not allowed', 'a%23=1', 'The TagKey you have provided is invalid'],
    ['a control character', 'a=%0A', 'The TagValue you have provided is invalid'],
    ['a key of bytes that are not UTF-8', '%ff=1', 'The TagKey you have provided is invalid'],
    ['a value of bytes that are not UTF-8', 'a=%ff', 'The TagValue you have provided is invalid'],
    ['a value of 257 characters', `a=${'v'.repeat(257)}`, 'The TagValue you have provided is invalid'],
    ['a key of the system', 'aws:a=1', 'Your TagKey cannot be prefixed with aws:'],
  ])('%s', (_, header, message) => {
    expect(() => parseTaggingHeader(header)).toThrow(
      expect.objectContaining({ code: 'InvalidTag', message }),
    );
  });

  it('counts characters, not UTF-16 units', () => {
    expect(requireTags([['𝒶'.repeat(128), '𝒶'.repeat(256)]])).toBeDefined();
  });

  it('the same key twice in a document', () => {
    expect(() =>
      requireTags([
        ['a', '1'],
        ['a', '2'],
      ]),
    ).toThrow(
      expect.objectContaining({
        code: 'InvalidTag',
        message: 'Cannot provide multiple Tags with the same key',
      }),
    );
  });
});

it('throws nothing but S3Error', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (header) => {
      try {
        parseTaggingHeader(header);
      } catch (error) {
        expect(error).toBeInstanceOf(S3Error);
      }
    }),
  );
});
