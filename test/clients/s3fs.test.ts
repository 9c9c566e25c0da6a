import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { afterAll, expect, test } from 'vitest';
import { manifest, put, sha256, sha256Of, slice } from './kit/files.ts';
import { debian, type Installer } from './kit/install.ts';
import { run } from './kit/run.ts';
import { clientSuite } from './kit/suite.ts';
import { sdkClient } from './kit/target.ts';

const install: Installer = async () =>
  existsSync('/dev/fuse') && process.getuid?.() === 0
    ? debian('s3fs', 's3fs')()
    : { missing: 'needs root and /dev/fuse' };

await clientSuite({ name: 's3fs', install, must: false }, (use) => {
  const point = (): string => path.join(use().work, 'mounted');
  const mount = async (): Promise<void> => {
    const { program, bucket, target, work } = use();
    const secrets = await put(path.join(work, 'passwd'), `${target.accessKeyId}:${target.secretAccessKey}\n`);
    await chmod(secrets, 0o600);
    await mkdir(point(), { recursive: true });
    const options = [
      `url=${target.endpoint}`,
      'use_path_request_style',
      `passwd_file=${secrets}`,
      `endpoint=${target.region}`,
    ];
    await run(program, [bucket, point(), '-o', options.join(',')], { cwd: work, env: { HOME: work } });
  };
  const unmount = (): Promise<unknown> => run('umount', [point()]);

  afterAll(() => {
    // A test that failed in between leaves the file system mounted: its directory could not be removed.
    const mounts = execFileSync('cat', ['/proc/mounts'], { encoding: 'utf8' });
    if (mounts.includes(point())) execFileSync('umount', ['-l', point()]);
  });

  test('mounts a bucket', async () => {
    const { bucket, target } = use();
    const client = sdkClient(target);
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
    client.destroy();
    await mount();
    expect(await readdir(point())).toEqual([]);
  });

  test('a large file in parts, read back after a new mount', async () => {
    const { file } = use();
    await copyFile(file.path, path.join(point(), 'big.bin'));
    await unmount();
    await mount();
    expect(await sha256(path.join(point(), 'big.bin'))).toBe(file.sha256);
    expect(sha256Of(await slice(path.join(point(), 'big.bin'), 9_999_999, 100_000))).toBe(
      sha256Of(await slice(file.path, 9_999_999, 100_000)),
    );
  });

  test('a tree of odd names, read back after a new mount', async () => {
    const { tree } = use();
    await run('cp', ['-r', path.join(tree, 'odd'), path.join(point(), 'odd')]);
    await unmount();
    await mount();
    expect(await manifest(path.join(point(), 'odd'))).toEqual(await manifest(path.join(tree, 'odd')));
  });

  test('rename, append, chmod, truncate, delete', async () => {
    const at = (name: string): string => path.join(point(), name);
    await writeFile(at('a.txt'), 'one\n');
    await rename(at('a.txt'), at('b ü.txt'));
    await writeFile(at('b ü.txt'), 'two\n', { flag: 'a' });
    await chmod(at('b ü.txt'), 0o640);
    expect(await readFile(at('b ü.txt'), 'utf8')).toBe('one\ntwo\n');
    expect((await stat(at('b ü.txt'))).mode & 0o777).toBe(0o640);
    await rename(at('odd'), at('renamed'));
    expect(await manifest(at('renamed'))).toEqual(await manifest(path.join(use().tree, 'odd')));
    await rename(at('big.bin'), at('renamed/big.bin'));
    expect(await sha256(at('renamed/big.bin'))).toBe(use().file.sha256);
    await rm(at('renamed'), { recursive: true });
    await rm(at('b ü.txt'));
    expect(await readdir(point())).toEqual([]);
    await unmount();
  });
});
