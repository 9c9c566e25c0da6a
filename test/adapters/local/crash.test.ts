/** A process that dies after any step leaves one state or the other, and whoever comes next can go on. */
import { describe, expect, it } from 'vitest';
import { isAdapterError } from '../../../adapters/errors.ts';
import type { ObjectInfo, StorageAdapter, StoredPart, WriteCondition } from '../../../adapters/types.ts';
import {
  attributes,
  begin,
  bytes,
  complete,
  expectBytes,
  expectObject,
  KiB,
  list,
  multipartAttributes,
  part,
  put,
  read,
  type Upload,
} from '../contract/kit.ts';
import { Died, dyingAfter, makeRoot } from './kit.ts';

const root = await makeRoot();
const adapter = root.adapter();
await adapter.createBucket({ bucket: 'crash' });
const bucket = 'crash';
const soon = (): Date => new Date(Date.now() + 3_600_000);

/** Runs `work` again and again, killing it one step later each time, until it gets through. */
async function killAtEachStep(
  work: (dying: StorageAdapter) => Promise<unknown>,
  after: (acknowledged: boolean, step: number) => Promise<void>,
  before: () => Promise<void> = async () => undefined,
): Promise<number> {
  for (let step = 0; ; step++) {
    await before();
    const { fs, dead } = dyingAfter(step);
    const acknowledged = await work(root.adapter({ fs })).then(
      () => true,
      (error: unknown) => {
        if (error instanceof Died || (error instanceof Error && error.cause instanceof Died)) return false;
        throw error;
      },
    );
    await after(acknowledged, step);
    if (acknowledged && !dead()) return step;
    expect(step).toBeLessThan(100);
  }
}

async function state(key: string): Promise<{ data: Buffer; info: ObjectInfo } | undefined> {
  try {
    const info = await adapter.headObject({ bucket, key });
    return { data: await read(adapter, bucket, key), info };
  } catch (error) {
    if (isAdapterError(error, 'NoSuchObject')) return undefined;
    throw error;
  }
}

/** Nothing is left but live objects and their attributes. */
async function expectTidy(objects: number): Promise<void> {
  await adapter.sweep({ olderThan: soon(), isOpen: async () => false });
  const left = await root.privateFiles();
  expect(left.filter((name) => !name.includes('/keys/') && !name.includes('/attributes/'))).toEqual([]);
  expect(left.filter((name) => name.includes('/attributes/'))).toHaveLength(objects);
  expect(await list(adapter, bucket)).toHaveLength(objects);
}

const old = bytes(50 * KiB, 1);
const fresh = bytes(60 * KiB, 2);

describe.each(['dir/key', 'odd//key'])('killed at any step, %s', (key) => {
  it('holds the former object or the next after a put', async () => {
    let seen = 0;
    const steps = await killAtEachStep(
      (dying) => put(dying, bucket, key, fresh),
      async (acknowledged) => {
        const now = await state(key);
        const isNew = now?.info.attributes.etag === attributes(fresh).etag;
        if (acknowledged) expect(isNew).toBe(true);
        if (isNew) seen++;
        expectBytes(now?.data ?? Buffer.alloc(0), isNew ? fresh : old);
        expect(now?.info.attributes).toEqual(attributes(isNew ? fresh : old));
        await expectTidy(1);
      },
      async () => {
        await put(adapter, bucket, key, old);
      },
    );
    expect(steps).toBeGreaterThan(5);
    // Visible before it was acknowledged at least once: the steps after the rename were reached.
    expect(seen).toBeGreaterThan(1);
  });

  it('holds the object or nothing after a removal', async () => {
    await killAtEachStep(
      (dying) => dying.deleteObject({ bucket, key }),
      async (acknowledged) => {
        const now = await state(key);
        if (acknowledged) expect(now).toBeUndefined();
        if (now !== undefined) expectBytes(now.data, old);
        await expectTidy(now === undefined ? 0 : 1);
      },
      async () => {
        await put(adapter, bucket, key, old);
      },
    );
  });

  it('has the former attributes or the next after a change of them', async () => {
    const described = attributes(old, { tags: { a: 'b' } });
    await killAtEachStep(
      async (dying) => {
        const { version } = await adapter.headObject({ bucket, key });
        return dying.setAttributes({ bucket, key, version, attributes: described });
      },
      async (acknowledged) => {
        const now = await state(key);
        expectBytes(now?.data ?? Buffer.alloc(0), old);
        expect([attributes(old), described]).toContainEqual(now?.info.attributes);
        if (acknowledged) expect(now?.info.attributes).toEqual(described);
        await expectTidy(1);
      },
      async () => {
        await put(adapter, bucket, key, old);
      },
    );
  });

  it('is made of its parts, or can be, after a Complete', async () => {
    const layouts: readonly (readonly [name: string, stage: (upload: Upload) => Promise<StoredPart[]>])[] = [
      [
        'in place',
        async (upload) => [await staged(upload, 1), await staged(upload, 2), await staged(upload, 3, 900)],
      ],
      [
        'in place, with the last part first and one replaced',
        async (upload) => {
          const third = await staged(upload, 3, 900);
          const first = await staged(upload, 1);
          const second = await part(adapter, upload, 2, bytes(40 * KiB, 77));
          const again = await part(adapter, upload, 2, bytes(40 * KiB, 2), second);
          await adapter.discardParts({ ...upload, parts: [second] });
          return [first, again, third];
        },
      ],
      [
        'by copying',
        async (upload) => [await staged(upload, 2), await staged(upload, 4), await staged(upload, 9, 1)],
      ],
    ];
    const staged = (upload: Upload, number: number, size = 40 * KiB): Promise<StoredPart> =>
      part(adapter, upload, number, bytes(size, number));
    for (const [, stage] of layouts) {
      let upload: Upload | undefined;
      let parts: StoredPart[] = [];
      let condition: WriteCondition | undefined;
      const call = (on: StorageAdapter): Promise<ObjectInfo> => {
        if (upload === undefined) throw new Error('no upload');
        return complete(on, upload, parts, condition === undefined ? {} : { condition });
      };
      await killAtEachStep(
        call,
        async () => {
          if (upload === undefined) throw new Error('no upload');
          const whole = Buffer.concat(parts.map(({ partNumber, size }) => bytes(size, partNumber)));
          const described = multipartAttributes(upload, parts);
          const now = await state(key);
          const published = now?.info.attributes.uploadId === upload.uploadId;
          expectBytes(now?.data ?? Buffer.alloc(0), published ? whole : old);
          if (published) {
            // Somebody writes the key before the Complete is repeated: it must answer, and not bring its bytes back.
            await put(adapter, bucket, key, 'written since');
          }
          const repeated = await call(root.adapter());
          expect(repeated).toMatchObject({ key, size: whole.length, attributes: described });
          await expectObject(adapter, bucket, key, published ? 'written since' : whole);
          expect(await call(adapter)).toEqual(repeated);
          await adapter.abortUpload(upload);
          await expectTidy(1);
        },
        async () => {
          const { version } = await put(adapter, bucket, key, old);
          condition = key.includes('//') ? { version } : undefined;
          upload = await begin(adapter, bucket, key);
          parts = await stage(upload);
        },
      );
    }
    await adapter.deleteObject({ bucket, key });
  });
});

it('an upload killed in the middle of a part takes that part again', async () => {
  let upload: Upload | undefined;
  await killAtEachStep(
    async (dying) => {
      upload = await begin(adapter, bucket, 'key');
      return part(dying, upload, 1, bytes(40 * KiB, 9));
    },
    async () => {
      if (upload === undefined) throw new Error('no upload');
      const first = await part(adapter, upload, 1, bytes(40 * KiB, 1));
      const second = await part(adapter, upload, 2, bytes(40 * KiB, 2));
      await complete(adapter, upload, [first, second]);
      await adapter.abortUpload(upload);
      await expectObject(adapter, bucket, 'key', Buffer.concat([bytes(40 * KiB, 1), bytes(40 * KiB, 2)]));
    },
  );
  await adapter.deleteObject({ bucket, key: 'key' });
  await expectTidy(0);
});

it('a bucket killed in the middle of its making or removal is there or not, and can be made anew without its past', async () => {
  const name = 'crash-bucket';
  for (const work of ['create', 'delete'] as const) {
    await killAtEachStep(
      (dying) =>
        work === 'create' ? dying.createBucket({ bucket: name }) : dying.deleteBucket({ bucket: name }),
      async () => {
        await adapter.createBucket({ bucket: name }).catch((error: unknown) => {
          if (!isAdapterError(error, 'BucketExists')) throw error;
        });
        await adapter.deleteBucket({ bucket: name });
        await adapter.createBucket({ bucket: name });
        expect(await adapter.getBucketDocument({ bucket: name, name: 'policy' })).toBeUndefined();
        expect(await list(adapter, name)).toEqual([]);
        await adapter.deleteBucket({ bucket: name });
        await expectTidy(0);
      },
      async () => {
        await adapter.createBucket({ bucket: name });
        await adapter.putBucketDocument({ bucket: name, name: 'policy', text: 'old' });
        if (work === 'create') await adapter.deleteBucket({ bucket: name });
      },
    );
  }
});
