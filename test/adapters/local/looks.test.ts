import nodeFiles from 'node:fs/promises';
import { expect, it, vi } from 'vitest';
import { Looks, nodeLooks, type SyncLooks } from '../../../adapters/local/looks.ts';
import { makeRoot, watch } from './kit.ts';

const root = await makeRoot();

it('sees the same directly and over the thread pool', async () => {
  const file = `${root.path}/file`;
  await nodeFiles.writeFile(file, 'text');
  await nodeFiles.symlink('file', `${root.path}/link`);
  const direct = new Looks(nodeFiles, nodeLooks);
  const pooled = new Looks(nodeFiles, undefined);
  const none = [`${root.path}/none`, `${file}/below`, `${root.path}/${'x'.repeat(300)}`];
  for (const path of [file, `${root.path}/link`, root.path, ...none]) {
    expect(await direct.lstat(path)).toEqual(await pooled.lstat(path));
    expect(await direct.realpath(path)).toEqual(await pooled.realpath(path));
  }
  for (const looks of [direct, pooled]) {
    for (const path of none) {
      expect(await looks.lstat(path)).toBeUndefined();
      expect(await looks.realpath(path)).toBeUndefined();
      expect(await looks.read(path)).toBeUndefined();
      expect(await looks.readlink(path)).toBeUndefined();
    }
    const { ino } = await nodeFiles.stat(file, { bigint: true });
    expect(await looks.read(file)).toEqual({ inode: ino, text: 'text' });
    expect(await looks.readlink(`${root.path}/link`)).toBe('file');
    await expect(looks.read(root.path)).rejects.toThrow('EISDIR');
    await using handle = await nodeFiles.open(file);
    expect((await looks.stat(handle)).ino).toBe(ino);
  }
});

it('goes over the thread pool once the disk makes it wait', async () => {
  const { fs, log } = watch();
  let now = 1_000;
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => now);
  let slow = false;
  const waiting: SyncLooks = {
    ...nodeLooks,
    lstat(path) {
      if (slow) now += 6;
      return nodeLooks.lstat(path);
    },
  };
  try {
    const looks = new Looks(fs, waiting);
    await looks.lstat(root.path);
    expect(log).toHaveLength(0);
    slow = true;
    for (let i = 0; i < 20; i++) await looks.lstat(root.path);
    const pooled = log.length;
    expect(pooled).toBeGreaterThan(10);
    now += 900;
    await looks.lstat(root.path);
    expect(log).toHaveLength(pooled + 1);
    now += 200;
    await looks.lstat(root.path);
    expect(log).toHaveLength(pooled + 1);
  } finally {
    clock.mockRestore();
  }
});
