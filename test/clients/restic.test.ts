import { rm } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { copyTree } from './kit/data.ts';
import { manifest, put, sha256 } from './kit/files.ts';
import { debian } from './kit/install.ts';
import { type RunResult, run } from './kit/run.ts';
import { clientSuite } from './kit/suite.ts';

await clientSuite(
  { name: 'restic', install: debian('restic', 'restic'), must: true, alsoOn: ['azure', 'gcs'] },
  (use) => {
    const restic = (args: readonly string[]): Promise<RunResult> => {
      const { program, target, bucket, work, aws } = use();
      return run(program, ['--cache-dir', path.join(work, 'cache'), ...args], {
        cwd: work,
        env: {
          ...aws,
          RESTIC_REPOSITORY: `s3:${target.endpoint}/${bucket}/backup`,
          RESTIC_PASSWORD: 'a password',
        },
      });
    };
    const snapshots = async (): Promise<{ id: string }[]> =>
      JSON.parse((await restic(['snapshots', '--json'])).stdout);

    test('init makes the bucket and the repository', async () => {
      expect((await restic(['init'])).output).toContain('created restic repository');
    });

    test('backup: a large file and a tree; nothing new the second time', async () => {
      const { work, file, tree } = use();
      await copyTree(tree, path.join(work, 'home/tree'));
      await run('cp', [file.path, path.join(work, 'home/big.bin')]);
      await restic(['backup', 'home']);
      const second = await restic(['backup', 'home']);
      expect(second.stdout).toMatch(/Files: +0 new, +0 changed/);
      expect(await snapshots()).toHaveLength(2);
    });

    test('check --read-data: every pack is read back and hashed', async () => {
      expect((await restic(['check', '--read-data'])).output).toContain('no errors were found');
    });

    test('restore: byte for byte', async () => {
      const { work, file, tree } = use();
      await restic(['restore', 'latest', '--target', 'restored']);
      expect(await sha256(path.join(work, 'restored/home/big.bin'))).toBe(file.sha256);
      expect(await manifest(path.join(work, 'restored/home/tree'))).toEqual(await manifest(tree));
    });

    test('dump: one file of a snapshot', async () => {
      const { stdout } = await restic(['dump', 'latest', '/home/tree/odd/plus+plus.txt']);
      expect(stdout).toBe('I am plus+plus.txt\n');
    });

    test('forget --prune: old packs go, the rest stays whole', async () => {
      const { work, tree } = use();
      await rm(path.join(work, 'home/big.bin'));
      await put(path.join(work, 'home/new.txt'), 'new');
      await restic(['backup', 'home']);
      await restic(['forget', '--keep-last', '1', '--prune']);
      expect(await snapshots()).toHaveLength(1);
      expect((await restic(['check', '--read-data'])).output).toContain('no errors were found');
      await rm(path.join(work, 'cache'), { recursive: true, force: true });
      await restic(['restore', 'latest', '--target', 'again']);
      expect(await manifest(path.join(work, 'again/home/tree'))).toEqual(await manifest(tree));
    });
  },
);
