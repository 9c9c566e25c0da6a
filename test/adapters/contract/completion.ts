import { describe, expect, it } from 'vitest';
import { AdapterError } from '../../../adapters/errors.ts';
import type { Leftover, StoredPart } from '../../../adapters/types.ts';
import {
  begin,
  bytes,
  type Contract,
  complete,
  expectKind,
  expectObject,
  KiB,
  list,
  multipartAttributes,
  newUploadId,
  part,
  put,
} from './kit.ts';

const SIZE = 128 * KiB;
const two = Buffer.concat([bytes(SIZE, 1), bytes(SIZE, 2)]);

export function completionContract(contract: Contract): void {
  describe('completeUpload', () => {
    it('answers the same when it is repeated', async () => {
      const { adapter, replica } = contract;
      const bucket = await contract.bucket();
      const upload = await begin(adapter, bucket, 'key');
      const parts = [
        await part(adapter, upload, 1, bytes(SIZE, 1)),
        await part(adapter, upload, 2, bytes(SIZE, 2)),
      ];
      const first = await complete(adapter, upload, parts);
      expect(await complete(adapter, upload, parts)).toEqual(first);
      expect(await complete(replica, upload, parts)).toEqual(first);
      await expectObject(adapter, bucket, 'key', two);
    });

    it('recognises its work under the condition that its own object now fails', async () => {
      const { adapter } = contract;
      const bucket = await contract.bucket();
      for (const condition of [
        { absent: true } as const,
        { version: (await put(adapter, bucket, 'there', 'x')).version },
      ]) {
        const upload = await begin(adapter, bucket, 'absent' in condition ? 'new' : 'there');
        const parts = [await part(adapter, upload, 1, bytes(SIZE, 1))];
        const first = await complete(adapter, upload, parts, { condition });
        expect(await complete(adapter, upload, parts, { condition })).toEqual(first);
      }
    });

    it('asks right before it publishes, and leaves the upload whole when it must not', async () => {
      const { adapter } = contract;
      const bucket = await contract.bucket();
      // One part is published in place, two that leave one out are not.
      for (const [key, numbers] of [
        ['whole', [1]],
        ['chosen', [1, 3]],
      ] as const) {
        const before = await put(adapter, bucket, key, 'before');
        const upload = await begin(adapter, bucket, key);
        const parts = [];
        for (const number of key === 'whole' ? [1] : [1, 2, 3])
          parts.push(await part(adapter, upload, number, bytes(SIZE, number)));
        const chosen = parts.filter(({ partNumber }) => numbers.some((number) => number === partNumber));
        const unused = parts.filter((each) => !chosen.includes(each));
        const refusal = new AdapterError('Aborted', 'no longer ours');
        const beforePublish = (): void => {
          throw refusal;
        };
        await expect(complete(adapter, upload, chosen, { unused, beforePublish })).rejects.toBe(refusal);
        expect((await adapter.headObject({ bucket, key })).version).toBe(before.version);
        await complete(adapter, upload, chosen, { unused });
        await expectObject(adapter, bucket, key, Buffer.concat(numbers.map((number) => bytes(SIZE, number))));
      }
    });

    it('recognises what has been replaced since, where it says that it does', async () => {
      const { adapter, replica } = contract;
      if (!adapter.capabilities.remembersCompletion) return;
      const bucket = await contract.bucket();
      const upload = await begin(adapter, bucket, 'key');
      const parts = [await part(adapter, upload, 1, bytes(SIZE, 1))];
      const first = await complete(adapter, upload, parts, { condition: { absent: true } });
      await put(adapter, bucket, 'key', 'newer');
      expect(await complete(replica, upload, parts, { condition: { absent: true } })).toEqual(first);
      await adapter.deleteObject({ bucket, key: 'key' });
      expect(await complete(replica, upload, parts, { condition: { absent: true } })).toEqual(first);
      expect(await list(adapter, bucket)).toEqual([]);
    });

    it('gives one result when raced', async () => {
      const { adapter, replica } = contract;
      const bucket = await contract.bucket();
      const upload = await begin(adapter, bucket, 'key');
      const parts = [
        await part(adapter, upload, 1, bytes(SIZE, 1)),
        await part(adapter, upload, 2, bytes(SIZE, 2)),
      ];
      const infos = await Promise.all(
        [adapter, replica, adapter, replica].map((each) => complete(each, upload, parts)),
      );
      for (const info of infos) expect(info.size).toBe(2 * SIZE);
      expect(await adapter.headObject({ bucket, key: 'key' })).toMatchObject({
        attributes: multipartAttributes(upload, parts),
      });
      await expectObject(adapter, bucket, 'key', two);
    });

    it('leaves the upload whole and usable when its condition fails', async () => {
      const { adapter } = contract;
      const bucket = await contract.bucket();
      const live = await put(adapter, bucket, 'key', 'live');
      const stale = live.version;
      await put(adapter, bucket, 'key', 'live again');
      const upload = await begin(adapter, bucket, 'key');
      const first = await part(adapter, upload, 1, bytes(SIZE, 1));
      const second = await part(adapter, upload, 2, bytes(SIZE, 2));
      const third = await part(adapter, upload, 3, bytes(1000, 3));
      for (const condition of [{ absent: true } as const, { version: stale }]) {
        await expectKind(
          complete(adapter, upload, [first, second, third], { condition }),
          'PreconditionFailed',
        );
        await expectKind(
          complete(adapter, upload, [first, third], { condition, unused: [second] }),
          'PreconditionFailed',
        );
      }
      await expectObject(adapter, bucket, 'key', 'live again');
      const anew = await part(adapter, upload, 2, bytes(SIZE, 22), second);
      await adapter.discardParts({ ...upload, parts: [second] });
      const fourth = await part(adapter, upload, 4, bytes(SIZE, 4));
      await complete(adapter, upload, [first, anew, third, fourth]);
      await expectObject(
        adapter,
        bucket,
        'key',
        Buffer.concat([bytes(SIZE, 1), bytes(SIZE, 22), bytes(1000, 3), bytes(SIZE, 4)]),
      );
    });

    it('publishes under the conditions of a put', async () => {
      const { adapter } = contract;
      const bucket = await contract.bucket();
      const create = await begin(adapter, bucket, 'key');
      const made = await complete(adapter, create, [await part(adapter, create, 1, bytes(SIZE, 1))], {
        condition: { absent: true },
      });
      const replace = await begin(adapter, bucket, 'key');
      await complete(adapter, replace, [await part(adapter, replace, 1, bytes(SIZE, 2))], {
        condition: { version: made.version },
      });
      await expectObject(adapter, bucket, 'key', bytes(SIZE, 2));
      const none = await begin(adapter, bucket, 'none');
      await expectKind(
        complete(adapter, none, [await part(adapter, none, 1, bytes(SIZE))], {
          condition: { version: made.version },
        }),
        'PreconditionFailed',
      );
      expect(await list(adapter, bucket)).toEqual(['key']);
    });

    it('lets exactly one of two uploads create the object', async () => {
      const { adapter, replica } = contract;
      const bucket = await contract.bucket();
      const uploads = [await begin(adapter, bucket, 'key'), await begin(replica, bucket, 'key')] as const;
      const stored = [
        [await part(adapter, uploads[0], 1, bytes(SIZE, 1))],
        [await part(adapter, uploads[1], 1, bytes(SIZE, 2))],
      ] as const;
      const outcomes = await Promise.allSettled([
        complete(adapter, uploads[0], stored[0], { condition: { absent: true } }),
        complete(replica, uploads[1], stored[1], { condition: { absent: true } }),
      ]);
      expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      const winner = outcomes[0].status === 'fulfilled' ? 1 : 2;
      await expectObject(adapter, bucket, 'key', bytes(SIZE, winner));
    });

    it('says that staged bytes are gone', async () => {
      const { adapter } = contract;
      const bucket = await contract.bucket();
      await put(adapter, bucket, 'key', 'live');
      const upload = await begin(adapter, bucket, 'key');
      const parts = [
        await part(adapter, upload, 1, bytes(1000, 1)),
        await part(adapter, upload, 2, bytes(SIZE, 2)),
      ];
      await adapter.abortUpload(upload);
      await expectKind(complete(adapter, upload, parts), 'NoSuchPart');
      await expectObject(adapter, bucket, 'key', 'live');
    });
  });

  describe('sweep', () => {
    const soon = (): Date => new Date(Date.now() + 3_600_000);

    it('collects an upload that nobody knows, and nothing else', async () => {
      const { adapter } = contract;
      const bucket = await contract.bucket();
      const key = 'live/object';
      await put(adapter, bucket, key, 'live');
      const lost = await begin(adapter, bucket, key);
      await part(adapter, lost, 1, bytes(SIZE));
      const open = await begin(adapter, bucket, key);
      const first = await part(adapter, open, 1, bytes(SIZE, 7));
      const known = new Set([open.uploadId]);
      const isOpen = async (uploadId: string): Promise<boolean> => known.has(uploadId);

      const past = new Date(Date.now() - 3_600_000);
      await adapter.sweep({ olderThan: past, isOpen: async () => false });
      const told: Leftover[] = [];
      const onLeftover = (leftover: Leftover): number => told.push(leftover);
      const isOurs = (name: string): boolean => name !== bucket;
      await adapter.sweep({ olderThan: soon(), isOpen, isOurs, onLeftover });
      expect(told.filter((leftover) => leftover.bucket === bucket)).toEqual([]);
      told.length = 0;
      const dry = await adapter.sweep({ olderThan: soon(), isOpen, dryRun: true, onLeftover });
      expect(dry.removed).toBeGreaterThan(0);
      expect(dry.bytes).toBeGreaterThanOrEqual(SIZE);
      expect(told).toHaveLength(dry.removed);
      expect(told.reduce((sum, leftover) => sum + leftover.bytes, 0)).toBe(dry.bytes);
      const ofBucket = told.filter((leftover) => leftover.bucket === bucket);
      expect(ofBucket.length).toBeGreaterThan(0);
      for (const leftover of ofBucket) {
        expect(leftover).toMatchObject({ kind: 'upload', uploadId: lost.uploadId });
        expect(leftover.place).not.toBe('');
      }
      const swept = await adapter.sweep({ olderThan: soon(), isOpen });
      expect(swept.removed).toBeGreaterThan(0);
      expect(swept.bytes).toBeGreaterThanOrEqual(SIZE);
      expect(await adapter.sweep({ olderThan: soon(), isOpen })).toEqual({ removed: 0, bytes: 0 });

      await expectObject(adapter, bucket, key, 'live');
      await complete(adapter, open, [first]);
      await adapter.abortUpload(open);
      await expectObject(adapter, bucket, key, bytes(SIZE, 7));
    });

    it('tells which parts have lost their bytes', async () => {
      const { adapter, replica } = contract;
      const bucket = await contract.bucket();
      const upload = await begin(adapter, bucket, 'key');
      const stored = [
        await part(adapter, upload, 1, bytes(SIZE, 1)),
        await part(adapter, upload, 2, bytes(SIZE, 2)),
        await part(adapter, upload, 3, bytes(1000, 3)),
        await part(adapter, upload, 9, bytes(SIZE + 1, 4)),
        await part(adapter, upload, 10, Buffer.alloc(0)),
      ];
      const missing = (parts: readonly StoredPart[]): Promise<readonly number[]> =>
        replica.findMissingParts({ ...upload, parts });
      expect(await missing(stored)).toEqual([]);
      expect(await missing([])).toEqual([]);
      await adapter.abortUpload(upload);
      expect(await missing(stored)).toEqual([1, 2, 3, 9]);
    });

    it('lets an upload ID be any of the letters it may have', async () => {
      const { adapter } = contract;
      const bucket = await contract.bucket();
      for (const uploadId of ['-', '_', 'A', 'a'.repeat(128), newUploadId()]) {
        const upload = { bucket, key: 'key', uploadId };
        const state = await adapter.beginUpload(upload);
        const open = { ...upload, state };
        await complete(adapter, open, [await part(adapter, open, 1, bytes(1000))]);
        await adapter.abortUpload(open);
        await expectObject(adapter, bucket, 'key', bytes(1000));
      }
    });
  });
}
