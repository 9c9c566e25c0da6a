/**
 * What objects say about themselves: one small file per object, named after the key and the very state of the data file that
 * it belongs to (size and time of modification to the nanosecond), and durable before that state becomes visible. So data and
 * attributes appear in one rename, and a file that another program replaced or changed has none.
 *
 * The inode counts too, in a way that a copy of the whole tree (a restored backup, a move to another disk) survives: the file
 * holds the data's inode and its own, and the former must agree only where the latter still does.
 */
import { hash } from 'node:crypto';
import { dirname } from 'node:path';
import { AdapterError } from '../errors.ts';
import type { ObjectAttributes } from '../types.ts';
import { type PackedAttributes, pack, unpack } from './codec.ts';
import type { Files } from './files.ts';
import type { Layout } from './layout.ts';
import { Recent } from './recent.ts';
import { type FileState, versionOf } from './state.ts';

interface Record {
  readonly format: 1;
  readonly key: string;
  readonly dataInode: string;
  readonly ownInode: string;
  readonly attributes: PackedAttributes;
}

interface Stored {
  readonly record: Record;
  readonly inode: string;
  readonly length: number;
}

/** Memory that attributes may take, in bytes, roughly: an entry's own cost and some bytes for each character of JSON. */
const cacheLimit = 32 * 1024 * 1024;
const entryCost = 700;
const characterCost = 3;

export class AttributeStore {
  readonly #layout: Layout;
  readonly #files: Files;
  readonly #cache = new Recent<ObjectAttributes>(cacheLimit);

  constructor(layout: Layout, files: Files) {
    this.#layout = layout;
    this.#files = files;
  }

  path(bucket: string, key: string, state: FileState): string {
    const name = hash('sha256', key);
    const when = `${state.size.toString(36)}.${state.mtimeNs.toString(36)}`;
    return `${this.#layout.attributes(bucket)}/${name.slice(0, 2)}/${name.slice(2, 34)}.${when}`;
  }

  /**
   * Stores the attributes of a state that is not visible yet. `false` when another state of this key has the same size and
   * time: give the file another time and ask again.
   */
  async write(bucket: string, key: string, state: FileState, attributes: ObjectAttributes): Promise<boolean> {
    const path = this.path(bucket, key, state);
    const handle = await this.#files.create(path).catch((error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return undefined;
      throw error;
    });
    if (handle === undefined) return false;
    try {
      const record: Record = {
        format: 1,
        key,
        dataInode: String(state.inode),
        ownInode: String((await this.#files.look.stat(handle)).ino),
        attributes: pack(attributes),
      };
      const text = JSON.stringify(record);
      await handle.writeFile(text);
      await Promise.all([this.#files.sync(handle), this.#files.syncPath(dirname(path), this.#layout.root)]);
      this.remember(bucket, key, state, attributes, text.length);
      return true;
    } catch (error) {
      await this.#files.discard(path);
      throw error;
    } finally {
      await handle.close();
    }
  }

  /** `undefined` for a state that another program wrote, and for one that has just been replaced. `Corrupt` when they cannot be read. */
  async read(bucket: string, key: string, state: FileState): Promise<ObjectAttributes | undefined> {
    const cached = this.#cache.get(cacheKey(bucket, key, state));
    if (cached !== undefined) return cached;
    const found = await this.readFile(this.path(bucket, key, state));
    if (found === undefined || found.record.key !== key) return undefined;
    const { record, inode, length } = found;
    if (record.ownInode === inode && record.dataInode !== String(state.inode)) return undefined;
    const attributes = unpack(record.attributes);
    this.remember(bucket, key, state, attributes, length);
    return attributes;
  }

  /** What a file of this store holds, whether or not it belongs to a state that is to be had. */
  async readFile(path: string): Promise<Stored | undefined> {
    const file = await this.#files.look.read(path);
    return file && { record: parse(path, file.text), inode: String(file.inode), length: file.text.length };
  }

  /** What {@link read} is to say of this state from now on: it was found to have none. */
  remember(bucket: string, key: string, state: FileState, attributes: ObjectAttributes, length = 0): void {
    this.#cache.set(cacheKey(bucket, key, state), attributes, entryCost + length * characterCost);
  }

  /** Gives the attributes of one state to another, in place of what that has. */
  async move(bucket: string, key: string, from: FileState, to: FileState): Promise<void> {
    await this.#files.layer.rename(this.path(bucket, key, from), this.path(bucket, key, to));
    this.#cache.delete(cacheKey(bucket, key, to));
  }

  /** Frees those of a state that is no longer to be had. */
  async discard(bucket: string, key: string, state: FileState): Promise<void> {
    this.#cache.delete(cacheKey(bucket, key, state));
    await this.#files.discard(this.path(bucket, key, state));
  }
}

/** Attributes for a file that another program wrote. The `-` keeps clients from taking the ETag for an MD5. */
export function derivedAttributes(state: FileState): ObjectAttributes {
  const digest = hash('sha256', versionOf(state));
  return { etag: `${digest.slice(0, 32)}-1`, headers: {}, metadata: {} };
}

function cacheKey(bucket: string, key: string, state: FileState): string {
  return `${bucket}/${versionOf(state)}/${key}`;
}

function parse(path: string, text: string): Record {
  try {
    const record = JSON.parse(text) as Partial<Record> | null;
    if (record?.format === 1 && record.attributes !== undefined) return record as Record;
    throw new Error('not the attributes of an object');
  } catch (cause) {
    throw new AdapterError('Corrupt', `${path} cannot be read; write the object again`, { cause });
  }
}
