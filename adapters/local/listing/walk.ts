/** Walks a tree of files in the order of their paths as keys, from any point. */
import { compareKeys } from '../names.ts';
import type { Directories } from './directories.ts';

/** Where to begin: at a path, after it, or after all that start with it. */
export interface Bound {
  readonly path: string;
  readonly mode: 'from' | 'after' | 'past';
}

/** Paths handed over at once. */
const chunkSize = 1000;

export interface Walk {
  readonly directories: Directories;
  /** Where `base` lies in the file system, without a slash at the end. */
  readonly path: string;
  /** What comes before the names of this directory in the paths given out: empty, or with a slash at the end. */
  readonly base: string;
  readonly bound: Bound | undefined;
  /** Give directories out, with a slash at the end, instead of going down into them. */
  readonly shallow: boolean;
}

export async function* walk({ directories, path, base, bound, shallow }: Walk): AsyncGenerator<string[]> {
  const names = await directories.read(path);
  if (names === undefined) return;
  let chunk: string[] = [];
  for (let i = bound === undefined ? 0 : firstNotBefore(names, base, bound); i < names.length; i++) {
    const name = names[i] ?? '';
    if (shallow || !name.endsWith('/')) {
      chunk.push(base + name);
      if (chunk.length < chunkSize) continue;
    }
    if (chunk.length > 0) yield chunk;
    chunk = [];
    if (shallow || !name.endsWith('/')) continue;
    const inside = base + name;
    yield* walk({
      directories,
      path: `${path}/${name.slice(0, -1)}`,
      base: inside,
      bound: bound?.path.startsWith(inside) ? bound : undefined,
      shallow,
    });
  }
  if (chunk.length > 0) yield chunk;
}

function firstNotBefore(names: readonly string[], base: string, bound: Bound): number {
  let low = 0;
  let high = names.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBefore(base + (names[middle] ?? ''), bound)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Whether a file, or all that a directory holds, comes before the bound. */
function isBefore(path: string, bound: Bound): boolean {
  if (bound.mode === 'past' && path.startsWith(bound.path)) return true;
  if (path.endsWith('/') && bound.path.startsWith(path)) return false;
  const order = compareKeys(path, bound.path);
  return bound.mode === 'after' ? order <= 0 : order < 0;
}

/** A walk read one path at a time, that can leap. */
export class Feed {
  readonly #start: (bound: Bound) => AsyncGenerator<string[]>;
  readonly #decode: (path: string) => string | undefined;
  #chunks: AsyncGenerator<string[]>;
  #chunk: readonly string[] = [];
  #next = 0;
  /** `undefined` before the first and after the last. */
  current: string | undefined;

  constructor(
    start: (bound: Bound) => AsyncGenerator<string[]>,
    bound: Bound,
    decode: (path: string) => string | undefined = (path) => path,
  ) {
    this.#start = start;
    this.#decode = decode;
    this.#chunks = start(bound);
  }

  async advance(): Promise<void> {
    do {
      while (this.#next < this.#chunk.length) {
        this.current = this.#decode(this.#chunk[this.#next++] ?? '');
        if (this.current !== undefined) return;
      }
    } while (await this.#load());
    this.current = undefined;
  }

  /** Goes to the first key that does not start with `prefix`, the current one or one after it. */
  async skipPast(prefix: string): Promise<void> {
    while (this.current?.startsWith(prefix)) {
      if (this.#next < this.#chunk.length) {
        this.current = this.#decode(this.#chunk[this.#next++] ?? '') ?? prefix;
        continue;
      }
      // There may be any number more of them in the directories to come: leap over those.
      this.#chunks = this.#start({ path: prefix, mode: 'past' });
      this.#chunk = [];
      this.#next = 0;
      await this.advance();
    }
  }

  async #load(): Promise<boolean> {
    const { value, done } = await this.#chunks.next();
    this.#chunk = done ? [] : value;
    this.#next = 0;
    return !done;
  }
}
