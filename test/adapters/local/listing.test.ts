import { execFileSync } from 'node:child_process';
import fs from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { list, listAll, put, shown } from '../contract/kit.ts';
import { compareKeys, naiveListing } from '../contract/model.ts';
import { makeRoot, watch } from './kit.ts';

const root = await makeRoot();
const adapter = root.adapter();

const segment = fc.constantFrom(
  'a',
  'b',
  'a-',
  'a0',
  'ü',
  '\ue000',
  '\uffee',
  '\u{1F511}',
  '',
  '.',
  '..',
  'x'.repeat(260),
);
const key = fc
  .array(segment, { minLength: 1, maxLength: 4 })
  .map((segments) => segments.join('/'))
  .filter((joined) => joined !== '' && Buffer.byteLength(joined) <= 1024);

const call = fc.record({
  prefix: fc.oneof(
    fc.constant(''),
    key,
    key.map((one) => one.slice(0, one.length >> 1)),
    fc.constant('a/'),
  ),
  delimiter: fc.constantFrom('', '/', '/', 'a', '//', '-', '\u{1F511}'),
  startAfter: fc.oneof(
    fc.constant(''),
    key,
    key.map((one) => `${one}/`),
    fc.string({ unit: 'binary', maxLength: 3 }),
  ),
  limit: fc.integer({ min: 1, max: 9 }),
});

/** A half of a surrogate pair is no Unicode, and no key. */
const wellFormed = (asked: { prefix: string; startAfter: string }): boolean =>
  asked.prefix.isWellFormed() && asked.startAfter.isWellFormed();

describe('listing', () => {
  it('agrees with sorting everything, whatever the keys and the question', async () => {
    let bucketNumber = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(key, { minLength: 0, maxLength: 25 }),
        fc.array(call.filter(wellFormed), { minLength: 1, maxLength: 25 }),
        async (keys, calls) => {
          const bucket = `listing-${bucketNumber++}`;
          await adapter.createBucket({ bucket });
          await Promise.all(keys.map((each) => put(adapter, bucket, each, each)));
          for (const asked of calls) {
            const got = await adapter.listObjects({ bucket, ...asked });
            expect({ asked, shown: shown(got), truncated: got.truncated }).toEqual({
              asked,
              ...naiveListing(keys, asked),
            });
          }
          const { prefix = '', delimiter = '' } = calls[0] ?? {};
          const all = naiveListing(keys, { prefix, delimiter, limit: 1000 }).shown;
          expect(await listAll(adapter, { bucket, prefix, delimiter, limit: 2 })).toEqual(all);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('shows no name that is not UTF-8, and every one that is', async () => {
    await adapter.createBucket({ bucket: 'encodings' });
    const bucket = join(root.path, 'encodings');
    await fs.writeFile(join(bucket, 'replacement \ufffd'), 'x');
    await fs.mkdir(join(bucket, 'dir \ufffd'));
    await fs.writeFile(join(bucket, 'dir \ufffd/x'), 'x');
    for (const bad of [Buffer.from('latin1 \xe9', 'latin1'), Buffer.from('cut \u20ac').subarray(0, -1)]) {
      await fs.writeFile(Buffer.concat([Buffer.from(`${bucket}/`), bad]), 'x');
      await fs.mkdir(Buffer.concat([Buffer.from(`${bucket}/d`), bad]));
      await fs.writeFile(Buffer.concat([Buffer.from(`${bucket}/d`), bad, Buffer.from('/x')]), 'x');
    }
    await fs.mkdir(join(bucket, 'only-bad'));
    await fs.writeFile(Buffer.concat([Buffer.from(`${bucket}/only-bad/`), Buffer.from([0xff])]), 'x');
    expect(await list(adapter, 'encodings')).toEqual(['dir \ufffd/x', 'replacement \ufffd']);
    expect(await list(adapter, 'encodings', { delimiter: '/' })).toEqual([
      '[dir \ufffd/]',
      'replacement \ufffd',
    ]);
  });

  it('shows no directory that holds no file, and goes down into none that it rolls up', async () => {
    const bucket = 'hollow';
    await adapter.createBucket({ bucket });
    await fs.mkdir(join(root.path, bucket, 'empty/and/deep'), { recursive: true });
    await fs.mkdir(join(root.path, bucket, 'full/and/deep'), { recursive: true });
    for (let i = 0; i < 40; i++) await fs.writeFile(join(root.path, bucket, `full/and/deep/file-${i}`), 'x');
    // Special files, and more of them than are looked at first, do not hide what follows.
    await fs.mkdir(join(root.path, bucket, 'links'));
    await fs.mkdir(join(root.path, bucket, 'links-and-file'));
    for (let i = 0; i < 50; i++) {
      await fs.symlink('/etc/passwd', join(root.path, bucket, `links/${i}`));
      await fs.symlink('/etc/passwd', join(root.path, bucket, `links-and-file/${i}`));
    }
    await fs.writeFile(join(root.path, bucket, 'links-and-file/last'), 'x');
    await put(adapter, bucket, 'odd//key', 'x');
    const shownOfHollow = ['[full/]', '[links-and-file/]', '[odd/]'];
    expect(await list(adapter, bucket, { delimiter: '/' })).toEqual(shownOfHollow);
    const { fs: layer, log } = watch();
    expect(await list(root.adapter({ fs: layer }), bucket, { delimiter: '/' })).toEqual(shownOfHollow);
    const read = log.filter(({ name }) => name === 'readdir').map(({ path }) => path);
    expect(read).not.toContain(join(root.path, bucket, 'full/and/deep'));
  });

  it('reads a directory once for all of its pages, while it does not change', async () => {
    const bucket = 'pages';
    await adapter.createBucket({ bucket });
    const names = Array.from({ length: 300 }, (_, i) => `dir/${String(i).padStart(4, '0')}`);
    await fs.mkdir(join(root.path, bucket, 'dir'));
    for (const name of names) await fs.writeFile(join(root.path, bucket, name), 'x');
    await new Promise((resolve) => setTimeout(resolve, 150));
    const { fs: layer, log } = watch();
    const watched = root.adapter({ fs: layer });
    expect(await listAll(watched, { bucket, limit: 10 })).toEqual(names);
    const reads = (): number =>
      log.filter(({ name, path }) => name === 'readdir' && path.endsWith('/dir')).length;
    expect(reads()).toBe(1);
    // A page looks at the files that it shows, and at the one after them: no walk to its place.
    log.length = 0;
    await watched.listObjects({ bucket, limit: 10, startAfter: names[200] ?? '' });
    expect(log.filter(({ name, path }) => name === 'lstat' && path.includes('/dir/'))).toHaveLength(11);
    await fs.writeFile(join(root.path, bucket, 'dir/0000-more'), 'x');
    expect(await list(watched, bucket, { limit: 2 })).toEqual(['dir/0000', 'dir/0000-more']);
    expect(reads()).toBe(1);
  });

  it('shows what was written within one tick of a coarse clock', async () => {
    const bucket = 'ticks';
    await adapter.createBucket({ bucket });
    const { fs: layer } = watch();
    const tick = 10_000_000n;
    const coarse = root.adapter({
      fs: new Proxy(layer, {
        get(target, property) {
          const member: unknown = Reflect.get(target, property, target);
          if (property !== 'lstat' || typeof member !== 'function') return member;
          return async (...args: unknown[]) => {
            const stats = await Reflect.apply(member, target, args);
            if (typeof stats.ctimeNs !== 'bigint') return stats;
            const ctimeNs = (stats.ctimeNs / tick) * tick;
            return Object.create(stats, { ctimeNs: { value: ctimeNs }, mtimeNs: { value: ctimeNs } });
          };
        },
      }),
    });
    for (let i = 0; i < 30; i++) {
      await fs.writeFile(join(root.path, bucket, `${i}`), '');
      expect(await list(coarse, bucket)).toHaveLength(i + 1);
    }
  });

  it('leaves out keys too long to ask for', async () => {
    const bucket = 'too-long';
    await adapter.createBucket({ bucket });
    const deep = `${'d'.repeat(255)}/`.repeat(4);
    await fs.mkdir(join(root.path, bucket, deep), { recursive: true });
    await fs.writeFile(join(root.path, bucket, deep, 'x'), 'x');
    await fs.writeFile(join(root.path, bucket, deep, 'f'.repeat(100)), 'x');
    expect(await list(adapter, bucket)).toEqual([]);
    await fs.writeFile(join(root.path, bucket, `${'d'.repeat(255)}/ok`), 'x');
    expect(await list(adapter, bucket)).toEqual([`${'d'.repeat(255)}/ok`]);
  });

  it('merges names of both trees in the order of bytes, over pages that end at any of them', async () => {
    const bucket = 'merged';
    await adapter.createBucket({ bucket });
    const keys = [
      'a',
      'a/',
      'a/b',
      'a//b',
      'a/b/c',
      'a-b',
      'a0',
      'é/1',
      'é//1',
      'é',
      '\u{1F511}//x',
      '\uffee//x',
      '\uffee/x',
    ];
    for (const each of keys) await put(adapter, bucket, each, each);
    for (const limit of [1, 2, 3, 100]) {
      expect(await listAll(adapter, { bucket, limit })).toEqual([...keys].sort(compareKeys));
    }
  });

  it('survives a file that vanishes between its name and its size', async () => {
    const bucket = 'vanishing';
    await adapter.createBucket({ bucket });
    for (let i = 0; i < 10; i++) await put(adapter, bucket, `k${i}`, 'x');
    const gone = new Set(['k2', 'k3', 'k5']);
    const { fs: layer } = watch((name, path) => {
      const base = path.slice(path.lastIndexOf('/') + 1);
      if (name === 'lstat' && gone.has(base)) execFileSync('rm', ['-f', path]);
    });
    const page = await root.adapter({ fs: layer }).listObjects({ bucket, limit: 5 });
    expect(shown(page)).toEqual(['k0', 'k1', 'k4', 'k6', 'k7']);
    expect(page.truncated).toBe(true);
  });
});
