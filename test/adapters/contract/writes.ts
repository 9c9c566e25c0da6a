import { describe, expect, it } from 'vitest';
import { isAdapterError } from '../../../adapters/errors.ts';
import {
  attributes,
  bytes,
  type Contract,
  expectKind,
  expectObject,
  fullAttributes,
  KiB,
  list,
  put,
  read,
} from './kit.ts';

/** Runs writers at once, half on each replica; resolves to the indexes of those that won. */
async function race(
  contract: Contract,
  writers: number,
  write: (adapter: Contract['adapter'], index: number) => Promise<unknown>,
): Promise<number[]> {
  const outcomes = await Promise.allSettled(
    Array.from({ length: writers }, (_, i) => write(i % 2 === 0 ? contract.adapter : contract.replica, i)),
  );
  return outcomes.flatMap((outcome, index) => {
    if (outcome.status === 'fulfilled') return [index];
    if (isAdapterError(outcome.reason, 'PreconditionFailed')) return [];
    throw outcome.reason;
  });
}

export function writesContract(contract: Contract): void {
  describe('conditions', () => {
    it('writes only where nothing is', async () => {
      const bucket = await contract.bucket();
      await put(contract.adapter, bucket, 'key', 'first', { condition: { absent: true } });
      await expectKind(
        put(contract.adapter, bucket, 'key', 'second', { condition: { absent: true } }),
        'PreconditionFailed',
      );
      await expectObject(contract.adapter, bucket, 'key', 'first');
      await contract.adapter.deleteObject({ bucket, key: 'key' });
      await put(contract.adapter, bucket, 'key', 'third', { condition: { absent: true } });
      await expectObject(contract.adapter, bucket, 'key', 'third');
    });

    it('writes only over the state that was named', async () => {
      const bucket = await contract.bucket();
      const { version } = await put(contract.adapter, bucket, 'key', 'first');
      await put(contract.adapter, bucket, 'key', 'second', { condition: { version } });
      await expectKind(
        put(contract.adapter, bucket, 'key', 'third', { condition: { version } }),
        'PreconditionFailed',
      );
      await expectObject(contract.adapter, bucket, 'key', 'second');
      await expectKind(
        put(contract.adapter, bucket, 'none', 'bytes', { condition: { version } }),
        'PreconditionFailed',
      );
      expect(await list(contract.adapter, bucket)).toEqual(['key']);
    });

    it('lets exactly one of many writers create', async () => {
      const bucket = await contract.bucket();
      for (const key of ['a', 'deep/b', 'odd//c']) {
        const won = await race(contract, 8, (adapter, i) =>
          put(adapter, bucket, key, `writer ${i}`, { condition: { absent: true } }),
        );
        expect(won).toHaveLength(1);
        await expectObject(contract.adapter, bucket, key, `writer ${won[0]}`);
      }
    });

    it('lets exactly one of many writers replace', async () => {
      const bucket = await contract.bucket();
      let { version } = await put(contract.adapter, bucket, 'key', 'start');
      for (let round = 0; round < 3; round++) {
        const expected = version;
        const won = await race(contract, 8, (adapter, i) =>
          put(adapter, bucket, 'key', `round ${round} writer ${i}`, { condition: { version: expected } }),
        );
        expect(won).toHaveLength(1);
        await expectObject(contract.adapter, bucket, 'key', `round ${round} writer ${won[0]}`);
        ({ version } = await contract.adapter.headObject({ bucket, key: 'key' }));
      }
    });
  });

  describe('deleteObject', () => {
    it('removes an object, and does not mind when it is gone', async () => {
      const bucket = await contract.bucket();
      await put(contract.adapter, bucket, 'a/b', 'bytes');
      await put(contract.adapter, bucket, 'a/c', 'bytes');
      await contract.adapter.deleteObject({ bucket, key: 'a/b' });
      await contract.adapter.deleteObject({ bucket, key: 'a/b' });
      await contract.adapter.deleteObject({ bucket, key: 'a' });
      await contract.adapter.deleteObject({ bucket, key: 'a/c/d' });
      await expectKind(contract.adapter.headObject({ bucket, key: 'a/b' }), 'NoSuchObject');
      expect(await list(contract.adapter, bucket)).toEqual(['a/c']);
    });

    it('removes only the state that was named', async () => {
      const bucket = await contract.bucket();
      const { version } = await put(contract.adapter, bucket, 'key', 'first');
      const second = await put(contract.adapter, bucket, 'key', 'second');
      await expectKind(
        contract.adapter.deleteObject({ bucket, key: 'key', condition: { version } }),
        'PreconditionFailed',
      );
      await expectObject(contract.adapter, bucket, 'key', 'second');
      await contract.adapter.deleteObject({ bucket, key: 'key', condition: { version: second.version } });
      await expectKind(
        contract.adapter.deleteObject({ bucket, key: 'key', condition: { version: second.version } }),
        'PreconditionFailed',
      );
    });

    it('does not lose an object written at the same time beside the one removed', async () => {
      const bucket = await contract.bucket();
      for (let round = 0; round < 10; round++) {
        await put(contract.adapter, bucket, 'deep/down/old', 'bytes');
        await Promise.all([
          contract.adapter.deleteObject({ bucket, key: 'deep/down/old' }),
          put(contract.replica, bucket, 'deep/down/new', `round ${round}`),
        ]);
        await expectObject(contract.adapter, bucket, 'deep/down/new', `round ${round}`);
        await contract.adapter.deleteObject({ bucket, key: 'deep/down/new' });
      }
      expect(await list(contract.adapter, bucket)).toEqual([]);
    });
  });

  describe('setAttributes', () => {
    it('describes the same bytes anew', async () => {
      const bucket = await contract.bucket();
      const before = await put(contract.adapter, bucket, 'key', 'bytes');
      const described = fullAttributes('11112222333344445555666677778888');
      const after = await contract.adapter.setAttributes({
        bucket,
        key: 'key',
        version: before.version,
        attributes: described,
      });
      expect(after).toMatchObject({ key: 'key', size: 5, attributes: described });
      expect(await contract.replica.headObject({ bucket, key: 'key' })).toEqual(after);
      expectBytesOf(await read(contract.adapter, bucket, 'key', { version: after.version }), 'bytes');
    });

    it('refuses another state, and none', async () => {
      const bucket = await contract.bucket();
      const { version } = await put(contract.adapter, bucket, 'key', 'first');
      const second = await put(contract.adapter, bucket, 'key', 'second');
      const given = attributes('x', { metadata: { wrong: 'yes' } });
      await expectKind(
        contract.adapter.setAttributes({ bucket, key: 'key', version, attributes: given }),
        'PreconditionFailed',
      );
      expect(await contract.adapter.headObject({ bucket, key: 'key' })).toEqual(second);
      await expectKind(
        contract.adapter.setAttributes({ bucket, key: 'none', version, attributes: given }),
        'NoSuchObject',
      );
    });
  });

  describe('copyObject', () => {
    it('copies bytes under new attributes, within and across buckets', async () => {
      const { adapter } = contract;
      const bucket = await contract.bucket();
      const other = await contract.bucket();
      const data = bytes(1500 * KiB);
      const { version } = await put(adapter, bucket, 'from', data);
      const source = { bucket, key: 'from', version };
      const described = fullAttributes('99990000999900009999000099990000');
      for (const target of [
        { bucket, key: 'to/here' },
        { bucket: other, key: 'odd//there' },
      ]) {
        const copy = await adapter.copyObject({ ...target, source, attributes: described });
        expect(copy).toMatchObject({ key: target.key, size: data.length, attributes: described });
        expect(await contract.replica.headObject(target)).toEqual(copy);
        await expectObject(adapter, target.bucket, target.key, data);
      }
      await expectObject(adapter, bucket, 'from', data);
    });

    it('copies an object onto itself, as clients do to change its metadata', async () => {
      const bucket = await contract.bucket();
      const data = bytes(100 * KiB);
      const { version } = await put(contract.adapter, bucket, 'key', data);
      const described = attributes(data, { metadata: { new: 'yes' } });
      const copy = await contract.adapter.copyObject({
        bucket,
        key: 'key',
        source: { bucket, key: 'key', version },
        attributes: described,
      });
      expect(copy.version).not.toBe(version);
      expect((await contract.adapter.headObject({ bucket, key: 'key' })).attributes).toEqual(described);
      await expectObject(contract.adapter, bucket, 'key', data);
    });

    it('says which side failed', async () => {
      const { adapter } = contract;
      const bucket = await contract.bucket();
      const first = await put(adapter, bucket, 'from', 'first');
      const second = await put(adapter, bucket, 'from', 'second');
      const target = await put(adapter, bucket, 'to', 'target');
      const call = { bucket, key: 'to', attributes: attributes('second') };
      const stale = { bucket, key: 'from', version: first.version };
      const source = { bucket, key: 'from', version: second.version };
      await expectKind(adapter.copyObject({ ...call, source: stale }), 'PreconditionFailed', 'source');
      await expectKind(
        adapter.copyObject({ ...call, source: { ...source, key: 'none' } }),
        'NoSuchObject',
        'source',
      );
      await expectKind(
        adapter.copyObject({ ...call, source, condition: { absent: true } }),
        'PreconditionFailed',
      );
      await expectKind(
        adapter.copyObject({ ...call, source, condition: { version: first.version } }),
        'PreconditionFailed',
      );
      await expectObject(adapter, bucket, 'to', 'target');
      await adapter.copyObject({ ...call, source, condition: { version: target.version } });
      await expectObject(adapter, bucket, 'to', 'second');
      await adapter.copyObject({ ...call, key: 'new', source, condition: { absent: true } });
      await expectObject(adapter, bucket, 'new', 'second');
    });
  });
}

function expectBytesOf(actual: Buffer, expected: string): void {
  expect(actual.toString()).toBe(expected);
}
