/** Completes on Azure that are cut off, repeated, raced, or arrive late. */
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import type { StorageAdapter } from '../../adapters/types.ts';
import { type AzureBench, azureBench } from '../strict/azure/kit.ts';
import { crampedLimits, isStaging, stagingBlob, three, threeParts } from '../strict/azure/upload-kit.ts';
import { begin, complete, expectKind, expectObject, list } from './contract/kit.ts';

let bench: AzureBench;
let adapter: StorageAdapter;
/** As `adapter`, with parts of several blocks and every copy in blocks. */
let cramped: StorageAdapter;
beforeAll(async () => {
  bench = await azureBench();
  adapter = bench.adapter;
  cramped = await bench.make({ limits: crampedLimits });
});

describe('a crash', () => {
  it('between commit and copy is finished by whoever comes next', async () => {
    const bucket = await bench.bucket();
    const replica = await bench.make();
    for (const condition of [undefined, { absent: true } as const]) {
      const key = condition === undefined ? 'plain' : 'conditional';
      const upload = await begin(adapter, bucket, key);
      const parts = await threeParts(adapter, upload);
      const more = condition === undefined ? {} : { condition };
      bench.strict.faults.push({
        times: 4,
        on: ({ operation }) => operation === 'CopyBlobFromUrl',
        how: { kind: 'reset' },
      });
      await expectKind(complete(adapter, upload, parts, more), 'Unavailable');
      expect(await list(adapter, bucket, { prefix: key })).toEqual([]);
      await complete(replica, upload, parts, more);
      await expectObject(adapter, bucket, key, three);
    }
  });

  it('after the copy is recognised, under any condition and after the clean-up', async () => {
    const bucket = await bench.bucket();
    const replica = await bench.make();
    const upload = await begin(adapter, bucket, 'key');
    const parts = await threeParts(adapter, upload);
    const condition = { absent: true } as const;
    const crashed = await bench.make({ limits: { tries: 1 } });
    bench.strict.faults.push({
      on: ({ operation }) => operation === 'CopyBlobFromUrl',
      how: { kind: 'lose the answer' },
    });
    await expectKind(complete(crashed, upload, parts, { condition }), 'Unavailable');
    bench.forget();
    const info = await complete(replica, upload, parts, { condition });
    expect(bench.sent('CopyBlobFromUrl', 'PutBlockList')).toBe(0);
    await adapter.abortUpload(upload);
    expect(await complete(adapter, upload, parts, { condition })).toEqual(info);
    await expectObject(adapter, bucket, 'key', three);
  });

  it('that loses the answer of the copy only is recognised at once', async () => {
    const bucket = await bench.bucket();
    const upload = await begin(adapter, bucket, 'key');
    const parts = await threeParts(adapter, upload);
    bench.strict.faults.push({
      on: ({ operation }) => operation === 'CopyBlobFromUrl',
      how: { kind: 'lose the answer' },
    });
    await complete(adapter, upload, parts, { condition: { absent: true } });
    await expectObject(adapter, bucket, 'key', three);
  });

  it('that leaves the lease behind delays the next attempt, and does not stop an abort', async () => {
    const bucket = await bench.bucket();
    const upload = await begin(adapter, bucket, 'key');
    const parts = await threeParts(adapter, upload);
    const lease = stagingBlob(bench, upload).getBlobLeaseClient();
    await lease.acquireLease(60);
    const patient = await bench.make({ limits: { leasePatienceMs: 60_000 } });
    const completing = complete(patient, upload, parts);
    await sleep(300);
    await lease.releaseLease();
    await completing;
    await expectObject(adapter, bucket, 'key', three);
    // Never given back: it is broken after a while.
    const second = await begin(adapter, bucket, 'second');
    const others = await threeParts(adapter, second);
    await stagingBlob(bench, second).getBlobLeaseClient().acquireLease(60);
    await complete(await bench.make({ limits: { leasePatienceMs: 100 } }), second, others);
    await expectObject(adapter, bucket, 'second', three);
    await lease.acquireLease(15);
    await adapter.abortUpload(upload);
    expect(await stagingBlob(bench, upload).exists()).toBe(false);
    await expectObject(adapter, bucket, 'key', three);
  });

  it('whose commit arrives late changes nothing', async () => {
    const bucket = await bench.bucket();
    const upload = await begin(adapter, bucket, 'key');
    const parts = await threeParts(adapter, upload);
    bench.strict.faults.push({
      on: (request) => request.operation === 'PutBlockList' && isStaging(request),
      how: {
        kind: 'meanwhile',
        // Its lease ran out, another attempt came and went, and so did a client with a further part.
        work: async () => {
          await stagingBlob(bench, upload).getBlobLeaseClient().breakLease(0);
          await expectKind(
            complete(adapter, upload, [parts[0]], {
              unused: [parts[1], parts[2]],
              condition: { version: '"0x1"' },
            }),
            'PreconditionFailed',
          );
        },
      },
    });
    await complete(adapter, upload, parts);
    await expectObject(adapter, bucket, 'key', three);
  });
});

describe('another attempt', () => {
  it('that commits another list before the copy does not change what is published', async () => {
    const bucket = await bench.bucket();
    for (const by of [adapter, cramped]) {
      const upload = await begin(by, bucket, 'key');
      const [first, second, third] = await threeParts(by, upload);
      bench.strict.faults.push({
        on: ({ operation, blob }) => /^(CopyBlob|PutBlock)FromUrl$/.test(operation) && blob === 'key',
        how: {
          kind: 'meanwhile',
          work: () =>
            expectKind(
              complete(by, upload, [third], { unused: [first, second], condition: { version: '"0x1"' } }),
              'PreconditionFailed',
            ),
        },
      });
      await complete(by, upload, [first, second, third]);
      await expectObject(adapter, bucket, 'key', three);
      await adapter.deleteObject({ bucket, key: 'key' });
    }
  });
});
