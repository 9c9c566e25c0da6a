/** Answers as the adapter to Node.js gets them. */
import { expect, it } from 'vitest';
import { responseOf } from '../../src/http/response.ts';

it('are of a class that the adapter hands on as they are', () => {
  const response = responseOf(200, { etag: '"1"', 'content-length': '2' }, Buffer.from('ab'));
  const handedOn = Object.getOwnPropertySymbols(response).find((symbol) => symbol.description === 'cache');
  expect(handedOn, 'not what the adapter looks for: see responseViaCache').toBeDefined();
  expect(response).toBeInstanceOf(Response);
});

it('leave the global classes alone, by which others tell answers to fetch', async () => {
  expect(await fetch('data:,a')).toBeInstanceOf(Response);
  expect(new Response('a').constructor).toBe(Response);
  expect(Response.name).toBe('Response');
  expect(responseOf(204, {}, null).constructor).not.toBe(Response);
});

it.each([
  ['a name that is no token', { 'x-amz-meta-a b': '1' }],
  ['a value with a line break', { 'x-amz-meta-a': '1\r\nset-cookie: a' }],
  ['a value with a control character', { 'x-amz-meta-a': '\u0001' }],
  ['a value beyond latin1', { 'x-amz-meta-a': '\u20ac' }],
])('refuse %s', (_, headers: Record<string, string>) => {
  expect(() => responseOf(200, headers, null)).toThrow(TypeError);
});
