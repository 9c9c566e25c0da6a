/**
 * Calls that look at the file system and change nothing. As a rule the kernel answers them from memory within microseconds, and
 * handing one to the thread pool costs ten times as much as making it. So they are made directly, until they are seen to
 * wait for a disk: for a second after that they go through the thread pool, where waiting holds nobody up.
 */
import nodeFs, { type BigIntStats, constants, type Dir, type Dirent } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { isMissing } from './errors.ts';
import type { FileLayer } from './files.ts';

export interface SyncLooks {
  lstat(path: string): BigIntStats | undefined;
  realpath(path: string): string;
  readlink(path: string): string;
  stat(descriptor: number): BigIntStats;
  opendir(path: string, bufferSize: number): Dir;
  open(path: string, flags: number): number;
  /** Reads from the start; gives fewer bytes than the buffer holds only at the end of the file. */
  read(descriptor: number, buffer: Buffer): number;
  close(descriptor: number): void;
}

export const nodeLooks: SyncLooks = {
  lstat: (path) => nodeFs.lstatSync(path, { bigint: true, throwIfNoEntry: false }),
  realpath: (path) => nodeFs.realpathSync.native(path),
  readlink: (path) => nodeFs.readlinkSync(path),
  stat: (descriptor) => nodeFs.fstatSync(descriptor, { bigint: true }),
  opendir: (path, bufferSize) => nodeFs.opendirSync(path, { bufferSize }),
  open: (path, flags) => nodeFs.openSync(path, flags),
  read: (descriptor, buffer) => nodeFs.readSync(descriptor, buffer, 0, buffer.length, 0),
  close: (descriptor) => nodeFs.closeSync(descriptor),
};

/** Milliseconds per call, on average over the last hundred or so, above which the thread pool is the better way. */
const slowMs = 0.25;
const weight = 0.01;
/** No call counts for more: a single long one is more likely the process waiting for a processor. */
const longestMs = 5;
const cautiousMs = 1_000;

/** O_NONBLOCK: opening a pipe that nobody writes to would wait for ever. */
export const readFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

export interface Whole<T = Buffer> {
  readonly stats: BigIntStats;
  /** Where the kernel says that the open file is, when it was asked. */
  readonly at: string | undefined;
  /** `undefined` when there are more of them than were wanted. */
  readonly bytes: T | undefined;
}

export class Looks {
  readonly #layer: FileLayer;
  readonly #sync: SyncLooks | undefined;
  #cautiousUntil = 0;
  #averageMs = 0;

  /** Without `sync`, everything goes through the thread pool. */
  constructor(layer: FileLayer, sync: SyncLooks | undefined) {
    this.#layer = layer;
    this.#sync = sync;
  }

  /** `undefined` where nothing is. */
  lstat(path: string): Promise<BigIntStats | undefined> {
    return this.#find(
      (sync) => sync.lstat(path),
      () => this.#layer.lstat(path, { bigint: true }),
    );
  }

  /** `undefined` where nothing is. */
  realpath(path: string): Promise<string | undefined> {
    return this.#find(
      (sync) => sync.realpath(path),
      () => this.#layer.realpath(path),
    );
  }

  /** `undefined` where no link is. */
  readlink(path: string): Promise<string | undefined> {
    return this.#find(
      (sync) => sync.readlink(path),
      () => this.#layer.readlink(path),
    );
  }

  async stat(handle: FileHandle): Promise<BigIntStats> {
    return this.#look(
      (sync) => sync.stat(handle.fd),
      () => handle.stat({ bigint: true }),
    );
  }

  /** The first entries of a directory, in no order, at most `count`; `undefined` where none is. */
  entries(path: string, count: number): Promise<readonly Dirent[] | undefined> {
    return this.#find(
      (sync) => readSome(sync.opendir(path, count), count),
      async () => readSomePooled(await this.#layer.opendir(path, { bufferSize: count }), count),
    );
  }

  /** All of a small file of ours; `undefined` where none is. */
  read(path: string): Promise<{ readonly inode: bigint; readonly text: string } | undefined> {
    return this.#find(
      (sync) => {
        const { stats, bytes } = readWhole(sync, path, scratch.length - 1, false, String);
        return { inode: stats.ino, text: bytes ?? nodeFs.readFileSync(path, 'utf8') };
      },
      () => readPooled(this.#layer, path),
    );
  }

  /**
   * A file with up to `limit` bytes of content, when this can be had at once: `'later'` when the thread pool is the better way.
   * `undefined` where nothing is that can be opened for reading.
   */
  readNow(path: string, limit: number): Promise<Whole | 'later' | undefined> {
    return this.#find<Whole | 'later'>(
      (sync) => readWhole(sync, path, limit, process.platform === 'linux', Buffer.from),
      async () => 'later',
    );
  }

  /** `undefined` where nothing is. */
  async #find<T>(direct: (sync: SyncLooks) => T, pooled: () => Promise<T>): Promise<T | undefined> {
    try {
      return await this.#look(direct, pooled);
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  #look<T>(direct: (sync: SyncLooks) => T, pooled: () => Promise<T>): T | Promise<T> {
    const before = performance.now();
    if (this.#sync === undefined || before < this.#cautiousUntil) return pooled();
    try {
      return direct(this.#sync);
    } finally {
      const after = performance.now();
      this.#averageMs += (Math.min(after - before, longestMs) - this.#averageMs) * weight;
      if (this.#averageMs > slowMs) {
        this.#cautiousUntil = after + cautiousMs;
        // A few more calls that wait are then enough to go back, and some that do not win trust again.
        this.#averageMs = slowMs / 2;
      }
    }
  }
}

function readSome(directory: Dir, count: number): Dirent[] {
  const entries: Dirent[] = [];
  try {
    while (entries.length < count) {
      const entry = directory.readSync();
      if (entry === null) break;
      entries.push(entry);
    }
    return entries;
  } finally {
    directory.closeSync();
  }
}

async function readSomePooled(directory: Dir, count: number): Promise<Dirent[]> {
  const entries: Dirent[] = [];
  // Leaving the loop closes the directory.
  for await (const entry of directory) {
    entries.push(entry);
    if (entries.length === count) break;
  }
  return entries;
}

/** One byte more than fits tells that a file is longer. */
const scratch = Buffer.allocUnsafeSlow(64 * 1024 + 1);

/** @param take what becomes of the bytes, whose memory is used again */
function readWhole<T>(
  sync: SyncLooks,
  path: string,
  limit: number,
  asked: boolean,
  take: (bytes: Buffer) => T,
): Whole<T> {
  const descriptor = sync.open(path, readFlags);
  try {
    const stats = sync.stat(descriptor);
    const at = asked ? whereIs(sync, descriptor) : undefined;
    if (!stats.isFile() || stats.size > limit) return { stats, at, bytes: undefined };
    const length = sync.read(descriptor, scratch.subarray(0, limit + 1));
    // Another length than a moment ago: somebody writes into it.
    if (BigInt(length) !== stats.size) return { stats, at, bytes: undefined };
    return { stats, at, bytes: take(scratch.subarray(0, length)) };
  } finally {
    sync.close(descriptor);
  }
}

/** `undefined` where `/proc` is not mounted. */
function whereIs(sync: SyncLooks, descriptor: number): string | undefined {
  try {
    return sync.readlink(`/proc/self/fd/${descriptor}`);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function readPooled(
  layer: FileLayer,
  path: string,
): Promise<{ readonly inode: bigint; readonly text: string }> {
  const handle = await layer.open(path, readFlags);
  try {
    const [{ ino: inode }, text] = await Promise.all([
      handle.stat({ bigint: true }),
      handle.readFile('utf8'),
    ]);
    return { inode, text };
  } finally {
    await handle.close();
  }
}
