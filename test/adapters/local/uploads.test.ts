import fs from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { StoredPart } from '../../../adapters/types.ts';
import {
  begin,
  bytes,
  complete,
  expectBytes,
  expectKind,
  expectObject,
  failure,
  KiB,
  multipartAttributes,
  part,
  put,
  read,
  stalledBody,
  type Upload,
} from '../contract/kit.ts';
import { makeRoot, watch } from './kit.ts';

const root = await makeRoot();
const adapter = root.adapter();
const bucket = 'uploads';
await adapter.createBucket({ bucket });
const SIZE = 100 * KiB;

function directoryOf({ uploadId }: Upload): string {
  return join(root.path, '.partway/buckets', bucket, 'uploads', uploadId);
}

/** Completes, and tells how many bytes of the object were copied. */
async function copiedBytes(
  upload: Upload,
  parts: readonly StoredPart[],
  unused: readonly StoredPart[] = [],
): Promise<number> {
  let last = 0;
  let first: number | undefined;
  const total = parts.reduce((sum, { size }) => sum + size, 0);
  await complete(adapter, upload, parts, {
    unused,
    onProgress: (done) => {
      first ??= done;
      last = done;
    },
  });
  if (first !== undefined) expect(last).toBe(total);
  return total - (await inPlaceBytes(upload, parts));
}

/** Of the published object's parts, how many bytes lie in the file that their slots were in. */
async function inPlaceBytes(upload: Upload, parts: readonly StoredPart[]): Promise<number> {
  const journal = JSON.parse(await fs.readFile(join(directoryOf(upload), 'publish.json'), 'utf8'));
  const slotted = parts.filter(({ token }) => journal.source === `data.${(token as { slot?: number }).slot}`);
  return slotted.reduce((sum, { size }) => sum + size, 0);
}

describe('Complete', () => {
  it('copies nothing when parts are of one size but for the last, whatever order they arrived in', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 2, max: 9 }).chain((count) =>
          fc.record({
            order: fc.shuffledSubarray(
              Array.from({ length: count }, (_, i) => i + 1),
              { minLength: count },
            ),
            last: fc.constantFrom(1, 5000, SIZE - 1, SIZE),
            atOnce: fc.boolean(),
          }),
        ),
        async ({ order, last, atOnce }) => {
          const upload = await begin(adapter, bucket, 'key');
          const size = (number: number): number => (number === order.length ? last : SIZE);
          const stage = (number: number): Promise<StoredPart> =>
            part(adapter, upload, number, bytes(size(number), number));
          // The last part alone may come first: its size is that of no slot yet.
          const parts: StoredPart[] = [];
          if (atOnce) parts.push(...(await Promise.all(order.map(stage))));
          else for (const number of order) parts.push(await stage(number));
          parts.sort((a, b) => a.partNumber - b.partNumber);
          expect(await copiedBytes(upload, parts)).toBeLessThanOrEqual(last);
          const whole = parts.map(({ partNumber }) => bytes(size(partNumber), partNumber));
          await expectObject(adapter, bucket, 'key', Buffer.concat(whole));
          const { ino, size: length } = await fs.stat(join(root.path, bucket, 'key'));
          expect({ ino, length }).toEqual({ ino, length: Buffer.concat(whole).length });
          await adapter.abortUpload(upload);
        },
      ),
      { numRuns: 25 },
    );
  });

  it('copies only the parts that were replaced', async () => {
    const upload = await begin(adapter, bucket, 'key');
    const parts: StoredPart[] = [];
    for (const number of [1, 2, 3, 4]) parts.push(await part(adapter, upload, number, bytes(SIZE, number)));
    for (const number of [2, 3, 2]) {
      const before = parts[number - 1];
      if (before === undefined) throw new Error('no part');
      parts[number - 1] = await part(adapter, upload, number, bytes(SIZE, number + 10), before);
      await adapter.discardParts({ ...upload, parts: [before] });
    }
    expect(await copiedBytes(upload, parts)).toBe(2 * SIZE);
    await expectObject(
      adapter,
      bucket,
      'key',
      Buffer.concat([1, 12, 13, 4].map((seed) => bytes(SIZE, seed))),
    );
  });

  it('keeps away from the slot of an attempt that may still be writing', async () => {
    const upload = await begin(adapter, bucket, 'key');
    const first = await part(adapter, upload, 1, bytes(SIZE, 1));
    const stalled = stalledBody(bytes(SIZE, 99));
    const hanging = adapter.putPart({ ...upload, partNumber: 2, body: stalled });
    await stalled.half;
    const second = await part(adapter, upload, 2, bytes(SIZE, 2));
    await complete(adapter, upload, [first, second]);
    // Had the object been made in place, these bytes would be its own by now.
    stalled.stream.push(bytes(SIZE, 99).subarray(SIZE / 2));
    stalled.stream.push(null);
    await hanging;
    await expectObject(adapter, bucket, 'key', Buffer.concat([bytes(SIZE, 1), bytes(SIZE, 2)]));
  });

  it('keeps the slot of a part that is not named, and of one that arrives while it fails', async () => {
    await put(adapter, bucket, 'taken', 'live');
    const upload = await begin(adapter, bucket, 'taken');
    const parts: StoredPart[] = [];
    for (const number of [1, 2, 3]) parts.push(await part(adapter, upload, number, bytes(SIZE, number)));
    const stalled = stalledBody(bytes(SIZE, 4));
    const arriving = adapter.putPart({ ...upload, partNumber: 4, body: stalled });
    await stalled.half;
    const condition = { absent: true } as const;
    for (const named of [parts.slice(0, 1), parts.slice(0, 2), parts]) {
      const unused = parts.filter((each) => !named.includes(each));
      await expectKind(complete(adapter, upload, named, { unused, condition }), 'PreconditionFailed');
    }
    stalled.stream.push(bytes(SIZE, 4).subarray(SIZE / 2));
    stalled.stream.push(null);
    parts.push({ partNumber: 4, size: SIZE, token: await arriving });
    parts.push(await part(adapter, upload, 5, bytes(10, 5)));
    await complete(adapter, upload, parts);
    const seeds = [1, 2, 3, 4].map((seed) => bytes(SIZE, seed));
    await expectObject(adapter, bucket, 'taken', Buffer.concat([...seeds, bytes(10, 5)]));
  });

  it('stays possible after one that lost the race for the object, in place and by copying', async () => {
    for (const numbers of [
      [1, 2],
      [2, 5],
    ]) {
      const upload = await begin(adapter, bucket, 'raced');
      const parts = await Promise.all(
        numbers.map((number) => part(adapter, upload, number, bytes(SIZE, number))),
      );
      // The condition holds when it is judged first and fails when it counts.
      let written = false;
      const { fs: layer } = watch((name, path) => {
        if (name === 'rename' && path.endsWith('publish.json.draft')) written = true;
      });
      const slow = root.adapter({
        fs: new Proxy(layer, {
          get(target, property) {
            const member: unknown = Reflect.get(target, property, target);
            if (property !== 'rename' || typeof member !== 'function') return member;
            return async (...args: unknown[]) => {
              await Reflect.apply(member, target, args);
              if (written) await put(adapter, bucket, 'raced', 'somebody else');
            };
          },
        }),
      });
      await expectKind(complete(slow, upload, parts, { condition: { absent: true } }), 'PreconditionFailed');
      await expectObject(adapter, bucket, 'raced', 'somebody else');
      expect((await fs.readdir(directoryOf(upload))).filter((name) => name.startsWith('assembled'))).toEqual(
        [],
      );
      await complete(adapter, upload, parts);
      await expectObject(
        adapter,
        bucket,
        'raced',
        Buffer.concat(numbers.map((number) => bytes(SIZE, number))),
      );
      await adapter.deleteObject({ bucket, key: 'raced' });
    }
  });

  it('is out of reach of a part that comes while it is made visible', async () => {
    const upload = await begin(adapter, bucket, 'reached');
    const parts = [
      await part(adapter, upload, 1, bytes(SIZE, 1)),
      await part(adapter, upload, 2, bytes(SIZE, 2)),
    ];
    const late: Promise<StoredPart>[] = [];
    const { fs: layer } = watch();
    const slow = root.adapter({
      fs: new Proxy(layer, {
        get(target, property) {
          const member: unknown = Reflect.get(target, property, target);
          if (property !== 'rename' || typeof member !== 'function') return member;
          return async (...args: unknown[]) => {
            // Once before the journal is in its place, once before the object is.
            late.push(part(adapter, upload, 3 + late.length, bytes(SIZE, 99)));
            await late.at(-1);
            return Reflect.apply(member, target, args);
          };
        },
      }),
    });
    await complete(slow, upload, parts);
    for (const stored of await Promise.all(late)) expect(stored.token).toHaveProperty('file');
    expect(late).toHaveLength(2);
    await expectObject(adapter, bucket, 'reached', Buffer.concat([bytes(SIZE, 1), bytes(SIZE, 2)]));
  });

  it('keeps unnamed parts also when a power cut took the claims to their slots', async () => {
    await put(adapter, bucket, 'taken', 'live');
    const upload = await begin(adapter, bucket, 'taken');
    const parts = [
      await part(adapter, upload, 1, bytes(SIZE, 1)),
      await part(adapter, upload, 2, bytes(SIZE, 2)),
    ];
    for (const name of await fs.readdir(join(directoryOf(upload), 'claims'))) {
      await fs.rm(join(directoryOf(upload), 'claims', name));
    }
    const { fs: layer } = watch((name, path) => {
      if (name === 'rename' && !path.endsWith('.draft')) throw new Error('power cut');
    });
    const cut = complete(root.adapter({ fs: layer }), upload, parts.slice(0, 1), { unused: parts.slice(1) });
    await expect(cut).rejects.toThrow('power cut');
    await complete(adapter, upload, parts);
    await expectObject(adapter, bucket, 'taken', Buffer.concat([bytes(SIZE, 1), bytes(SIZE, 2)]));
  });

  it('says that bytes are gone, by slot, by file, and by the file that the slots were in', async () => {
    const upload = await begin(adapter, bucket, 'gone');
    const first = await part(adapter, upload, 1, bytes(SIZE, 1));
    const other = await part(adapter, upload, 3, bytes(SIZE, 3), first);
    const directory = directoryOf(upload);
    await fs.truncate(join(directory, `data.${SIZE}`), SIZE - 1);
    await expectKind(complete(adapter, upload, [first]), 'NoSuchPart');
    await expectKind(complete(adapter, upload, [first, other]), 'NoSuchPart');
    await fs.rm(join(directory, `data.${SIZE}`));
    await expectKind(complete(adapter, upload, [first]), 'NoSuchPart');
    await fs.rm(join(directory, 'parts'), { recursive: true });
    await expectKind(complete(adapter, upload, [other]), 'NoSuchPart');
    await expectKind(adapter.headObject({ bucket, key: 'gone' }), 'NoSuchObject');
  });

  it('agrees with a model, whatever is uploaded, replaced, discarded, refused and named', async () => {
    const step = fc.record({
      number: fc.integer({ min: 1, max: 4 }),
      size: fc.constantFrom(0, 1, 5000, SIZE, SIZE, SIZE, SIZE + 1),
      fate: fc.constantFrom(
        'recorded',
        'recorded',
        'recorded',
        'unaware',
        'refused',
        'broken',
        'complete fails',
      ),
    });
    await put(adapter, bucket, 'model', 'live');
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 10 }), fc.nat(), async (steps, choice) => {
        const upload = await begin(adapter, bucket, 'model');
        const recorded = new Map<number, { part: StoredPart; data: Buffer }>();
        const all = (): StoredPart[] =>
          [...recorded.values()].map((each) => each.part).sort((a, b) => a.partNumber - b.partNumber);
        for (const [seed, { number, size, fate }] of steps.entries()) {
          const data = bytes(size, seed + 100);
          const current = recorded.get(number)?.part;
          if (fate === 'complete fails') {
            if (recorded.size === 0) continue;
            const condition = { absent: true } as const;
            await expectKind(complete(adapter, upload, all(), { condition }), 'PreconditionFailed');
          } else if (fate === 'broken') {
            const stream = Readable.from([data.subarray(0, size >> 1)], { objectMode: false });
            const body = { stream, size: size + 1 };
            await failure(adapter.putPart({ ...upload, partNumber: number, body }));
          } else {
            const stored = await part(
              adapter,
              upload,
              number,
              data,
              fate === 'unaware' ? undefined : current,
            );
            const loser = fate === 'refused' ? stored : current;
            if (fate !== 'refused') recorded.set(number, { part: stored, data });
            if (loser !== undefined) await adapter.discardParts({ ...upload, parts: [loser] });
          }
        }
        const named = all().filter((_, i) => (choice >> i) % 3 !== 0);
        if (named.length === 0) return adapter.abortUpload(upload);
        const unused = all().filter((each) => !named.includes(each));
        const info = await complete(adapter, upload, named, { unused });
        expect(info.attributes).toEqual(multipartAttributes(upload, named));
        const expected = named.map(({ partNumber }) => recorded.get(partNumber)?.data ?? Buffer.alloc(0));
        expectBytes(await read(adapter, bucket, 'model'), Buffer.concat(expected));
        await adapter.abortUpload(upload);
      }),
      { numRuns: 60 },
    );
  });
});

describe('parts', () => {
  it('take no room in the object path and little beside their bytes', async () => {
    const upload = await begin(adapter, bucket, 'sparse');
    await part(adapter, upload, 9000, bytes(SIZE, 1));
    const { size, blocks } = await fs.stat(join(directoryOf(upload), `data.${SIZE}`));
    expect(size).toBe(9000 * SIZE);
    // File systems may set room aside behind what is written.
    expect(blocks * 512).toBeLessThan(20 * SIZE);
    await adapter.abortUpload(upload);
    await expectKind(part(adapter, upload, 1, bytes(SIZE)), 'NoSuchPart');
    await expectKind(part(adapter, upload, 1, bytes(0)), 'NoSuchPart');
  });

  it('that would lie too far out in a slotted file have files of their own', async () => {
    const upload = await begin(adapter, bucket, 'far');
    const first = await part(adapter, upload, 1, bytes(10, 1));
    // As if the parts before it had five gibibytes each.
    await fs.writeFile(join(directoryOf(upload), `data.${5 * 2 ** 30}`), '');
    const last = await part(adapter, upload, 10_000, bytes(SIZE, 2), undefined);
    expect(last.token).toHaveProperty('file');
    await complete(adapter, upload, [first, last]);
    await expectObject(adapter, bucket, 'far', Buffer.concat([bytes(10, 1), bytes(SIZE, 2)]));
  });

  it('are refused with an upload ID, a number or a token that no one gave out', async () => {
    const upload = await begin(adapter, bucket, 'key');
    for (const uploadId of ['', '..', '../x', 'a/b', 'a.b', 'x'.repeat(129), 'nul\0']) {
      await expectKind(part(adapter, { ...upload, uploadId }, 1, bytes(1)), 'InvalidName');
      await expectKind(adapter.beginUpload({ bucket, key: 'key', uploadId }), 'InvalidName');
      await expectKind(adapter.abortUpload({ ...upload, uploadId }), 'InvalidName');
    }
    for (const number of [0, -1, 1.5, Number.NaN]) {
      await expectKind(part(adapter, upload, number, bytes(1)), 'InvalidName');
    }
    for (const token of [null, 'x', { file: '../../x' }, { slot: 'x' }, { slot: 1.5 }, {}]) {
      await expectKind(complete(adapter, upload, [{ partNumber: 1, size: 1, token }]), 'Corrupt');
    }
  });
});

it('gives chunks back once, and only when they are written', async () => {
  const upload = await begin(adapter, bucket, 'recycled');
  const size = 1024 * KiB;
  const data = bytes(size, 77);
  const chunks = Array.from({ length: 8 }, (_, i) =>
    Buffer.from(data.subarray(i * 128 * KiB, (i + 1) * 128 * KiB)),
  );
  const given: Buffer[] = [];
  const stream = Object.assign(Readable.from(chunks, { objectMode: false }), {
    recycle(chunk: Buffer) {
      given.push(chunk);
      chunk.fill(0);
    },
  });
  const token = await adapter.putPart({ ...upload, partNumber: 1, body: { stream, size } });
  await complete(adapter, upload, [{ partNumber: 1, size, token }]);
  await expectObject(adapter, bucket, upload.key, data);
  expect(new Set(given)).toEqual(new Set(chunks));
  expect(given).toHaveLength(chunks.length);
});
