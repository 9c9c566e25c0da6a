/**
 * Listing in the order of UTF-8 bytes: the merge of the keys kept under their own names and of those kept encoded. Each is
 * asked for the page it may need, and jumps over what is rolled up; nothing is remembered between calls.
 */
import type { BlobItem } from '@azure/storage-blob';
import type { ListEntry, ListObjectsCall, ListObjectsResult } from '../types.ts';
import { decodeAttributes, foreignAttributes, listed } from './attributes.ts';
import type { AzureContext } from './context.ts';
import {
  afterPrefix,
  afterPrivate,
  compareKeys,
  encodeKey,
  isNatural,
  keyOfEncoded,
  keysPrefix,
  naturalCeiling,
  privatePrefix,
} from './names.ts';
import { BlobWalk } from './walk.ts';

/** Names asked for at least, where many may roll up into one prefix. */
const rollUpPageSize = 1000;
/** A bound may be cut: it only moves down. */
const maxBoundChars = 1000;

interface KeyItem {
  /** A key, or a prefix that the service rolled up. */
  readonly name: string;
  readonly blob: BlobItem | undefined;
}

interface KeyStream {
  peek(): Promise<KeyItem | undefined>;
  next(): void;
  /** Goes on at the first key that is not below `bound`. */
  seek(bound: string): void;
}

export async function listObjects(azure: AzureContext, call: ListObjectsCall): Promise<ListObjectsResult> {
  const { prefix = '', delimiter = '', startAfter = '', limit } = call;
  const streams = [naturalKeys(azure, call), encodedKeys(azure, call)].filter(
    (stream) => stream !== undefined,
  );
  const seek = (bound: string | undefined): boolean => {
    if (bound !== undefined) for (const stream of streams) stream.seek(bound);
    return bound !== undefined;
  };
  const rolledUp = (name: string): string | undefined => {
    const cut = delimiter === '' ? -1 : name.indexOf(delimiter, prefix.length);
    return cut === -1 ? undefined : name.slice(0, cut + delimiter.length);
  };

  const entries: ListEntry[] = [];
  if (startAfter !== '') {
    // What startAfter itself rolls up into was shown already.
    const shown = startAfter.startsWith(prefix) ? rolledUp(startAfter) : undefined;
    seek((shown === undefined ? undefined : afterPrefix(shown)) ?? startAfter);
  }
  while (entries.length <= limit) {
    const items = await Promise.all(streams.map((stream) => stream.peek()));
    const first = lowest(items);
    if (first === undefined) break;
    const common = first.blob === undefined ? first.name : rolledUp(first.name);
    const name = common ?? first.name;
    const follows = compareKeys(name, startAfter) > 0;
    if (common !== undefined) {
      if (follows) entries.push({ kind: 'prefix', prefix: common });
      if (!seek(afterPrefix(common))) break;
    } else {
      if (follows && first.blob !== undefined)
        entries.push({ kind: 'object', info: infoOf(name, first.blob) });
      for (const [i, item] of items.entries()) if (item === first) streams[i]?.next();
    }
  }
  return { entries: entries.slice(0, limit), truncated: entries.length > limit };
}

function lowest(items: ReadonlyArray<KeyItem | undefined>): KeyItem | undefined {
  let first: KeyItem | undefined;
  for (const item of items) {
    if (item === undefined) continue;
    if (first === undefined || compareKeys(item.name, first.name) < 0) first = item;
  }
  return first;
}

function infoOf(key: string, { properties, metadata }: BlobItem): ReturnType<typeof listed> {
  const size = properties.contentLength ?? 0;
  const decoded = decodeAttributes(metadata, size);
  const attributes = decoded?.attributes ?? foreignAttributes({ ...properties, metadata });
  return listed(key, { size, lastModified: decoded?.modified ?? properties.lastModified, attributes });
}

function pageSize({ delimiter = '', limit }: ListObjectsCall): number {
  const wanted = limit + 2;
  return delimiter === '' || delimiter === '/' ? wanted : Math.max(rollUpPageSize, wanted);
}

/** `undefined` when no natural key can start with the prefix. */
function naturalKeys(azure: AzureContext, call: ListObjectsCall): KeyStream | undefined {
  const { bucket, prefix = '', delimiter, signal } = call;
  if (!mayStartNatural(prefix)) return undefined;
  const walk = new BlobWalk(azure, {
    bucket,
    prefix,
    hierarchical: delimiter === '/',
    metadata: true,
    pageSize: pageSize(call),
    signal,
  });
  let ended = false;
  return {
    async peek() {
      while (!ended) {
        const item = await walk.peek();
        if (item === undefined) return undefined;
        if (item.name.startsWith(privatePrefix)) walk.seek(afterPrivate);
        else if (isNatural(item.blob === undefined ? `${item.name}x` : item.name)) return item;
        else walk.next();
      }
      return undefined;
    },
    next: () => walk.next(),
    seek(bound) {
      const ceiling = naturalCeiling(bound);
      if (ceiling === undefined) ended = true;
      else walk.seek(cutBound(ceiling.startsWith(privatePrefix) ? afterPrivate : ceiling));
    },
  };
}

function encodedKeys(azure: AzureContext, call: ListObjectsCall): KeyStream {
  const { bucket, prefix = '', signal } = call;
  const walk = new BlobWalk(azure, {
    bucket,
    prefix: keysPrefix,
    metadata: true,
    pageSize: pageSize(call),
    signal,
  });
  const seek = (bound: string): void => walk.seek(keysPrefix + cutBound(encodeKey(bound)));
  if (prefix !== '') seek(prefix);
  return {
    async peek() {
      for (;;) {
        const item = await walk.peek();
        if (item === undefined) return undefined;
        const key = keyOfEncoded(item.name);
        if (key === undefined) {
          walk.next();
          continue;
        }
        // Behind the last key with the prefix; there is none before the first.
        if (!key.startsWith(prefix)) return undefined;
        return { name: key, blob: item.blob };
      }
    },
    next: () => walk.next(),
    seek,
  };
}

function mayStartNatural(prefix: string): boolean {
  return (
    naturalCeiling(prefix) === prefix && !prefix.startsWith(privatePrefix) && !/^\/|\/\/|\.\//.test(prefix)
  );
}

function cutBound(bound: string): string {
  return bound.slice(0, maxBoundChars);
}
