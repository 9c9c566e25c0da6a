import fs from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import {
  begin,
  bytes,
  complete,
  expectKind,
  expectObject,
  fullAttributes,
  KiB,
  part,
  put,
} from '../contract/kit.ts';
import { makeRoot } from './kit.ts';

const root = await makeRoot();
const adapter = root.adapter();
const own = join(root.path, '.partway');
const day = 86_400_000;

/** Makes everything private look as old as that. */
async function age(ms: number): Promise<void> {
  const when = new Date(Date.now() - ms);
  const entries = await fs.readdir(own, { recursive: true });
  for (const name of entries) if (!name.includes('swept/keys/')) await fs.utimes(join(own, name), when, when);
}

const nothingOpen = async (): Promise<boolean> => false;

it('removes what crashes left once it is old, and not before', async () => {
  await adapter.createBucket({ bucket: 'swept' });
  const described = fullAttributes('0'.repeat(32));
  await put(adapter, 'swept', 'live', 'bytes', { attributes: described });
  await put(adapter, 'swept', 'odd//live', 'bytes', { attributes: described });
  await put(adapter, 'swept', 'replaced', 'ours');
  await fs.writeFile(join(root.path, 'swept/replaced'), 'by another program');
  await put(adapter, 'swept', 'removed', 'ours');
  await fs.rm(join(root.path, 'swept/removed'));
  await fs.writeFile(join(own, 'tmp/crashed'), 'x'.repeat(1000));
  await fs.mkdir(join(own, 'trash/crashed/deep'), { recursive: true });
  await fs.writeFile(join(own, 'trash/crashed/deep/file'), 'x'.repeat(1000));
  const [shard = ''] = await fs.readdir(join(own, 'buckets/swept/attributes'));
  const cutOff = join(own, 'buckets/swept/attributes', shard, 'cut-off-while-it-was-written');
  await fs.writeFile(cutOff, '');
  const upload = await begin(adapter, 'swept', 'live');
  await part(adapter, upload, 1, bytes(100 * KiB));
  await fs.mkdir(join(own, 'buckets/no-such-bucket/keys'), { recursive: true });
  await fs.writeFile(join(own, 'buckets/no-such-bucket/keys/61!'), 'x');
  const before = await root.privateFiles();

  const olderThan = new Date(Date.now() - day);
  expect(await adapter.sweep({ olderThan, isOpen: nothingOpen })).toEqual({ removed: 0, bytes: 0 });
  expect(await root.privateFiles()).toEqual(before);
  await age(2 * day);
  const open = await begin(adapter, 'swept', 'live');
  const asked: string[] = [];
  const isOpen = async (uploadId: string): Promise<boolean> => {
    asked.push(uploadId);
    return false;
  };
  const dry = await adapter.sweep({ olderThan, isOpen, dryRun: true });
  expect(await root.privateFiles()).toEqual(before);
  const swept = await adapter.sweep({ olderThan, isOpen });
  expect(dry).toEqual(swept);
  // A body, a trash, two attributes of states that are gone, one that was never whole, an upload, a bucket.
  expect(swept.removed).toBe(7);
  expect(swept.bytes).toBeGreaterThan(102 * KiB);
  // Too young an upload is not even asked about.
  expect(new Set(asked)).toEqual(new Set([upload.uploadId]));

  for (const key of ['live', 'odd//live']) {
    await expectObject(root.adapter(), 'swept', key, 'bytes');
    expect((await root.adapter().headObject({ bucket: 'swept', key })).attributes).toEqual(described);
  }
  await expectObject(adapter, 'swept', 'replaced', 'by another program');
  await complete(adapter, open, [await part(adapter, open, 1, bytes(10))]);
  await adapter.abortUpload(open);
  const left = await root.privateFiles();
  expect(left.filter((name) => !name.includes('/attributes/') && !name.includes('/keys/'))).toEqual([]);
  expect(await fs.readdir(join(own, 'buckets'))).toEqual(['swept']);
});

it('keeps attributes of a live object that were damaged: they tell of the damage', async () => {
  await adapter.createBucket({ bucket: 'harmed' });
  await put(adapter, 'harmed', 'key', 'bytes');
  const [path = ''] = (await root.privateFiles()).filter((name) =>
    name.startsWith('buckets/harmed/attributes/'),
  );
  await fs.writeFile(join(own, path), '{');
  await age(2 * day);
  await adapter.sweep({ olderThan: new Date(), isOpen: nothingOpen });
  await expectKind(root.adapter().headObject({ bucket: 'harmed', key: 'key' }), 'Corrupt');
});

it('keeps an upload that is open, however old', async () => {
  await adapter.createBucket({ bucket: 'patient' });
  const upload = await begin(adapter, 'patient', 'key');
  const first = await part(adapter, upload, 1, bytes(100));
  await age(100 * day);
  await adapter.sweep({ olderThan: new Date(), isOpen: async (id) => id === upload.uploadId });
  await complete(adapter, upload, [first]);
  await expectObject(adapter, 'patient', 'key', bytes(100));
});

it('stops when it is told to', async () => {
  const reason = new Error('shutting down');
  const stop = new AbortController();
  const upload = await begin(adapter, 'patient', 'key');
  await age(2 * day);
  const sweeping = adapter.sweep({
    olderThan: new Date(),
    isOpen: async () => {
      stop.abort(reason);
      return true;
    },
    signal: stop.signal,
  });
  await expect(sweeping).rejects.toBe(reason);
  await adapter.abortUpload(upload);
});
