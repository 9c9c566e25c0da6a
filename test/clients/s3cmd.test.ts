import { rm } from 'node:fs/promises';
import path from 'node:path';
import {
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { copyTree } from './kit/data.ts';
import { emptyDirectory, filesOf, manifest, put, sha256, sha256Of, slice } from './kit/files.ts';
import { debian } from './kit/install.ts';
import { type RunOptions, type RunResult, run } from './kit/run.ts';
import { clientSuite, listingKeys } from './kit/suite.ts';
import { sdkClient } from './kit/target.ts';

await clientSuite({ name: 's3cmd', install: debian('s3cmd', 's3cmd'), must: true }, (use) => {
  const s3cmd = async (args: readonly string[], options: RunOptions = {}): Promise<RunResult> => {
    const { program, work } = use();
    return run(program, ['-c', path.join(work, 's3cfg'), '--no-progress', ...args], {
      cwd: work,
      ...options,
      env: { HOME: work },
    });
  };
  const s3 = (key: string): string => `s3://${use().bucket}/${key}`;

  let sdk: S3Client;
  beforeAll(() => {
    sdk = sdkClient(use().target);
  });
  afterAll(() => sdk?.destroy());

  test('is configured for the endpoint and makes a bucket', async () => {
    const { target, work, bucket } = use();
    const host = new URL(target.endpoint).host;
    await put(
      path.join(work, 's3cfg'),
      [
        '[default]',
        `access_key = ${target.accessKeyId}`,
        `secret_key = ${target.secretAccessKey}`,
        `host_base = ${host}`,
        `host_bucket = ${host}`,
        'use_https = False',
        `bucket_location = ${target.region}`,
        '',
      ].join('\n'),
    );
    await s3cmd(['mb', `s3://${bucket}`]);
    expect((await s3cmd(['ls'])).stdout).toContain(`s3://${bucket}\n`);
  });

  test('put and get: a large file in parts', async () => {
    const { file, work } = use();
    const parts = Math.ceil(file.size / (15 << 20));
    await s3cmd(['put', '--multipart-chunk-size-mb=15', file.path, s3('big.bin')]);
    const head = new HeadObjectCommand({ Bucket: use().bucket, Key: 'big.bin', PartNumber: 1 });
    expect((await sdk.send(head)).PartsCount).toBe(parts);
    await s3cmd(['get', s3('big.bin'), 'down.bin']);
    expect(await sha256(path.join(work, 'down.bin'))).toBe(file.sha256);
  });

  test('get --continue: resumes a download', async () => {
    const { file, work } = use();
    const partial = await put(
      path.join(work, 'resumed.bin'),
      await slice(file.path, 0, file.size - 5_000_001),
    );
    await s3cmd(['get', '--continue', s3('big.bin'), partial]);
    expect(await sha256(partial)).toBe(file.sha256);
  });

  test('put --upload-id: resumes an upload, sending only the parts that are missing', async () => {
    const { file, work } = use();
    const source = await put(path.join(work, 'resume.bin'), await slice(file.path, 777, 20 << 20));
    const where = { Bucket: use().bucket, Key: 'resume.bin' };
    const { UploadId } = await sdk.send(new CreateMultipartUploadCommand(where));
    await sdk.send(
      new UploadPartCommand({ ...where, UploadId, PartNumber: 1, Body: await slice(source, 0, 8 << 20) }),
    );
    const listed = await s3cmd(['listmp', s3('resume.bin'), String(UploadId)]);
    expect(listed.stdout).toContain(String(8 << 20));
    const up = await s3cmd([
      'put',
      '--continue-put',
      `--upload-id=${UploadId}`,
      '--multipart-chunk-size-mb=8',
      source,
      s3('resume.bin'),
    ]);
    expect(up.output).toMatch(/part 1[^\n]*skip|skip[^\n]*part 1/i);
    await s3cmd(['get', s3('resume.bin'), 'resume.down']);
    expect(await sha256(path.join(work, 'resume.down'))).toBe(await sha256(source));
  });

  test('sync: a tree up, nothing the second time, and down again', async () => {
    const { tree, work } = use();
    await s3cmd(['sync', '--check-md5', `${tree}/`, s3('tree/')]);
    const second = await s3cmd(['sync', '--check-md5', `${tree}/`, s3('tree/')]);
    expect(second.stdout).not.toMatch(/upload:/);
    await s3cmd(['sync', '--check-md5', s3('tree/'), `${await emptyDirectory(path.join(work, 'tree'))}/`]);
    expect(await manifest(path.join(work, 'tree'))).toEqual(await manifest(tree));
    const third = await s3cmd(['sync', '--check-md5', s3('tree/'), `${path.join(work, 'tree')}/`]);
    expect(third.stdout).not.toMatch(/download:/);
  });

  test('sync --delete-removed: moves only what changed, also when the size is the same', async () => {
    const { tree, work } = use();
    const mine = await copyTree(path.join(tree, 'odd'), await emptyDirectory(path.join(work, 'mine')));
    await s3cmd(['sync', `${mine}/`, s3('mine/')]);
    await put(path.join(mine, 'plus+plus.txt'), 'I AM plus+plus.txt\n');
    await rm(path.join(mine, 'tilde~.txt'));
    const { stdout } = await s3cmd(['sync', '--delete-removed', '--check-md5', `${mine}/`, s3('mine/')]);
    expect(stdout.match(/^upload: /gm)).toHaveLength(1);
    expect(stdout.match(/^delete: /gm)).toHaveLength(1);
    await s3cmd([
      'get',
      '--recursive',
      s3('mine/'),
      `${await emptyDirectory(path.join(work, 'mine-down'))}/`,
    ]);
    expect(await manifest(path.join(work, 'mine-down'))).toEqual(await manifest(mine));
  });

  test('ls and du: 2,500 keys', async () => {
    const { listing } = use();
    const { stdout } = await s3cmd(['ls', '--recursive', `s3://${listing.bucket}/`]);
    const prefix = `s3://${listing.bucket}/`;
    const keys = stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.slice(line.indexOf(prefix) + prefix.length));
    expect(keys).toEqual(listingKeys(listing.count));
    expect((await s3cmd(['du', prefix])).stdout).toMatch(
      new RegExp(`^ *${listing.count * 'dir-00/key 00000'.length} +${listing.count} objects`),
    );
  });

  test('cp, mv, modify, del', async () => {
    const { work } = use();
    await put(path.join(work, 'note.txt'), 'a note');
    await s3cmd([
      'put',
      '--add-header=x-amz-meta-colour:blue',
      '--mime-type=text/x-note',
      'note.txt',
      s3('notes/ä b+c.txt'),
    ]);
    await s3cmd(['cp', s3('notes/ä b+c.txt'), s3('notes/copy.txt')]);
    await s3cmd(['mv', s3('notes/copy.txt'), s3('notes/moved.txt')]);
    await s3cmd(['modify', '--add-header=x-amz-meta-colour:red', s3('notes/moved.txt')]);
    await s3cmd(['get', s3('notes/moved.txt'), 'moved.txt']);
    expect(await sha256(path.join(work, 'moved.txt'))).toBe(sha256Of('a note'));
    const names = (await s3cmd(['ls', s3('notes/')])).stdout.match(/notes\/.*/g);
    expect(names).toEqual(['notes/moved.txt', 'notes/ä b+c.txt']);
    await s3cmd(['del', s3('notes/moved.txt')]);
    expect((await s3cmd(['ls', s3('notes/')])).stdout).not.toContain('moved');
  });

  test('cp: a large object in parts on the server', async () => {
    const { file, work } = use();
    await s3cmd(['cp', s3('big.bin'), s3('big copy.bin')]);
    await s3cmd(['get', s3('big copy.bin'), 'copy.bin']);
    expect(await sha256(path.join(work, 'copy.bin'))).toBe(file.sha256);
  });

  test('signurl: signs by version 2, which is refused in the words of AWS', async () => {
    const { stdout } = await s3cmd(['signurl', s3('notes/ä b+c.txt'), '+120']);
    const answer = await fetch(stdout.trim().replace(/^https:/, 'http:'));
    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain(
      '<Message>The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.</Message>',
    );
  });

  test('del --recursive and rb: empties and removes the bucket', async () => {
    const { bucket, tree } = use();
    const { stdout } = await s3cmd(['del', '--recursive', '--force', s3('tree/')]);
    expect(stdout.match(/^delete: /gm)).toHaveLength((await filesOf(tree)).length);
    await s3cmd(['rb', '--recursive', '--force', `s3://${bucket}`]);
    expect((await s3cmd(['ls'])).stdout).not.toContain(bucket);
  });
});
