/** A container's blobs in order, page by page, with jumps. */
import type { BlobItem } from '@azure/storage-blob';
import type { AzureContext } from './context.ts';
import { afterPrivate, compareKeys, keysPrefix, privatePrefix } from './names.ts';

/** "List Blobs": at most 5,000 of a page. */
const maxPageSize = 5000;

export interface WalkOptions {
  readonly bucket: string;
  readonly prefix: string;
  /** Rolls up by `/`: the names of a level, and prefixes that end in it. */
  readonly hierarchical?: boolean;
  readonly metadata?: boolean;
  readonly uncommitted?: boolean;
  readonly pageSize: number;
  readonly signal: AbortSignal | undefined;
}

export interface WalkItem {
  /** Name of the blob, or the prefix. */
  readonly name: string;
  /** `undefined` for a prefix. */
  readonly blob: BlobItem | undefined;
}

/**
 * Jumps use `startFrom` of "List Blobs" (service version 2026-02-06; inclusive, a full name). Markers are opaque and used only to
 * go on with the very listing that gave them. A service that ignores `startFrom` starts anew: names below the aim are then
 * skipped, and no further jump is tried.
 */
export class BlobWalk {
  readonly #azure: AzureContext;
  readonly #options: WalkOptions;
  #page: readonly WalkItem[] = [];
  #at = 0;
  #started = false;
  #marker: string | undefined;
  #startFrom: string | undefined;
  #floor: string | undefined;
  #jumps = true;

  constructor(azure: AzureContext, options: WalkOptions) {
    this.#azure = azure;
    this.#options = options;
  }

  async peek(): Promise<WalkItem | undefined> {
    for (;;) {
      for (; this.#at < this.#page.length; this.#at++) {
        const item = this.#page[this.#at];
        if (item !== undefined && (this.#floor === undefined || compareKeys(item.name, this.#floor) >= 0))
          return item;
      }
      if (this.#started && this.#marker === undefined) return undefined;
      await this.#load();
    }
  }

  /** Done with what {@link peek} gave. */
  next(): void {
    this.#at++;
  }

  /** Goes on at the first name that is not below `name`. Never goes back. */
  seek(name: string): void {
    if (this.#floor !== undefined && compareKeys(name, this.#floor) <= 0) return;
    this.#floor = name;
    const last = this.#page.at(-1);
    if (last !== undefined && compareKeys(last.name, name) >= 0) return;
    if (this.#started && (this.#marker === undefined || !this.#jumps)) return;
    this.#started = false;
    this.#marker = undefined;
    this.#startFrom = name;
    this.#page = [];
    this.#at = 0;
  }

  async #load(): Promise<void> {
    const { bucket, prefix, hierarchical, metadata, uncommitted, pageSize, signal } = this.#options;
    const container = this.#azure.container(bucket);
    const jumped = !this.#started && this.#startFrom !== undefined;
    const page = await this.#azure.send(
      { doing: 'list the objects', container: container.containerName },
      signal,
      async (abortSignal) => {
        const options = {
          abortSignal,
          includeMetadata: metadata ?? false,
          includeUncommitedBlobs: uncommitted ?? false,
          ...(prefix === '' ? {} : { prefix }),
          ...(this.#startFrom === undefined ? {} : { startFrom: this.#startFrom }),
        };
        const settings = {
          maxPageSize: Math.min(maxPageSize, pageSize),
          ...(this.#marker === undefined ? {} : { continuationToken: this.#marker }),
        };
        if (!hierarchical) return (await container.listBlobsFlat(options).byPage(settings).next()).value;
        return (await container.listBlobsByHierarchy('/', options).byPage(settings).next()).value;
      },
    );
    const blobs: WalkItem[] = (page?.segment.blobItems ?? []).map((blob: BlobItem) => ({
      name: blob.name,
      blob,
    }));
    const prefixes: WalkItem[] =
      page !== undefined && 'blobPrefixes' in page.segment
        ? (page.segment.blobPrefixes ?? []).map(({ name }: { name: string }) => ({ name, blob: undefined }))
        : [];
    // The SDK gives the two kinds apart; the service lists them as one.
    this.#page =
      prefixes.length === 0 ? blobs : [...blobs, ...prefixes].sort((a, b) => compareKeys(a.name, b.name));
    this.#at = 0;
    this.#started = true;
    this.#marker = page?.continuationToken === '' ? undefined : page?.continuationToken;
    const [first] = this.#page;
    if (jumped && first !== undefined && compareKeys(first.name, this.#startFrom ?? '') < 0)
      this.#jumps = false;
  }
}

/** Whether a container holds anything but what is private. Blobs that no S3 key reaches count too: they are somebody's. */
export async function holdsObjects(
  azure: AzureContext,
  bucket: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const all = new BlobWalk(azure, { bucket, prefix: '', pageSize: 100, signal });
  for (let item = await all.peek(); item !== undefined; item = await all.peek()) {
    if (!item.name.startsWith(privatePrefix)) return true;
    all.seek(afterPrivate);
  }
  const odd = new BlobWalk(azure, { bucket, prefix: keysPrefix, pageSize: 1, signal });
  return (await odd.peek()) !== undefined;
}
