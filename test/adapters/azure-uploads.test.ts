/** Uploads on Azure where they are most easily lost: at Put Block List, and beside other writers. */
import { Readable } from 'node:stream';
import { beforeAll, describe, expect, it } from 'vitest';
import type { StorageAdapter, StoredPart } from '../../adapters/types.ts';
import { type AzureBench, azureBench } from '../strict/azure/kit.ts';
import {
  crampedLimits,
  isStaging,
  SIZE,
  stagingBlob,
  three,
  threeParts,
} from '../strict/azure/upload-kit.ts';
import {
  begin,
  body,
  bytes,
  complete,
  expectKind,
  expectObject,
  KiB,
  list,
  part,
  put,
} from './contract/kit.ts';

let bench: AzureBench;
let adapter: StorageAdapter;
/** As `adapter`, with parts of several blocks and every copy in blocks. */
let cramped: StorageAdapter;
beforeAll(async () => {
  bench = await azureBench();
  adapter = bench.adapter;
  cramped = await bench.make({ limits: crampedLimits });
});

it('gives chunks back once, and only when they are sent', async () => {
  // The second adapter's blocks end within chunks: such a chunk is not given back.
  for (const [gateway, returned] of [
    [adapter, 8],
    [cramped, 0],
  ] as const) {
    const bucket = await bench.bucket();
    const upload = await begin(gateway, bucket, 'key');
    const size = 8 * 60 * KiB;
    const data = bytes(size, 77);
    const chunks: Buffer[] = Array.from({ length: 8 }, (_, i) =>
      Buffer.from(data.subarray((i * size) / 8, ((i + 1) * size) / 8)),
    );
    const given: Buffer[] = [];
    const stream = Object.assign(Readable.from(chunks, { objectMode: false, highWaterMark: size }), {
      recycle(chunk: Buffer) {
        given.push(chunk);
        chunk.fill(0);
      },
    });
    const token = await gateway.putPart({ ...upload, partNumber: 1, body: { stream, size } });
    await complete(gateway, upload, [{ partNumber: 1, size, token }]);
    await expectObject(gateway, bucket, 'key', data);
    expect(given).toHaveLength(returned);
    expect(new Set(given).size).toBe(returned);
    expect(given.every((chunk) => chunks.includes(chunk))).toBe(true);
  }
});

describe('requests', () => {
  it('one for a part, and as many for Complete whatever the number of parts', async () => {
    const bucket = await bench.bucket();
    for (const count of [1, 30]) {
      const upload = await begin(adapter, bucket, 'key');
      bench.forget();
      const parts: StoredPart[] = [];
      for (let number = 1; number <= count; number++)
        parts.push(await part(adapter, upload, number, bytes(1000, number)));
      expect(bench.strict.log.map(({ operation }) => operation)).toEqual(Array(count).fill('PutBlock'));
      bench.forget();
      await complete(adapter, upload, parts);
      expect(bench.strict.log.map(({ operation }) => operation).sort()).toEqual([
        'CopyBlobFromUrl',
        'GetBlockList',
        'LeaseBlob',
        'LeaseBlob',
        'PutBlockList',
      ]);
    }
  });

  it('a part above the block size is several blocks', async () => {
    const bucket = await bench.bucket();
    const upload = await begin(cramped, bucket, 'key');
    bench.forget();
    const parts = await threeParts(cramped, upload);
    expect(bench.sent('PutBlock')).toBe(3 + 3 + 1);
    await complete(cramped, upload, parts);
    expect(bench.sent('PutBlockFromUrl')).toBe(5);
    await expectObject(cramped, bucket, 'key', three);
  });

  it('parts that were replaced cost no copy by blocks', async () => {
    const bucket = await bench.bucket();
    const upload = await begin(adapter, bucket, 'key');
    let current = await part(adapter, upload, 1, bytes(SIZE, 100));
    for (let again = 1; again <= 40; again++)
      current = await part(adapter, upload, 1, bytes(SIZE, again), current);
    bench.forget();
    await complete(adapter, upload, [current]);
    // 32 of the 40 are remembered with the part; the others are kept, as if somebody might still record them.
    expect(bench.sent('CopyBlobFromUrl') + bench.sent('PutBlockFromUrl')).toBe(1);
    await expectObject(adapter, bucket, 'key', bytes(SIZE, 40));
    const second = await begin(adapter, bucket, 'key');
    const first = await part(adapter, second, 1, bytes(SIZE, 1));
    const anew = await part(adapter, second, 1, bytes(SIZE, 2), first);
    bench.forget();
    await complete(adapter, second, [anew]);
    expect(bench.sent('CopyBlobFromUrl')).toBe(1);
    await expectObject(adapter, bucket, 'key', bytes(SIZE, 2));
  });
});

describe('a Complete that fails', () => {
  it('keeps every part for another list, and for parts that come later', async () => {
    const bucket = await bench.bucket();
    for (const by of [adapter, cramped]) {
      await put(adapter, bucket, 'key', 'live');
      const upload = await begin(by, bucket, 'key');
      const [first, second, third] = await threeParts(by, upload);
      const condition = { absent: true } as const;
      for (const [parts, unused] of [
        [[second], [first, third]],
        [[first, third], [second]],
        [[first, second, third], []],
      ] as const)
        await expectKind(complete(by, upload, parts, { unused, condition }), 'PreconditionFailed');
      const fourth = await part(by, upload, 4, bytes(SIZE, 4));
      await complete(by, upload, [second, fourth], { unused: [first, third] });
      await expectObject(adapter, bucket, 'key', Buffer.concat([bytes(SIZE, 2), bytes(SIZE, 4)]));
    }
  });

  it('keeps a part that was staged and not yet recorded', async () => {
    const bucket = await bench.bucket();
    await put(adapter, bucket, 'key', 'live');
    const upload = await begin(adapter, bucket, 'key');
    const first = await part(adapter, upload, 1, bytes(SIZE, 1));
    // Its UploadPart is about to record it when the Complete claims the upload.
    const second = await part(adapter, upload, 2, bytes(SIZE, 2));
    await expectKind(
      complete(adapter, upload, [first], { condition: { absent: true } }),
      'PreconditionFailed',
    );
    await complete(adapter, upload, [first, second]);
    await expectObject(adapter, bucket, 'key', Buffer.concat([bytes(SIZE, 1), bytes(SIZE, 2)]));
  });

  it('publishes what it was asked to, whatever else is staged', async () => {
    const bucket = await bench.bucket();
    const upload = await begin(adapter, bucket, 'key');
    const [first, second, third] = await threeParts(adapter, upload);
    await part(adapter, upload, 3, bytes(500, 33));
    bench.forget();
    const info = await complete(adapter, upload, [first, third], { unused: [second] });
    expect(info.size).toBe(SIZE + 1000);
    expect(bench.sent('PutBlockFromUrl')).toBe(1);
    await expectObject(adapter, bucket, 'key', Buffer.concat([bytes(SIZE, 1), bytes(1000, 3)]));
  });

  it('refuses a part that arrives during the commit, instead of losing it', async () => {
    const bucket = await bench.bucket();
    await put(adapter, bucket, 'key', 'live');
    const upload = await begin(adapter, bucket, 'key');
    const first = await part(adapter, upload, 1, bytes(SIZE, 1));
    let late: unknown;
    bench.strict.faults.push({
      on: (request) => request.operation === 'PutBlockList' && isStaging(request),
      how: {
        kind: 'meanwhile',
        work: async () => {
          late = await part(adapter, upload, 2, bytes(SIZE, 2)).catch((error: unknown) => error);
        },
      },
    });
    await expectKind(
      complete(adapter, upload, [first], { condition: { absent: true } }),
      'PreconditionFailed',
    );
    expect(late).toMatchObject({ kind: 'Unavailable', retryAfter: 1 });
    const second = await part(adapter, upload, 2, bytes(SIZE, 2));
    await complete(adapter, upload, [first, second]);
    await expectObject(adapter, bucket, 'key', Buffer.concat([bytes(SIZE, 1), bytes(SIZE, 2)]));
  });

  it('tells which part is gone', async () => {
    const bucket = await bench.bucket();
    const upload = await begin(adapter, bucket, 'key');
    const [first, second] = await threeParts(adapter, upload);
    await stagingBlob(bench, upload).upload('', 0);
    await stagingBlob(bench, upload).commitBlockList([]);
    await expectKind(complete(adapter, upload, [first, second]), 'NoSuchPart');
    expect(await list(adapter, bucket)).toEqual([]);
  });
});

describe('other writers of the key', () => {
  it('are not disturbed, nor disturb an upload that is copied in blocks', async () => {
    const bucket = await bench.bucket();
    const upload = await begin(cramped, bucket, 'key');
    const parts = await threeParts(cramped, upload);
    bench.strict.faults.push({
      times: 2,
      on: ({ operation, blob }) => operation === 'PutBlockList' && blob === 'key',
      // "Put Blob" discards the blocks that the copy has staged on the live blob.
      how: { kind: 'meanwhile', work: () => put(adapter, bucket, 'key', 'in between') },
    });
    bench.forget();
    await complete(cramped, upload, parts);
    expect(bench.strict.log.filter((r) => r.operation === 'PutBlockList' && r.blob === 'key')).toHaveLength(
      3,
    );
    await expectObject(adapter, bucket, 'key', three);
  });

  it('may have used block IDs of another length', async () => {
    const bucket = await bench.bucket();
    const id = Buffer.from('foreign-block-id-of-another-length').toString('base64');
    const foreign = (await import('@azure/storage-blob')).BlobServiceClient.fromConnectionString(
      bench.strict.connectionString,
    )
      .getContainerClient(bench.containerPrefix + bucket)
      .getBlockBlobClient('key');
    await foreign.stageBlock(id, 'foreign', 7);
    await foreign.commitBlockList([id]);
    const upload = await begin(cramped, bucket, 'key');
    const parts = await threeParts(cramped, upload);
    await complete(cramped, upload, parts);
    await expectObject(adapter, bucket, 'key', three);
  });

  it('are noticed when they change the source of a long copy', async () => {
    const bucket = await bench.bucket();
    const { version } = await put(adapter, bucket, 'from', bytes(100 * KiB));
    bench.strict.faults.push({
      on: ({ operation }) => operation === 'PutBlockFromUrl',
      how: { kind: 'meanwhile', work: () => put(adapter, bucket, 'from', bytes(100 * KiB, 2)) },
    });
    await expectKind(
      cramped.copyObject({
        bucket,
        key: 'to',
        source: { bucket, key: 'from', version },
        attributes: { etag: 'x-1', headers: {}, metadata: {} },
      }),
      'PreconditionFailed',
      'source',
    );
    expect(await list(adapter, bucket)).toEqual(['from']);
  });
});

describe('progress and clean-up', () => {
  it('tells how far a long copy is', async () => {
    const bucket = await bench.bucket();
    const upload = await begin(cramped, bucket, 'key');
    const parts = await threeParts(cramped, upload);
    const seen: Array<[number, number]> = [];
    await complete(cramped, upload, parts, { onProgress: (done, total) => seen.push([done, total]) });
    expect(seen).toHaveLength(5);
    expect(seen.at(-1)).toEqual([three.length, three.length]);
    expect(seen.map(([done]) => done)).toEqual([...seen.map(([done]) => done)].sort((a, b) => a - b));
  });

  it('leaves nothing private behind once uploads and puts are over', async () => {
    const bucket = await bench.bucket();
    const own = await bench.make({ limits: { singlePutBytes: 0 } });
    await put(own, bucket, 'put', bytes(SIZE));
    const failing = { stream: body('short').stream, size: 100 };
    await own
      .putObject({
        bucket,
        key: 'put',
        body: failing,
        attributes: () => ({ etag: '', headers: {}, metadata: {} }),
      })
      .catch(() => undefined);
    const upload = await begin(own, bucket, 'key');
    await complete(own, upload, await threeParts(own, upload));
    await own.abortUpload(upload);
    await own.close();
    const names: string[] = [];
    const container = bench.strict.direct.getContainerClient(bench.containerPrefix + bucket);
    for await (const { name } of container.listBlobsFlat({ includeUncommitedBlobs: true })) names.push(name);
    expect(names).toEqual(['key', 'put']);
  });

  it('sweeps staged puts and uploads that were never committed', async () => {
    const own = await bench.make({ containerPrefix: `${bench.containerPrefix}s-` });
    const bucket = 'swept';
    await own.createBucket({ bucket });
    const container = bench.strict.direct.getContainerClient(`${bench.containerPrefix}s-swept`);
    const id = Buffer.from('x'.repeat(25)).toString('base64');
    await container.getBlockBlobClient('.partway/puts/lost').stageBlock(id, 'lost', 4);
    await container.getBlockBlobClient('.partway/uploads/late').stageBlock(id, 'late', 4);
    const olderThan = new Date(Date.now() + 60_000);
    const isOpen = async (): Promise<boolean> => false;
    expect(await own.sweep({ olderThan, isOpen })).toEqual({ removed: 2, bytes: 8 });
    expect(await own.sweep({ olderThan, isOpen })).toEqual({ removed: 0, bytes: 0 });
    await own.deleteBucket({ bucket });
  });
});
