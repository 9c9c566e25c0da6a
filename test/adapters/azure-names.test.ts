import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  afterPrefix,
  blobName,
  bucketName,
  compareKeys,
  containerName,
  encodeKey,
  isNatural,
  keyOfEncoded,
  keysPrefix,
  naturalCeiling,
} from '../../adapters/azure/names.ts';
import { compareKeys as byBytes } from './contract/model.ts';

/** Strings in which the characters that matter are frequent. */
const text = fc
  .array(
    fc.oneof(
      fc.constantFrom(...'/.\\ a~%&'),
      fc.constantFrom('\u0000', '\u001f', '\u007f', '\u0080', '\u009f', '\u00a0', '\u200b', '\ud7ff'),
      fc.constantFrom(
        '\ue000',
        '\uf8ff',
        '\uf900',
        '\ufdd0',
        '\ufeff',
        '\uffef',
        '\uffff',
        '\u{1F511}',
        '\u{10ffff}',
      ),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
    ),
    { maxLength: 8 },
  )
  .map((parts) => parts.join(''));
const key = text.filter((value) => value !== '');

describe('blob names', () => {
  it('keep an ordinary key as it is', () => {
    for (const ordinary of [
      'a',
      'photos/2024/é ü.jpg',
      '.hidden',
      '.partway',
      'a.b.c/d',
      '鍵/（全角）',
      'x?y#z&%',
    ])
      expect(blobName(ordinary)).toBe(ordinary);
  });

  it('keep what Azure holds badly below the private prefix', () => {
    for (const odd of [
      'a/',
      '/a',
      'a//b',
      'a.',
      'a./b',
      '..',
      'a\\b',
      ' a',
      'a\tb',
      '.partway/x',
      '\u{1F511}',
    ])
      expect(blobName(odd).startsWith(keysPrefix)).toBe(true);
  });

  it('give every key back, and no two keys the same name', () => {
    fc.assert(
      fc.property(key, (value) => {
        const name = blobName(value);
        expect(isNatural(value) ? name : keyOfEncoded(name)).toBe(value);
      }),
    );
  });

  it('keep to 1,024 characters for a key of 1,024 bytes', () => {
    for (const character of ['\u0000', '\u{10ffff}', '/'])
      expect(blobName(character.repeat(1024 / Buffer.byteLength(character))).length).toBeLessThanOrEqual(
        1024,
      );
  });

  it('that nobody of us wrote have no key', () => {
    expect(keyOfEncoded(`${keysPrefix}plain`)).toBeUndefined();
    // The same bits, with a character of padding more.
    expect(keyOfEncoded(`${keysPrefix}${encodeKey('a/')}\u4e00`)).toBeUndefined();
  });

  it('sort as their keys do, by UTF-8 bytes', () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        const order = Math.sign(byBytes(a, b));
        expect(Math.sign(compareKeys(a, b))).toBe(order);
        const [x, y] = [encodeKey(a), encodeKey(b)];
        expect(x < y ? -1 : x > y ? 1 : 0).toBe(order);
        // The order of natural keys is the same by UTF-16 units, whichever the service sorts by.
        if (a !== '' && b !== '' && isNatural(a) && isNatural(b))
          expect(a < b ? -1 : a > b ? 1 : 0).toBe(order);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('bounds of a listing', () => {
  it('the ceiling leaves out no natural key', () => {
    fc.assert(
      fc.property(text, key.filter(isNatural), (bound, natural) => {
        const ceiling = naturalCeiling(bound);
        if (ceiling !== undefined) expect(byBytes(ceiling, bound)).toBeGreaterThanOrEqual(0);
        if (byBytes(natural, bound) >= 0)
          expect(ceiling !== undefined && byBytes(natural, ceiling) >= 0).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it('what comes after a prefix is the next string of all', () => {
    fc.assert(
      fc.property(key, text, (prefix, rest) => {
        const after = afterPrefix(prefix);
        if (after === undefined) expect(/^\u{10ffff}*$/u.test(prefix)).toBe(true);
        else {
          expect(byBytes(prefix + rest, after)).toBeLessThan(0);
          if (byBytes(rest, prefix) > 0 && !rest.startsWith(prefix))
            expect(byBytes(rest, after)).toBeGreaterThanOrEqual(0);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('container names', () => {
  it('are the bucket names where they can be', () => {
    expect(containerName('logs-2024', '')).toBe('logs-2024');
    expect(containerName('logs-2024', 'pw-')).toBe('pw-logs-2024');
    expect(containerName('my.bucket-1', '')).toBe('xs3-my-dbucket-h1');
    expect(containerName('a--b', '')).toBe('xs3-a-h-hb');
    expect(containerName('xs3-a', '')).toBe('xs3-xs3-ha');
  });

  it('are refused, with a reason, where they cannot', () => {
    for (const bucket of ['ab', 'Upper', 'under_score', '-a-', `a${'.b'.repeat(31)}`, `${'x'.repeat(60)}.ab`])
      expect(() => containerName(bucket, '')).toThrow(/no container name for bucket/);
  });

  it('give the bucket back', () => {
    const bucket = fc
      .array(fc.constantFrom(...'abz019.-'), { minLength: 3, maxLength: 20 })
      .map((letters) => letters.join(''))
      .filter((name) => /^[a-z0-9].*[a-z0-9]$/.test(name));
    fc.assert(
      fc.property(bucket, fc.constantFrom('', 'pw-'), (name, prefix) => {
        const container = containerName(name, prefix);
        expect(container).toMatch(/^(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*$/);
        expect(bucketName(container, prefix)).toBe(name);
      }),
    );
    for (const foreign of ['$logs', 'xs3-a-x', 'xs3-plain', 'other'])
      expect(bucketName(foreign, foreign === 'other' ? 'pw-' : '')).toBeUndefined();
  });
});
