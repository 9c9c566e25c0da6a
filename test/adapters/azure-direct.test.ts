/** `staging: direct`: blocks wait on the live blob. Safe with one writer per key; with more, somebody is refused, never mixed. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { StorageAdapter } from '../../adapters/types.ts';
import { type AzureBench, azureBench } from '../strict/azure/kit.ts';
import {
  begin,
  bytes,
  complete,
  expectKind,
  expectObject,
  KiB,
  list,
  multipartAttributes,
  newUploadId,
  part,
  put,
} from './contract/kit.ts';

const SIZE = 64 * KiB;

let bench: AzureBench;
let adapter: StorageAdapter;
beforeAll(async () => {
  bench = await azureBench(
    {},
    { staging: 'direct', limits: { singlePutBytes: 1 * KiB, blockBytes: 50 * KiB } },
  );
  adapter = bench.adapter;
});

describe('staging: direct', () => {
  it('completes in one request and without a copy', async () => {
    const bucket = await bench.bucket();
    const upload = await begin(adapter, bucket, 'key');
    const parts = [
      await part(adapter, upload, 1, bytes(SIZE, 1)),
      await part(adapter, upload, 2, bytes(SIZE, 2)),
    ];
    expect(await list(adapter, bucket)).toEqual([]);
    bench.forget();
    const info = await complete(adapter, upload, parts);
    expect(bench.strict.log.map(({ operation }) => operation)).toEqual(['PutBlockList']);
    expect(info.attributes).toEqual(multipartAttributes(upload, parts));
    await expectObject(adapter, bucket, 'key', Buffer.concat([bytes(SIZE, 1), bytes(SIZE, 2)]));
    // Repeated, it commits the same blocks once more.
    const again = await complete(adapter, upload, parts);
    expect({ ...again, version: info.version, lastModified: info.lastModified }).toEqual(info);
    await adapter.abortUpload(upload);
    await expectObject(adapter, bucket, 'key', Buffer.concat([bytes(SIZE, 1), bytes(SIZE, 2)]));
  });

  it('survives a Complete that fails, and takes the next', async () => {
    const bucket = await bench.bucket();
    const { version } = await put(adapter, bucket, 'key', 'live');
    const upload = await begin(adapter, bucket, 'key');
    const first = await part(adapter, upload, 1, bytes(SIZE, 1));
    const second = await part(adapter, upload, 2, bytes(1000, 2));
    await expectKind(
      complete(adapter, upload, [first, second], { condition: { absent: true } }),
      'PreconditionFailed',
    );
    await expectObject(adapter, bucket, 'key', 'live');
    await complete(adapter, upload, [second], { unused: [first], condition: { version } });
    await expectObject(adapter, bucket, 'key', bytes(1000, 2));
  });

  it('stores large bodies in two requests, under their condition', async () => {
    const bucket = await bench.bucket();
    bench.forget();
    await put(adapter, bucket, 'key', bytes(SIZE), { condition: { absent: true } });
    expect(bench.strict.log.map(({ operation }) => operation)).toEqual([
      'PutBlock',
      'PutBlock',
      'PutBlockList',
    ]);
    await expectKind(
      put(adapter, bucket, 'key', bytes(SIZE, 2), { condition: { absent: true } }),
      'PreconditionFailed',
    );
    await expectObject(adapter, bucket, 'key', bytes(SIZE));
  });

  it('refuses whoever comes second, and mixes nothing', async () => {
    const bucket = await bench.bucket();
    const one = await begin(adapter, bucket, 'key');
    const two = await begin(adapter, bucket, 'key');
    const one1 = await part(adapter, one, 1, bytes(SIZE, 1));
    const two1 = await part(adapter, two, 1, bytes(SIZE, 2));
    await complete(adapter, one, [one1]);
    await expectKind(complete(adapter, two, [two1]), 'NoSuchPart');
    await expectObject(adapter, bucket, 'key', bytes(SIZE, 1));
    const three = await begin(adapter, bucket, 'key');
    const three1 = await part(adapter, three, 1, bytes(SIZE, 3));
    await put(adapter, bucket, 'key', 'in the middle');
    await expectKind(complete(adapter, three, [three1]), 'NoSuchPart');
    bench.strict.faults.push({
      on: ({ operation }) => operation === 'PutBlockList',
      how: { kind: 'meanwhile', work: () => put(adapter, bucket, 'key', 'again') },
    });
    await expectKind(put(adapter, bucket, 'key', bytes(SIZE, 4)), 'Unavailable');
    await expectObject(adapter, bucket, 'key', 'again');
  });

  it('goes on with uploads that were begun the other way', async () => {
    const bucket = await bench.bucket();
    const other = await bench.make({ staging: 'private' });
    for (const [beginner, finisher] of [
      [adapter, other],
      [other, adapter],
    ] as const) {
      const upload = await begin(beginner, bucket, newUploadId());
      const first = await part(finisher, upload, 1, bytes(SIZE, 1));
      await complete(finisher, upload, [first]);
      await finisher.abortUpload(upload);
      await expectObject(adapter, bucket, upload.key, bytes(SIZE, 1));
    }
  });

  it('needs the bucket', async () => {
    await expectKind(
      adapter.beginUpload({ bucket: 'none-of-that-name', key: 'key', uploadId: newUploadId() }),
      'NoSuchBucket',
    );
  });
});
