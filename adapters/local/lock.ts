/**
 * Mutual exclusion between all processes that serve one root, released by the kernel when a process dies.
 *
 * Node has no `flock`. SQLite has: `BEGIN IMMEDIATE` takes an advisory lock on its database file, and SQLite knows how to
 * hold such locks from several connections of one process (https://sqlite.org/lockingv3.html). The databases hold no data.
 */
import { mkdirSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises';
import { AdapterError } from '../errors.ts';

export type Release = () => void;

const SQLITE_BUSY = 5;
const SQLITE_FULL = 13;
const patienceMs = 30_000;

/** One lock file, in a directory that is there. Waits by asking again: first at once, then every few milliseconds. */
export class FileLock {
  readonly #path: string;
  #database: DatabaseSync | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** `Unavailable` when it is not to be had for half a minute. Not to be called again before it is released. */
  async acquire(): Promise<Release> {
    const deadline = Date.now() + patienceMs;
    for (let attempt = 0; ; attempt++) {
      if (this.#try()) return () => this.#run('ROLLBACK');
      if (Date.now() > deadline) {
        throw new AdapterError('Unavailable', `another process does not release ${this.#path}`, {
          retryAfter: 5,
        });
      }
      if (attempt < 8) await turn();
      else await delay(1 + Math.random() * Math.min(attempt - 7, 16));
    }
  }

  /** Releases it, too. */
  close(): void {
    this.#database?.close();
    this.#database = undefined;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #try(): boolean {
    try {
      this.#run('BEGIN IMMEDIATE');
      return true;
    } catch (error) {
      const code = resultCode(error);
      if (code === SQLITE_BUSY) return false;
      throw new AdapterError(
        code === SQLITE_FULL ? 'Full' : 'Unavailable',
        `cannot lock ${this.#path}; the root must be writable, on a file system with advisory locks`,
        { cause: error },
      );
    }
  }

  #run(statement: string): void {
    this.#database ??= open(this.#path);
    this.#database.exec(statement);
  }
}

/** Primary result code (sqlite.org, "Result and Error Codes"). */
function resultCode(error: unknown): number | undefined {
  const isSqlite = error instanceof Error && 'errcode' in error && typeof error.errcode === 'number';
  return isSqlite ? Number(error.errcode) & 0xff : undefined;
}

function open(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    // An empty database would be initialised, with a journal, each time that it is locked.
    database.exec('PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY');
    const version = database.prepare('PRAGMA user_version').get();
    if (version?.['user_version'] === 0) database.exec('PRAGMA user_version = 1');
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

const stripes = 64;

/** Locks of keys. Two keys may share one, so hold one at a time, and only across a few system calls. */
export class KeyLocks {
  readonly #locks: readonly Turns[];
  readonly #directory: string;
  #made = false;

  constructor(directory: string) {
    this.#directory = directory;
    this.#locks = Array.from({ length: stripes }, (_, i) => new Turns(new FileLock(`${directory}/key-${i}`)));
  }

  async acquire(bucket: string, key: string): Promise<Release> {
    const lock = this.#locks[stripe(`${bucket}/${key}`)];
    if (lock === undefined) throw new Error('a stripe beyond the last');
    this.#makeDirectory();
    return lock.acquire();
  }

  /** Keeps every writer of every key out, for changes of a bucket itself. */
  async acquireAll(): Promise<Release> {
    const held: Release[] = [];
    const release = (): void => {
      for (const each of held.splice(0).reverse()) each();
    };
    this.#makeDirectory();
    try {
      // In one order everywhere, so that two that want all cannot wait for each other.
      for (const lock of this.#locks) held.push(await lock.acquire());
      return release;
    } catch (error) {
      release();
      throw error;
    }
  }

  close(): void {
    for (const lock of this.#locks) lock.close();
  }

  #makeDirectory(): void {
    if (!this.#made) mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    this.#made = true;
  }
}

/** Lets the callers of this process wait in line, and asks the file lock only for the first. */
class Turns {
  readonly #lock: FileLock;
  #last: Promise<void> = Promise.resolve();

  constructor(lock: FileLock) {
    this.#lock = lock;
  }

  async acquire(): Promise<Release> {
    const before = this.#last;
    let done: () => void = () => undefined;
    this.#last = new Promise((resolve) => {
      done = resolve;
    });
    await before;
    try {
      const unlock = await this.#lock.acquire();
      return () => {
        try {
          unlock();
        } finally {
          done();
        }
      };
    } catch (error) {
      done();
      throw error;
    }
  }

  close(): void {
    this.#lock.close();
  }
}

/** FNV-1a. */
function stripe(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) {
    hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  }
  return (hash >>> 0) % stripes;
}
