import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseHttpDate } from '../../src/http/dates.ts';

const example = Date.UTC(1994, 10, 6, 8, 49, 37);
const now = Date.UTC(2026, 0, 1);

it.each([
  'Sun, 06 Nov 1994 08:49:37 GMT',
  'Sunday, 06-Nov-94 08:49:37 GMT',
  'Sun Nov  6 08:49:37 1994',
  ' Sun, 06 Nov 1994 08:49:37 GMT ',
])('reads %j', (text) => {
  expect(parseHttpDate(text, now)?.getTime()).toBe(example);
});

it('takes two digits as the past once they are more than 50 years ahead', () => {
  expect(parseHttpDate('Monday, 06-Nov-76 08:49:37 GMT', now)?.getUTCFullYear()).toBe(2076);
  expect(parseHttpDate('Monday, 06-Nov-77 08:49:37 GMT', now)?.getUTCFullYear()).toBe(1977);
});

it('takes a leap second as the last one of its day', () => {
  expect(parseHttpDate('Sat, 31 Dec 2016 23:59:60 GMT')?.toISOString()).toBe('2016-12-31T23:59:59.000Z');
});

it.each([
  undefined,
  '',
  'yesterday',
  '1994-11-06T08:49:37Z',
  'Sun, 06 Nov 1994 08:49:37',
  'Sun, 06 Nov 1994 08:49:37 +0100',
  'Sun, 6 Nov 1994 08:49:37 GMT',
  'Sun, 06 Nvo 1994 08:49:37 GMT',
  'Thu, 31 Feb 1994 08:49:37 GMT',
  'Sun, 06 Nov 1994 24:00:00 GMT',
  'Sun, 06 Nov 1994 08:60:00 GMT',
  'Sun, 06 Nov 1994 08:49:61 GMT',
  'Sun, 00 Nov 1994 08:49:37 GMT',
])('does not read %j', (text) => {
  expect(parseHttpDate(text)).toBeUndefined();
});

it('reads every date that JavaScript writes', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 253_402_300_799 }), (seconds) => {
      const date = new Date(seconds * 1000);
      expect(parseHttpDate(date.toUTCString())).toEqual(date);
    }),
  );
});
