/** Listing on Azure against the naive model: escaped keys, short pages, opaque markers, any start, private blobs between. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { encodeKey } from '../../adapters/azure/names.ts';
import type { StorageAdapter } from '../../adapters/types.ts';
import { type AzureBench, azureBench } from '../strict/azure/kit.ts';
import { begin, list, listAll, put, shown } from './contract/kit.ts';
import { compareKeys, naiveListing } from './contract/model.ts';

const alphabet = [
  'a',
  'b',
  '/',
  '/',
  '.',
  ' ',
  '\\',
  '-',
  '0',
  '\u00e9',
  '\ud7ff',
  '\ue000',
  '\uff08',
  '\u{1F511}',
];
const word = fc.array(fc.constantFrom(...alphabet), { maxLength: 6 }).map((letters) => letters.join(''));

describe.each([
  ['a service that jumps', {}],
  ['a service that ignores startFrom', { ignoreStartFrom: true }],
])('on %s', (_, strictness) => {
  let bench: AzureBench;
  let adapter: StorageAdapter;
  beforeAll(async () => {
    bench = await azureBench({ pageSize: 4, ...strictness });
    adapter = bench.adapter;
  });

  it('lists as the model does, whatever is asked', async () => {
    const bucket = await bench.bucket();
    const keys = fc.sample(
      word.filter((key) => key !== ''),
      { numRuns: 60, seed: 20261122 },
    );
    keys.push('.partway', '.partway/uploads/x', '.partwax', '.partwaz', '-', '.', '/', 'a/b/c/d', 'a/b/c/e');
    const stored = [...new Set(keys)];
    await Promise.all(stored.map((key) => put(adapter, bucket, key, 'x')));
    // Private blobs lie among the keys, more of them than a page holds.
    for (let i = 0; i < 9; i++) await begin(adapter, bucket, 'a');
    await adapter.putBucketDocument({ bucket, name: 'cors', text: 'x' });

    await fc.assert(
      fc.asyncProperty(
        fc.oneof(word, fc.constantFrom(...stored)),
        fc.constantFrom('', '', '/', '/', 'b', '//', '\u{1F511}'),
        fc.oneof(fc.constant(''), word, fc.constantFrom('a', 'b', 'a/', '.', '.partway', '\ue000')),
        fc.integer({ min: 1, max: 12 }),
        async (startAfter, delimiter, prefix, limit) => {
          const call = { startAfter, delimiter, prefix, limit };
          const got = await adapter.listObjects({ bucket, ...call });
          expect({ shown: shown(got), truncated: got.truncated }).toEqual(naiveListing(stored, call));
        },
      ),
      { numRuns: 40, seed: 7 },
    );
  }, 300_000);

  it('pages through private blobs without showing or counting them', async () => {
    const bucket = await bench.bucket();
    for (const key of ['!', '-', '0', 'z']) await put(adapter, bucket, key, 'x');
    for (let i = 0; i < 20; i++) await begin(adapter, bucket, 'a');
    expect(await listAll(adapter, { bucket, limit: 1 })).toEqual(['!', '-', '0', 'z']);
    expect(await list(adapter, bucket, { delimiter: '/' })).toEqual(['!', '-', '0', 'z']);
    expect(await list(adapter, bucket, { prefix: '.partway/' })).toEqual([]);
  });
});

describe('cost', () => {
  let bench: AzureBench;
  let adapter: StorageAdapter;
  beforeAll(async () => {
    bench = await azureBench();
    adapter = bench.adapter;
  });

  it('of a page is two requests, wherever it starts', async () => {
    const bucket = await bench.bucket();
    const direct = bench.strict.direct.getContainerClient(bench.containerPrefix + bucket);
    const keys = Array.from({ length: 40 }, (_, i) => `dir${String(i).padStart(2, '0')}/key`);
    await Promise.all(keys.map((key) => direct.getBlockBlobClient(key).upload('x', 1)));
    for (const startAfter of ['', 'dir07/key', 'dir07/zzz', 'dir39', 'dir07/\u{10ffff}'])
      for (const delimiter of ['', '/']) {
        bench.forget();
        await adapter.listObjects({ bucket, limit: 5, startAfter, delimiter });
        expect(bench.sent('ListBlobs')).toBe(2);
      }
    // A level under a prefix whose groups are large: still two, since the service rolls up.
    bench.forget();
    expect(await list(adapter, bucket, { delimiter: '/', limit: 40 })).toHaveLength(40);
    expect(bench.sent('ListBlobs')).toBe(2);
  });

  it('of private blobs in the way is one jump', async () => {
    const bucket = await bench.bucket();
    for (const key of ['!', 'z']) await put(adapter, bucket, key, 'x');
    for (let i = 0; i < 30; i++) await begin(adapter, bucket, 'a');
    bench.forget();
    expect(await list(adapter, bucket, { limit: 5 })).toEqual(['!', 'z']);
    expect(bench.sent('ListBlobs')).toBe(3);
  });

  it('shows names that XML must escape, however many', async () => {
    const bucket = await bench.bucket();
    const direct = bench.strict.direct.getContainerClient(bench.containerPrefix + bucket);
    const keys = Array.from({ length: 1200 }, (_, i) => `<&>"' ${String(i).padStart(4, '0')} &amp;`);
    for (let at = 0; at < keys.length; at += 50)
      await Promise.all(keys.slice(at, at + 50).map((key) => direct.getBlockBlobClient(key).upload('x', 1)));
    expect(await listAll(adapter, { bucket, limit: 1000 })).toEqual([...keys].sort(compareKeys));
  });

  it('takes bounds longer than any name', async () => {
    const bucket = await bench.bucket();
    const long = 'x'.repeat(1024);
    const odd = '/'.repeat(1024);
    for (const key of [long, odd, 'y']) await put(adapter, bucket, key, 'x');
    expect(encodeKey(odd).length).toBe(659);
    expect(await list(adapter, bucket, { startAfter: odd })).toEqual([long, 'y']);
    expect(await list(adapter, bucket, { startAfter: `${long}${long}` })).toEqual(['y']);
    expect(await list(adapter, bucket, { startAfter: `${odd}${odd}` })).toEqual([long, 'y']);
    expect(await list(adapter, bucket, { prefix: `${long}x` })).toEqual([]);
  });
});
