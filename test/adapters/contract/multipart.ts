import { describe, expect, it } from 'vitest';
import {
  attributes,
  begin,
  body,
  brokenBody,
  bytes,
  type Contract,
  collect,
  complete,
  expectAborted,
  expectBytes,
  expectKind,
  expectObject,
  failure,
  KiB,
  list,
  multipartAttributes,
  part,
  put,
  stalledBody,
} from './kit.ts';

const SIZE = 256 * KiB;

export function multipartContract(contract: Contract): void {
  describe('uploading by parts', () => {
    it('makes an object of its parts, whatever order they arrived in', async () => {
      const { adapter, replica } = contract;
      const bucket = await contract.bucket();
      const datas = [bytes(SIZE, 1), bytes(SIZE, 2), bytes(SIZE, 3), bytes(1000, 4)];
      for (const order of [
        [0, 1, 2, 3],
        [3, 2, 1, 0],
        [2, 3, 0, 1],
      ]) {
        const upload = await begin(adapter, bucket, 'dir/key');
        const stored = await Promise.all(
          order.map((i) => part(i % 2 === 0 ? adapter : replica, upload, i + 1, datas[i] ?? Buffer.alloc(0))),
        );
        stored.sort((a, b) => a.partNumber - b.partNumber);
        expect(await list(adapter, bucket)).toEqual([]);
        const info = await complete(replica, upload, stored);
        expect(info).toMatchObject({
          key: 'dir/key',
          size: 3 * SIZE + 1000,
          attributes: multipartAttributes(upload, stored),
        });
        expect(await adapter.headObject({ bucket, key: 'dir/key' })).toEqual(info);
        await expectObject(adapter, bucket, 'dir/key', Buffer.concat(datas));
        await adapter.abortUpload(upload);
        await expectObject(adapter, bucket, 'dir/key', Buffer.concat(datas));
        await adapter.deleteObject({ bucket, key: 'dir/key' });
      }
      await adapter.deleteBucket({ bucket });
    });

    it.each([
      ['one part', [[1, SIZE]]],
      ['one empty part', [[1, 0]]],
      [
        'an empty last part',
        [
          [1, SIZE],
          [2, SIZE],
          [3, 0],
        ],
      ],
      [
        'empty parts among others',
        [
          [1, 0],
          [2, 1000],
          [3, 0],
          [4, 5],
        ],
      ],
      [
        'a last part larger than the others',
        [
          [1, 1000],
          [2, SIZE],
        ],
      ],
      [
        'parts of many sizes',
        [
          [1, 300_000],
          [2, 1],
          [3, 299_999],
          [4, 70_000],
          [5, 300_001],
        ],
      ],
      [
        'numbers with gaps',
        [
          [2, SIZE],
          [30, SIZE],
          [9999, SIZE],
          [10000, 12],
        ],
      ],
    ] as const)('takes %s', async (_, layout) => {
      const { adapter } = contract;
      const bucket = await contract.bucket();
      const upload = await begin(adapter, bucket, 'key');
      const datas = layout.map(([number, size]) => bytes(size, number));
      const stored = await Promise.all(
        layout.map(([number], i) => part(adapter, upload, number, datas[i] ?? Buffer.alloc(0))),
      );
      const info = await complete(adapter, upload, stored);
      expect(info.size).toBe(Buffer.concat(datas).length);
      await expectObject(adapter, bucket, 'key', Buffer.concat(datas));
    });

    it('leaves out parts that are not named', async () => {
      const { adapter } = contract;
      for (const chosen of [[1], [2], [1, 3], [2, 3], [1, 2]]) {
        const bucket = await contract.bucket();
        const upload = await begin(adapter, bucket, 'key');
        const stored = await Promise.all(
          [1, 2, 3].map((number) => part(adapter, upload, number, bytes(SIZE, number))),
        );
        const parts = stored.filter(({ partNumber }) => chosen.includes(partNumber));
        const unused = stored.filter(({ partNumber }) => !chosen.includes(partNumber));
        await complete(adapter, upload, parts, { unused });
        await expectObject(
          adapter,
          bucket,
          'key',
          Buffer.concat(chosen.map((number) => bytes(SIZE, number))),
        );
        await adapter.abortUpload(upload);
      }
    });

    it('replaces a part, and keeps the earlier one until it is discarded', async () => {
      const { adapter } = contract;
      const bucket = await contract.bucket();
      for (const discard of [true, false]) {
        const upload = await begin(adapter, bucket, 'key');
        const first = await part(adapter, upload, 1, bytes(SIZE, 1));
        const second = await part(adapter, upload, 2, bytes(SIZE, 2));
        const again = await part(adapter, upload, 1, bytes(SIZE, 11), first);
        if (discard) {
          await adapter.discardParts({ ...upload, parts: [first] });
          await adapter.discardParts({ ...upload, parts: [first] });
          await complete(adapter, upload, [again, second]);
          await expectObject(adapter, bucket, 'key', Buffer.concat([bytes(SIZE, 11), bytes(SIZE, 2)]));
        } else {
          // The later part was refused by the store: the first is still the one.
          await adapter.discardParts({ ...upload, parts: [again] });
          await complete(adapter, upload, [first, second]);
          await expectObject(adapter, bucket, 'key', Buffer.concat([bytes(SIZE, 1), bytes(SIZE, 2)]));
        }
        await adapter.abortUpload(upload);
      }
    });

    it('keeps attempts at one part apart, even without being told of each other', async () => {
      const { adapter, replica } = contract;
      const bucket = await contract.bucket();
      const upload = await begin(adapter, bucket, 'key');
      const attempts = await Promise.all(
        [1, 2, 3, 4].map((seed) => part(seed % 2 ? adapter : replica, upload, 1, bytes(SIZE, seed))),
      );
      const winner = attempts[2];
      if (winner === undefined) throw new Error('no attempt');
      await adapter.discardParts({ ...upload, parts: attempts.filter((attempt) => attempt !== winner) });
      await complete(adapter, upload, [winner]);
      await expectObject(adapter, bucket, 'key', bytes(SIZE, 3));
    });

    it.each(['errors', 'ends early', 'is destroyed', 'is too long'] as const)(
      'keeps the earlier part when the body of the next %s',
      async (how) => {
        const { adapter } = contract;
        const bucket = await contract.bucket();
        const upload = await begin(adapter, bucket, 'key');
        const first = await part(adapter, upload, 1, bytes(SIZE, 1));
        for (const partNumber of [1, 2]) {
          await failure(
            adapter.putPart({
              ...upload,
              partNumber,
              body: brokenBody(bytes(SIZE, 9), how),
              current: first.token,
            }),
          );
        }
        const second = await part(adapter, upload, 2, bytes(SIZE, 2));
        await complete(adapter, upload, [first, second]);
        await expectObject(adapter, bucket, 'key', Buffer.concat([bytes(SIZE, 1), bytes(SIZE, 2)]));
      },
    );

    it('stops a part when its signal is aborted', async () => {
      const { adapter } = contract;
      const bucket = await contract.bucket();
      const upload = await begin(adapter, bucket, 'key');
      const reason = new Error('the client is gone');
      const abort = new AbortController();
      const stalled = stalledBody(bytes(SIZE));
      const putting = adapter.putPart({ ...upload, partNumber: 1, body: stalled, signal: abort.signal });
      void stalled.half.then(() => abort.abort(reason));
      await expectAborted(putting, reason);
      stalled.stream.destroy();
      const first = await part(adapter, upload, 1, bytes(SIZE, 1));
      await complete(adapter, upload, [first]);
      await expectObject(adapter, bucket, 'key', bytes(SIZE, 1));
    });

    it('keeps two uploads of one key apart, and a put in their middle', async () => {
      const { adapter } = contract;
      const bucket = await contract.bucket();
      const one = await begin(adapter, bucket, 'key');
      const two = await begin(adapter, bucket, 'key');
      const one1 = await part(adapter, one, 1, bytes(SIZE, 1));
      const two1 = await part(adapter, two, 1, bytes(SIZE, 21));
      await put(adapter, bucket, 'key', 'in the middle');
      const two2 = await part(adapter, two, 2, bytes(SIZE, 22));
      const one2 = await part(adapter, one, 2, bytes(SIZE, 2));
      await expectObject(adapter, bucket, 'key', 'in the middle');
      await complete(adapter, two, [two1, two2]);
      await adapter.abortUpload(two);
      await expectObject(adapter, bucket, 'key', Buffer.concat([bytes(SIZE, 21), bytes(SIZE, 22)]));
      await complete(adapter, one, [one1, one2]);
      await adapter.abortUpload(one);
      await expectObject(adapter, bucket, 'key', Buffer.concat([bytes(SIZE, 1), bytes(SIZE, 2)]));
    });

    it('aborts beside a live object without touching it', async () => {
      const { adapter } = contract;
      const bucket = await contract.bucket();
      await put(adapter, bucket, 'key', 'live');
      const upload = await begin(adapter, bucket, 'key');
      const first = await part(adapter, upload, 1, bytes(SIZE));
      await adapter.abortUpload(upload);
      await adapter.abortUpload(upload);
      await expectObject(adapter, bucket, 'key', 'live');
      await expectKind(complete(adapter, upload, [first]), 'NoSuchPart');
      await expectObject(adapter, bucket, 'key', 'live');
    });

    it('aborts an upload that has no part', async () => {
      const { adapter } = contract;
      const bucket = await contract.bucket();
      const upload = await begin(adapter, bucket, 'key');
      await adapter.abortUpload(upload);
      expect(await list(adapter, bucket)).toEqual([]);
    });

    it('lets a reader of the former object finish', async () => {
      const { adapter } = contract;
      const bucket = await contract.bucket();
      const before = bytes(2048 * KiB, 5);
      await put(adapter, bucket, 'key', before, { attributes: attributes(before) });
      const { body: stream } = await adapter.getObject({ bucket, key: 'key' });
      const upload = await begin(adapter, bucket, 'key');
      await complete(adapter, upload, [await part(adapter, upload, 1, bytes(SIZE))]);
      const got = await collect(stream).catch((error: unknown) => error);
      if (Buffer.isBuffer(got)) expectBytes(got, before);
      else expect(got).toBeInstanceOf(Error);
    });

    it('takes a part on each replica at the same time', async () => {
      const { adapter, replica } = contract;
      const bucket = await contract.bucket();
      const upload = await begin(adapter, bucket, 'key');
      const numbers = Array.from({ length: 24 }, (_, i) => i + 1);
      const stored = await Promise.all(
        numbers.map((number) =>
          (number % 2 ? adapter : replica)
            .putPart({ ...upload, partNumber: number, body: body(bytes(64 * KiB, number)) })
            .then((token) => ({ partNumber: number, size: 64 * KiB, token })),
        ),
      );
      await complete(adapter, upload, stored);
      await expectObject(
        replica,
        bucket,
        'key',
        Buffer.concat(numbers.map((number) => bytes(64 * KiB, number))),
      );
    });
  });
}
