import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { attributes, type Contract, list, listAll, put, shown } from './kit.ts';
import { compareKeys, naiveListing } from './model.ts';

const keys: readonly string[] = [
  '/',
  '//a',
  '/a',
  'a',
  'a-b',
  'a.txt',
  'a/b',
  'a/b/c',
  'a/b/d',
  'a/z',
  'a0',
  'dir/one',
  'dir/sub/two',
  'dir/sub/three',
  'dir-before-slash',
  'dir0after-slash',
  'photos/2024/01.jpg',
  'photos/2024/02.jpg',
  'photos/2025/01.jpg',
  'photos/index',
  'ä/1',
  'ä/2',
  'ö/1',
  'ö/2',
  'ü',
  '\ud7ff/x',
  '\ue000/x',
  '\uffee/x',
  '\u{1F511}/x',
  '\u{1F511}/y',
  '\u{1F512}',
  'x,y,z',
  'x,z',
  'z/',
  'z//',
  'z/1',
];

export function listingContract(contract: Contract): void {
  describe('listObjects', () => {
    let bucket = '';
    let stored: readonly string[] = [];
    beforeAll(async () => {
      bucket = await contract.bucket('kept');
      stored = keys.filter((key) => !contract.refusedKeys.includes(key));
      await Promise.all(stored.map((key) => put(contract.adapter, bucket, key, key)));
    });
    afterAll(async () => {
      await Promise.all(stored.map((key) => contract.adapter.deleteObject({ bucket, key })));
      await contract.adapter.deleteBucket({ bucket });
    });

    it('lists nothing of an empty bucket', async () => {
      const empty = await contract.bucket();
      expect(await contract.adapter.listObjects({ bucket: empty, limit: 1 })).toEqual({
        entries: [],
        truncated: false,
      });
    });

    it('lists in the order of UTF-8 bytes', async () => {
      expect(await list(contract.adapter, bucket)).toEqual([...stored].sort(compareKeys));
    });

    it.each([1, 2, 3, 5, 35, 36, 37])('pages by %i and loses or repeats nothing', async (limit) => {
      expect(await listAll(contract.adapter, { bucket, limit })).toEqual([...stored].sort(compareKeys));
      for (const prefix of ['', 'photos/', 'ä', '\u{1F511}']) {
        const call = { bucket, limit, prefix, delimiter: '/' };
        const all = naiveListing(stored, { ...call, limit: 1000 }).shown;
        expect(await listAll(contract.replica, call)).toEqual(all);
      }
    });

    const prefixes = [
      '',
      '/',
      '/a',
      'a',
      'a/',
      'a/b',
      'dir',
      'dir/',
      'photos/2024/0',
      'none',
      'z/',
      'x,',
      'ö/',
      '\ue000',
    ];
    it.each(['', '/', ',', '/s', '2024', '//', '\u{1F511}'])('rolls up by %j', async (delimiter) => {
      for (const prefix of prefixes) {
        for (const limit of [2, 1000]) {
          const call = { prefix, delimiter, limit };
          const got = await contract.adapter.listObjects({ bucket, ...call });
          expect({ call, shown: shown(got), truncated: got.truncated }).toEqual({
            call,
            ...naiveListing(stored, call),
          });
        }
      }
    });

    const starts = [
      '',
      '/',
      '/a',
      'a',
      'a/',
      'a/b/',
      'a/b/c',
      'a/b0',
      'b',
      'dir/',
      'dir/sub/',
      'dir/sub/zzz',
      'photos/',
      'photos/2024/',
      'photos/2024/01.jpg',
      'photos0',
      '\u0000',
      'z/',
      'z/1',
      '\ue000/x',
      '\u{1F511}/',
      '\u{10ffff}',
    ];
    it.each(starts)('starts after %j', async (startAfter) => {
      for (const delimiter of ['', '/', ',']) {
        for (const prefix of ['', 'photos/', 'dir/', 'a']) {
          const call = { prefix, delimiter, startAfter, limit: 4 };
          const got = await contract.adapter.listObjects({ bucket, ...call });
          expect({ call, shown: shown(got), truncated: got.truncated }).toEqual({
            call,
            ...naiveListing(stored, call),
          });
        }
      }
    });

    it('tells of an object what a listing shows', async () => {
      const own = await contract.bucket();
      const before = Date.now();
      await put(contract.adapter, own, 'plain', 'hello');
      await put(contract.adapter, own, 'rich', 'ciphertext', {
        attributes: attributes('x', {
          etag: '00112233445566778899aabbccddeeff-3',
          headers: { 'x-amz-storage-class': 'GLACIER_IR' },
          checksum: { algorithm: 'SHA256', type: 'COMPOSITE', value: 'xxxx-3' },
          plainSize: 7,
        }),
      });
      const { entries } = await contract.replica.listObjects({ bucket: own, limit: 10 });
      const infos = entries.map((entry) => (entry.kind === 'object' ? entry.info : undefined));
      expect(infos).toEqual([
        {
          key: 'plain',
          size: 5,
          etag: '5d41402abc4b2a76b9719d911017c592',
          lastModified: expect.any(Date),
        },
        {
          key: 'rich',
          size: 7,
          etag: '00112233445566778899aabbccddeeff-3',
          lastModified: expect.any(Date),
          storageClass: 'GLACIER_IR',
          checksum: { algorithm: 'SHA256', type: 'COMPOSITE' },
        },
      ]);
      const { lastModified } = await contract.adapter.headObject({ bucket: own, key: 'plain' });
      expect(infos[0]?.lastModified).toEqual(lastModified);
      expect(Math.abs(lastModified.getTime() - before)).toBeLessThan(60_000);
    });

    it('shows a write and a removal at once', async () => {
      const own = await contract.bucket();
      for (let i = 0; i < 5; i++) {
        await put(contract.adapter, own, `dir/${i}`, 'bytes');
        expect(await list(contract.replica, own)).toEqual([`dir/${i}`]);
        expect(await list(contract.adapter, own, { delimiter: '/' })).toEqual(['[dir/]']);
        await contract.replica.deleteObject({ bucket: own, key: `dir/${i}` });
        expect(await list(contract.adapter, own)).toEqual([]);
        expect(await list(contract.replica, own, { delimiter: '/' })).toEqual([]);
      }
    });
  });
}
