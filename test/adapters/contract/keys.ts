import { describe, expect, it } from 'vitest';
import {
  begin,
  bytes,
  type Contract,
  complete,
  expectKind,
  expectObject,
  listAll,
  part,
  put,
  read,
} from './kit.ts';
import { compareKeys } from './model.ts';

/** Legal S3 keys that a file tree or a URL would mangle: 1 to 1,024 bytes of any UTF-8. */
export const oddKeys: readonly string[] = [
  'a',
  'a/',
  'a/b',
  'a//b',
  'a//',
  'a/b/',
  '/',
  '//',
  '/leading',
  '.',
  '..',
  '../up',
  'a/../../b',
  'a/./b',
  './a',
  '...',
  '.hidden',
  '~',
  ' ',
  ' leading and trailing ',
  'trailing.',
  'trailing./dot.',
  'back\\slash',
  '%2e%2e/%2F',
  'a%00b',
  'plus+space and?query=1&#fragment',
  'quotes"\'`<>|*:',
  'tab\tand\nnew line\r',
  'nul\u0000byte',
  'control\u0001\u001f\u007f\u0085',
  'ünïcödé/ключ/鍵/\u{1F511}',
  'e\u0301',
  '\u00e9',
  'rtl\u200f\u202e',
  '\ufeffbom',
  'replacement\ufffd',
  '\ue000private use',
  '\uffffnoncharacter',
  '\u{10ffff}last',
  '.partway',
  '.partway/uploads',
  '.partway/tmp/x',
  '$root',
  'x'.repeat(1024),
  `${'s'.repeat(256)}/t`,
  `${'ü'.repeat(128)}/t`,
  `d/${'\u{1F511}'.repeat(255)}`,
  `${'n/'.repeat(511)}n`,
  '/'.repeat(1024),
  'aux',
  'con.txt',
  'well-known/../.well-known/acme-challenge/x',
];

export function keysContract(contract: Contract): void {
  const held = (): string[] =>
    oddKeys.filter(
      (key) =>
        !contract.refusedKeys.includes(key) &&
        Buffer.byteLength(key) <= contract.adapter.capabilities.maxKeyBytes,
    );

  describe('keys', () => {
    it('keeps every legal key apart from every other, all at once', async () => {
      const { adapter, replica } = contract;
      const bucket = await contract.bucket();
      const keys = held();
      await Promise.all(keys.map((key) => put(adapter, bucket, key, `bytes of ${key}`)));
      expect(await listAll(replica, { bucket, limit: 7 })).toEqual([...keys].sort(compareKeys));
      for (const key of keys) {
        expect((await read(replica, bucket, key)).toString()).toBe(`bytes of ${key}`);
        expect((await adapter.headObject({ bucket, key })).key).toBe(key);
      }
      await Promise.all(keys.map((key) => put(replica, bucket, key, `more of ${key}`)));
      const deleted = keys.filter((_, i) => i % 2 === 0);
      const kept = keys.filter((_, i) => i % 2 === 1);
      await Promise.all(deleted.map((key) => adapter.deleteObject({ bucket, key })));
      expect(await listAll(adapter, { bucket, limit: 1000 })).toEqual([...kept].sort(compareKeys));
      for (const key of deleted) await expectKind(adapter.headObject({ bucket, key }), 'NoSuchObject');
      for (const key of kept) await expectObject(adapter, bucket, key, `more of ${key}`);
      await expectKind(adapter.deleteBucket({ bucket }), 'BucketNotEmpty');
      await Promise.all(kept.map((key) => replica.deleteObject({ bucket, key })));
      await adapter.deleteBucket({ bucket });
    });

    it('takes parts and copies for such keys too', async () => {
      const { adapter } = contract;
      const bucket = await contract.bucket();
      const keys = ['a', 'a/', 'a//b', '..', 'a/b', 'x'.repeat(1024)].filter((key) => held().includes(key));
      for (const key of keys) {
        const upload = await begin(adapter, bucket, key);
        const data = bytes(70_000, key.length);
        const { version } = await complete(adapter, upload, [await part(adapter, upload, 1, data)]);
        await adapter.abortUpload(upload);
        await expectObject(adapter, bucket, key, data);
        const source = { bucket, key, version };
        const { attributes } = await adapter.headObject({ bucket, key });
        await adapter.copyObject({ bucket, key: 'copy', source, attributes });
        await expectObject(adapter, bucket, 'copy', data);
      }
    });

    it('refuses what is no legal key, and what the backend documents, before any byte is stored', async () => {
      const { adapter } = contract;
      const bucket = await contract.bucket();
      for (const key of ['', 'x'.repeat(1025), 'ü'.repeat(513), 'lone \ud800', ...contract.refusedKeys]) {
        await expectKind(put(adapter, bucket, key, 'bytes'), 'InvalidName');
        await expectKind(adapter.beginUpload({ bucket, key, uploadId: 'u' }), 'InvalidName');
      }
      expect(await listAll(adapter, { bucket, limit: 10 })).toEqual([]);
    });
  });
}
