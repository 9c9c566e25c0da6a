import { rm } from 'node:fs/promises';
import path from 'node:path';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { beforeAll, expect, test } from 'vitest';
import { copyTree } from './kit/data.ts';
import { manifest, put, sha256 } from './kit/files.ts';
import { goProgram } from './kit/install.ts';
import { type RunResult, run } from './kit/run.ts';
import { clientSuite } from './kit/suite.ts';
import { sdkClient } from './kit/target.ts';

await clientSuite(
  {
    name: 'kopia',
    install: goProgram('kopia', path.join(import.meta.dirname, 'suites/kopia'), 'github.com/kopia/kopia'),
    must: false,
  },
  (use) => {
    const kopia = (args: readonly string[]): Promise<RunResult> => {
      const { program, work, aws } = use();
      return run(program, [...args, '--no-progress'], {
        cwd: work,
        env: {
          ...aws,
          KOPIA_PASSWORD: 'a password',
          KOPIA_CONFIG_PATH: path.join(work, 'repository.config'),
          KOPIA_CACHE_DIRECTORY: path.join(work, 'cache'),
          KOPIA_LOG_DIR: path.join(work, 'log'),
          KOPIA_CHECK_FOR_UPDATES: 'false',
        },
      });
    };
    const repository = (action: 'create' | 'connect'): Promise<RunResult> => {
      const { target, bucket } = use();
      const { host } = new URL(target.endpoint);
      const where = [
        `--bucket=${bucket}`,
        `--endpoint=${host}`,
        `--region=${target.region}`,
        '--prefix=laptop/',
      ];
      const keys = [`--access-key=${target.accessKeyId}`, `--secret-access-key=${target.secretAccessKey}`];
      return kopia(['repository', action, 's3', ...where, ...keys, '--disable-tls']);
    };
    const snapshots = async (): Promise<
      { id: string; stats: { cachedFiles: number; nonCachedFiles: number } }[]
    > => JSON.parse((await kopia(['snapshot', 'list', 'home', '--json'])).stdout);

    beforeAll(async () => {
      const client = sdkClient(use().target);
      await client.send(new CreateBucketCommand({ Bucket: use().bucket }));
      client.destroy();
    });

    test('repository create, and validate-provider: what kopia asks of storage', async () => {
      await repository('create');
      await kopia([
        'repository',
        'validate-provider',
        '--num-storage-connections=3',
        '--concurrency-test-duration=3s',
      ]);
    });

    test('snapshot: a large file and a tree; nothing new the second time', async () => {
      const { work, file, tree } = use();
      await copyTree(tree, path.join(work, 'home/tree'));
      await run('cp', [file.path, path.join(work, 'home/big.bin')]);
      await kopia(['snapshot', 'create', 'home']);
      await kopia(['snapshot', 'create', 'home']);
      const taken = await snapshots();
      expect(taken.at(-1)?.stats.nonCachedFiles ?? 0).toBe(0);
      expect(taken.at(-1)?.stats.cachedFiles).toBeGreaterThan(100);
    });

    test('verify and restore: byte for byte, from the bucket alone', async () => {
      const { work, file, tree } = use();
      await kopia(['repository', 'disconnect']);
      await rm(path.join(work, 'cache'), { recursive: true, force: true });
      await repository('connect');
      await kopia(['snapshot', 'verify', '--verify-files-percent=100']);
      const last = (await snapshots()).at(-1);
      await kopia(['snapshot', 'restore', last?.id ?? '', 'restored']);
      expect(await sha256(path.join(work, 'restored/big.bin'))).toBe(file.sha256);
      expect(await manifest(path.join(work, 'restored/tree'))).toEqual(await manifest(tree));
    });

    test('delete and maintenance: old packs go, the rest stays whole', async () => {
      const { work, tree } = use();
      await rm(path.join(work, 'home/big.bin'));
      await put(path.join(work, 'home/new.txt'), 'new');
      for (const { id } of await snapshots()) await kopia(['snapshot', 'delete', id, '--delete']);
      await kopia(['snapshot', 'create', 'home']);
      await kopia(['maintenance', 'run', '--full', '--safety=none']);
      await kopia(['snapshot', 'verify', '--verify-files-percent=100']);
      await kopia(['snapshot', 'restore', (await snapshots()).at(-1)?.id ?? '', 'again']);
      expect(await manifest(path.join(work, 'again/tree'))).toEqual(await manifest(tree));
    });
  },
);
