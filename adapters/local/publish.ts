/** The one step by which bytes become an object: a rename under the key's lock, once data and attributes are on disk. */
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AdapterError } from '../errors.ts';
import type { ObjectAttributes, ObjectInfo, WriteCondition } from '../types.ts';
import type { Context } from './context.ts';
import { codeOf, isMissing } from './errors.ts';
import { type BucketIdentity, bucketIdentity, isSameBucket, noSuchBucket, oddState } from './find.ts';
import { type FileState, lastModifiedOf, newStamp, stateOf, versionOf } from './state.ts';

export interface Publication {
  readonly bucket: string;
  readonly key: string;
  /** As it was when the work began: bytes for a bucket that was removed do not go to its successor. */
  readonly identity: BucketIdentity;
  /** A file of ours, complete, on the file system of the root. It is renamed. */
  readonly path: string;
  readonly handle: FileHandle;
  readonly attributes: ObjectAttributes;
  readonly condition?: WriteCondition | undefined;
  /** Called when all is durable, right before the object becomes visible. */
  readonly beforeRename?: (info: ObjectInfo) => Promise<void>;
  /** As in `CompleteUploadCall`. */
  readonly beforePublish?: (() => void) | undefined;
}

/** Also rejects with `NoSuchBucket` when the bucket was removed meanwhile. */
export async function publish(context: Context, publication: Publication): Promise<ObjectInfo> {
  try {
    return await publishInto(context, publication);
  } catch (error) {
    const { bucket, identity } = publication;
    if (!isMissing(error)) throw error;
    throw isSameBucket(await bucketIdentity(context, bucket), identity) ? error : noSuchBucket(bucket);
  }
}

async function publishInto(context: Context, publication: Publication): Promise<ObjectInfo> {
  const { attributes, files } = context;
  const { bucket, key } = publication;
  const state = await makeDurable(context, publication);
  const info: ObjectInfo = {
    key,
    size: state.size,
    lastModified: lastModifiedOf(state),
    version: versionOf(state),
    attributes: publication.attributes,
  };
  let moved: Moved;
  try {
    await publication.beforeRename?.(info);
    moved = await moveIntoPlace(context, publication);
  } catch (error) {
    await attributes.discard(bucket, key, state);
    throw error;
  }
  await files.syncPath(moved.directory, moved.base);
  if (moved.former !== undefined) await attributes.discard(bucket, key, moved.former);
  return info;
}

/** Gives the file a time that no other state of the key has, and brings it and the attributes of that state to disk. */
async function makeDurable(context: Context, publication: Publication): Promise<FileState> {
  const { attributes, files } = context;
  const { bucket, key, handle } = publication;
  for (;;) {
    const stamp = newStamp();
    await handle.utimes(stamp, stamp);
    const state = stateOf(await files.look.stat(handle));
    const [synced, written] = await Promise.allSettled([
      files.sync(handle),
      attributes.write(bucket, key, state, publication.attributes),
    ]);
    if (written.status === 'rejected') throw written.reason;
    if (synced.status === 'rejected') {
      if (written.value) await attributes.discard(bucket, key, state);
      throw synced.reason;
    }
    if (written.value) return state;
  }
}

interface Moved {
  readonly directory: string;
  /** The directory above it whose own name is durable. */
  readonly base: string;
  readonly former: FileState | undefined;
}

/** How often to make directories again that somebody who removes the last file in them takes away. */
const attempts = 100;

/** What `rename` says when the tree of names has no place for this one: a file is where a directory must be, or the other way round. */
const noPlace = new Set(['ENOTDIR', 'EISDIR', 'EEXIST', 'ENOTEMPTY', 'ENAMETOOLONG', 'ELOOP']);

async function moveIntoPlace(context: Context, publication: Publication): Promise<Moved> {
  const { files, layout, locks } = context;
  const { bucket, key, path } = publication;
  const bucketPath = layout.bucket(bucket);
  const odd = layout.odd(bucket, key);
  let natural = layout.natural(bucket, key);
  for (let attempt = 0; attempt < attempts; attempt++) {
    if (natural !== undefined && !(await makeParents(context, bucketPath, natural))) natural = undefined;
    const release = await locks.acquire(bucket, key);
    try {
      const target = await chooseTarget(context, publication, natural, odd);
      try {
        publication.beforePublish?.();
        await files.layer.rename(path, target.path);
        const base = target.path === odd ? layout.root : bucketPath;
        return { directory: dirname(target.path), base, former: target.former };
      } catch (error) {
        const code = codeOf(error) ?? '';
        if (target.path === natural && noPlace.has(code)) natural = undefined;
        else if (code !== 'ENOENT') throw error;
        else if ((await files.look.lstat(path)) === undefined) {
          throw new AdapterError('NoSuchPart', `the staged bytes of ${key} are gone`, { cause: error });
        }
        if (target.path === odd) await files.makePrivate(dirname(odd));
      }
    } catch (error) {
      if (natural !== undefined) await files.prune(dirname(natural), bucketPath);
      throw error;
    } finally {
      release();
    }
  }
  throw new AdapterError('Unavailable', `the directories of ${key} are removed again and again`, {
    retryAfter: 1,
  });
}

/** Judges the condition, and says which name the object takes. To be called with the key's lock held. */
async function chooseTarget(
  context: Context,
  { bucket, key, identity, condition }: Publication,
  natural: string | undefined,
  odd: string,
): Promise<{ readonly path: string; readonly former: FileState | undefined }> {
  const { look } = context.files;
  const [now, here, oddFormer] = await Promise.all([
    bucketIdentity(context, bucket),
    natural === undefined ? undefined : look.lstat(natural),
    oddState(context, odd),
  ]);
  const naturalFormer = here?.isFile() ? stateOf(here) : undefined;
  // A link or a pipe that is not ours to replace, or a directory.
  const blocked = here !== undefined && !here.isFile();
  if (!isSameBucket(now, identity)) throw noSuchBucket(bucket);
  const former = naturalFormer ?? oddFormer;
  if (condition !== undefined) checkCondition(key, condition, former);
  // An object stays where it is: moving it would take two steps, between which it is missing or there twice.
  const inPrivate =
    natural === undefined || blocked || (naturalFormer === undefined && oddFormer !== undefined);
  return { path: inPrivate ? odd : natural, former };
}

export function checkCondition(key: string, condition: WriteCondition, former: FileState | undefined): void {
  if ('absent' in condition) {
    if (former !== undefined) throw new AdapterError('PreconditionFailed', `${key} exists`);
  } else if (former === undefined || versionOf(former) !== condition.version) {
    throw new AdapterError('PreconditionFailed', `${key} is not in the expected state`);
  }
}

/** Makes the directories that lead from the bucket to a file. `false` when a file, or a link, is in their way. */
async function makeParents(context: Context, bucketPath: string, path: string): Promise<boolean> {
  const { files } = context;
  const directory = dirname(path);
  const real = await files.look.realpath(directory);
  if (real !== undefined) return real === directory;
  // Never the bucket itself: a writer must not bring a removed bucket back.
  for (let end = bucketPath.length; end !== -1; ) {
    end = path.indexOf('/', end + 1);
    if (end === -1) break;
    const parent = path.slice(0, end);
    try {
      if (await files.makeDirectory(parent)) continue;
    } catch (error) {
      // Removed again meanwhile, or the bucket is gone: the rename finds out.
      if (codeOf(error) === 'ENOENT') return true;
      if (isMissing(error)) return false;
      throw error;
    }
    // A link is not gone through, not even to make a directory.
    if ((await files.look.lstat(parent))?.isDirectory() === false) return false;
  }
  const made = await files.look.realpath(directory);
  return made === undefined || made === directory;
}
