/** Small reads are at hand with the answer: nobody needs to read a stream for them. */
import { expect, it } from 'vitest';
import { bytes, put } from '../contract/kit.ts';
import { makeRoot } from './kit.ts';

const root = await makeRoot();
const KiB = 1024;

it.each([
  ['an empty object', 0, undefined, 0, 0],
  ['a small object', 64 * KiB, undefined, 0, 64 * KiB],
  ['a range of a small object', 4 * KiB, { start: 1, end: 9 }, 1, 10],
  ['a small range of a large object', 200 * KiB, { suffix: 5 }, 200 * KiB - 5, 200 * KiB],
])('gives the bytes of %s', async (name, size, range, start, end) => {
  const adapter = root.adapter();
  const bucket = name.replaceAll(' ', '-');
  await adapter.createBucket({ bucket });
  const data = bytes(size);
  await put(adapter, bucket, 'key', data);
  const { body } = await adapter.getObject({ bucket, key: 'key', ...(range !== undefined && { range }) });
  expect(body.bytes?.equals(data.subarray(start, end))).toBe(true);
});

it('gives a stream of a large object', async () => {
  const adapter = root.adapter();
  await adapter.createBucket({ bucket: 'large' });
  await put(adapter, 'large', 'key', bytes(64 * KiB + 1));
  const { body } = await adapter.getObject({ bucket: 'large', key: 'key' });
  body.destroy();
  expect(body.bytes).toBeUndefined();
});
