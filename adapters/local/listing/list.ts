/** Lists a bucket: its ordinary files and its private tree, merged in UTF-8 byte order. */
import { setImmediate as turn } from 'node:timers/promises';
import { isAdapterError } from '../../errors.ts';
import type { ListEntry, ListObjectsCall, ListObjectsResult, ObjectInfo } from '../../types.ts';
import { derivedAttributes } from '../attributes.ts';
import { mapBounded } from '../bounded.ts';
import type { Context } from '../context.ts';
import { FromCaller } from '../errors.ts';
import { describe, type Found, requireBucket } from '../find.ts';
import { type FileState, lastModifiedOf, stateOf, versionOf } from '../state.ts';
import { type Candidate, openCandidates } from './candidates.ts';

/** Looked up between two turns of the event loop: a few milliseconds' worth. */
const batchSize = 128;

export async function listObjects(context: Context, call: ListObjectsCall): Promise<ListObjectsResult> {
  await requireBucket(context, call.bucket);
  const candidates = await openCandidates(context, call);
  const entries: ListEntry[] = [];
  // One more than asked for tells whether something follows. What vanished meanwhile is made up for by going on.
  const wanted = call.limit + 1;
  while (entries.length < wanted) {
    if (call.signal?.aborted) throw new FromCaller(call.signal.reason);
    const batch = await candidates.take(Math.min(wanted - entries.length, batchSize));
    if (batch.length === 0) break;
    const resolved = await mapBounded(batch, (candidate) => resolve(context, call.bucket, candidate));
    for (const entry of resolved) if (entry !== undefined) entries.push(entry);
    // Looks that are answered at once leave the event loop no turn.
    await turn();
  }
  const truncated = entries.length > call.limit;
  if (truncated) entries.length = call.limit;
  return { entries, truncated };
}

/** The first object of a bucket in the order of listings. */
export async function firstKey(context: Context, bucket: string): Promise<string | undefined> {
  const { entries } = await listObjects(context, { bucket, limit: 1 });
  const first = entries[0];
  return first?.kind === 'object' ? first.info.key : undefined;
}

/** `undefined` for what is gone, or holds nothing. */
async function resolve(
  context: Context,
  bucket: string,
  candidate: Candidate,
): Promise<ListEntry | undefined> {
  if (candidate.kind === 'prefix') {
    const { path, prefix } = candidate;
    const there = path === undefined || (await context.directories.holdsFile(path));
    return there ? { kind: 'prefix', prefix } : undefined;
  }
  const { key, path } = candidate;
  const look = async (): Promise<Found | undefined> => {
    const stats = await context.files.look.lstat(path);
    return stats?.isFile() ? { path, state: stateOf(stats) } : undefined;
  };
  for (;;) {
    const found = await look();
    if (found === undefined) return undefined;
    const info = await describeOrDerive(context, bucket, key, found.state, look);
    if (info !== undefined) return { kind: 'object', info: toListed(info) };
  }
}

/** One object whose attributes are corrupt must not hide all others; reading it says what is wrong. */
async function describeOrDerive(
  context: Context,
  bucket: string,
  key: string,
  state: FileState,
  again: () => Promise<Found | undefined>,
): Promise<ObjectInfo | undefined> {
  try {
    return await describe(context, bucket, key, state, again);
  } catch (error) {
    if (!isAdapterError(error, 'Corrupt')) throw error;
    const attributes = derivedAttributes(state);
    return {
      key,
      size: state.size,
      lastModified: lastModifiedOf(state),
      version: versionOf(state),
      attributes,
    };
  }
}

function toListed({
  key,
  size,
  lastModified,
  attributes,
}: ObjectInfo): Extract<ListEntry, { kind: 'object' }>['info'] {
  const { etag, plainSize, checksum, headers } = attributes;
  const storageClass = headers['x-amz-storage-class'];
  return {
    key,
    size: plainSize ?? size,
    lastModified,
    etag,
    ...(storageClass !== undefined && { storageClass }),
    ...(checksum && { checksum: { algorithm: checksum.algorithm, type: checksum.type } }),
  };
}
