import { describe, expect, it } from 'vitest';
import {
  attributes,
  body,
  brokenBody,
  bytes,
  type Contract,
  collect,
  expectAborted,
  expectBytes,
  expectKind,
  expectObject,
  failure,
  fullAttributes,
  KiB,
  list,
  put,
  read,
  stalledBody,
} from './kit.ts';

export function objectsContract(contract: Contract): void {
  describe('putObject and getObject', () => {
    it.each([0, 1, 4 * KiB, 64 * KiB + 1, 1024 * KiB + 3])('gives back %i bytes', async (size) => {
      const bucket = await contract.bucket();
      const data = bytes(size);
      const before = Date.now();
      const written = await put(contract.adapter, bucket, 'dir/key', data);
      expect(written).toMatchObject({ key: 'dir/key', size, attributes: attributes(data) });
      expect(Math.abs(written.lastModified.getTime() - before)).toBeLessThan(60_000);
      const got = await contract.replica.getObject({ bucket, key: 'dir/key' });
      expect(got.range).toEqual(size === 0 ? undefined : { start: 0, end: size - 1 });
      expect(got.info).toEqual(written);
      expectBytes(await collect(got.body), data);
      expect(await contract.adapter.headObject({ bucket, key: 'dir/key' })).toEqual(written);
    });

    it('keeps every attribute unchanged', async () => {
      const bucket = await contract.bucket();
      const described = fullAttributes('0123456789abcdef0123456789abcdef-2');
      await put(contract.adapter, bucket, 'key', 'hello world', { attributes: described });
      expect((await contract.replica.headObject({ bucket, key: 'key' })).attributes).toEqual(described);
      const got = await contract.replica.getObject({ bucket, key: 'key' });
      got.body.destroy();
      expect(got.info.attributes).toEqual(described);
    });

    it('keeps 2 KiB of metadata, 10 tags and the sizes of 10,000 parts', async () => {
      const bucket = await contract.bucket();
      const described = attributes('x', {
        metadata: { [`n${'a'.repeat(500)}`]: 'v'.repeat(1500) },
        tags: Object.fromEntries(
          Array.from({ length: 10 }, (_, i) => [`${i}${'k'.repeat(127)}`, 'v'.repeat(256)]),
        ),
        parts: Array.from({ length: 10_000 }, (_, i) => ({
          partNumber: i + 1,
          size: 5_242_880 + (i % 7) * 1000,
        })),
      });
      await put(contract.adapter, bucket, 'key', 'x', { attributes: described });
      expect((await contract.replica.headObject({ bucket, key: 'key' })).attributes).toEqual(described);
    });

    it('asks for the attributes once, after the last byte', async () => {
      const bucket = await contract.bucket();
      const data = bytes(300 * KiB);
      const given = body(data);
      const ended: boolean[] = [];
      await contract.adapter.putObject({
        bucket,
        key: 'key',
        body: given,
        attributes: async () => {
          ended.push(given.stream.readableEnded);
          return attributes(data);
        },
      });
      expect(ended).toEqual([true]);
    });

    it('stores nothing when the attributes are refused', async () => {
      const bucket = await contract.bucket();
      await put(contract.adapter, bucket, 'key', 'before');
      const refusal = new Error('the checksum disagrees');
      const error = await failure(
        contract.adapter.putObject({
          bucket,
          key: 'key',
          body: body('after'),
          attributes: () => {
            throw refusal;
          },
        }),
      );
      expect(error).toBe(refusal);
      await expectObject(contract.adapter, bucket, 'key', 'before');
    });

    it('names every state anew, also when the bytes are the same', async () => {
      const bucket = await contract.bucket();
      const versions = new Set<string>();
      for (let i = 0; i < 5; i++) versions.add((await put(contract.adapter, bucket, 'key', 'same')).version);
      await contract.adapter.deleteObject({ bucket, key: 'key' });
      versions.add((await put(contract.adapter, bucket, 'key', 'same')).version);
      expect(versions.size).toBe(6);
      expect(versions).toContain((await contract.adapter.headObject({ bucket, key: 'key' })).version);
    });

    it('says that an object is missing', async () => {
      const bucket = await contract.bucket();
      await put(contract.adapter, bucket, 'dir/key', 'bytes');
      for (const key of ['none', 'dir', 'dir/', 'dir/key/', 'dir/key/below', 'di', 'dir/ke']) {
        await expectKind(contract.adapter.getObject({ bucket, key }), 'NoSuchObject');
        await expectKind(contract.adapter.headObject({ bucket, key }), 'NoSuchObject');
      }
    });

    it('reads one state only when asked for it', async () => {
      const bucket = await contract.bucket();
      const first = await put(contract.adapter, bucket, 'key', 'first');
      expectBytes(await read(contract.adapter, bucket, 'key', { version: first.version }), 'first');
      await put(contract.adapter, bucket, 'key', 'second');
      await expectKind(
        contract.adapter.getObject({ bucket, key: 'key', version: first.version }),
        'PreconditionFailed',
      );
    });

    it('never mixes two states in one body', async () => {
      const bucket = await contract.bucket();
      const before = bytes(3 * 1024 * KiB, 1);
      await put(contract.adapter, bucket, 'key', before);
      const { body: stream } = await contract.adapter.getObject({ bucket, key: 'key' });
      await put(contract.adapter, bucket, 'key', bytes(3 * 1024 * KiB, 2));
      const got = await collect(stream).catch((error: unknown) => error);
      if (Buffer.isBuffer(got)) expectBytes(got, before);
      else expect(got).toBeInstanceOf(Error);
    });

    it('lets a reader walk away', async () => {
      const bucket = await contract.bucket();
      await put(contract.adapter, bucket, 'key', bytes(1024 * KiB));
      const { body: stream } = await contract.adapter.getObject({ bucket, key: 'key' });
      stream.on('error', () => undefined);
      await new Promise<void>((resolve) => {
        stream.once('close', resolve);
        stream.destroy();
      });
      await put(contract.adapter, bucket, 'key', 'next');
      await expectObject(contract.adapter, bucket, 'key', 'next');
    });
  });

  describe('ranges', () => {
    const data = bytes(200 * KiB, 3);
    const cases = [
      [{ start: 0, end: 0 }, 0, 0],
      [{ start: 10, end: 99_999 }, 10, 99_999],
      [{ start: 200 * KiB - 1 }, 200 * KiB - 1, 200 * KiB - 1],
      [{ start: 70_000 }, 70_000, 200 * KiB - 1],
      [{ start: 5, end: 10 ** 12 }, 5, 200 * KiB - 1],
      [{ suffix: 1 }, 200 * KiB - 1, 200 * KiB - 1],
      [{ suffix: 100_000 }, 200 * KiB - 100_000, 200 * KiB - 1],
      [{ suffix: 10 ** 12 }, 0, 200 * KiB - 1],
    ] as const;

    it('reads exactly what was asked for', async () => {
      const bucket = await contract.bucket();
      await put(contract.adapter, bucket, 'key', data);
      for (const [range, start, end] of cases) {
        const got = await contract.adapter.getObject({ bucket, key: 'key', range });
        expect(got.range).toEqual({ start, end });
        expect(got.info.size).toBe(data.length);
        expectBytes(await collect(got.body), data.subarray(start, end + 1));
      }
    });

    it('refuses a range out of reach', async () => {
      const { adapter } = contract;
      const bucket = await contract.bucket();
      await put(adapter, bucket, 'key', 'bytes');
      await put(adapter, bucket, 'empty', '');
      await expectKind(adapter.getObject({ bucket, key: 'key', range: { start: 5 } }), 'InvalidRange');
      await expectKind(
        adapter.getObject({ bucket, key: 'key', range: { start: 7, end: 9 } }),
        'InvalidRange',
      );
      await expectKind(adapter.getObject({ bucket, key: 'key', range: { suffix: 0 } }), 'InvalidRange');
      await expectKind(adapter.getObject({ bucket, key: 'empty', range: { start: 0 } }), 'InvalidRange');
      await expectKind(adapter.getObject({ bucket, key: 'empty', range: { suffix: 5 } }), 'InvalidRange');
    });
  });

  describe('a body that goes wrong', () => {
    it.each(['errors', 'ends early', 'is destroyed', 'is too long'] as const)(
      'stores nothing when it %s',
      async (how) => {
        const bucket = await contract.bucket();
        await put(contract.adapter, bucket, 'kept', 'before');
        for (const key of ['kept', 'new']) {
          await failure(
            contract.adapter.putObject({
              bucket,
              key,
              body: brokenBody(bytes(300 * KiB), how),
              attributes: () => attributes('x'),
            }),
          );
        }
        await expectObject(contract.adapter, bucket, 'kept', 'before');
        expect(await list(contract.adapter, bucket)).toEqual(['kept']);
      },
    );

    it('tells why its stream failed', async () => {
      const bucket = await contract.bucket();
      let error = await failure(
        contract.adapter.putObject({
          bucket,
          key: 'key',
          body: brokenBody(bytes(300 * KiB), 'errors'),
          attributes: () => attributes('x'),
        }),
      );
      while (error instanceof Error && error.cause !== undefined) error = error.cause;
      expect(error).toHaveProperty('message', 'the digest disagrees');
    });

    it('stores nothing once its signal is aborted', async () => {
      const bucket = await contract.bucket();
      await put(contract.adapter, bucket, 'kept', 'before');
      const reason = new Error('the client is gone');
      const abort = new AbortController();
      const stalled = stalledBody(bytes(300 * KiB));
      const putting = contract.adapter.putObject({
        bucket,
        key: 'kept',
        body: stalled,
        attributes: () => attributes('x'),
        signal: abort.signal,
      });
      void stalled.half.then(() => abort.abort(reason));
      await expectAborted(putting, reason);
      stalled.stream.destroy();
      await expectObject(contract.adapter, bucket, 'kept', 'before');
    });

    it('does nothing when the signal was aborted before', async () => {
      const bucket = await contract.bucket();
      const reason = new Error('too late');
      const signal = AbortSignal.abort(reason);
      const given = body('bytes');
      await expectAborted(
        contract.adapter.putObject({
          bucket,
          key: 'key',
          body: given,
          attributes: () => attributes('x'),
          signal,
        }),
        reason,
      );
      given.stream.destroy();
      await expectAborted(contract.adapter.listObjects({ bucket, limit: 1, signal }), reason);
      await expectAborted(contract.adapter.headObject({ bucket, key: 'key', signal }), reason);
      expect(await list(contract.adapter, bucket)).toEqual([]);
    });
  });
}
