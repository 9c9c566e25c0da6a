import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compareKeys,
  isNaturalPath,
  keyOfOddPath,
  oddPath,
  oddPrefix,
} from '../../../adapters/local/names.ts';
import { oddKeys } from '../contract/keys.ts';

const bytesOrder = (a: string, b: string): number =>
  Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b)));

/** Keys that meet where names are cut, as well as any other. */
const key = fc.oneof(
  fc.string({ unit: 'binary', minLength: 1, maxLength: 300 }),
  fc
    .tuple(fc.constantFrom('a', 'ab', 'é', '\u{1F511}', '/'), fc.integer({ min: 60, max: 66 }), fc.string())
    .map(([unit, times, end]) => unit.repeat(times) + end),
);

describe('the private names of keys', () => {
  it('are the keys again', () => {
    fc.assert(
      fc.property(key, (a) => {
        expect(keyOfOddPath(oddPath(a))).toBe(a);
      }),
    );
    for (const odd of oddKeys) expect(keyOfOddPath(oddPath(odd))).toBe(odd);
  });

  it('sort as the keys do, directories with the slash behind them', () => {
    fc.assert(
      fc.property(key, key, (a, b) => {
        expect(bytesOrder(oddPath(a), oddPath(b))).toBe(bytesOrder(a, b));
      }),
      { numRuns: 2000 },
    );
  });

  it('begin alike if and only if the keys do', () => {
    fc.assert(
      fc.property(key, key, fc.nat(), (a, b, cut) => {
        const prefix = [...a].slice(0, cut % ([...a].length + 1)).join('');
        expect(oddPath(a).startsWith(oddPrefix(prefix))).toBe(true);
        expect(oddPath(b).startsWith(oddPrefix(prefix))).toBe(b.startsWith(prefix));
      }),
    );
  });

  it('are never both a file and a directory', () => {
    fc.assert(
      fc.property(key, key, (a, b) => {
        expect(oddPath(b).startsWith(`${oddPath(a)}/`)).toBe(false);
      }),
    );
  });

  it('fit every file system, and nothing else is taken for one', () => {
    fc.assert(
      fc.property(key, (a) => {
        for (const name of oddPath(a).split('/')) expect(name.length).toBeLessThanOrEqual(129);
      }),
    );
    for (const name of ['', '!x', 'zz!', 'ff!', '6!', '61', '61/62!', 'ABCD!', '61!/62!']) {
      expect(keyOfOddPath(name)).toBeUndefined();
    }
  });
});

describe('the order of keys', () => {
  it('is that of UTF-8 bytes', () => {
    fc.assert(
      fc.property(key, key, (a, b) => {
        expect(Math.sign(compareKeys(a, b))).toBe(bytesOrder(a, b));
      }),
      { numRuns: 2000 },
    );
    expect(compareKeys('\uffff', '\u{10000}')).toBeLessThan(0);
    expect(compareKeys('a', 'a')).toBe(0);
  });
});

describe('ordinary paths', () => {
  it('are those that a file tree keeps as they are', () => {
    for (const path of ['a', 'a/b', '.hidden', '...', 'ü'.repeat(127), ' ', 'a\\b', 'x:y']) {
      expect(isNaturalPath(path)).toBe(true);
    }
    for (const path of [
      '',
      '/',
      'a/',
      '/a',
      'a//b',
      '.',
      '..',
      'a/..',
      './a',
      'a\0b',
      'ü'.repeat(128),
      'x'.repeat(256),
    ]) {
      expect(isNaturalPath(path)).toBe(false);
    }
  });
});
