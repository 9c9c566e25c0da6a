/** Keys as names, and attributes as metadata: properties that hold for all of them. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isAdapterError } from '../../adapters/errors.ts';
import { decode, encode } from '../../adapters/gcs/attributes.ts';
import {
  combine,
  crcOf,
  createCrc32c,
  fromBase64,
  inWebAssembly,
  toBase64,
} from '../../adapters/gcs/crc32c.ts';
import {
  after,
  boundary,
  bucketName,
  compareNames,
  keyOf,
  nameOf,
  namePrefix,
  PRIVATE,
} from '../../adapters/gcs/names.ts';
import type { ObjectAttributes } from '../../adapters/types.ts';
import { demandName } from '../strict/gcs/rules.ts';
import { fullAttributes } from './contract/kit.ts';
import { compareKeys } from './contract/model.ts';

const corners = [
  '.',
  '..',
  '...',
  './',
  '.\0',
  '.\x01',
  '..\x01',
  '.partway',
  '.partway/',
  '.partway/uploads/x',
  '.partway/~',
  '.partway/~~',
  '.partway0',
  '.well-known/acme-challenge',
  '.well-known/acme-challenge/',
  '.well-known/acme-challenge/token',
  '.well-known/acme-challenge.txt',
  '.well-known/acme-challenge0',
  '.well-known/acme-challenge0/x',
  '.well-known/acme-challenge00',
  '.well-known/acme-challenge1',
  'a\rb',
  'a\nb',
  'a\r\nb',
  'a\x0bb',
  'a\x0eb',
  'a\x0e\x01b',
  'a\0b',
  'a\x01\x01b',
  '\u{1F511}',
  '\uffff',
  '\ud7ff',
  '\ue000',
];
const text = fc.oneof(
  fc.constantFrom(...corners),
  fc.string({ unit: 'binary', maxLength: 8 }),
  fc
    .array(
      fc.constantFrom(
        '.',
        '/',
        '0',
        '~',
        '\0',
        '\x01',
        '\x02',
        '\n',
        '\x0b',
        '\r',
        '\x0e',
        'a',
        '\u{1F511}',
        '\uffff',
      ),
      {
        maxLength: 6,
      },
    )
    .map((chars) => chars.join('')),
  fc
    .tuple(fc.constantFrom(...corners), fc.string({ unit: 'binary', maxLength: 3 }))
    .map((both) => both.join('')),
);
const key = text.filter((each) => each !== '' && each.isWellFormed());

describe('names on GCS', () => {
  it('are such as GCS takes, never private, and lead back to their keys', () => {
    fc.assert(
      fc.property(key, (each) => {
        const name = nameOf(each);
        demandName(name);
        expect(name.includes('\0')).toBe(false);
        expect(keyOf(name)).toBe(each);
      }),
      { numRuns: 5000 },
    );
    for (const name of [PRIVATE, `${PRIVATE}uploads/id/00001-x`, `${PRIVATE}documents/cors`]) {
      expect(keyOf(name)).toBeUndefined();
    }
  });

  it('are the keys themselves but for a few', () => {
    for (const each of [
      'a',
      'a/b',
      '/',
      '//',
      '.hidden',
      '...',
      'ключ \u{1F511}',
      '.partway',
      'x'.repeat(1024),
    ]) {
      expect(nameOf(each)).toBe(each);
    }
  });

  it('sort as their keys do', () => {
    fc.assert(
      fc.property(key, key, (a, b) => {
        expect(Math.sign(compareKeys(nameOf(a), nameOf(b)))).toBe(Math.sign(compareKeys(a, b)));
        expect(Math.sign(compareNames(a, b))).toBe(Math.sign(compareKeys(a, b)));
        expect(Math.sign(compareKeys(boundary(a), nameOf(b)))).toBe(Math.sign(compareKeys(a, b)));
      }),
      { numRuns: 5000 },
    );
  });

  it('start with the name of a prefix just when their keys start with the prefix', () => {
    const prefix = text.filter((each) => each.isWellFormed());
    fc.assert(
      fc.property(key, prefix, (each, start) => {
        expect(nameOf(each).startsWith(namePrefix(start))).toBe(each.startsWith(start));
        expect(nameOf(start + each).startsWith(namePrefix(start))).toBe(true);
      }),
      { numRuns: 5000 },
    );
  });

  it('can be skipped by prefix', () => {
    fc.assert(
      fc.property(key, key, (start, rest) => {
        const next = after(start);
        if (next === undefined) expect(start).toMatch(/^\u{10ffff}+$/u);
        else {
          expect(compareKeys(start + rest, next)).toBeLessThan(0);
          expect(next.startsWith(start)).toBe(false);
          expect(next.isWellFormed()).toBe(true);
        }
      }),
      { numRuns: 5000 },
    );
  });

  it('say why a key or a bucket cannot be held', () => {
    const refused = (act: () => unknown): boolean => {
      try {
        act();
        return false;
      } catch (error) {
        return isAdapterError(error, 'InvalidName');
      }
    };
    expect(refused(() => nameOf('x'.repeat(1025)))).toBe(true);
    expect(refused(() => nameOf('\n'.repeat(513)))).toBe(true);
    expect(refused(() => nameOf(`${PRIVATE}${'x'.repeat(1024 - PRIVATE.length)}`))).toBe(true);
    expect(refused(() => nameOf('\ud800'))).toBe(true);
    expect(bucketName('photos', 'acme-')).toBe('acme-photos');
    expect(bucketName('a.b.c', '')).toBe('a.b.c');
    for (const bucket of ['ab', 'A', 'a b', 'my-google', 'goog1', '1.2.3.4', 'x'.repeat(64), 'a-']) {
      expect(refused(() => bucketName(bucket, ''))).toBe(true);
    }
  });
});

describe('attributes as metadata', () => {
  const options = { mark: 'm', sidecarName: () => '.partway/attributes/s' };
  const byte = fc.string({
    unit: fc.integer({ min: 32, max: 255 }).map((code) => String.fromCharCode(code)),
  });
  const some = fc.record<ObjectAttributes>(
    {
      etag: fc.string(),
      headers: fc.dictionary(fc.constantFrom('content-type', 'expires', 'x-amz-storage-class'), byte),
      metadata: fc.dictionary(fc.stringMatching(/^[a-z-]{1,20}$/), byte),
      tags: fc.dictionary(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' })),
      checksum: fc.record({
        algorithm: fc.constant('SHA256'),
        type: fc.constantFrom('COMPOSITE', 'FULL_OBJECT'),
        value: fc.base64String(),
      }),
      parts: fc
        .array(
          fc.tuple(
            fc.integer({ min: 1, max: 3 }),
            fc.nat(3),
            fc.option(fc.base64String(), { nil: undefined }),
          ),
        )
        .map((rows) => {
          let partNumber = 0;
          return rows.map(([step, size, checksum]) => {
            partNumber += step;
            return { partNumber, size, ...(checksum === undefined ? {} : { checksum }) };
          });
        }),
      uploadId: fc.string(),
      plainSize: fc.nat(),
      encryption: fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value))),
    },
    { requiredKeys: ['etag', 'headers', 'metadata'] },
  );

  it('round-trip, inside the metadata or beside it', () => {
    fc.assert(
      fc.property(some, fc.nat(8000), (given, taken) => {
        const { value, sidecar } = encode(given, { ...options, taken });
        expect(value).toMatch(/^[\x20-\x7e]*$/);
        if (sidecar === undefined) {
          expect(Buffer.byteLength(value) + 'partway'.length + taken).toBeLessThanOrEqual(8192);
          expect(decode(value).attributes).toEqual(given);
        } else {
          expect(decode(value)).toMatchObject({
            sidecar: sidecar.name,
            mark: 'm',
            attributes: { etag: given.etag },
          });
          expect(decode(sidecar.text).attributes).toEqual(given);
        }
      }),
    );
  });

  it('stay within 8 KiB whatever is in them, in clear text while they can', () => {
    const full = fullAttributes('0123456789abcdef0123456789abcdef-2');
    expect(JSON.parse(encode(full, options).value)).toMatchObject({ etag: full.etag });
    const equal = Array.from({ length: 10_000 }, (_, i) => ({ partNumber: i + 1, size: 8_388_608 }));
    expect(encode({ ...full, parts: equal }, options).value.length).toBeLessThan(2000);
    const words = { ...full, tags: { words: 'repeated words '.repeat(2000) } };
    expect(encode(words, options).value).toMatch(/^deflate:/);
    expect(decode(encode(words, options).value).attributes).toEqual(words);
    const uneven = equal.map((part, i) => ({ ...part, size: Math.imul(i + 1, 2654435761) >>> 0 }));
    const { value, sidecar } = encode({ ...full, parts: uneven }, options);
    expect(value.length).toBeLessThan(1000);
    expect(decode(sidecar?.text ?? '').attributes).toEqual({ ...full, parts: uneven });
  });

  it.each([
    '',
    '{',
    '{}',
    '{"v":2,"etag":"x"}',
    '"text"',
    'null',
    'deflate:',
    'deflate:AAAA',
    'deflate:not base64',
  ])('are called damaged when they are: %s', (value) => {
    try {
      decode(value);
      expect.unreachable();
    } catch (error) {
      expect(isAdapterError(error, 'Corrupt')).toBe(true);
    }
  });
});

describe('CRC32C', () => {
  it('is that of Castagnoli, written as GCS writes it', async () => {
    expect(toBase64(await crcOf(Buffer.from('123456789')))).toBe('4waSgw==');
    expect(fromBase64('4waSgw==')).toBe(0xe3069283);
    expect(fromBase64('AAAA')).toBeUndefined();
    expect(fromBase64(undefined)).toBeUndefined();
  });

  it('is the same natively and in WebAssembly, whatever the pieces', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 300 })), async (pieces) => {
        const [either, wasm] = [await createCrc32c(), await inWebAssembly()];
        for (const piece of pieces) {
          either.update(piece);
          wasm.update(piece);
        }
        expect(either.digest()).toBe(wasm.digest());
      }),
    );
  });

  it('of two strings makes that of both together', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 300 }), async (a, b) => {
        const both = await crcOf(Buffer.concat([a, b]));
        expect(combine(await crcOf(a), await crcOf(b), b.length)).toBe(both);
      }),
    );
    const zeros = 5 * 1024 ** 3;
    let doubled = await crcOf(Buffer.alloc(1024 ** 2));
    for (let size = 1024 ** 2; size < zeros; size *= 2) doubled = combine(doubled, doubled, size);
    // Of 8 GiB of zeros, reached by 13 doublings, and by one step over the last of them.
    const half = 4 * 1024 ** 3;
    let once = await crcOf(Buffer.alloc(1024 ** 2));
    for (let size = 1024 ** 2; size < half; size *= 2) once = combine(once, once, size);
    expect(doubled).toBe(combine(once, once, half));
  });
});
