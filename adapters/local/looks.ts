/**
 * Calls that look at the file system and change nothing. As a rule the kernel answers them from memory within microseconds, and
 * handing one to the thread pool costs ten times as much as making it. So they are made directly, until they are seen to
 * wait for a disk: for a second after that they go through the thread pool, where waiting holds nobody up.
 */
import nodeFs, { type BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { orMissing } from './errors.ts';
import type { FileLayer } from './files.ts';

export interface SyncLooks {
  lstat(path: string): BigIntStats | undefined;
  realpath(path: string): string;
  readlink(path: string): string;
  stat(descriptor: number): BigIntStats;
  open(path: string): number;
  read(descriptor: number): string;
  close(descriptor: number): void;
}

export const nodeLooks: SyncLooks = {
  lstat: (path) => nodeFs.lstatSync(path, { bigint: true, throwIfNoEntry: false }),
  realpath: (path) => nodeFs.realpathSync.native(path),
  readlink: (path) => nodeFs.readlinkSync(path),
  stat: (descriptor) => nodeFs.fstatSync(descriptor, { bigint: true }),
  open: (path) => nodeFs.openSync(path, 'r'),
  read: (descriptor) => nodeFs.readFileSync(descriptor, 'utf8'),
  close: (descriptor) => nodeFs.closeSync(descriptor),
};

/** Milliseconds per call, on average over the last hundred or so, above which the thread pool is the better way. */
const slowMs = 0.1;
const weight = 0.01;
const cautiousMs = 1_000;

export interface SmallFile {
  readonly inode: bigint;
  readonly text: string;
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
  async lstat(path: string): Promise<BigIntStats | undefined> {
    return orMissing(
      this.#look(
        (sync) => sync.lstat(path),
        () => this.#layer.lstat(path, { bigint: true }),
      ),
    );
  }

  /** `undefined` where nothing is. */
  async realpath(path: string): Promise<string | undefined> {
    return orMissing(
      this.#look(
        (sync) => sync.realpath(path),
        () => this.#layer.realpath(path),
      ),
    );
  }

  /** `undefined` where no link is. */
  async readlink(path: string): Promise<string | undefined> {
    return orMissing(
      this.#look(
        (sync) => sync.readlink(path),
        () => this.#layer.readlink(path),
      ),
    );
  }

  async stat(handle: FileHandle): Promise<BigIntStats> {
    return this.#look(
      (sync) => sync.stat(handle.fd),
      () => handle.stat({ bigint: true }),
    );
  }

  /** A file of a few KiB; `undefined` where none is. */
  async read(path: string): Promise<SmallFile | undefined> {
    return orMissing(
      this.#look(
        (sync) => readSync(sync, path),
        () => readAsync(this.#layer, path),
      ),
    );
  }

  async #look<T>(direct: (sync: SyncLooks) => T, pooled: () => Promise<T>): Promise<T> {
    const before = performance.now();
    if (this.#sync === undefined || before < this.#cautiousUntil) return pooled();
    try {
      return direct(this.#sync);
    } finally {
      const after = performance.now();
      this.#averageMs += (after - before - this.#averageMs) * weight;
      if (this.#averageMs > slowMs) {
        this.#cautiousUntil = after + cautiousMs;
        // One more call that waits is then enough to go back; a few that do not win trust again.
        this.#averageMs = slowMs / 2;
      }
    }
  }
}

function readSync(sync: SyncLooks, path: string): SmallFile {
  const descriptor = sync.open(path);
  try {
    return { inode: sync.stat(descriptor).ino, text: sync.read(descriptor) };
  } finally {
    sync.close(descriptor);
  }
}

async function readAsync(layer: FileLayer, path: string): Promise<SmallFile> {
  const handle = await layer.open(path, 'r');
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
