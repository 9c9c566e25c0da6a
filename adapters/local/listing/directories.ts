/** Sorted names of directories, kept between the pages of a listing. */
import type { Dirent } from 'node:fs';
import { orMissing } from '../errors.ts';
import type { Files } from '../files.ts';
import { compareKeys } from '../names.ts';
import { Recent } from '../recent.ts';

/** Names kept, over all directories: some 60 bytes each. */
const cacheLimit = 500_000;

/**
 * A directory's time of change moves by ticks of the kernel's clock, up to 10 ms: one that was read within a tick of a
 * change may change again and look the same. So a reading counts later only if the directory had been at rest.
 */
const restNs = 100_000_000n;

/** Looked at before a directory is read whole, to learn whether it holds a file. */
const firstEntries = 32;
/** A directory of fewer is read at once. */
const fewEntries = 256;

interface Reading {
  readonly names: readonly string[];
  readonly inode: bigint;
  readonly ctimeNs: bigint;
}

export class Directories {
  readonly #files: Files;
  readonly #readings = new Recent<Reading>(cacheLimit);

  constructor(files: Files) {
    this.#files = files;
  }

  /**
   * Files and, with a `/` at the end, directories, as they sort among the keys below them. Nothing else, and no name that
   * is not UTF-8. `undefined` when there is no such directory (a link to one is none).
   */
  async read(path: string): Promise<readonly string[] | undefined> {
    const stats = await this.#files.look.lstat(path);
    if (!stats?.isDirectory()) return undefined;
    const { ino: inode, ctimeNs } = stats;
    const known = this.#readings.get(path);
    if (known?.inode === inode && known.ctimeNs === ctimeNs) return known.names;
    const names = await this.#readNames(path);
    if (names === undefined) return undefined;
    if (BigInt(Date.now()) * 1_000_000n - ctimeNs > restNs) {
      this.#readings.set(path, { names, inode, ctimeNs }, names.length + 1);
    } else this.#readings.delete(path);
    return names;
  }

  /** Whether a file lies anywhere below, mostly found without reading a directory whole. */
  async holdsFile(path: string): Promise<boolean> {
    const first = await this.#files.look.entries(path, firstEntries);
    if (first === undefined) return false;
    const certain = first.filter(({ name }) => !name.includes('\ufffd'));
    if (certain.some((entry) => entry.isFile())) return true;
    const all = first.length < firstEntries && certain.length === first.length;
    const names = all ? first.flatMap(sortName) : ((await this.#readNames(path)) ?? []);
    if (names.some((name) => !name.endsWith('/'))) return true;
    for (const name of names) if (await this.holdsFile(`${path}/${name.slice(0, -1)}`)) return true;
    return false;
  }

  async #readNames(path: string): Promise<string[] | undefined> {
    const some = await this.#files.look.entries(path, fewEntries);
    const few = some === undefined || some.length < fewEntries;
    const entries = few ? some : await orMissing(this.#files.layer.readdir(path, { withFileTypes: true }));
    if (entries === undefined) return undefined;
    const names = entries.flatMap(sortName);
    const surrogates = names.some((name) => /[\ud800-\udfff]/.test(name));
    const doubtful = names.some((name) => name.includes('\ufffd'));
    const valid = doubtful ? await this.#onlyUtf8(path, names) : names;
    // Without surrogates the order of UTF-16 units, which the engine sorts by natively, is that of UTF-8 bytes.
    return surrogates ? valid.sort(compareKeys) : valid.sort();
  }

  /** What is not UTF-8 is read with U+FFFD in its place, which a name may also hold by right. */
  async #onlyUtf8(path: string, names: readonly string[]): Promise<string[]> {
    const raw = await this.#files.layer.readdir(path, { encoding: 'buffer' });
    const valid = new Set(raw.filter((name) => Buffer.from(name.toString()).equals(name)).map(String));
    return names.filter((name) => valid.has(name.endsWith('/') ? name.slice(0, -1) : name));
  }
}

/** Nothing for what is neither a file nor a directory. */
function sortName(entry: Dirent): readonly string[] {
  if (entry.isFile()) return [entry.name];
  return entry.isDirectory() ? [`${entry.name}/`] : [];
}
