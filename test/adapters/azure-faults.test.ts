/** The Azure adapter when the service throttles, refuses, hangs, or loses the connection. */
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { BlobServiceClient } from '@azure/storage-blob';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { BodyReader } from '../../adapters/azure/body.ts';
import { DownloadBody } from '../../adapters/azure/download.ts';
import { createAzureAdapter } from '../../adapters/azure/index.ts';
import type { Body, StorageAdapter } from '../../adapters/types.ts';
import { devAccount } from '../setup/azurite.ts';
import { type AzureBench, azureBench } from '../strict/azure/kit.ts';
import type { Fault } from '../strict/azure/proxy.ts';
import type { Operation } from '../strict/azure/request.ts';
import {
  attributes,
  begin,
  body,
  bytes,
  collect,
  complete,
  expectBytes,
  expectKind,
  expectObject,
  failure,
  KiB,
  list,
  part,
  put,
} from './contract/kit.ts';

const MiB = 1024 * KiB;

let bench: AzureBench;
let adapter: StorageAdapter;
/** Gives up soon. */
let hasty: StorageAdapter;
beforeAll(async () => {
  bench = await azureBench();
  adapter = bench.adapter;
  hasty = await bench.make({
    limits: { requestMs: 4_000, copyMs: 4_000, stallMs: 4_000, tries: 2, maxPauseMs: 20 },
  });
});
afterEach(() => {
  bench.strict.faults.length = 0;
  bench.forget();
});

function strike(operation: Operation, how: Fault['how'], times = 1): void {
  bench.strict.faults.push({ on: (request) => request.operation === operation, how, times });
}

const busy = { kind: 'answer', status: 503, code: 'ServerBusy' } as const;

async function* chunksOf(data: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < data.length; at += 10 * KiB) {
    await sleep(1);
    yield data.subarray(at, at + 10 * KiB);
  }
}

/** A body that counts how many bytes were taken of it. */
function counted(data: Buffer): Body & { readonly taken: () => number } {
  let taken = 0;
  const stream = Readable.from(
    (function* () {
      for (let at = 0; at < data.length; at += 16 * KiB) {
        const chunk = data.subarray(at, at + 16 * KiB);
        taken += chunk.length;
        yield chunk;
      }
    })(),
    { objectMode: false },
  );
  return { stream, size: data.length, taken: () => taken };
}

describe('a body', () => {
  it.each([
    ['cut in its middle', { kind: 'cut the request', after: 300 * KiB }, 'Unavailable'],
    ['refused before it is read', busy, 'Throttled'],
    ['stored, and the answer lost', { kind: 'lose the answer' }, 'Unavailable'],
  ] as const)('is sent once: %s', async (_, how, kind) => {
    const bucket = await bench.bucket();
    // A client of one's own comes with the SDK's retries: they must not send what is left of a body either.
    const client = BlobServiceClient.fromConnectionString(bench.strict.connectionString, {
      retryOptions: { maxTries: 4, retryDelayInMs: 1 },
    });
    for (const each of [adapter, await bench.make({ client })]) {
      const upload = await begin(each, bucket, 'key');
      const data = bytes(2 * MiB, 7);
      strike('PutBlock', how);
      bench.forget();
      const given = counted(data);
      await expectKind(
        each.putPart({ ...upload, partNumber: 1, body: given }),
        each === adapter ? kind : 'Unavailable',
      );
      expect(bench.sent('PutBlock')).toBe(1);
      expect(given.stream.destroyed).toBe(true);
      const again = await part(each, upload, 1, data);
      await complete(each, upload, [again]);
      await expectObject(each, bucket, 'key', data);
    }
  });

  it('that fails after its last byte is not stored', async () => {
    const bucket = await bench.bucket();
    const upload = await begin(adapter, bucket, 'key');
    const stream = new Readable({ read() {} });
    stream.push(bytes(100 * KiB));
    const putting = failure(adapter.putPart({ ...upload, partNumber: 1, body: { stream, size: 100 * KiB } }));
    // All bytes are there; whether the digests agree is known only now.
    setTimeout(() => stream.destroy(new Error('the digest disagrees')), 100);
    expect(await putting).toMatchObject({ message: 'the digest disagrees' });
    const staged = await bench.strict.direct
      .getContainerClient(bench.containerPrefix + bucket)
      .getBlockBlobClient(`.partway/uploads/${upload.uploadId}`)
      .getBlockList('all');
    expect(staged.uncommittedBlocks).toEqual([]);
  });

  it.each([true, false])('that the service lets hang is given up (bytes taken: %s)', async (reading) => {
    const bucket = await bench.bucket();
    const upload = await begin(adapter, bucket, 'key');
    strike('PutBlock', { kind: 'hang', reading });
    await expectKind(hasty.putPart({ ...upload, partNumber: 1, body: body(bytes(16 * MiB)) }), 'Unavailable');
  });

  it('that is slow to come is waited for, one that is not taken is not', async () => {
    const stream = new Readable({ read() {} });
    const slow = new BodyReader({ stream, size: 20 }, new AbortController(), 50);
    const read = collect(slow.block(20, true));
    stream.push('ten bytes ');
    await sleep(250);
    stream.push('and others');
    stream.push(null);
    expect((await read).toString()).toBe('ten bytes and others');
    slow.release();

    const abort = new AbortController();
    const stuck = new BodyReader(body(bytes(2 * MiB)), abort, 50);
    // Somebody opened it and never reads on.
    stuck.block(2 * MiB, true).read(1);
    await once(abort.signal, 'abort');
    expect(stuck.failure?.reason).toMatchObject({ name: 'StalledError' });
    stuck.release();
  });

  it('small enough to be held is sent again', async () => {
    const bucket = await bench.bucket();
    strike('PutBlob', { kind: 'cut the request', after: 1 });
    strike('PutBlob', busy);
    await put(adapter, bucket, 'key', bytes(300 * KiB));
    expect(bench.sent('PutBlob')).toBe(3);
    await expectObject(adapter, bucket, 'key', bytes(300 * KiB));
  });

  it('is held only as far as memory is allowed', async () => {
    const bucket = await bench.bucket();
    const tight = await bench.make({ limits: { bufferedBytes: 150 * KiB } });
    bench.forget();
    await Promise.all([1, 2, 3].map((seed) => put(tight, bucket, `${seed}`, bytes(100 * KiB, seed))));
    expect({ held: bench.sent('PutBlob'), staged: bench.sent('PutBlock') }).toEqual({ held: 1, staged: 2 });
    for (const seed of [1, 2, 3]) await expectObject(adapter, bucket, `${seed}`, bytes(100 * KiB, seed));
    await put(tight, bucket, '4', bytes(100 * KiB, 4));
    expect(bench.sent('PutBlob')).toBe(2);
  });

  it('whose ETag is no MD5 of it is stored all the same, once it is known to be whole', async () => {
    const bucket = await bench.bucket();
    const described = attributes('other bytes');
    await put(adapter, bucket, 'key', 'bytes', { attributes: described });
    expect(bench.sent('PutBlob')).toBe(2);
    await expectObject(adapter, bucket, 'key', 'bytes');
    const head = await bench.strict.direct
      .getContainerClient(bench.containerPrefix + bucket)
      .getBlobClient('key')
      .getProperties();
    expect(Buffer.from(head.contentMD5 ?? []).toString('hex')).not.toBe(described.etag);
  });
});

describe('an answer that is lost', () => {
  it('is not taken for a condition that failed', async () => {
    const bucket = await bench.bucket();
    strike('PutBlob', { kind: 'lose the answer' });
    const first = await put(adapter, bucket, 'key', 'first', { condition: { absent: true } });
    expect(await adapter.headObject({ bucket, key: 'key' })).toEqual(first);
    strike('PutBlob', { kind: 'lose the answer' });
    const second = await put(adapter, bucket, 'key', 'second', { condition: { version: first.version } });
    strike('SetBlobMetadata', { kind: 'lose the answer' });
    const { version } = await adapter.setAttributes({
      bucket,
      key: 'key',
      version: second.version,
      attributes: attributes('second', { tags: { a: 'b' } }),
    });
    strike('DeleteBlob', { kind: 'lose the answer' });
    await adapter.deleteObject({ bucket, key: 'key', condition: { version } });
    expect(await list(adapter, bucket)).toEqual([]);
  });

  it('does not hide that somebody else won', async () => {
    const bucket = await bench.bucket();
    bench.strict.faults.push({
      on: ({ operation }) => operation === 'PutBlob',
      how: {
        kind: 'meanwhile',
        work: () =>
          bench.strict.direct
            .getContainerClient(bench.containerPrefix + bucket)
            .getBlockBlobClient('key')
            .upload('theirs', 6),
      },
    });
    await expectKind(
      put(adapter, bucket, 'key', 'ours', { condition: { absent: true } }),
      'PreconditionFailed',
    );
    await expectObject(adapter, bucket, 'key', 'theirs');
  });
});

describe('failures', () => {
  it('that pass are tried again, a few times', async () => {
    const bucket = await bench.bucket();
    await put(adapter, bucket, 'key', 'bytes');
    bench.forget();
    for (const how of [
      busy,
      { kind: 'reset' },
      { kind: 'answer', status: 500, code: 'OperationTimedOut' },
    ] as const)
      strike('HeadBlob', how);
    await adapter.headObject({ bucket, key: 'key' });
    expect(bench.sent('HeadBlob')).toBe(4);
    strike('HeadBlob', busy, 100);
    expect(await failure(adapter.headObject({ bucket, key: 'key' }))).toMatchObject({
      kind: 'Throttled',
      retryAfter: 2,
    });
    expect(bench.sent('HeadBlob')).toBe(8);
  });

  it('that ask for a long pause are handed on', async () => {
    const bucket = await bench.bucket();
    bench.forget();
    strike('HeadBlob', { ...busy, retryAfter: 30 }, 100);
    expect(await failure(adapter.headObject({ bucket, key: 'key' }))).toMatchObject({
      kind: 'Throttled',
      retryAfter: 30,
    });
    expect(bench.sent('HeadBlob')).toBe(1);
  });

  it('end when the caller goes', async () => {
    const bucket = await bench.bucket();
    strike('HeadBlob', { ...busy, retryAfter: 4 }, 100);
    const abort = new AbortController();
    const reason = new Error('the client is gone');
    const heading = failure(adapter.headObject({ bucket, key: 'key', signal: abort.signal }));
    setTimeout(() => abort.abort(reason), 50);
    expect(await heading).toBe(reason);
    strike('ListBlobs', { kind: 'hang', reading: true });
    const again = new AbortController();
    const listing = failure(adapter.listObjects({ bucket, limit: 1, signal: again.signal }));
    setTimeout(() => again.abort(reason), 50);
    expect(await listing).toBe(reason);
  });

  it.each([
    ['HeadBlob', 403, 'AuthorizationPermissionMismatch', 'Forbidden', /Storage Blob Data Contributor/],
    [
      'HeadBlob',
      403,
      'AuthenticationFailed',
      'Forbidden',
      /check the account name, the key or SAS, and the time/,
    ],
    ['HeadBlob', 403, 'KeyBasedAuthenticationNotPermitted', 'Forbidden', /ambient Azure identity/],
    ['HeadBlob', 403, 'SomethingNew', 'Forbidden', /403 SomethingNew/],
    ['HeadBlob', 404, 'ResourceNotFound', 'Internal', /404 ResourceNotFound/],
    ['HeadBlob', 404, 'SomethingNew', 'Internal', /404 SomethingNew/],
    ['HeadBlob', 418, 'SomethingNew', 'Internal', /418/],
    ['HeadBlob', 409, 'BlobArchived', 'Forbidden', /archive tier/],
    ['HeadBlob', 400, 'InvalidHeaderValue', 'Internal', /InvalidHeaderValue/],
    ['HeadBlob', 404, 'ContainerNotFound', 'NoSuchBucket', /./],
    ['HeadBlob', 409, 'ContainerBeingDeleted', 'NoSuchBucket', /./],
  ] as const)('%s answered %i %s', async (operation, status, code, kind, message) => {
    const bucket = await bench.bucket();
    strike(operation, { kind: 'answer', status, code });
    const error = await failure(adapter.headObject({ bucket, key: 'key' }));
    expect(error).toMatchObject({ kind, message: expect.stringMatching(message) });
    expect((error as Error).cause).toBeInstanceOf(Error);
    // Nothing of an answer may name the key.
    expect(String((error as Error).message)).not.toContain(devAccount.key);
  });

  it('while a container of that name is still being deleted', async () => {
    strike('CreateContainer', { kind: 'answer', status: 409, code: 'ContainerBeingDeleted' });
    expect(await failure(adapter.createBucket({ bucket: 'still-there' }))).toMatchObject({
      kind: 'Unavailable',
      retryAfter: 30,
    });
  });

  it('of a service that hangs, or is not there', async () => {
    const bucket = await bench.bucket();
    strike('HeadBlob', { kind: 'hang', reading: true }, 2);
    await expectKind(hasty.headObject({ bucket, key: 'key' }), 'Unavailable');
    strike('ListBlobs', { kind: 'hang', reading: true }, 1);
    expect(await list(hasty, bucket)).toEqual([]);
    const nowhere = await createAzureAdapter({
      account: devAccount.name,
      accountKey: devAccount.key,
      endpoint: `http://127.0.0.1:1/${devAccount.name}`,
      limits: { tries: 2, maxPauseMs: 10 },
    });
    expect(await failure(nowhere.check())).toMatchObject({
      kind: 'Unavailable',
      message: expect.stringMatching(/ECONNREFUSED.*check the endpoint/),
    });
    await nowhere.close();
  });

  it('of wrong credentials say what to do', async () => {
    const { BlobEndpoint } = Object.fromEntries(
      bench.strict.connectionString.split(';').map((pair) => pair.split(/=(.*)/s).slice(0, 2)),
    ) as { BlobEndpoint: string };
    const wrong = await createAzureAdapter({
      account: devAccount.name,
      accountKey: Buffer.from('not the key').toString('base64'),
      endpoint: BlobEndpoint,
    });
    expect(await failure(wrong.check())).toMatchObject({ kind: 'Forbidden' });
    await wrong.close();
  });
});

describe('a download', () => {
  it('that is cut goes on where it ended, at the same state', async () => {
    const bucket = await bench.bucket();
    const data = bytes(3 * MiB, 5);
    const { version } = await put(adapter, bucket, 'key', data);
    strike('GetBlob', { kind: 'cut the answer', after: 700 * KiB });
    strike('GetBlob', { kind: 'cut the answer', after: 100 * KiB });
    strike('GetBlob', busy);
    bench.forget();
    const got = await adapter.getObject({ bucket, key: 'key', range: { start: 1000 } });
    expectBytes(await collect(got.body), data.subarray(1000));
    const reads = bench.strict.log.filter(({ operation }) => operation === 'GetBlob');
    expect(reads.length).toBe(4);
    for (const read of reads.slice(1)) {
      expect(read.headers['if-match']).toBe(version);
      expect(read.headers['x-ms-range']).toMatch(/^bytes=\d+-3145727$/);
    }
  });

  it('asks for the rest once, however long it takes to come', async () => {
    const data = bytes(300 * KiB, 7);
    const first = new Readable({ read() {} });
    const asked: number[] = [];
    const download = new DownloadBody({
      source: first,
      start: 0,
      end: data.length - 1,
      stallMs: 300,
      tries: 4,
      signal: undefined,
      async reopen(from) {
        asked.push(from);
        await sleep(1_000);
        return Readable.from(chunksOf(data.subarray(from)), { objectMode: false });
      },
    });
    const collected = collect(download);
    first.push(data.subarray(0, 100 * KiB));
    await sleep(5);
    first.destroy(new Error('cut'));
    expectBytes(await collected, data);
    expect(asked).toEqual([100 * KiB]);
  });

  it('of an object that changes after the cut fails, and mixes nothing', async () => {
    const bucket = await bench.bucket();
    const data = bytes(3 * MiB, 5);
    await put(adapter, bucket, 'key', data);
    strike('GetBlob', { kind: 'cut the answer', after: 700 * KiB });
    const { body: stream } = await adapter.getObject({ bucket, key: 'key' });
    await put(adapter, bucket, 'key', bytes(3 * MiB, 6));
    expect(await failure(collect(stream))).toMatchObject({ kind: 'PreconditionFailed' });
  });

  it('that is cut again and again without progress fails, and is never short', async () => {
    const bucket = await bench.bucket();
    await put(adapter, bucket, 'key', bytes(3 * MiB, 5));
    strike('GetBlob', { kind: 'cut the answer', after: 700 * KiB });
    strike('GetBlob', { kind: 'cut the answer', after: 0 }, 100);
    const { body: stream } = await adapter.getObject({ bucket, key: 'key' });
    expect(await failure(collect(stream))).toMatchObject({ kind: 'Unavailable' });
  });

  it('whose reader goes away, or is told to, frees the connection', async () => {
    const bucket = await bench.bucket();
    await put(adapter, bucket, 'key', bytes(8 * MiB, 5));
    const { body: stream } = await adapter.getObject({ bucket, key: 'key' });
    stream.once('data', () => stream.destroy());
    await once(stream, 'close');
    const abort = new AbortController();
    const reason = new Error('the client is gone');
    const other = await adapter.getObject({ bucket, key: 'key', signal: abort.signal });
    other.body.once('data', () => abort.abort(reason));
    expect(await failure(collect(other.body))).toBe(reason);
    await bench.strict.quiet();
  });

  it('that the service lets hang goes on', async () => {
    const bucket = await bench.bucket();
    const data = bytes(3 * MiB, 5);
    await put(adapter, bucket, 'key', data);
    strike('GetBlob', { kind: 'stall the answer', after: 100 * KiB });
    const { body: stream } = await hasty.getObject({ bucket, key: 'key' });
    expectBytes(await collect(stream), data);
  });
});
