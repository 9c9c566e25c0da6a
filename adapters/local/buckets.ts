/** Buckets are directories below the root; what is private to one lies in one directory of ours and goes with it. */
import type { BigIntStats } from 'node:fs';
import { join } from 'node:path';
import { AdapterError } from '../errors.ts';
import type { BucketInfo } from '../types.ts';
import type { Context } from './context.ts';
import { codeOf } from './errors.ts';
import { bucketStats, noSuchBucket, requireBucket } from './find.ts';
import { firstKey } from './listing/list.ts';
import { isBucketName } from './names.ts';

export async function listBuckets(context: Context): Promise<readonly BucketInfo[]> {
  const { files, layout } = context;
  const entries = await files.layer.readdir(layout.root, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory() && isBucketName(entry.name));
  const infos = await Promise.all(
    names.map(async ({ name }) => {
      const stats = await bucketStats(context, name);
      return stats === undefined ? [] : [toInfo(name, stats)];
    }),
  );
  // Names are ASCII: the order of UTF-16 units is the order of bytes.
  return infos.flat().sort((a, b) => (a.name < b.name ? -1 : 1));
}

export async function headBucket(context: Context, bucket: string): Promise<BucketInfo> {
  const stats = await bucketStats(context, bucket);
  if (stats === undefined) throw noSuchBucket(bucket);
  return toInfo(bucket, stats);
}

/** Where the file system does not keep when a directory was made, when it was changed last. */
function toInfo(name: string, { birthtimeNs, birthtime, ctime }: BigIntStats): BucketInfo {
  return { name, createdAt: birthtimeNs > 0n ? birthtime : ctime };
}

export async function createBucket(context: Context, bucket: string): Promise<void> {
  const { files, layout, locks } = context;
  if (!isBucketName(bucket)) {
    throw new AdapterError(
      'InvalidName',
      'a bucket has 3 to 255 letters, digits, dots, hyphens and underscores',
    );
  }
  const path = layout.bucket(bucket);
  const release = await locks.acquireAll();
  try {
    if ((await files.look.lstat(path)) !== undefined) {
      throw new AdapterError('BucketExists', `${bucket} exists`);
    }
    // What a removal that was cut off left must not become this bucket's.
    await moveToTrash(context, layout.ofBucket(bucket));
    await files.makeDirectory(path);
  } finally {
    release();
  }
  await files.syncDirectory(layout.root);
}

export async function deleteBucket(context: Context, bucket: string): Promise<void> {
  const { files, layout, locks } = context;
  await requireBucket(context, bucket);
  let trash: string | undefined;
  // No object can come in between the look and the removal.
  const release = await locks.acquireAll();
  try {
    await requireBucket(context, bucket);
    if ((await firstKey(context, bucket)) !== undefined) throw notEmpty(bucket, 'objects');
    await removeEmptyDirectories(context, layout.bucket(bucket), bucket);
    trash = await moveToTrash(context, layout.ofBucket(bucket));
  } finally {
    release();
  }
  await files.syncDirectory(layout.root);
  if (trash !== undefined) await files.discardTree(trash);
}

function notEmpty(bucket: string, what: string): AdapterError {
  return new AdapterError('BucketNotEmpty', `${bucket} holds ${what}`);
}

/** Depth first. Directories that hold no key may be about, made by other programs. */
async function removeEmptyDirectories(context: Context, path: string, bucket: string): Promise<void> {
  const { layer } = context.files;
  for (const entry of await layer.readdir(path, { withFileTypes: true })) {
    if (!entry.isDirectory())
      throw notEmpty(bucket, `files that are no objects, such as ${join(path, entry.name)}`);
    await removeEmptyDirectories(context, join(path, entry.name), bucket);
  }
  try {
    await layer.rmdir(path);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT') throw noSuchBucket(bucket);
    if (code === 'ENOTEMPTY' || code === 'EEXIST')
      throw notEmpty(bucket, 'files that have just been written');
    throw error;
  }
}

/** One rename, so that it is there whole or not at all. Resolves to where it is now; `undefined` when there was nothing. */
export async function moveToTrash(context: Context, path: string): Promise<string | undefined> {
  const { files, layout } = context;
  if ((await files.look.lstat(path)) === undefined) return undefined;
  await files.makePrivate(layout.trash);
  const trash = layout.newTrash();
  try {
    await files.layer.rename(path, trash);
    return trash;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
