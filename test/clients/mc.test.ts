import { rm } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { copyTree } from './kit/data.ts';
import { emptyDirectory, filesOf, manifest, put, sha256, sha256Of, slice } from './kit/files.ts';
import { golang } from './kit/install.ts';
import { type RunOptions, type RunResult, run } from './kit/run.ts';
import { clientSuite, listingKeys } from './kit/suite.ts';

await clientSuite(
  {
    name: 'mc',
    install: golang('github.com/minio/mc', 'v0.0.0-20250313080218-cf909e1063a9', 'mc'),
    must: false,
  },
  (use) => {
    const mc = (args: readonly string[], options: RunOptions = {}): Promise<RunResult> => {
      const { program, work } = use();
      return run(program, ['--config-dir', path.join(work, 'config'), '--quiet', ...args], {
        cwd: work,
        ...options,
        env: { HOME: work },
      });
    };
    const lines = async (args: readonly string[]): Promise<Record<string, unknown>[]> => {
      const { stdout } = await mc(['--json', ...args]);
      return stdout
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line));
    };
    const at = (key = ''): string => `pw/${use().bucket}/${key}`;

    test('alias set probes the server; mb makes a bucket', async () => {
      const { target } = use();
      await mc([
        'alias',
        'set',
        'pw',
        target.endpoint,
        target.accessKeyId,
        target.secretAccessKey,
        '--api',
        's3v4',
      ]);
      await mc(['mb', at()]);
      expect((await mc(['ls', 'pw'])).stdout).toContain(use().bucket);
    });

    test('cp: a large file in parts and back', async () => {
      const { file, work } = use();
      await mc(['cp', '--attr', 'colour=blue;Cache-Control=max-age=17', file.path, at('big.bin')]);
      const [stat] = await lines(['stat', at('big.bin')]);
      expect(stat).toMatchObject({ size: file.size });
      expect(JSON.stringify(stat)).toContain('blue');
      await mc(['cp', at('big.bin'), 'down.bin']);
      expect(await sha256(path.join(work, 'down.bin'))).toBe(file.sha256);
    });

    test('pipe: a stream of unknown length; cat, head and a range', async () => {
      const { file, work } = use();
      const source = await put(path.join(work, 'stream.bin'), await slice(file.path, 31, 40 << 20));
      await mc(['pipe', at('stream ü.bin')], { stdinFile: source });
      await mc(['cat', at('stream ü.bin')], { stdoutFile: path.join(work, 'cat.bin') });
      expect(await sha256(path.join(work, 'cat.bin'))).toBe(await sha256(source));
      await mc(['cat', '--offset', '1000', '--tail', '0', at('stream ü.bin')], {
        stdoutFile: path.join(work, 'offset.bin'),
      });
      expect(await sha256(path.join(work, 'offset.bin'))).toBe(sha256Of(await slice(source, 1000, 40 << 20)));
    });

    test('put: every checksum that mc knows, part by part', async () => {
      const { file, work } = use();
      const source = await put(path.join(work, 'sum.bin'), await slice(file.path, 77, 12 << 20));
      for (const algorithm of ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256']) {
        await mc(['put', '--part-size', '5MiB', '--checksum', algorithm, source, at(`sum/${algorithm}`)]);
        await mc(['get', at(`sum/${algorithm}`), 'sum.down']);
        expect(await sha256(path.join(work, 'sum.down'))).toBe(await sha256(source));
      }
    });

    test('mirror: a tree up, nothing the second time, and down again', async () => {
      const { tree, work } = use();
      const first = await lines(['mirror', tree, at('tree')]);
      expect(first.filter(({ source }) => source !== undefined)).toHaveLength((await filesOf(tree)).length);
      const second = await lines(['mirror', tree, at('tree')]);
      expect(second.filter(({ source }) => source !== undefined)).toEqual([]);
      await mc(['mirror', at('tree'), 'tree']);
      expect(await manifest(path.join(work, 'tree'))).toEqual(await manifest(tree));
      expect((await mc(['diff', tree, at('tree')])).stdout).toBe('');
    });

    test('mirror --overwrite --remove: moves only what changed', async () => {
      const { tree, work } = use();
      const mine = await copyTree(path.join(tree, 'odd'), await emptyDirectory(path.join(work, 'mine')));
      await mc(['mirror', mine, at('mine')]);
      await put(path.join(mine, 'plus+plus.txt'), 'longer than it was before\n');
      await rm(path.join(mine, 'tilde~.txt'));
      await mc(['mirror', '--overwrite', '--remove', mine, at('mine')]);
      expect((await mc(['cat', at('mine/plus+plus.txt')])).stdout).toBe('longer than it was before\n');
      expect(await lines(['find', at('mine'), '--name', '*~*'])).toEqual([]);
      await mc(['cp', '--recursive', at('mine/'), 'mine-down/']);
      expect(await manifest(path.join(work, 'mine-down'))).toEqual(await manifest(mine));
    });

    test('ls --recursive, find and du: 2,500 keys', async () => {
      const { listing } = use();
      const listed = await lines(['ls', '--recursive', `pw/${listing.bucket}`]);
      expect(listed.map(({ key }) => key)).toEqual(listingKeys(listing.count));
      const [usage] = await lines(['du', `pw/${listing.bucket}`]);
      expect(usage).toMatchObject({ objects: listing.count });
    });

    test('mv: on the server', async () => {
      const { file, work } = use();
      await mc(['mv', at('big.bin'), at('moved/big + ü.bin')]);
      await mc(['cp', at('moved/big + ü.bin'), 'moved.bin']);
      expect(await sha256(path.join(work, 'moved.bin'))).toBe(file.sha256);
      expect((await mc(['stat', at('big.bin')], { accept: [1] })).status).toBe(1);
    });

    test('share: links to read and to write', async () => {
      const [down] = await lines([
        'share',
        'download',
        '--expire',
        '2m',
        at('mine/with space/and space.txt'),
      ]);
      const answer = await fetch(String(down?.['share']));
      expect([answer.status, await answer.text()]).toEqual([200, 'I am with space/and space.txt\n']);
    });

    test('ls --incomplete sees no upload, rm and rb empty the bucket', async () => {
      expect((await mc(['ls', '--incomplete', '--recursive', at()])).stdout).toBe('');
      await mc(['rm', '--recursive', '--force', at()]);
      expect((await mc(['ls', '--recursive', at()])).stdout).toBe('');
      await mc(['rb', at()]);
      expect((await mc(['ls', 'pw'])).stdout).not.toContain(use().bucket);
    });
  },
);
