/**
 * What an open upload has on disk, in a directory of its own:
 *
 * ```
 * data.<S>             parts of S bytes, or fewer, each in its slot: part N at (N-1)*S. Sparse.
 * claims/<S>.<N>       the slot of part N in data.<S> is taken, by one attempt at that part, for good
 * claims/<S>.<N>.dead  … and the attempt was discarded: nobody writes there, nobody needs what is there
 * parts/<N>.<random>   a part that has no slot
 * sealed               a Complete has looked at the claims: no slot is taken any more
 * assembled.<random>   the object under construction, when its parts have to be copied together
 * publish.json         the object that is about to be visible (journal.ts)
 * lock                 held by the one Complete that is at work (lock.ts)
 * ```
 *
 * An attempt takes its slot first and then looks for the seal; a Complete seals first and then looks at the claims. So either
 * sees the other.
 */
import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { AdapterError } from '../../errors.ts';
import type { PartToken } from '../../types.ts';
import type { Context } from '../context.ts';
import { codeOf, orMissing } from '../errors.ts';
import { bucketIdentity, noSuchBucket } from '../find.ts';

/** Where a part is: in a slot of `data.<slot>`, in a file below `parts/`, or nowhere, having no bytes. */
export type Place = { readonly slot: number } | { readonly file: string } | { readonly empty: true };

export function placeOf(token: PartToken): Place {
  if (typeof token === 'object' && token !== null) {
    if ('slot' in token && Number.isSafeInteger(token['slot'])) return { slot: Number(token['slot']) };
    if ('file' in token && /^\d+\.[0-9a-f]+$/.test(String(token['file'])))
      return { file: String(token['file']) };
    if ('empty' in token) return { empty: true };
  }
  throw new AdapterError('Corrupt', `no part token of this adapter: ${JSON.stringify(token)}`);
}

/** No file is as long as this everywhere (ext4 with blocks of 4 KiB); a part beyond it gets a file of its own. */
const maxSlotEnd = 15 * 2 ** 40;
/** Parts of one size but for the last need one slotted file, or two when the last part comes first. */
const maxGrids = 2;

export class Staging {
  readonly #context: Context;
  readonly directory: string;
  readonly #bucket: string;
  readonly #uploadId: string;

  constructor(context: Context, bucket: string, uploadId: string) {
    this.#context = context;
    this.directory = context.layout.upload(bucket, uploadId);
    this.#bucket = bucket;
    this.#uploadId = uploadId;
  }

  data(slot: number): string {
    return `${this.directory}/data.${slot}`;
  }

  claim(slot: number, partNumber: number): string {
    return `${this.directory}/claims/${slot}.${partNumber}`;
  }

  part(file: string): string {
    return `${this.directory}/parts/${file}`;
  }

  get sealed(): string {
    return `${this.directory}/sealed`;
  }

  /**
   * Takes a slot for a new part, of a grid that is there and large enough, or else of a new one. `undefined` when it has to go
   * elsewhere: somebody has the slot, or had it, or the upload is sealed.
   */
  async claimSlot(partNumber: number, size: number): Promise<number | undefined> {
    const { files } = this.#context;
    const grids = await this.grids();
    const slot = grids.find((grid) => grid >= size) ?? (grids.length < maxGrids ? size : undefined);
    if (slot === undefined || partNumber * slot > maxSlotEnd) return undefined;
    if (!(await this.#touch(this.claim(slot, partNumber)))) return undefined;
    if ((await files.look.lstat(this.sealed)) === undefined) return slot;
    await files.remove(this.claim(slot, partNumber));
    return undefined;
  }

  async releaseSlot(slot: number, partNumber: number): Promise<void> {
    await this.#context.files.discard(this.claim(slot, partNumber));
  }

  /** Marks a slot that holds a part which is not needed any more. It is never given to another attempt. */
  async killSlot(slot: number, partNumber: number): Promise<void> {
    // With the upload gone, so is the slot.
    await orMissing(this.#touch(`${this.claim(slot, partNumber)}.dead`));
  }

  async seal(): Promise<void> {
    await this.#touch(this.sealed);
  }

  /** Slot sizes in use, ascending. */
  async grids(): Promise<number[]> {
    const names = await this.#names(this.directory);
    return names
      .flatMap((name) => (name.startsWith('data.') ? [Number(name.slice('data.'.length))] : []))
      .sort((a, b) => a - b);
  }

  /** Part numbers that hold, or held, a slot of the grid; and those of them that are dead. */
  async claims(slot: number): Promise<{ readonly taken: Set<number>; readonly dead: Set<number> }> {
    const taken = new Set<number>();
    const dead = new Set<number>();
    for (const name of await this.#names(`${this.directory}/claims`)) {
      const [grid, number, mark] = name.split('.');
      if (grid !== String(slot)) continue;
      (mark === 'dead' ? dead : taken).add(Number(number));
    }
    return { taken, dead };
  }

  /** For writing a slot. Only with a claim in hand: a `data` file that is gone has been published. */
  async openData(slot: number): Promise<FileHandle> {
    return this.#context.files.layer.open(this.data(slot), constants.O_RDWR | constants.O_CREAT);
  }

  /** For reading a part. */
  async openStaged(place: Exclude<Place, { readonly empty: true }>): Promise<FileHandle> {
    const path = 'slot' in place ? this.data(place.slot) : this.part(place.file);
    return this.#context.files.layer.open(path, 'r');
  }

  /** Runs `work`; a name that is missing then means that what was staged is gone, or the bucket is. */
  async guard<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw codeOf(error) === 'ENOENT' ? await this.gone(error) : error;
    }
  }

  /** `NoSuchBucket` or `NoSuchPart`. */
  async gone(cause?: unknown): Promise<AdapterError> {
    if ((await bucketIdentity(this.#context, this.#bucket)) === undefined) return noSuchBucket(this.#bucket);
    return new AdapterError('NoSuchPart', `what was staged for upload ${this.#uploadId} is gone`, { cause });
  }

  async #names(path: string): Promise<string[]> {
    return this.#context.files.layer.readdir(path);
  }

  /** `false` when it is there already. */
  async #touch(path: string): Promise<boolean> {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
    try {
      const handle = await this.#context.files.layer.open(path, flags);
      await handle.close();
      return true;
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return false;
      throw error;
    }
  }
}
