/**
 * Writes lines to a file descriptor without ever holding up the caller: one asynchronous write at a time, the lines of
 * meanwhile in memory. A reader that stalls costs lines, never requests; how many were lost is written once it reads again.
 */
import { write, writeSync } from 'node:fs';

export interface LineWriter {
  /** @param line without its line end */
  write(line: string): void;
  /** Resolves when everything handed over so far is written, or the reader is gone. */
  flush(): Promise<void>;
  /** For the last words of a dying process. */
  flushSync(): void;
}

/** Characters waiting, at most; about 8 MiB. */
const defaultLimit = 8 * 1024 * 1024;
const retryMs = 20;
/** Lines of this long go out together: a system call for each request would be felt. */
const gatherMs = 10;
/** Characters that are reason enough to write at once. */
const gatherLength = 64 * 1024;

/** @param lost makes the line that tells of `count` lines lost */
export function createLineWriter(
  fd: number,
  lost: (count: number) => string,
  limit: number = defaultLimit,
): LineWriter {
  let waiting: string[] = [];
  let waitingLength = 0;
  let dropped = 0;
  let writing: Buffer | undefined;
  let gathering: NodeJS.Timeout | undefined;
  let closed = false;
  const waiters: (() => void)[] = [];

  const take = (): Buffer | undefined => {
    if (dropped > 0) {
      waiting.push(`${lost(dropped)}\n`);
      dropped = 0;
    }
    if (waiting.length === 0) return undefined;
    const batch = Buffer.from(waiting.join(''));
    waiting = [];
    waitingLength = 0;
    return batch;
  };

  const next = (): void => {
    clearTimeout(gathering);
    gathering = undefined;
    writing = take();
    if (writing === undefined) {
      for (const done of waiters.splice(0)) done();
      return;
    }
    writeOut();
  };

  const writeOut = (): void => {
    const batch = writing;
    if (batch === undefined) return;
    write(fd, batch, (error, count) => {
      // The process wrote it synchronously while this was under way.
      if (writing !== batch) return;
      if (error?.code === 'EAGAIN') {
        setTimeout(writeOut, retryMs);
      } else if (error !== null) {
        // The reader is gone (EPIPE) or the disk is full: there is nobody left to tell.
        closed = error.code === 'EPIPE' || error.code === 'EBADF';
        next();
      } else if (count < batch.length) {
        writing = batch.subarray(count);
        writeOut();
      } else if (waiters.length > 0 || waitingLength > gatherLength) next();
      else {
        writing = undefined;
        if (waiting.length > 0) gathering = setTimeout(next, gatherMs);
      }
    });
  };

  return {
    write(line) {
      if (closed) return;
      if (waitingLength + line.length > limit) {
        dropped += 1;
        return;
      }
      waiting.push(`${line}\n`);
      waitingLength += line.length + 1;
      if (writing === undefined) gathering ??= setTimeout(next, gatherMs);
    },
    flush() {
      if (writing === undefined && waiting.length === 0) return Promise.resolve();
      const flushed = new Promise<void>((resolve) => waiters.push(resolve));
      if (writing === undefined) next();
      return flushed;
    },
    flushSync() {
      // What is under way may be written twice: better than not at all.
      for (let batch = writing ?? take(); batch !== undefined && !closed; batch = take()) {
        writing = undefined;
        let sent = 0;
        while (sent < batch.length) {
          try {
            sent += writeSync(fd, batch, sent);
          } catch {
            return;
          }
        }
      }
    },
  };
}
