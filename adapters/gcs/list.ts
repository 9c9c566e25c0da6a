/** Listing a bucket in S3's order from GCS's pages. "Objects: list" (JSON API reference). */
import type { ListEntry, ListObjectsCall, ListObjectsResult } from '../types.ts';
import type { ObjectPage, Resource } from './api.ts';
import { foreignAttributes } from './attributes.ts';
import { calling, type Gcs, lastModified, ownDescription } from './gcs.ts';
import {
  after,
  boundary,
  CLIENT,
  compareNames,
  keyOf,
  MAX_NAME_BYTES,
  namePrefix,
  PRIVATE,
} from './names.ts';

const MAX_RESULTS = 1000;
/** The one delimiter that is left to the service; any other is rolled up here, seeking past each common prefix. */
const SLASH = '/';

export function listObjects(gcs: Gcs, call: ListObjectsCall): Promise<ListObjectsResult> {
  const { bucket, signal } = call;
  return calling(gcs, { action: 'list objects', bucket, signal }, (from) => walk(gcs, from, call));
}

/** Also used to ask whether a bucket holds anything of a client's. */
export async function walk(
  gcs: Gcs,
  bucket: string,
  call: Omit<ListObjectsCall, 'bucket'>,
): Promise<ListObjectsResult> {
  const { prefix = '', delimiter = '', limit, signal } = call;
  const within = namePrefix(prefix);
  if (Buffer.byteLength(within) > MAX_NAME_BYTES) {
    await gcs.api.getBucket(bucket, signal);
    return { entries: [], truncated: false };
  }
  const entries: ListEntry[] = [];
  let cursor = startOf(call);
  // One entry more than asked for tells whether something follows.
  while (cursor !== undefined && entries.length <= limit) {
    const query = {
      prefix: within === '' ? undefined : within,
      delimiter: delimiter === SLASH ? SLASH : undefined,
      startOffset: cursor.from === '' ? undefined : cursor.from,
      // The cursor itself may come again, and is dropped.
      maxResults: Math.min(MAX_RESULTS, limit - entries.length + 2),
    };
    const page = await gcs.api.list(bucket, query, signal);
    cursor = await takePage(gcs, bucket, page, cursor, entries, call);
  }
  return { entries: entries.slice(0, limit), truncated: entries.length > limit };
}

/** Names from `from` on, without `from` itself if it is `passed`. */
interface Cursor {
  readonly from: string;
  readonly passed: boolean;
}

function startOf({
  prefix = '',
  delimiter = '',
  startAfter = '',
}: Partial<ListObjectsCall>): Cursor | undefined {
  if (startAfter === '') return { from: '', passed: false };
  const common = startAfter.startsWith(prefix) ? commonPrefix(startAfter, prefix, delimiter) : undefined;
  // It lies inside what is rolled up into an entry that is not after it.
  if (common !== undefined) return seekPast(namePrefix(common));
  return { from: shortened(boundary(startAfter)), passed: true };
}

/** Names have up to 1,024 bytes, so that a longer start is passed by nothing that its own beginning does not pass. */
function shortened(name: string): string {
  if (Buffer.byteLength(name) <= MAX_NAME_BYTES) return name;
  return new TextDecoder().decode(Buffer.from(name).subarray(0, MAX_NAME_BYTES), { stream: true });
}

function seekPast(prefix: string): Cursor | undefined {
  const from = after(prefix);
  return from === undefined ? undefined : { from, passed: false };
}

function commonPrefix(key: string, prefix: string, delimiter: string): string | undefined {
  if (delimiter === '') return undefined;
  const cut = key.indexOf(delimiter, prefix.length);
  return cut === -1 ? undefined : key.slice(0, cut + delimiter.length);
}

/** Adds the page's entries, and resolves with where to go on; `undefined` at the end. */
async function takePage(
  gcs: Gcs,
  bucket: string,
  page: ObjectPage,
  start: Cursor,
  entries: ListEntry[],
  { prefix = '', delimiter = '', signal }: Omit<ListObjectsCall, 'bucket'>,
): Promise<Cursor | undefined> {
  let cursor = start;
  for (const [name, item] of inOrder(page, start)) {
    const order = compareNames(name, cursor.from);
    if (order < 0 || (order === 0 && cursor.passed)) continue;
    const key = keyOf(name);
    if (key === undefined && item !== undefined) {
      // Private, as is everything before the clients' own names below the same prefix.
      cursor = { from: CLIENT, passed: false };
      continue;
    }
    if (key === undefined) {
      if (await holdsClientKeys(gcs, bucket, signal)) entries.push({ kind: 'prefix', prefix: PRIVATE });
      cursor = seekPast(PRIVATE) ?? cursor;
      continue;
    }
    const common = item === undefined ? key : commonPrefix(key, prefix, delimiter);
    if (common === undefined && item !== undefined) {
      entries.push({ kind: 'object', info: listed(key, item) });
      cursor = { from: name, passed: true };
    } else {
      entries.push({ kind: 'prefix', prefix: common ?? key });
      const next = seekPast(namePrefix(common ?? key));
      if (next === undefined) return undefined;
      cursor = next;
    }
  }
  const more = page.nextPageToken !== undefined && page.nextPageToken !== '';
  return more ? cursor : undefined;
}

async function holdsClientKeys(gcs: Gcs, bucket: string, signal: AbortSignal | undefined): Promise<boolean> {
  const { items = [] } = await gcs.api.list(
    bucket,
    { prefix: CLIENT, maxResults: 1, fields: 'items(name)' },
    signal,
  );
  return items.length > 0;
}

/**
 * Objects and common prefixes of one page, merged. While more follows, prefixes after the last object are left for the
 * next page: whether a page's limit counts them is not documented, and fake-gcs-server gives those of all pages at once.
 */
function inOrder(
  { items = [], prefixes = [], nextPageToken = '' }: ObjectPage,
  start: Cursor,
): ReadonlyArray<readonly [string, Resource?]> {
  const last = items.at(-1);
  const open = nextPageToken !== '' && last !== undefined && compareNames(last.name, start.from) > 0;
  const known = open ? prefixes.filter((prefix) => compareNames(prefix, last.name) < 0) : prefixes;
  return [...items.map((item) => [item.name, item] as const), ...known.map((name) => [name] as const)].sort(
    ([a], [b]) => compareNames(a, b),
  );
}

function listed(key: string, item: Resource): Extract<ListEntry, { kind: 'object' }>['info'] {
  const own = ownDescription(item);
  const { etag, headers, plainSize, checksum } = own?.attributes ?? foreignAttributes(item);
  const storageClass = headers['x-amz-storage-class'];
  return {
    key,
    etag,
    size: plainSize ?? Number(item.size),
    lastModified: lastModified(item, own?.writtenAt),
    ...(storageClass === undefined ? {} : { storageClass }),
    ...(checksum === undefined ? {} : { checksum: { algorithm: checksum.algorithm, type: checksum.type } }),
  };
}
