/** Files of generated secrets in the state directory: whole or not there, for their owner only. */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { makeTree } from '../make-tree.ts';
import { ConfigError } from './problems.ts';

export interface KeptFile<T> {
  readonly value: T;
  /** Made just now. */
  readonly isNew: boolean;
}

/** What is in the file, made if there is none. Processes that race for it all get what was linked into place first. */
export function keepPrivateFile<T>(file: string, make: () => string, read: () => T | undefined): KeptFile<T> {
  const kept = read();
  if (kept !== undefined) return { value: kept, isNew: false };
  makeTree(dirname(file));
  const isNew = publish(file, make());
  const value = read();
  if (value === undefined) throw new Error(`${file} vanished`);
  return { value, isNew };
}

/** Text of the file; `undefined` when there is none. @throws ConfigError when others can read it, with `fix` for an advice */
export function readPrivateFile(file: string, fix: string): string | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  if ((statSync(file).mode & 0o077) !== 0) {
    throw new ConfigError([{ key: file, problem: 'can be read by others', fix }]);
  }
  return text;
}

/** Written aside, synced, and linked into place. `false` when another process was first. */
function publish(file: string, text: string): boolean {
  const aside = `${file}.${randomBytes(8).toString('hex')}`;
  try {
    const fd = openSync(aside, 'wx', 0o600);
    try {
      writeFileSync(fd, text);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    linkSync(aside, file);
    syncDirectory(dirname(file));
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

function syncDirectory(directory: string): void {
  const fd = openSync(directory, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
