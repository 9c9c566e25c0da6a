import { execFileSync } from 'node:child_process';
import fs from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createLocalAdapter } from '../../../adapters/local/index.ts';
import type { StorageAdapter } from '../../../adapters/types.ts';
import {
  attributes,
  begin,
  complete,
  expectKind,
  expectObject,
  fullAttributes,
  list,
  part,
  put,
} from '../contract/kit.ts';
import { makeRoot, watch } from './kit.ts';

const root = await makeRoot();
const adapter = root.adapter();
const described = fullAttributes('d41d8cd98f00b204e9800998ecf8427e');

async function bucketWith(name: string, key: string, data: string): Promise<string> {
  await adapter.createBucket({ bucket: name });
  await put(adapter, name, key, data, { attributes: described });
  return join(root.path, name, key);
}

async function expectForeign(on: StorageAdapter, bucket: string, key: string): Promise<void> {
  const info = await on.headObject({ bucket, key });
  expect(info.attributes).toEqual({
    etag: expect.stringMatching(/^[0-9a-f]{32}-1$/),
    headers: {},
    metadata: {},
  });
  const { entries } = await on.listObjects({ bucket, prefix: key, limit: 1 });
  expect(entries).toMatchObject([{ kind: 'object', info: { key, etag: info.attributes.etag } }]);
}

describe('files of other programs', () => {
  it('are objects of the bucket that their directory is', async () => {
    await fs.mkdir(join(root.path, 'made-by-hand/deep'), { recursive: true });
    await fs.writeFile(join(root.path, 'made-by-hand/deep/file.txt'), 'hello');
    const bucket = 'made-by-hand';
    expect((await adapter.listBuckets()).map(({ name }) => name)).toContain(bucket);
    expect(await list(adapter, bucket)).toEqual(['deep/file.txt']);
    await expectObject(adapter, bucket, 'deep/file.txt', 'hello');
    await expectForeign(adapter, bucket, 'deep/file.txt');
    const { mtimeNs } = await fs.stat(join(root.path, bucket, 'deep/file.txt'), { bigint: true });
    const { lastModified, version } = await adapter.headObject({ bucket, key: 'deep/file.txt' });
    expect(lastModified.getTime()).toBe(Number(mtimeNs / 1_000_000n));
    await adapter.setAttributes({ bucket, key: 'deep/file.txt', version, attributes: described });
    expect((await adapter.headObject({ bucket, key: 'deep/file.txt' })).attributes).toEqual(described);
  });

  it('find objects as ordinary files, readable by all', async () => {
    const path = await bucketWith('to-be-read', 'some/dir/file', 'content');
    expect(await fs.readFile(path, 'utf8')).toBe('content');
    expect((await fs.stat(path)).mode & 0o777).toBe(0o666 & ~process.umask());
    expect((await fs.stat(join(root.path, '.partway'))).mode & 0o777).toBe(0o700);
  });

  const replacements: readonly (readonly [string, (path: string) => Promise<void>])[] = [
    ['written over in place, with as many bytes', (path) => fs.writeFile(path, 'AFTER!')],
    ['appended to', (path) => fs.appendFile(path, '!')],
    [
      'replaced by a rename',
      async (path) => {
        await fs.writeFile(`${path}.new`, 'AFTER!');
        await fs.rename(`${path}.new`, path);
      },
    ],
    [
      'replaced by one that was given its size and time, to the nanosecond',
      async (path) => {
        await fs.writeFile(`${path}.new`, 'AFTER!');
        execFileSync('touch', ['-r', path, `${path}.new`]);
        await fs.rename(`${path}.new`, path);
      },
    ],
    ['touched', (path) => fs.utimes(path, new Date(), new Date())],
  ];
  it.each(replacements)('keep nothing of an object that was %s', async (what, replace) => {
    const bucket = `replaced-${replacements.findIndex(([name]) => name === what)}`;
    const path = await bucketWith(bucket, 'key', 'before');
    const before = await adapter.headObject({ bucket, key: 'key' });
    await replace(path);
    for (const on of [adapter, root.adapter()]) {
      await expectForeign(on, bucket, 'key');
      await expectObject(on, bucket, 'key', await fs.readFile(path));
    }
    expect((await adapter.headObject({ bucket, key: 'key' })).version).not.toBe(before.version);
    await expectKind(
      put(adapter, bucket, 'key', 'x', { condition: { version: before.version } }),
      'PreconditionFailed',
    );
    await put(adapter, bucket, 'key', 'ours again', { attributes: described });
    expect((await adapter.headObject({ bucket, key: 'key' })).attributes).toEqual(described);
  });

  it('may change what does not matter: mode, owner, links', async () => {
    const path = await bucketWith('chmod', 'key', 'data');
    await fs.chmod(path, 0o600);
    await fs.link(path, join(root.path, 'chmod-link'));
    expect((await root.adapter().headObject({ bucket: 'chmod', key: 'key' })).attributes).toEqual(described);
  });

  it('may move the whole root to another disk, or bring it back from a backup', async () => {
    await bucketWith('moved', 'dir/key', 'data');
    await put(adapter, 'moved', 'odd//key', 'data', { attributes: described });
    const copy = `${root.path}-copy`;
    execFileSync('cp', ['-a', root.path, copy]);
    const there = createLocalAdapter({ root: copy, durability: 'os' });
    try {
      for (const key of ['dir/key', 'odd//key']) {
        expect((await there.headObject({ bucket: 'moved', key })).attributes).toEqual(described);
        await expectObject(there, 'moved', key, 'data');
      }
    } finally {
      await there.close();
      await fs.rm(copy, { recursive: true });
    }
  });

  it('may remove an object, or put one where ours lies in the private tree', async () => {
    const path = await bucketWith('shadowed', 'a/b', 'natural');
    const bucket = 'shadowed';
    await put(adapter, bucket, 'a', 'odd');
    await fs.rm(path);
    await expectKind(adapter.headObject({ bucket, key: 'a/b' }), 'NoSuchObject');
    await expectObject(adapter, bucket, 'a', 'odd');
    await fs.rmdir(join(root.path, bucket, 'a'));
    // The way is free now, and yet the object stays where it is: it must never be there twice.
    await put(adapter, bucket, 'a', 'odd again');
    await expectKind(put(adapter, bucket, 'a', 'x', { condition: { absent: true } }), 'PreconditionFailed');
    expect(await fs.readdir(join(root.path, bucket))).toEqual([]);
    await fs.writeFile(join(root.path, bucket, 'a'), 'by hand');
    await expectObject(adapter, bucket, 'a', 'by hand');
    expect(await list(adapter, bucket)).toEqual(['a']);
    await adapter.deleteObject({ bucket, key: 'a' });
    await expectKind(adapter.headObject({ bucket, key: 'a' }), 'NoSuchObject');
    await put(adapter, bucket, 'a', 'natural now');
    expect(await fs.readFile(join(root.path, bucket, 'a'), 'utf8')).toBe('natural now');
  });

  it('may leave empty directories behind, which keep no bucket', async () => {
    await adapter.createBucket({ bucket: 'hollow' });
    await fs.mkdir(join(root.path, 'hollow/a/b/c'), { recursive: true });
    await fs.mkdir(join(root.path, 'hollow/d'));
    await adapter.deleteBucket({ bucket: 'hollow' });
    await expectKind(adapter.headBucket({ bucket: 'hollow' }), 'NoSuchBucket');
  });

  it('keep a bucket by files that are no objects', async () => {
    await adapter.createBucket({ bucket: 'with-link' });
    await fs.symlink('/etc', join(root.path, 'with-link/link'));
    await expectKind(adapter.deleteBucket({ bucket: 'with-link' }), 'BucketNotEmpty');
    expect(await fs.readlink(join(root.path, 'with-link/link'))).toBe('/etc');
  });

  it('make directories that are no buckets', async () => {
    for (const name of ['lost+found', '.hidden', 'ab', 'with space', 'ünïcode', '-dash']) {
      await fs.mkdir(join(root.path, name));
      await expectKind(adapter.headBucket({ bucket: name }), 'NoSuchBucket');
      await expectKind(adapter.createBucket({ bucket: name }), 'InvalidName');
      expect((await adapter.listBuckets()).map((bucket) => bucket.name)).not.toContain(name);
    }
    for (const bucket of ['.partway', '..', '.', '', 'a/b', 'a\0b', '../x', '/etc']) {
      await expectKind(adapter.headBucket({ bucket }), 'NoSuchBucket');
      await expectKind(adapter.listObjects({ bucket, limit: 1 }), 'NoSuchBucket');
      await expectKind(put(adapter, bucket, 'key', 'x'), 'NoSuchBucket');
      await expectKind(adapter.createBucket({ bucket }), 'InvalidName');
    }
  });
});

describe('links and special files', () => {
  it('are neither shown nor followed, and not replaced', async () => {
    const bucket = 'special';
    await adapter.createBucket({ bucket });
    const at = (name: string): string => join(root.path, bucket, name);
    const outside = join(root.path, '..', `${root.path.split('/').at(-1)}-outside`);
    await fs.mkdir(outside);
    await fs.writeFile(join(outside, 'secret'), 'secret');
    const server = createServer();
    try {
      await put(adapter, bucket, 'real/file', 'inside');
      await fs.symlink(join(outside, 'secret'), at('link-to-file'));
      await fs.symlink(outside, at('link-to-dir'));
      await fs.symlink(at('real'), at('link-inside'));
      await fs.symlink('/nowhere', at('broken-link'));
      execFileSync('mkfifo', [at('pipe')]);
      await new Promise<void>((resolve) => server.listen(at('socket'), resolve));
      const keys = [
        'link-to-file',
        'link-to-dir',
        'link-to-dir/secret',
        'link-inside',
        'link-inside/file',
        'broken-link',
        'pipe',
        'socket',
      ];
      for (const key of keys) {
        await expectKind(adapter.headObject({ bucket, key }), 'NoSuchObject');
        await expectKind(adapter.getObject({ bucket, key }), 'NoSuchObject');
        await adapter.deleteObject({ bucket, key });
      }
      for (const delimiter of ['', '/']) {
        const shown = delimiter === '' ? ['real/file'] : ['[real/]'];
        expect(await list(adapter, bucket, { delimiter })).toEqual(shown);
        expect(await list(adapter, bucket, { delimiter, prefix: 'link-to-dir/' })).toEqual([]);
      }
      // Their names are keys like any other all the same.
      for (const key of [...keys, 'link-to-dir/new', 'link-to-dir/a/b']) {
        await put(adapter, bucket, key, `bytes of ${key}`);
        await expectObject(adapter, bucket, key, `bytes of ${key}`);
        await adapter.deleteObject({ bucket, key });
      }
      expect(await fs.readdir(outside)).toEqual(['secret']);
      expect(await fs.readFile(join(outside, 'secret'), 'utf8')).toBe('secret');
      expect((await fs.lstat(at('pipe'))).isFIFO()).toBe(true);
      expect((await fs.lstat(at('link-to-dir'))).isSymbolicLink()).toBe(true);
    } finally {
      await new Promise((resolve) => server.close(resolve));
      await fs.rm(outside, { recursive: true });
    }
  });

  it('make no bucket', async () => {
    await fs.symlink('/etc', join(root.path, 'linked-bucket'));
    await fs.writeFile(join(root.path, 'file-bucket'), '');
    for (const bucket of ['linked-bucket', 'file-bucket']) {
      await expectKind(adapter.headBucket({ bucket }), 'NoSuchBucket');
      await expectKind(adapter.listObjects({ bucket, limit: 1 }), 'NoSuchBucket');
      await expectKind(adapter.getObject({ bucket, key: 'passwd' }), 'NoSuchBucket');
      await expectKind(put(adapter, bucket, 'key', 'x'), 'NoSuchBucket');
      await expectKind(adapter.deleteBucket({ bucket }), 'NoSuchBucket');
      await expectKind(adapter.createBucket({ bucket }), 'BucketExists');
      expect((await adapter.listBuckets()).map(({ name }) => name)).not.toContain(bucket);
    }
  });

  it('may lead to the root itself', async () => {
    const link = `${root.path}-link`;
    await fs.symlink(root.path, link);
    const over = createLocalAdapter({ root: link, durability: 'os' });
    try {
      await bucketWith('over-link', 'key', 'data');
      await expectObject(over, 'over-link', 'key', 'data');
    } finally {
      await over.close();
      await fs.rm(link);
    }
  });
});

describe('attributes', () => {
  it('are those of the bytes, or of the next state, when a writer comes in between', async () => {
    const bucket = 'between';
    await adapter.createBucket({ bucket });
    for (const read of ['head', 'get', 'list'] as const) {
      await put(adapter, bucket, 'key', 'before');
      let writes = 0;
      const { fs: layer } = watch();
      const slow = root.adapter({
        fs: new Proxy(layer, {
          get(target, property) {
            const member: unknown = Reflect.get(target, property, target);
            if (typeof member !== 'function') return member;
            return async (...args: unknown[]) => {
              const result: unknown = await Reflect.apply(member, target, args);
              // The state has been seen; its attributes are gone before they are looked for.
              const seen = property === 'lstat' || property === 'open';
              if (seen && String(args[0]).endsWith('/between/key') && writes++ === 0) {
                await put(adapter, bucket, 'key', 'after!');
              }
              return result;
            };
          },
        }),
      });
      if (read === 'list') {
        const { entries } = await slow.listObjects({ bucket, limit: 1 });
        expect(entries).toMatchObject([{ info: { etag: attributes('after!').etag } }]);
      } else if (read === 'head') {
        expect((await slow.headObject({ bucket, key: 'key' })).attributes).toEqual(attributes('after!'));
      } else {
        const { info, body } = await slow.getObject({ bucket, key: 'key' });
        expect(info.attributes).toEqual(attributes(String(Buffer.concat(await body.toArray()))));
      }
      expect(writes).toBeGreaterThan(1);
    }
  });

  it('are freed with the state that they describe', async () => {
    const bucket = 'tidy';
    await adapter.createBucket({ bucket });
    const kept = async (): Promise<number> =>
      (await root.privateFiles()).filter((name) => name.startsWith('buckets/tidy/attributes/')).length;
    for (const key of ['key', 'odd//key']) {
      const { version } = await put(adapter, bucket, key, 'one');
      await put(adapter, bucket, key, 'two');
      const { version: second } = await put(adapter, bucket, key, 'three');
      await adapter.setAttributes({ bucket, key, version: second, attributes: described });
      await expectKind(put(adapter, bucket, key, 'x', { condition: { version } }), 'PreconditionFailed');
      expect(await kept()).toBe(1);
      const upload = await begin(adapter, bucket, key);
      const { version: third } = await complete(adapter, upload, [
        await part(adapter, upload, 1, Buffer.from('x')),
      ]);
      await adapter.abortUpload(upload);
      const source = { bucket, key, version: third };
      await adapter.copyObject({ bucket, key, source, attributes: attributes('x') });
      expect(await kept()).toBe(1);
      await adapter.deleteObject({ bucket, key });
      expect(await kept()).toBe(0);
    }
    expect((await root.privateFiles()).filter((name) => /^(tmp|trash)\//.test(name))).toEqual([]);
  });

  it('that are damaged make an object unreadable, not another one, until it is written again', async () => {
    const bucket = 'damaged';
    await bucketWith(bucket, 'key', 'data');
    await put(adapter, bucket, 'other', 'data');
    const [name = ''] = (await root.privateFiles()).filter((each) =>
      each.startsWith('buckets/damaged/attributes/'),
    );
    const path = join(root.path, '.partway', name);
    const { key } = JSON.parse(await fs.readFile(path, 'utf8'));
    const fresh = root.adapter();
    for (const damage of ['', '{"format":1', '[]', 'null', '{"format":2,"key":"key"}']) {
      await fs.writeFile(path, damage);
      await expectKind(fresh.headObject({ bucket, key }), 'Corrupt');
      await expectKind(fresh.getObject({ bucket, key }), 'Corrupt');
      expect(await list(fresh, bucket)).toEqual(['key', 'other']);
      await expectKind(fresh.headObject({ bucket, key }), 'Corrupt');
    }
    await put(fresh, bucket, key, 'anew', { attributes: described });
    expect((await fresh.headObject({ bucket, key })).attributes).toEqual(described);
  });
});
