import { closeSync, fsyncSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { makeTree } from '../../make-tree.ts';
import { isBusy } from './errors.ts';

export interface DatabaseOptions {
  /** The file; beside it SQLite keeps `-wal` and `-shm`. */
  readonly path: string;
  /** `full`: each commit is fsynced. `os`: it survives a crash of the process, not of the machine. */
  readonly durability: 'full' | 'os';
  /** How long a transaction waits for another process's, in milliseconds. */
  readonly busyTimeoutMs: number;
}

/** Each entry takes the database from the version of its index to the next. Never changed once released; new ones are added. */
const migrations: readonly string[] = [
  `
  CREATE TABLE uploads (
    upload_id TEXT NOT NULL PRIMARY KEY,
    bucket TEXT NOT NULL,
    object_key BLOB NOT NULL,
    initiated_at INTEGER NOT NULL,
    record TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'completing', 'completed', 'aborted')),
    lease TEXT,
    lease_until INTEGER,
    digest TEXT,
    plan TEXT,
    earlier_digest TEXT,
    earlier_plan TEXT,
    result TEXT,
    ended_at INTEGER,
    cleaned INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE INDEX uploads_by_key ON uploads (bucket, object_key, initiated_at, upload_id) WHERE cleaned = 0;
  CREATE INDEX uploads_by_age ON uploads (initiated_at, upload_id) WHERE cleaned = 0;
  CREATE INDEX uploads_by_end ON uploads (ended_at, upload_id) WHERE ended_at IS NOT NULL;
  CREATE TABLE parts (
    upload_id TEXT NOT NULL,
    part_number INTEGER NOT NULL,
    identity TEXT NOT NULL,
    details TEXT NOT NULL,
    PRIMARY KEY (upload_id, part_number)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE probe (id INTEGER PRIMARY KEY CHECK (id = 1), at INTEGER NOT NULL) STRICT;
  `,
];

/** Opens the file, creating and migrating it as needed. Several processes may do so at once. */
export function openDatabase({ busyTimeoutMs, durability, path }: DatabaseOptions): DatabaseSync {
  const dir = dirname(path);
  makeTree(dir);
  // SQLite gives its side files the mode of the main one. It holds clients' metadata: for the owner only.
  closeSync(openSync(path, 'a', 0o600));
  const database = new DatabaseSync(path, { timeout: busyTimeoutMs });
  try {
    enterWal(database, Date.now() + busyTimeoutMs);
    database.exec(
      `PRAGMA synchronous = ${durability === 'full' ? 'FULL' : 'NORMAL'}; PRAGMA journal_size_limit = 67108864`,
    );
    migrate(database);
    if (durability === 'full') syncDirectory(dir);
  } catch (error) {
    database.close();
    throw error;
  }
  return database;
}

/** Switching a new file to WAL needs it alone, and SQLite does not wait for that by itself. */
function enterWal(database: DatabaseSync, deadline: number): void {
  for (;;) {
    try {
      database.exec('PRAGMA journal_mode = WAL');
      return;
    } catch (error) {
      if (!isBusy(error) || Date.now() > deadline) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
  }
}

function migrate(database: DatabaseSync): void {
  if (versionOf(database) === migrations.length) return;
  database.exec('BEGIN IMMEDIATE');
  try {
    const version = versionOf(database);
    if (version > migrations.length) {
      throw new Error(
        `the upload store is of version ${version}, made by a newer Partway; this one knows up to ${migrations.length}`,
      );
    }
    for (const migration of migrations.slice(version)) database.exec(migration);
    database.exec(`PRAGMA user_version = ${migrations.length}`);
    database.exec('COMMIT');
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

function versionOf(database: DatabaseSync): number {
  return Number(database.prepare('PRAGMA user_version').get()?.['user_version']);
}

function syncDirectory(dir: string): void {
  const handle = openSync(dir, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
