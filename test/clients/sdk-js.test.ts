import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  AbortMultipartUploadCommand,
  type ChecksumAlgorithm,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  NoSuchKey,
  PutObjectCommand,
  paginateListObjectsV2,
  type S3Client,
  UploadPartCommand,
  UploadPartCopyCommand,
  waitUntilBucketNotExists,
  waitUntilObjectExists,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { emptyDirectory, filesOf, manifest, sha256, sha256Of, slice } from './kit/files.ts';
import { clientSuite, listingKeys } from './kit/suite.ts';
import { sdkClient } from './kit/target.ts';

const MiB = 1 << 20;

/** A stream that tells nothing of the file it comes from: lib-storage would look its size up. */
function pipe(source: Readable): Readable {
  const through = new PassThrough();
  pipeline(source, through).catch((error: Error) => through.destroy(error));
  return through;
}

await clientSuite(
  {
    name: 'AWS SDK for JavaScript',
    install: async () => ({ program: process.execPath }),
    must: true,
    alsoOn: ['azure', 'gcs'],
  },
  (use) => {
    let client: S3Client;
    beforeAll(() => {
      client = sdkClient(use().target);
    });
    afterAll(() => client?.destroy());

    const object = (Key: string): { Bucket: string; Key: string } => ({ Bucket: use().bucket, Key });
    const read = async (
      Key: string,
      extra: { Range?: string; PartNumber?: number } = {},
    ): Promise<string> => {
      const { Body } = await client.send(new GetObjectCommand({ ...object(Key), ...extra }));
      if (!(Body instanceof Readable)) throw new Error('no body');
      const hash = createHash('sha256');
      for await (const chunk of Body) hash.update(chunk);
      return hash.digest('hex');
    };
    const keysOf = async (Bucket: string, Prefix?: string): Promise<string[]> => {
      const keys: string[] = [];
      for await (const page of paginateListObjectsV2(
        { client, pageSize: 700 },
        { Bucket, ...(Prefix && { Prefix }) },
      ))
        for (const { Key } of page.Contents ?? []) if (Key !== undefined) keys.push(Key);
      return keys;
    };

    test('makes a bucket', async () => {
      await client.send(new CreateBucketCommand({ Bucket: use().bucket }));
    });

    test('lib-storage: a stream of a large file, parts in flight, progress, and back', async () => {
      const { file } = use();
      let loaded = 0;
      const upload = new Upload({
        client,
        params: { ...object('big.bin'), Body: createReadStream(file.path), ContentType: 'text/x-big' },
        queueSize: 4,
        partSize: 8 * MiB,
      });
      upload.on('httpUploadProgress', (progress) => {
        loaded = progress.loaded ?? 0;
      });
      const done = await upload.done();
      expect(loaded).toBe(file.size);
      expect(done.ETag).toMatch(new RegExp(`^"[0-9a-f]{32}-${Math.ceil(file.size / (8 * MiB))}"$`));
      const head = await client.send(new HeadObjectCommand(object('big.bin')));
      expect(head).toMatchObject({ ContentLength: file.size, ContentType: 'text/x-big', ETag: done.ETag });
      expect(await read('big.bin')).toBe(file.sha256);
    });

    test('GetObject: parallel ranges put together', async () => {
      const { file, work } = use();
      const down = path.join(work, 'ranges.bin');
      const step = 16 * MiB;
      const starts = Array.from({ length: Math.ceil(file.size / step) }, (_, i) => i * step);
      await pipeline(Readable.from([]), createWriteStream(down));
      const next = async (): Promise<void> => {
        for (let start = starts.shift(); start !== undefined; start = starts.shift()) {
          const Range = `bytes=${start}-${start + step - 1}`;
          const { Body } = await client.send(new GetObjectCommand({ ...object('big.bin'), Range }));
          if (!(Body instanceof Readable)) throw new Error('no body');
          await pipeline(Body, createWriteStream(down, { flags: 'r+', start }));
        }
      };
      await Promise.all([next(), next(), next(), next()]);
      expect(await sha256(down)).toBe(file.sha256);
      const second = sha256Of(await slice(file.path, 8 * MiB, 8 * MiB));
      expect(await read('big.bin', { PartNumber: 2 })).toBe(second);
    });

    test('lib-storage: an abort in the middle leaves no upload', async () => {
      const { file } = use();
      const body = createReadStream(file.path);
      const upload = new Upload({ client, params: { ...object('aborted'), Body: body }, partSize: 5 * MiB });
      upload.once('httpUploadProgress', () => void upload.abort());
      await expect(upload.done()).rejects.toMatchObject({ name: 'AbortError' });
      body.destroy();
      // The library ends the upload behind the caller's back, once the requests under way have failed.
      await vi.waitFor(
        async () => {
          const { Uploads } = await client.send(new ListMultipartUploadsCommand({ Bucket: use().bucket }));
          expect(Uploads).toBeUndefined();
        },
        { timeout: 120_000, interval: 200 },
      );
      expect(await keysOf(use().bucket, 'aborted')).toEqual([]);
    });

    test.each(['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const)(
      'PutObject and UploadPart: %s of bytes, and of a stream as a trailer',
      async (ChecksumAlgorithm: ChecksumAlgorithm) => {
        const { file } = use();
        const name = `Checksum${ChecksumAlgorithm}` as const;
        const bytes = await slice(file.path, 5, 300_000);
        const of = { ...object(`sum/${ChecksumAlgorithm}`), ChecksumAlgorithm };
        const put = await client.send(new PutObjectCommand({ ...of, Body: bytes }));
        const streamed = await client.send(
          new PutObjectCommand({
            ...of,
            Body: createReadStream(file.path, { start: 5, end: 300_004 }),
            ContentLength: 300_000,
          }),
        );
        expect(streamed).toMatchObject({ [name]: expect.stringMatching(/=$/) });
        if (put[name as keyof typeof put] !== undefined)
          expect(streamed).toMatchObject({ [name]: put[name as keyof typeof put] });
        const got = await client.send(new GetObjectCommand({ ...of, ChecksumMode: 'ENABLED' }));
        expect(got).toMatchObject({ [name]: streamed[name as keyof typeof streamed] });
        expect(sha256Of((await got.Body?.transformToByteArray()) ?? '')).toBe(sha256Of(bytes));

        const upload = new Upload({
          client,
          params: {
            ...of,
            Key: `${of.Key}.parts`,
            Body: pipe(createReadStream(file.path, { end: 11 * MiB })),
          },
          partSize: 5 * MiB,
        });
        await upload.done();
        expect(await read(`${of.Key}.parts`)).toBe(sha256Of(await slice(file.path, 0, 11 * MiB + 1)));
      },
    );

    test('PutObject: a wrong checksum stores nothing', async () => {
      const write = { ...object('wrong'), Body: 'some bytes', ChecksumCRC32: 'AAAAAA==' };
      await expect(client.send(new PutObjectCommand(write))).rejects.toMatchObject({ name: 'BadDigest' });
      await expect(client.send(new GetObjectCommand(object('wrong')))).rejects.toBeInstanceOf(NoSuchKey);
    });

    test('a tree up and down, byte for byte', async () => {
      const { tree, work, bucket } = use();
      const names = await filesOf(tree);
      const queue = [...names];
      const up = async (): Promise<void> => {
        for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
          const file = path.join(tree, name);
          const Body = createReadStream(file);
          const ContentLength = (await stat(file)).size;
          await client.send(new PutObjectCommand({ ...object(`tree/${name}`), Body, ContentLength }));
        }
      };
      await Promise.all(Array.from({ length: 8 }, up));
      const keys = await keysOf(bucket, 'tree/');
      expect(keys).toEqual(names.map((name) => `tree/${name}`));
      const to = await emptyDirectory(path.join(work, 'tree'));
      const down = async (): Promise<void> => {
        for (let key = keys.shift(); key !== undefined; key = keys.shift()) {
          const file = path.join(to, key.slice('tree/'.length));
          await mkdir(path.dirname(file), { recursive: true });
          const { Body } = await client.send(new GetObjectCommand(object(key)));
          if (!(Body instanceof Readable)) throw new Error('no body');
          await pipeline(Body, createWriteStream(file));
        }
      };
      await Promise.all(Array.from({ length: 8 }, down));
      expect(await manifest(to)).toEqual(await manifest(tree));
    });

    test('copies, whole and in parts', async () => {
      const { bucket, file } = use();
      const source = `${bucket}/tree/odd/${encodeURIComponent('plus+plus.txt')}`;
      await client.send(new CopyObjectCommand({ ...object('copied ü.txt'), CopySource: source }));
      expect(await read('copied ü.txt')).toBe(sha256Of('I am plus+plus.txt\n'));
      const { UploadId } = await client.send(new CreateMultipartUploadCommand(object('part copy')));
      const of = { ...object('part copy'), UploadId, PartNumber: 1 };
      const copied = await client.send(
        new UploadPartCopyCommand({
          ...of,
          CopySource: `${bucket}/big.bin`,
          CopySourceRange: 'bytes=10-109',
        }),
      );
      const bytes = await slice(file.path, 10, 100);
      expect(copied.CopyPartResult?.ETag).toBe(`"${createHash('md5').update(bytes).digest('hex')}"`);
      await client.send(new AbortMultipartUploadCommand({ ...object('part copy'), UploadId }));
    });

    test('conditional writes', async () => {
      const once = { ...object('once'), IfNoneMatch: '*' };
      const { ETag } = await client.send(new PutObjectCommand({ ...once, Body: '1' }));
      await expect(client.send(new PutObjectCommand({ ...once, Body: '2' }))).rejects.toMatchObject({
        name: 'PreconditionFailed',
      });
      await client.send(new PutObjectCommand({ ...object('once'), Body: '3', IfMatch: ETag }));
      expect(await read('once')).toBe(sha256Of('3'));
    });

    test('presigned GET, PUT and UploadPart', async () => {
      const key = 'presigned/ü +&.txt';
      const put = await getSignedUrl(client, new PutObjectCommand(object(key)), { expiresIn: 120 });
      expect((await fetch(put, { method: 'PUT', body: 'by link' })).status).toBe(200);
      const get = await getSignedUrl(
        client,
        new GetObjectCommand({ ...object(key), ResponseContentType: 'text/x-link' }),
      );
      const answer = await fetch(get);
      expect([answer.headers.get('content-type'), await answer.text()]).toEqual(['text/x-link', 'by link']);
      const { UploadId } = await client.send(new CreateMultipartUploadCommand(object(key)));
      const part = await getSignedUrl(
        client,
        new UploadPartCommand({ ...object(key), UploadId, PartNumber: 10_000 }),
      );
      const sent = await fetch(part, { method: 'PUT', body: 'a part' });
      expect(sent.headers.get('etag')).toBe(`"${createHash('md5').update('a part').digest('hex')}"`);
      await client.send(new AbortMultipartUploadCommand({ ...object(key), UploadId }));
    });

    test('lists 2,500 keys in pages', async () => {
      const { listing } = use();
      expect(await keysOf(listing.bucket)).toEqual(listingKeys(listing.count));
    });

    test('waits for an object, deletes in batches, removes the bucket', async () => {
      const { bucket } = use();
      await waitUntilObjectExists({ client, maxWaitTime: 120 }, object('big.bin'));
      const keys = await keysOf(bucket);
      while (keys.length > 0) {
        const Objects = keys.splice(0, 1000).map((Key) => ({ Key }));
        const { Deleted, Errors } = await client.send(
          new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects } }),
        );
        expect([Deleted?.length, Errors]).toEqual([Objects.length, undefined]);
      }
      await client.send(new DeleteBucketCommand({ Bucket: bucket }));
      await waitUntilBucketNotExists({ client, maxWaitTime: 120 }, { Bucket: bucket });
    });
  },
);
