/** A root of its own for each test file, and file systems that record, fail or die. */
import { constants } from 'node:fs';
import fs, { type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import type { FileLayer } from '../../../adapters/local/files.ts';
import { createLocalAdapter } from '../../../adapters/local/index.ts';
import type { StorageAdapter } from '../../../adapters/types.ts';

export interface Root {
  readonly path: string;
  /** Another adapter over the root. `os`, unless the test is about durability. */
  adapter(options?: { readonly fs?: FileLayer; readonly durability?: 'full' | 'os' }): StorageAdapter;
  /** Names below `.partway`, relative to it, of files only. */
  privateFiles(): Promise<string[]>;
}

/** Made at once, removed after the tests of the file. */
export async function makeRoot(): Promise<Root> {
  const path = await fs.realpath(await fs.mkdtemp(join(tmpdir(), 'partway-local-')));
  const adapters: StorageAdapter[] = [];
  afterAll(async () => {
    await Promise.all(adapters.map((adapter) => adapter.close()));
    await fs.rm(path, { recursive: true });
  });
  return {
    path,
    adapter(options = {}) {
      const adapter = createLocalAdapter({ root: path, durability: 'os', ...options });
      adapters.push(adapter);
      return adapter;
    },
    async privateFiles() {
      const own = join(path, '.partway');
      const entries = await fs.readdir(own, { recursive: true, withFileTypes: true });
      return entries
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(own.length + 1))
        .filter((name) => !name.startsWith('locks/'))
        .sort();
    },
  };
}

export interface Operation {
  /** As `node:fs/promises` calls it; of an open file, with `file.` before it. */
  readonly name: string;
  /** Of an open file, the one it was opened by. */
  readonly path: string;
  /** The other path of a rename. */
  readonly to: string | undefined;
  /** An `open` that may make the file. */
  readonly creates: boolean;
  readonly result: 'done' | 'failed';
}

export interface Watched {
  readonly fs: FileLayer;
  readonly log: Operation[];
}

/** Calls `before` ahead of every operation; what it throws is the operation's failure. */
export function watch(before: (name: string, path: string) => void = () => undefined): Watched {
  const log: Operation[] = [];
  const run = async (
    name: string,
    path: string,
    argument: unknown,
    work: () => unknown,
  ): Promise<unknown> => {
    const to = name === 'rename' && typeof argument === 'string' ? argument : undefined;
    const creates = name === 'open' && typeof argument === 'number' && (argument & constants.O_CREAT) !== 0;
    const entry = { name, path, to, creates };
    try {
      before(name, path);
      const result = await work();
      log.push({ ...entry, result: 'done' });
      return result;
    } catch (error) {
      log.push({ ...entry, result: 'failed' });
      throw error;
    }
  };
  const watchHandle = (handle: FileHandle, path: string): FileHandle =>
    new Proxy(handle, {
      get(target, property) {
        const member: unknown = Reflect.get(target, property, target);
        if (typeof member !== 'function') return member;
        return (...args: unknown[]) =>
          run(`file.${String(property)}`, path, undefined, () => Reflect.apply(member, target, args));
      },
    });
  const layer = new Proxy(fs, {
    get(target, property) {
      const member: unknown = Reflect.get(target, property, target);
      if (typeof member !== 'function') return member;
      return (path: string, ...args: unknown[]) =>
        run(String(property), path, args[0], async () => {
          const result: unknown = await Reflect.apply(member, target, [path, ...args]);
          return property === 'open' ? watchHandle(result as FileHandle, path) : result;
        });
    },
  });
  return { fs: layer, log };
}

const looking = new Set([
  'lstat',
  'realpath',
  'readlink',
  'readdir',
  'opendir',
  'readFile',
  'access',
  'file.stat',
  'file.read',
  'file.readFile',
]);
/** A process that dies closes its files, too. */
const closing = new Set(['file.close', `file.${String(Symbol.asyncDispose)}`]);

export class Died extends Error {
  override readonly name = 'Died';
}

/** A file system that does the first `steps` changes and nothing after that, as if the process had been killed. */
export function dyingAfter(steps: number): Watched & { readonly dead: () => boolean } {
  let left = steps;
  let dead = false;
  const watched = watch((name) => {
    if (closing.has(name)) return;
    if (dead) throw new Died('the process is dead');
    if (looking.has(name)) return;
    if (left === 0) {
      dead = true;
      throw new Died('the process dies');
    }
    left--;
  });
  return { ...watched, dead: () => dead };
}

/** A failure as the operating system reports it. */
export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: made by the test`), { code, errno: -1, syscall: 'test' });
}
