import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { StorageAdapter } from '../../../adapters/types.ts';
import { attributes, begin, bytes, complete, KiB, part, put } from '../contract/kit.ts';
import { makeRoot, type Operation, watch } from './kit.ts';

const root = await makeRoot();
const own = join(root.path, '.partway');

/**
 * What a power cut would leave, by the letter of POSIX: the content of a file as of its last fsync, and a name as of the
 * last fsync of its directory.
 */
class Disk {
  /** Files with bytes, times or lengths that no fsync has covered. */
  readonly dirty = new Set<string>();
  /** Names made, moved or removed since their directory was fsynced. */
  readonly loose = new Set<string>();

  apply({ name, path, to, creates, result }: Operation): void {
    if (result === 'failed') return;
    if (creates && !this.#known.has(path)) this.#appear(path);
    if (name === 'mkdir') this.#appear(path);
    if (name === 'unlink' || name === 'rmdir' || name === 'rm') this.loose.add(path);
    if (/^file\.(write|writev|writeFile|truncate|utimes)$/.test(name)) this.dirty.add(path);
    if (name === 'file.sync') this.#sync(path);
    if (name === 'file.datasync') this.dirty.delete(path);
    if (name === 'rename' && to !== undefined) {
      if (this.dirty.delete(path)) this.dirty.add(to);
      this.loose.add(path).add(to);
      this.#known.add(to);
    }
  }

  readonly #known = new Set<string>();

  #appear(path: string): void {
    this.#known.add(path);
    this.loose.add(path);
  }

  #sync(path: string): void {
    this.dirty.delete(path);
    for (const name of this.loose) if (dirname(name) === path) this.loose.delete(name);
  }
}

interface Trace {
  readonly log: readonly Operation[];
  /** After each operation. */
  readonly disk: (until: number) => Disk;
}

async function traced(work: (adapter: StorageAdapter) => Promise<unknown>): Promise<Trace> {
  const { fs, log } = watch();
  await work(root.adapter({ fs, durability: 'full' }));
  return {
    log,
    disk(until) {
      const disk = new Disk();
      for (const operation of log.slice(0, until)) disk.apply(operation);
      return disk;
    },
  };
}

const within = (paths: Iterable<string>, ...parts: string[]): string[] =>
  [...paths].filter((path) => parts.some((each) => path.startsWith(each)));

/** The rename by which a key appears. */
function appearance({ log }: Trace, path: string): number {
  const at = log.findIndex(({ name, to }) => name === 'rename' && to === path);
  expect(at).toBeGreaterThan(0);
  return at;
}

describe('with durability full', () => {
  it('a bucket is on disk before it is acknowledged', async () => {
    const trace = await traced((adapter) => adapter.createBucket({ bucket: 'durable' }));
    const end = trace.disk(trace.log.length);
    expect(within(end.loose, join(root.path, 'durable'))).toEqual([]);
  });

  it.each([
    ['an ordinary object in new directories', 'new/dirs/key', 'durable/new/dirs/key'],
    ['an object in directories that are there', 'new/dirs/other', 'durable/new/dirs/other'],
    ['an object of the private tree', 'odd//key', '.partway/buckets/durable/keys/6f64642f2f6b6579!'],
  ])(
    '%s is on disk with its attributes before it is visible, and its name before it is acknowledged',
    async (...given) => {
      const [, key, name] = given;
      const trace = await traced((adapter) => put(adapter, 'durable', key, bytes(600 * KiB)));
      const path = join(root.path, name);
      const at = appearance(trace, path);
      const source = trace.log[at]?.path ?? '';
      const before = trace.disk(at);
      expect([...before.dirty]).toEqual([]);
      expect(within(before.loose, join(own, 'buckets/durable/attributes'))).toEqual([]);
      expect(trace.log.slice(0, at).some(({ name, path: of }) => name === 'file.sync' && of === source)).toBe(
        true,
      );
      const end = trace.disk(trace.log.length);
      expect(within(end.loose, join(root.path, 'durable'), join(own, 'buckets/durable/keys'))).toEqual([]);
      const firstPut = await traced((adapter) => put(adapter, 'durable', key, 'again'));
      const last = firstPut.disk(firstPut.log.length);
      expect(within(last.loose, path)).toEqual([]);
      expect([...last.dirty]).toEqual([]);
    },
  );

  it('another writer does not rely on directories that the one who made them has not brought to disk', async () => {
    const { fs } = watch((name, path) => {
      if (name === 'file.sync' && path === join(root.path, 'durable')) throw new Error('power cut');
    });
    const cut = root.adapter({ fs, durability: 'full' });
    await expect(put(cut, 'durable', 'fresh/one', 'x')).rejects.toThrow('power cut');
    const trace = await traced((adapter) => put(adapter, 'durable', 'fresh/two', 'x'));
    const synced = trace.log.filter(({ name }) => name === 'file.sync').map(({ path }) => path);
    expect(synced).toContain(join(root.path, 'durable'));
    expect(synced).toContain(join(root.path, 'durable/fresh'));
  });

  it('a removal is on disk before it is acknowledged', async () => {
    for (const key of ['new/dirs/key', 'odd//key']) {
      const trace = await traced((adapter) => adapter.deleteObject({ bucket: 'durable', key }));
      const end = trace.disk(trace.log.length);
      expect(within(end.loose, join(root.path, 'durable'), join(own, 'buckets/durable/keys'))).toEqual([]);
    }
  });

  it('new attributes are on disk before they count, and count on disk before they are acknowledged', async () => {
    const path = join(root.path, 'durable/new/dirs/other');
    const { version } = await root.adapter().headObject({ bucket: 'durable', key: 'new/dirs/other' });
    const trace = await traced((adapter) =>
      adapter.setAttributes({
        bucket: 'durable',
        key: 'new/dirs/other',
        version,
        attributes: attributes('x'),
      }),
    );
    const at = trace.log.findIndex(({ name, path: of }) => name === 'file.utimes' && of === path);
    const before = trace.disk(at);
    expect([...before.dirty]).toEqual([]);
    expect(within(before.loose, join(own, 'buckets'))).toEqual([]);
    expect([...trace.disk(trace.log.length).dirty]).toEqual([]);
  });

  it('a part is on disk with every name that leads to it before it is acknowledged', async () => {
    const bucket = 'durable';
    const upload = await begin(root.adapter({ durability: 'full' }), bucket, 'key');
    const staged = join(own, 'buckets/durable/uploads', upload.uploadId);
    const trace = await traced(async (adapter) => {
      const first = await part(adapter, upload, 1, bytes(600 * KiB));
      await part(adapter, upload, 1, bytes(600 * KiB), first);
    });
    const end = trace.disk(trace.log.length);
    expect([...end.dirty]).toEqual([]);
    // A claim need not outlive the process that made it.
    expect(within(end.loose, staged).filter((path) => !path.includes('/claims/'))).toEqual([]);
    expect(
      trace.log.some(({ name, path }) => name === 'file.datasync' && path === join(staged, 'data.614400')),
    ).toBe(true);
    // Another process cannot know whether the name of the file was brought to disk.
    const other = await traced((adapter) => part(adapter, upload, 2, bytes(600 * KiB)));
    expect(other.log.some(({ name, path }) => name === 'file.sync' && path === staged)).toBe(true);
  });

  it.each(['in place', 'by copying'])(
    'an object of parts is on disk before it is visible, put together %s',
    async (how) => {
      const adapter = root.adapter({ durability: 'full' });
      const key = `parts ${how}`;
      const upload = await begin(adapter, 'durable', key);
      const numbers = how === 'in place' ? [1, 2] : [2, 3];
      const parts = await Promise.all(
        numbers.map((number) => part(adapter, upload, number, bytes(100 * KiB, number))),
      );
      const trace = await traced((on) => complete(on, upload, parts));
      const path = join(root.path, 'durable', key);
      const at = appearance(trace, path);
      const before = trace.disk(at);
      expect([...before.dirty]).toEqual([]);
      const journal = join(own, 'buckets/durable/uploads', upload.uploadId, 'publish.json');
      expect(within(before.loose, join(own, 'buckets/durable/attributes'), journal)).toEqual([]);
      expect(trace.log.slice(0, at).some(({ name, to }) => name === 'rename' && to === journal)).toBe(true);
      const source = trace.log[at]?.path;
      expect(trace.log.slice(0, at).some(({ name, path: of }) => name === 'file.sync' && of === source)).toBe(
        true,
      );
      expect(within(trace.disk(trace.log.length).loose, path)).toEqual([]);
    },
  );
});

describe('with durability os', () => {
  it('nothing waits for the disk', async () => {
    const { fs, log } = watch();
    const adapter = root.adapter({ fs, durability: 'os' });
    await put(adapter, 'durable', 'quick/key', 'x');
    const upload = await begin(adapter, 'durable', 'quick/parts');
    await complete(adapter, upload, [await part(adapter, upload, 1, bytes(1000))]);
    expect(log.filter(({ name }) => /sync$/.test(name))).toEqual([]);
  });
});
