/** What the operating system refuses, in words that say what to do, and with nothing left behind. */
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { AdapterErrorKind } from '../../../adapters/errors.ts';
import { AdapterError, isAdapterError } from '../../../adapters/errors.ts';
import { codeOf, FromCaller, toThrow } from '../../../adapters/local/errors.ts';
import { createLocalAdapter } from '../../../adapters/local/index.ts';
import type { StorageAdapter } from '../../../adapters/types.ts';
import {
  attributes,
  begin,
  bytes,
  complete,
  expectBytes,
  expectKind,
  expectObject,
  failure,
  KiB,
  list,
  part,
  put,
  read,
} from '../contract/kit.ts';
import { makeRoot, systemError, watch } from './kit.ts';

const root = await makeRoot();
const adapter = root.adapter();
const bucket = 'faults';
await adapter.createBucket({ bucket });

describe('system errors', () => {
  it.each<[string, AdapterErrorKind, RegExp]>([
    ['ENOSPC', 'Full', /free space/],
    ['EDQUOT', 'Full', /quota/],
    ['EACCES', 'Forbidden', /permission/],
    ['EPERM', 'Forbidden', /permission/],
    ['EROFS', 'Unavailable', /read-only/],
    ['EFBIG', 'TooLarge', /size/],
    ['EMFILE', 'Unavailable', /ulimit/],
    ['ENFILE', 'Unavailable', /ulimit/],
    ['EIO', 'Unavailable', /kernel log/],
    ['ESTALE', 'Unavailable', /network/],
    ['EXDEV', 'Internal', /one file system/],
    ['EWHATEVER', 'Internal', /EWHATEVER/],
    ['ENOENT', 'Internal', /ENOENT/],
  ])('%s is %s, with what to do', (code, kind, advice) => {
    const cause = systemError(code);
    const error = toThrow(cause);
    expect(error).toBeInstanceOf(AdapterError);
    expect(error).toMatchObject({ kind, cause });
    expect((error as AdapterError).message).toMatch(advice);
  });

  it('that are none of ours stay as they are', () => {
    const own = new AdapterError('Full', 'x');
    expect(toThrow(own)).toBe(own);
    const callers = systemError('ECONNRESET');
    expect(toThrow(new FromCaller(callers))).toBe(callers);
    expect(toThrow('no error')).toMatchObject({ kind: 'Internal' });
    expect(codeOf({ code: 'EIO' })).toBeUndefined();
  });
});

/** Fails every call of a kind with a code, on paths that match. */
function failing(operation: string, code: string, path = /./): StorageAdapter {
  const { fs } = watch((name, at) => {
    if (name === operation && path.test(at)) throw systemError(code);
  });
  return root.adapter({ fs, durability: 'full' });
}

const faults: [operation: string, code: string, path: RegExp][] = [
  ['open', 'EMFILE', /tmp/],
  ['file.writev', 'ENOSPC', /tmp/],
  ['file.utimes', 'EIO', /tmp/],
  ['file.sync', 'EIO', /tmp/],
  ['open', 'ENOSPC', /attributes/],
  ['file.writeFile', 'ENOSPC', /attributes/],
  ['file.sync', 'EIO', /attributes.*\.[0-9a-z]+$/],
  ['mkdir', 'EACCES', /new/],
  ['rename', 'EIO', /tmp/],
];

describe('a fault', () => {
  it.each(faults)('of %s with %s leaves the object and nothing else', async (...fault) => {
    const [operation, code, path] = fault;
    for (const key of ['live', 'new/key', 'odd//key']) {
      if (operation === 'mkdir' && key !== 'new/key') continue;
      const there = key === 'live';
      if (there) await put(adapter, bucket, key, 'before');
      const before = await root.privateFiles();
      const error = await failure(put(failing(operation, code, path), bucket, key, bytes(10 * KiB)));
      expect(error).toMatchObject({ cause: { code } });
      if (there) await expectObject(adapter, bucket, key, 'before');
      else await expectKind(adapter.headObject({ bucket, key }), 'NoSuchObject');
      expect(await root.privateFiles()).toEqual(before);
    }
  });

  it.each([
    ['file.writev', 'ENOSPC'],
    ['file.datasync', 'EIO'],
    ['open', 'EMFILE'],
  ])('of %s with %s in a part lets the next attempt have its slot', async (operation, code) => {
    const upload = await begin(adapter, bucket, 'parts');
    const error = await failure(part(failing(operation, code, /data\./), upload, 1, bytes(10 * KiB)));
    expect(error).toMatchObject({ cause: { code } });
    const again = await part(adapter, upload, 1, bytes(10 * KiB));
    expect(again.token).toEqual({ slot: 10 * KiB });
    await complete(adapter, upload, [again]);
    await expectObject(adapter, bucket, 'parts', bytes(10 * KiB));
    await adapter.abortUpload(upload);
  });

  it('while reading ends the body with it', async () => {
    await put(adapter, bucket, 'large', bytes(1024 * KiB));
    await put(adapter, bucket, 'small', 'bytes');
    const broken = failing('file.read', 'EIO', /large|small/);
    await expectKind(broken.getObject({ bucket, key: 'small' }), 'Unavailable');
    const error = await failure(read(broken, bucket, 'large'));
    expect(isAdapterError(error, 'Unavailable')).toBe(true);
  });

  it('while looking is no missing object', async () => {
    await put(adapter, bucket, 'live', 'bytes');
    for (const operation of ['lstat', 'realpath']) {
      const broken = failing(operation, 'EIO', /faults/);
      await expectKind(broken.headObject({ bucket, key: 'live' }), 'Unavailable');
      await expectKind(broken.listObjects({ bucket, prefix: 'dir/', limit: 1 }), 'Unavailable');
      await expectKind(broken.deleteObject({ bucket, key: 'live' }), 'Unavailable');
    }
    await expectKind(failing('open', 'EACCES', /live/).getObject({ bucket, key: 'live' }), 'Forbidden');
    await expectObject(adapter, bucket, 'live', 'bytes');
  });

  it('after the object became visible is an error, and no lie', async () => {
    const broken = failing('file.sync', 'EIO', /faults$/);
    await expectKind(put(broken, bucket, 'live', 'after'), 'Unavailable');
    expect(['bytes', 'after']).toContain(String(await read(adapter, bucket, 'live')));
  });
});

describe('a file that is cut while it is read', () => {
  it('is an error, never fewer bytes than were promised', async () => {
    const { truncate } = await import('node:fs/promises');
    await put(adapter, bucket, 'cut', bytes(4096 * KiB));
    const { body } = await adapter.getObject({ bucket, key: 'cut' });
    await truncate(`${root.path}/${bucket}/cut`, 2048 * KiB);
    const error = await failure(body.toArray());
    expect(isAdapterError(error, 'Corrupt')).toBe(true);
  });
});

describe('short writes', () => {
  it('are gone on with', async () => {
    const { fs } = watch();
    const short = root.adapter({
      fs: new Proxy(fs, {
        get(target, property) {
          const member: unknown = Reflect.get(target, property, target);
          if (property !== 'open' || typeof member !== 'function') return member;
          return async (...args: unknown[]) => {
            const handle = await Reflect.apply(member, target, args);
            return new Proxy(handle, {
              get(file, name) {
                const method = Reflect.get(file, name, file);
                if (typeof method !== 'function') return method;
                if (name === 'writev') {
                  return async (buffers: Buffer[], at: number) => {
                    const first = Buffer.concat(buffers).subarray(0, 1000);
                    const { bytesWritten } = await file.write(first, 0, first.length, at);
                    return { bytesWritten, buffers };
                  };
                }
                if (name === 'write') {
                  return (buffer: Buffer, from: number, length: number, at: number) =>
                    file.write(buffer, from, Math.min(length, 70_000), at);
                }
                return (...rest: unknown[]) => Reflect.apply(method, file, rest);
              },
            });
          };
        },
      }),
    });
    const data = bytes(1500 * KiB, 5);
    await put(short, bucket, 'short', data);
    expectBytes(await read(adapter, bucket, 'short'), data);
  });
});

describe('bodies', () => {
  it('of very many very small chunks are written as they are', async () => {
    const data = bytes(50_000, 3);
    const stream = Readable.from(
      (function* () {
        for (let i = 0; i < data.length; i++) yield data.subarray(i, i + 1);
      })(),
      { objectMode: false },
    );
    await adapter.putObject({
      bucket,
      key: 'tiny',
      body: { stream, size: data.length },
      attributes: () => attributes(data),
    });
    expectBytes(await read(adapter, bucket, 'tiny'), data);
  });

  it('that failed before they were given are refused', async () => {
    const stream = new Readable({ read: () => undefined });
    stream.on('error', () => undefined);
    stream.destroy(new Error('gone before'));
    await new Promise((resolve) => stream.once('close', resolve));
    const putting = adapter.putObject({
      bucket,
      key: 'gone-before',
      body: { stream, size: 5 },
      attributes: () => attributes('x'),
    });
    await expect(putting).rejects.toThrow('gone before');
  });

  it('wait for the disk: no more than a few batches are taken in while a write is stuck', async () => {
    let open: () => void = () => undefined;
    const stuck = new Promise<void>((resolve) => {
      open = resolve;
    });
    const { fs } = watch();
    const slow = root.adapter({
      fs: new Proxy(fs, {
        get(target, property) {
          const member: unknown = Reflect.get(target, property, target);
          if (property !== 'open' || typeof member !== 'function') return member;
          return async (...args: unknown[]) => {
            const handle = await Reflect.apply(member, target, args);
            return new Proxy(handle, {
              get(file, name) {
                const method = Reflect.get(file, name, file);
                if (typeof method !== 'function') return method;
                return async (...rest: unknown[]) => {
                  if (name === 'writev') await stuck;
                  return Reflect.apply(method, file, rest);
                };
              },
            });
          };
        },
      }),
    });
    let given = 0;
    const total = 16 * 1024 * KiB;
    const stream = new Readable({
      highWaterMark: 64 * KiB,
      read() {
        if (given >= total) this.push(null);
        else {
          given += 64 * KiB;
          this.push(Buffer.alloc(64 * KiB));
        }
      },
    });
    const putting = slow.putObject({
      bucket,
      key: 'slow',
      body: { stream, size: total },
      attributes: () => attributes('x'),
    });
    let before = -1;
    while (given !== before) {
      before = given;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(given).toBeLessThan(2 * 1024 * KiB);
    open();
    expect((await putting).size).toBe(total);
  });
});

describe('the root', () => {
  it('is made when it is missing, and asked for again when it cannot be', async () => {
    const { rm, writeFile } = await import('node:fs/promises');
    const path = `${root.path}-later`;
    await writeFile(path, '');
    const later = createLocalAdapter({ root: path, durability: 'os' });
    try {
      await expectKind(later.check(), 'Unavailable');
      await rm(path);
      await later.check();
      await later.createBucket({ bucket });
      expect(await list(later, bucket)).toEqual([]);
    } finally {
      await later.close();
      await rm(path, { recursive: true, force: true });
    }
  });

  it('is asked for in vain where the kernel makes no directories', async () => {
    const nowhere = createLocalAdapter({ root: '/proc/partway/data', durability: 'os' });
    await expectKind(nowhere.check(), 'Unavailable');
    await nowhere.close();
  });

  it('is not ready when it cannot be written to', async () => {
    await expectKind(failing('access', 'EACCES').check(), 'Forbidden');
    await adapter.check();
  });
});
