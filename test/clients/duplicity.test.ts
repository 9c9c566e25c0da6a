import { rm } from 'node:fs/promises';
import path from 'node:path';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { beforeAll, expect, test } from 'vitest';
import { copyTree } from './kit/data.ts';
import { manifest, put } from './kit/files.ts';
import { debian } from './kit/install.ts';
import { type RunResult, run } from './kit/run.ts';
import { clientSuite } from './kit/suite.ts';
import { sdkClient } from './kit/target.ts';

await clientSuite(
  { name: 'duplicity', install: debian('duplicity', 'duplicity', { also: ['python3-boto3'] }), must: false },
  (use) => {
    const duplicity = (args: readonly string[]): Promise<RunResult> => {
      const { program, target, work, aws } = use();
      const options = ['--no-encryption', '--archive-dir', path.join(work, 'archive'), '--volsize', '10'];
      return run(program, [...args, ...options, '--s3-endpoint-url', target.endpoint], {
        cwd: work,
        env: aws,
      });
    };
    beforeAll(async () => {
      const client = sdkClient(use().target);
      await client.send(new CreateBucketCommand({ Bucket: use().bucket }));
      client.destroy();
    });

    const url = (): string => `boto3+s3://${use().bucket}/backup`;

    test('a full backup and an incremental one', async () => {
      const { work, tree } = use();
      await copyTree(tree, path.join(work, 'home'));
      await duplicity(['full', 'home', url()]);
      await put(path.join(work, 'home/new.txt'), 'new');
      await rm(path.join(work, 'home/odd/tilde~.txt'));
      const { stdout } = await duplicity(['incremental', 'home', url()]);
      expect(stdout).toMatch(/NewFiles [1-9]/);
      expect(stdout).toMatch(/DeletedFiles 1\n/);
      expect((await duplicity(['collection-status', url()])).stdout).toContain('Incremental');
    });

    test('verify --compare-data and restore: byte for byte, from the bucket alone', async () => {
      const { work } = use();
      await rm(path.join(work, 'archive'), { recursive: true, force: true });
      const verified = await duplicity(['verify', '--compare-data', url(), 'home']);
      expect(verified.stdout).toContain('0 differences found');
      await duplicity(['restore', url(), 'restored']);
      expect(await manifest(path.join(work, 'restored'))).toEqual(await manifest(path.join(work, 'home')));
    });

    test('remove-all-but-n-full: old chains go', async () => {
      await duplicity(['full', 'home', url()]);
      await duplicity(['remove-all-but-n-full', '1', '--force', url()]);
      const { stdout } = await duplicity(['collection-status', url()]);
      expect(stdout).not.toContain('Incremental');
      expect(stdout).toContain('Found 0 secondary backup chains.');
    });
  },
);
