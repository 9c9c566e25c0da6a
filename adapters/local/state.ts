/** Which state of a file is at hand: its identity as the file system shows it. */
import type { BigIntStats } from 'node:fs';

export interface FileState {
  readonly inode: bigint;
  /** Bytes. */
  readonly size: number;
  readonly mtimeNs: bigint;
}

export function stateOf(stats: BigIntStats): FileState {
  return { inode: stats.ino, size: Number(stats.size), mtimeNs: stats.mtimeNs };
}

export function versionOf(state: FileState): string {
  return `${state.inode.toString(36)}-${state.size.toString(36)}-${state.mtimeNs.toString(36)}`;
}

export function lastModifiedOf(state: FileState): Date {
  return new Date(Number(state.mtimeNs / 1_000_000n));
}

let last = 0;

/**
 * A time of modification for a new state, in seconds for `utimes`: now, to the millisecond, with random digits below. The
 * kernel's own clock ticks every few milliseconds, in which an inode may be freed and given to the next file: two states would
 * look the same. Random, since another process may stamp in the same millisecond.
 */
export function newStamp(): number {
  const now = Date.now() + Math.random() * 0.998 + 0.001;
  // A microsecond apart at least: less is lost in a double of seconds.
  last = now > last ? now : last + 0.001;
  return last / 1000;
}

/** Another stamp within the millisecond of `date`, so that a file keeps the time that clients see. */
export function stampWithin(date: Date): number {
  return (date.getTime() + Math.random() * 0.998 + 0.001) / 1000;
}

/** The nanoseconds that `utimes` makes of a stamp (libuv's `uv__fs_to_timespec`, in the same arithmetic). */
export function nanosecondsOf(stamp: number): bigint {
  const seconds = Math.trunc(stamp);
  return BigInt(seconds) * 1_000_000_000n + BigInt(Math.trunc((stamp - seconds) * 1e9));
}
