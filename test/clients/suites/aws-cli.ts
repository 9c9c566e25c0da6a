/** What people do with `aws s3` and `aws s3api`, for version 1 and version 2 of the command line. */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { copyTree } from '../kit/data.ts';
import { emptyDirectory, filesOf, manifest, put, sha256, sha256Of, slice } from '../kit/files.ts';
import { type RunOptions, type RunResult, run } from '../kit/run.ts';
import { type ClientSpec, clientSuite, listingKeys } from '../kit/suite.ts';

export interface AwsCliSpec extends ClientSpec {
  /** Whether `s3api put-object` knows `--if-none-match` (2024) and the checksum defaults of 2025. */
  readonly conditionalWrites: boolean;
}

export function awsCliSuite(spec: AwsCliSpec): Promise<void> {
  return clientSuite(spec, (use) => {
    const aws = (args: readonly string[], options: RunOptions = {}): Promise<RunResult> => {
      const { program, aws: env, target, work } = use();
      // Path style as on the command line of every guide for S3-compatible servers.
      return run(program, ['--endpoint-url', target.endpoint, ...args], { cwd: work, ...options, env });
    };
    const json = async (args: readonly string[]): Promise<Record<string, unknown>> => {
      const { stdout } = await aws(['--output', 'json', ...args]);
      return stdout.trim() === '' ? {} : JSON.parse(stdout);
    };
    const s3 = (key: string): string => `s3://${use().bucket}/${key}`;

    test('makes a bucket and sees it', async () => {
      const { bucket } = use();
      // Version 1 presigns by the withdrawn signature version 2 unless told otherwise.
      await aws(['configure', 'set', 'default.s3.signature_version', 's3v4']);
      await aws(['s3', 'mb', `s3://${bucket}`]);
      expect((await aws(['s3', 'ls'])).stdout).toContain(bucket);
      expect((await aws(['s3', 'ls', `s3://${bucket}`], { accept: [0, 1] })).stdout).toBe('');
    });

    test('cp: a large file up in parts and down again', async () => {
      const { file, work, bucket } = use();
      await aws(['s3', 'cp', '--no-progress', '--metadata', 'colour=blue', file.path, s3('big.bin')]);
      const head = await json(['s3api', 'head-object', '--bucket', bucket, '--key', 'big.bin']);
      expect(head).toMatchObject({ ContentLength: file.size, Metadata: { colour: 'blue' } });
      expect(head['ETag']).toMatch(new RegExp(`^"[0-9a-f]{32}-${Math.ceil(file.size / (8 << 20))}"$`));
      await aws(['s3', 'cp', '--no-progress', s3('big.bin'), 'down.bin']);
      expect(await sha256(path.join(work, 'down.bin'))).toBe(file.sha256);
    });

    test('cp: from standard input and to standard output', async () => {
      const { work, file } = use();
      const input = await put(path.join(work, 'stream.bin'), await slice(file.path, 1_000_003, 20 << 20));
      await aws(['s3', 'cp', '-', s3('stream.bin')], { stdinFile: input });
      await aws(['s3', 'cp', s3('stream.bin'), '-'], { stdoutFile: path.join(work, 'streamed.bin') });
      expect(await sha256(path.join(work, 'streamed.bin'))).toBe(await sha256(input));
    });

    test('cp: between keys, in parts', async () => {
      const { file, work } = use();
      await aws(['s3', 'cp', '--no-progress', s3('big.bin'), s3('copy of big.bin')]);
      await aws(['s3', 'cp', '--no-progress', s3('copy of big.bin'), 'copy.bin']);
      expect(await sha256(path.join(work, 'copy.bin'))).toBe(file.sha256);
      await aws(['s3', 'rm', s3('copy of big.bin')]);
    });

    test('sync: a tree up, and nothing the second time', async () => {
      const { tree } = use();
      const first = await aws(['s3', 'sync', '--no-progress', tree, s3('tree')]);
      expect(first.stdout.trim().split('\n')).toHaveLength((await filesOf(tree)).length);
      expect((await aws(['s3', 'sync', '--no-progress', tree, s3('tree')])).stdout).toBe('');
    });

    test('sync: the tree down, byte for byte', async () => {
      const { tree, work } = use();
      await aws(['s3', 'sync', '--no-progress', s3('tree'), 'tree']);
      expect(await manifest(path.join(work, 'tree'))).toEqual(await manifest(tree));
    });

    test('sync --delete: moves only what changed', async () => {
      const { tree, work } = use();
      const mine = await copyTree(path.join(tree, 'odd'), await emptyDirectory(path.join(work, 'mine')));
      await aws(['s3', 'sync', '--no-progress', mine, s3('mine')]);
      await put(path.join(mine, 'plus+plus.txt'), 'longer than it was before\n');
      await rm(path.join(mine, 'tilde~.txt'));
      const { stdout } = await aws(['s3', 'sync', '--no-progress', '--delete', mine, s3('mine')]);
      expect(
        stdout
          .trim()
          .split('\n')
          .map((line) => line.split(':')[0])
          .sort(),
      ).toEqual(['delete', 'upload']);
      await aws(['s3', 'sync', '--no-progress', s3('mine'), 'mine-down']);
      expect(await manifest(path.join(work, 'mine-down'))).toEqual(await manifest(mine));
    });

    test('mv and rm', async () => {
      await aws(['s3', 'mv', s3('mine/with space/and space.txt'), s3('moved/ünd weg+.txt')]);
      const { stdout } = await aws(['s3', 'ls', '--recursive', s3('moved/')]);
      expect(stdout).toMatch(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +\d+ moved\/ünd weg\+\.txt\n$/);
      expect((await aws(['s3', 'ls', s3('mine/with space/')], { accept: [0, 1] })).stdout).toBe('');
      await aws(['s3', 'rm', '--recursive', s3('mine')]);
      expect((await aws(['s3', 'ls', s3('mine/')], { accept: [0, 1] })).stdout).toBe('');
    });

    test('s3api: a range', async () => {
      const { bucket, work, file } = use();
      const key = ['--bucket', bucket, '--key', 'big.bin'];
      const answer = await json([
        's3api',
        'get-object',
        ...key,
        '--range',
        'bytes=8388600-8388700',
        'range.bin',
      ]);
      expect(answer).toMatchObject({
        ContentLength: 101,
        ContentRange: `bytes 8388600-8388700/${file.size}`,
      });
      expect(await sha256(path.join(work, 'range.bin'))).toBe(
        sha256Of(await slice(file.path, 8_388_600, 101)),
      );
    });

    test('s3api: every step of a multipart upload', async () => {
      const { bucket, work, file } = use();
      const key = ['--bucket', bucket, '--key', 'by hand/in parts.bin'];
      const created = await json([
        's3api',
        'create-multipart-upload',
        ...key,
        '--content-type',
        'text/x-test',
      ]);
      const upload = ['--upload-id', String(created['UploadId'])];
      const first = await put(path.join(work, 'part.1'), await slice(file.path, 0, 6 << 20));
      const second = await put(path.join(work, 'part.2'), await slice(file.path, 6 << 20, 123_457));
      // Out of order, and one part twice: the later bytes count.
      await json(['s3api', 'upload-part', ...key, ...upload, '--part-number', '7', '--body', second]);
      await json(['s3api', 'upload-part', ...key, ...upload, '--part-number', '2', '--body', second]);
      await json(['s3api', 'upload-part', ...key, ...upload, '--part-number', '2', '--body', first]);
      await json([
        's3api',
        'upload-part-copy',
        ...key,
        ...upload,
        '--part-number',
        '3',
        '--copy-source',
        `${bucket}/big.bin`,
        '--copy-source-range',
        'bytes=0-5242879',
      ]);
      const listed = await json(['s3api', 'list-parts', ...key, ...upload, '--page-size', '2']);
      const parts = listed['Parts'] as { PartNumber: number; ETag: string; Size: number }[];
      expect(parts.map(({ PartNumber, Size }) => [PartNumber, Size])).toEqual([
        [2, 6 << 20],
        [3, 5 << 20],
        [7, 123_457],
      ]);
      const open = await json([
        's3api',
        'list-multipart-uploads',
        '--bucket',
        bucket,
        '--prefix',
        'by hand/',
      ]);
      expect(open['Uploads']).toMatchObject([{ Key: 'by hand/in parts.bin', UploadId: created['UploadId'] }]);
      const Parts = parts.map(({ PartNumber, ETag }) => ({ PartNumber, ETag }));
      await put(path.join(work, 'parts.json'), JSON.stringify({ Parts }));
      const done = await json([
        's3api',
        'complete-multipart-upload',
        ...key,
        ...upload,
        '--multipart-upload',
        'file://parts.json',
      ]);
      expect(done['ETag']).toMatch(/^"[0-9a-f]{32}-3"$/);
      const got = await json(['s3api', 'get-object', ...key, 'by-hand.bin']);
      expect(got).toMatchObject({ ContentType: 'text/x-test', ETag: done['ETag'] });
      const whole = Buffer.concat([
        await slice(file.path, 0, 6 << 20),
        await slice(file.path, 0, 5 << 20),
        await slice(file.path, 6 << 20, 123_457),
      ]);
      expect(await sha256(path.join(work, 'by-hand.bin'))).toBe(sha256Of(whole));
      expect(
        (await json(['s3api', 'list-multipart-uploads', '--bucket', bucket]))['Uploads'],
      ).toBeUndefined();
    });

    test('s3api: an aborted upload is gone', async () => {
      const { bucket } = use();
      const key = ['--bucket', bucket, '--key', 'never'];
      const { UploadId } = await json(['s3api', 'create-multipart-upload', ...key]);
      await json(['s3api', 'abort-multipart-upload', ...key, '--upload-id', String(UploadId)]);
      const again = await aws(['s3api', 'list-parts', ...key, '--upload-id', String(UploadId)], {
        accept: [254, 255],
      });
      expect(again.output).toContain('(NoSuchUpload)');
    });

    test('s3api: lists 2,500 keys in pages', async () => {
      const { listing } = use();
      const list = ['--bucket', listing.bucket, '--query', 'Contents[].Key'];
      for (const action of ['list-objects-v2', 'list-objects']) {
        const { stdout } = await aws(['--output', 'json', 's3api', action, ...list, '--page-size', '400']);
        expect(JSON.parse(stdout)).toEqual(listingKeys(listing.count));
      }
    });

    test('presign: a link that anyone may read', async () => {
      const { file } = use();
      const { stdout } = await aws(['s3', 'presign', '--expires-in', '120', s3('big.bin')]);
      const answer = await fetch(stdout.trim(), { headers: { range: 'bytes=-1000' } });
      expect(answer.status).toBe(206);
      const bytes = Buffer.from(await answer.arrayBuffer());
      expect(sha256Of(bytes)).toBe(sha256Of(await slice(file.path, file.size - 1000, 1000)));
    });

    test.runIf(spec.conditionalWrites)('s3api: conditional writes and checksums', async () => {
      const { bucket, work } = use();
      const body = await put(path.join(work, 'small.txt'), 'only once');
      const write = ['s3api', 'put-object', '--bucket', bucket, '--key', 'once', '--body', body];
      const first = await json([...write, '--if-none-match', '*', '--checksum-algorithm', 'SHA256']);
      expect(first['ChecksumSHA256']).toBe(Buffer.from(sha256Of('only once'), 'hex').toString('base64'));
      const second = await aws([...write, '--if-none-match', '*'], { accept: [254, 255] });
      expect(second.output).toContain('(PreconditionFailed)');
      await json([...write, '--if-match', String(first['ETag'])]);
    });

    test('rb --force: empties and removes the bucket', async () => {
      const { bucket } = use();
      const refused = await aws(['s3', 'rb', `s3://${bucket}`], { accept: [1] });
      expect(refused.output).toContain('BucketNotEmpty');
      await aws(['s3', 'rb', '--force', `s3://${bucket}`]);
      expect((await aws(['s3', 'ls'])).stdout).not.toContain(bucket);
    });
  });
}
