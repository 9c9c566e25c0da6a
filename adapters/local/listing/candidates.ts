/** What a listing may hold, in its order: the ordinary files of a bucket and its private tree, merged and rolled up. */
import type { ListObjectsCall } from '../../types.ts';
import type { Context } from '../context.ts';
import { compareKeys, isNaturalPath, keyOfOddPath, maxKeyBytes, oddPath, oddPrefix } from '../names.ts';
import { type Bound, Feed, walk } from './walk.ts';

/** What may turn out to be an entry of the listing. */
export type Candidate =
  | { readonly kind: 'object'; readonly key: string; readonly path: string }
  /** `path` names a directory that must still be seen to hold a file. */
  | { readonly kind: 'prefix'; readonly prefix: string; readonly path: string | undefined };

export async function openCandidates(context: Context, call: ListObjectsCall): Promise<Candidates> {
  const { bucket, prefix = '', delimiter = '', startAfter = '' } = call;
  const { directories, files, layout } = context;
  const bound = firstBound(prefix, delimiter, startAfter);
  const shallow = delimiter === '/';

  const base = prefix.slice(0, prefix.lastIndexOf('/') + 1);
  const directory = base.slice(0, -1);
  const path = base === '' ? layout.bucket(bucket) : `${layout.bucket(bucket)}/${directory}`;
  const reached = base === '' || (isNaturalPath(directory) && (await files.look.realpath(path)) === path);
  const natural = new Feed(
    (from) => (reached ? walk({ directories, path, base, bound: from, shallow }) : nothing()),
    bound,
    (key) => (key.length * 3 > maxKeyBytes && Buffer.byteLength(key) > maxKeyBytes ? undefined : key),
  );

  const oddRoot = layout.oddRoot(bucket);
  const odd = new Feed(
    (from) =>
      walk({
        directories,
        path: oddRoot,
        base: '',
        bound: { ...from, path: oddBound(from) },
        shallow: false,
      }),
    bound,
    keyOfOddPath,
  );
  await Promise.all([natural.advance(), odd.advance()]);
  return new Candidates(
    natural,
    odd,
    { prefix, delimiter, shallow },
    (key) => `${layout.bucket(bucket)}/${key}`,
    (key) => layout.odd(bucket, key),
  );
}

function oddBound({ path, mode }: Bound): string {
  return mode === 'past' ? oddPrefix(path) : oddPath(path);
}

async function* nothing(): AsyncGenerator<string[]> {}

function firstBound(prefix: string, delimiter: string, startAfter: string): Bound {
  if (compareKeys(startAfter, prefix) < 0 || startAfter === '') return { path: prefix, mode: 'from' };
  const rolledUp = commonPrefix(startAfter, prefix, delimiter);
  if (rolledUp !== undefined) return { path: rolledUp, mode: 'past' };
  return { path: startAfter, mode: 'after' };
}

function commonPrefix(key: string, prefix: string, delimiter: string): string | undefined {
  if (delimiter === '' || !key.startsWith(prefix)) return undefined;
  const cut = key.indexOf(delimiter, prefix.length);
  return cut === -1 ? undefined : key.slice(0, cut + delimiter.length);
}

interface Shape {
  readonly prefix: string;
  readonly delimiter: string;
  readonly shallow: boolean;
}

export class Candidates {
  readonly #natural: Feed;
  readonly #odd: Feed;
  readonly #shape: Shape;
  readonly #naturalPath: (key: string) => string;
  readonly #oddPath: (key: string) => string;

  constructor(
    natural: Feed,
    odd: Feed,
    shape: Shape,
    naturalPath: (key: string) => string,
    oddPathOf: (key: string) => string,
  ) {
    this.#natural = natural;
    this.#odd = odd;
    this.#shape = shape;
    this.#naturalPath = naturalPath;
    this.#oddPath = oddPathOf;
  }

  async take(count: number): Promise<Candidate[]> {
    const taken: Candidate[] = [];
    while (taken.length < count) {
      const candidate = await this.#next();
      if (candidate === undefined) break;
      taken.push(candidate);
    }
    return taken;
  }

  async #next(): Promise<Candidate | undefined> {
    const natural = this.#natural.current;
    const odd = this.#odd.current;
    const order = compareEnds(natural, odd);
    const key = order <= 0 ? natural : odd;
    const { prefix, delimiter, shallow } = this.#shape;
    if (!key?.startsWith(prefix)) return undefined;
    // Of the ordinary tree only a directory's name ends so, and only when it is not gone down into.
    if (shallow && order <= 0 && key.endsWith('/')) {
      const certain = odd?.startsWith(key);
      await Promise.all([this.#natural.advance(), this.#odd.skipPast(key)]);
      return { kind: 'prefix', prefix: key, path: certain ? undefined : this.#naturalPath(key.slice(0, -1)) };
    }
    const rolledUp = commonPrefix(key, prefix, delimiter);
    if (rolledUp !== undefined) {
      await Promise.all([this.#natural.skipPast(rolledUp), this.#odd.skipPast(rolledUp)]);
      return { kind: 'prefix', prefix: rolledUp, path: undefined };
    }
    // The ordinary file is the object where there are both.
    if (order <= 0) await this.#natural.advance();
    if (order >= 0) await this.#odd.advance();
    return { kind: 'object', key, path: order <= 0 ? this.#naturalPath(key) : this.#oddPath(key) };
  }
}

function compareEnds(a: string | undefined, b: string | undefined): number {
  if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined);
  return compareKeys(a, b);
}
