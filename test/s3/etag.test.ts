import { expect, it } from 'vitest';
import { multipartEtag, quoteEtag, unquoteEtag } from '../../src/s3/etag.ts';

it('makes the ETag of a multipart object from the raw MD5s of its parts', () => {
  const md5s = [
    'b8fc857a25e7958868c2f003d5e0952d',
    'ba8c3fac0e224c9b79a8e74bebd54654',
    '99167c91c1541375b4f9df4b5e051387',
  ];
  expect(multipartEtag(md5s)).toBe('b2add96cc9702bbf4efb0ccdfc6b7747-3');
  expect(multipartEtag(md5s.slice(0, 1))).toMatch(/^[0-9a-f]{32}-1$/);
});

it.each([
  ['"a"', 'a'],
  ['a', 'a'],
  [' "a"\n', 'a'],
  ['""', ''],
  ['"', '"'],
  ['W/"a"', 'W/"a"'],
  ['""a""', '"a"'],
])('unquotes %j to %j', (text, expected) => {
  expect(unquoteEtag(text)).toBe(expected);
});

it('quotes', () => {
  expect(quoteEtag('a-1')).toBe('"a-1"');
});
