/** The order in which objects are verified and added up, whatever the order in which reading them ends. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { AdapterError } from '../../adapters/errors.ts';
import { createLocalAdapter } from '../../adapters/local/index.ts';
import type { StorageAdapter } from '../../adapters/types.ts';
import type { ObjectName, Verdict } from '../../src/integrity/check-object.ts';
import { begin, load, type Progress, save } from '../../src/integrity/progress.ts';
import { verify } from '../../src/integrity/verify.ts';
import { createStorage, type Storage } from '../../src/storage.ts';
import { put } from '../adapters/contract/kit.ts';

let root: string;
let adapter: StorageAdapter;
let storage: Storage;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'partway-walk-'));
  adapter = createLocalAdapter({ root: join(root, 'data'), durability: 'os' });
  storage = createStorage([{ name: 'local', adapter }]);
  for (const bucket of ['one', 'two', 'three']) {
    await adapter.createBucket({ bucket });
    for (let i = 10; i < 40; i++) await put(adapter, bucket, `key${i}`, 'x');
  }
});

afterEach(async () => {
  await storage.close();
  await rm(root, { recursive: true, force: true });
});

/** Ends in an order of its own. */
async function check({ bucket, key }: ObjectName): Promise<Verdict> {
  for (let turns = (Number(key.slice(3)) * 7) % 11; turns > 0; turns--) await new Promise(setImmediate);
  return bucket === 'two' && key.endsWith('5')
    ? { outcome: 'damaged', problems: ['as told'] }
    : { outcome: 'fine' };
}

it('adds up in the order of listings, with so many in flight and no more', async () => {
  let now = 0;
  let most = 0;
  const positions: string[] = [];
  const result = await verify({
    storage,
    from: begin(''),
    inFlight: 7,
    async check(name) {
      now += 1;
      most = Math.max(most, now);
      const verdict = await check(name);
      now -= 1;
      return verdict;
    },
    onProgress: ({ position }) => positions.push(`${position?.bucket}/${position?.key}`),
  });
  expect(most).toBe(7);
  expect(result.counts).toMatchObject({ objects: 90, bytes: 90, fine: 87, damaged: 3 });
  expect(result.findings.map(({ bucket, key }) => `${bucket}/${key}`)).toEqual([
    'two/key15',
    'two/key25',
    'two/key35',
  ]);
  expect(positions).toEqual(positions.toSorted());
});

it('comes to the same result in one go and in several', async () => {
  const whole = await verify({ storage, from: begin(''), inFlight: 4, check });
  const file = join(root, 'progress.json');
  let progress: Progress = begin('');
  const looked: string[] = [];
  for (let rounds = 0; ; rounds++) {
    expect(rounds).toBeLessThan(20);
    const stop = new AbortController();
    let reads = 0;
    progress = await verify({
      storage,
      from: progress,
      inFlight: 4,
      async check(name) {
        reads += 1;
        if (reads === 17) stop.abort();
        looked.push(`${name.bucket}/${name.key}`);
        return check(name);
      },
      signal: stop.signal,
    });
    await save(file, progress);
    const kept = await load(file);
    expect(kept).toEqual(progress);
    if (!stop.signal.aborted) break;
  }
  expect({ ...progress, startedAt: whole.startedAt }).toEqual(whole);
  expect(new Set(looked).size).toBe(90);
});

it('tells of a bucket that cannot be listed, and goes on with the next', async () => {
  const failing: StorageAdapter = {
    ...adapter,
    listObjects: (call) =>
      call.bucket === 'three'
        ? Promise.reject(new AdapterError('Unavailable', 'the disk is away'))
        : adapter.listObjects(call),
  };
  const result = await verify({
    storage: createStorage([{ name: 'local', adapter: failing }]),
    from: begin(''),
    inFlight: 4,
    check,
  });
  expect(result.counts).toMatchObject({ objects: 60, unchecked: 1 });
  expect(result.findings).toContainEqual({
    bucket: 'three',
    outcome: 'unchecked',
    problems: ['its objects cannot be listed: the disk is away'],
  });
});

it('rejects when reading itself breaks', async () => {
  const broken = verify({
    storage,
    from: begin(''),
    inFlight: 4,
    check: ({ key }) =>
      key === 'key15' ? Promise.reject(new Error('a thread died')) : check({ bucket: '', key }),
  });
  await expect(broken).rejects.toThrow('a thread died');
});
