/** The file system as this adapter uses it, and what it takes for a change to survive a power cut. */
import { constants } from 'node:fs';
import type fs from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf, isMissing } from './errors.ts';
import type { Looks } from './looks.ts';
import { Recent } from './recent.ts';

/** Injectable, so that tests can fail or record any call. */
export type FileLayer = Pick<
  typeof fs,
  | 'access'
  | 'lstat'
  | 'mkdir'
  | 'open'
  | 'opendir'
  | 'readdir'
  | 'readFile'
  | 'readlink'
  | 'realpath'
  | 'rename'
  | 'rm'
  | 'rmdir'
  | 'unlink'
>;

/** How often to make a directory that others remove. */
const attempts = 5;

export class Files {
  readonly layer: FileLayer;
  readonly look: Looks;
  readonly #durable: boolean;
  /** What is known to have its name on disk. */
  readonly #named = new Recent<true>(10_000);

  constructor(layer: FileLayer, looks: Looks, durable: boolean) {
    this.layer = layer;
    this.look = looks;
    this.#durable = durable;
  }

  /** Opens a new file in a private directory, which is made when it is missing. */
  async create(path: string): Promise<FileHandle> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.createHere(path);
      } catch (error) {
        // Removed again right away, when a bucket is.
        if (codeOf(error) !== 'ENOENT' || attempt === attempts) throw error;
        await this.makePrivate(dirname(path));
      }
    }
  }

  /** Opens a new file in a directory that is there. */
  async createHere(path: string): Promise<FileHandle> {
    const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
    return this.layer.open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW);
  }

  /** Makes a private directory and those above it. */
  async makePrivate(path: string): Promise<void> {
    const first = await this.#makeAll(path);
    if (first === undefined) return;
    for (let made = path; made.length >= first.length; made = dirname(made)) this.#named.delete(made);
  }

  async #makeAll(path: string): Promise<string | undefined> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.layer.mkdir(path, { recursive: true, mode: 0o700 });
      } catch (error) {
        // Both are said, too, when one of the directories is removed in the middle.
        const code = codeOf(error);
        if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
        if (attempt === attempts) throw await this.#reason(path, error);
      }
    }
  }

  /** Of a file system that is read-only, a recursive mkdir says ENOENT: that it is read-only says the one that lacks its parent least. */
  async #reason(path: string, error: unknown): Promise<unknown> {
    let first = path;
    while ((await this.look.lstat(dirname(first))) === undefined) first = dirname(first);
    return this.layer.mkdir(first, { mode: 0o700 }).then(
      () => error,
      (reason: unknown) => reason,
    );
  }

  /** Makes one directory. `false` when something has that name already. */
  async makeDirectory(path: string): Promise<boolean> {
    try {
      await this.layer.mkdir(path);
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return false;
      throw error;
    }
    this.#named.delete(path);
    return true;
  }

  /** Data and everything about the file. */
  async sync(handle: FileHandle): Promise<void> {
    if (this.#durable) await handle.sync();
  }

  /** Data, and of the rest only what is needed to read it (size, not times). */
  async syncData(handle: FileHandle): Promise<void> {
    if (this.#durable) await handle.datasync();
  }

  /** Makes the names in a directory durable; a directory that is gone has none. */
  async syncDirectory(path: string): Promise<void> {
    if (!this.#durable) return;
    let handle: FileHandle;
    try {
      handle = await this.layer.open(path, constants.O_RDONLY | constants.O_DIRECTORY);
    } catch (error) {
      if (isMissing(error)) return;
      throw error;
    }
    try {
      await handle.sync();
    } catch (error) {
      // POSIX, fsync: EINVAL where the file system has no such thing for directories (some FUSE ones).
      if (codeOf(error) !== 'EINVAL') throw error;
    } finally {
      await handle.close();
    }
  }

  /**
   * Makes a name in `directory` durable along with the names of the directories that lead to it from `base`, whoever
   * made those: a file is not there after a power cut when its directory is not.
   */
  async syncPath(directory: string, base: string): Promise<void> {
    if (!this.#durable) return;
    const syncs = [this.syncDirectory(directory)];
    const named: string[] = [];
    for (let path = directory; path.length > base.length; path = dirname(path)) {
      if (this.#named.get(path)) break;
      named.push(path);
      syncs.push(this.syncDirectory(dirname(path)));
    }
    await Promise.all(syncs);
    for (const path of named) this.#named.set(path, true);
  }

  /** As {@link syncPath} for a file that is written again and again: the first time only. */
  async syncFileName(path: string, base: string): Promise<void> {
    if (!this.#durable || this.#named.get(path)) return;
    await this.syncPath(dirname(path), base);
    this.#named.set(path, true);
  }

  /**
   * Removes `directory` and those above it, up to and without `base`, as long as they are empty. Resolves to the
   * one that stayed. A writer that wanted to put a file there makes them again.
   */
  async prune(directory: string, base: string): Promise<string> {
    let path = directory;
    while (path.length > base.length) {
      this.#named.delete(path);
      try {
        await this.layer.rmdir(path);
      } catch (error) {
        const code = codeOf(error);
        // POSIX, rmdir: either of the two may be said of a directory that holds something.
        if (code === 'ENOTEMPTY' || code === 'EEXIST') return path;
        // Its directory is ours to write in or it is not; the object is gone all the same.
        if (code === 'EACCES' || code === 'EPERM' || code === 'EBUSY') return path;
        // Gone, or a file by now: an object took the name as soon as it was free.
        if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
      }
      path = dirname(path);
    }
    return path;
  }

  /** Removes a file that may be gone already. */
  async remove(path: string): Promise<void> {
    try {
      await this.layer.unlink(path);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }

  /** As {@link remove}, of something that nobody reads any more: a failure is only wasted space, which the sweep finds. */
  async discard(path: string): Promise<void> {
    await this.layer.unlink(path).catch(() => undefined);
  }

  /** As {@link discard}, of a directory and all that it holds. */
  async discardTree(path: string): Promise<void> {
    await this.layer.rm(path, { recursive: true, force: true }).catch(() => undefined);
  }
}
