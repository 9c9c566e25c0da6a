/** Finds the file that holds an object. Symbolic links are never followed below the root. */

import type { BigIntStats } from 'node:fs';
import { dirname } from 'node:path';
import { AdapterError } from '../errors.ts';
import type { ObjectInfo } from '../types.ts';
import { derivedAttributes } from './attributes.ts';
import type { Context } from './context.ts';
import { checkKey } from './names.ts';
import { type FileState, lastModifiedOf, stateOf, versionOf } from './state.ts';

export interface Found {
  readonly path: string;
  readonly state: FileState;
}

/** Tells a bucket from one of the same name made after it was removed. */
export interface BucketIdentity {
  readonly inode: bigint;
  readonly createdNs: bigint;
}

/** Of a bucket's directory; `undefined` when it is missing. A link to a directory is no bucket. */
export async function bucketStats(context: Context, bucket: string): Promise<BigIntStats | undefined> {
  const stats = await context.files.look.lstat(context.layout.bucket(bucket));
  return stats?.isDirectory() ? stats : undefined;
}

export async function bucketIdentity(context: Context, bucket: string): Promise<BucketIdentity | undefined> {
  const stats = await bucketStats(context, bucket);
  return stats && { inode: stats.ino, createdNs: stats.birthtimeNs };
}

export function isSameBucket(now: BucketIdentity | undefined, before: BucketIdentity): boolean {
  return now !== undefined && now.inode === before.inode && now.createdNs === before.createdNs;
}

export function noSuchBucket(bucket: string): AdapterError {
  return new AdapterError('NoSuchBucket', `no bucket ${bucket}`);
}

export async function requireBucket(context: Context, bucket: string): Promise<BucketIdentity> {
  const identity = await bucketIdentity(context, bucket);
  if (identity === undefined) throw noSuchBucket(bucket);
  return identity;
}

/** The state of a regular file that is reached without following any link. */
export async function naturalState(context: Context, path: string): Promise<FileState | undefined> {
  const { look } = context.files;
  const directory = dirname(path);
  const [stats, real] = await Promise.all([look.lstat(path), look.realpath(directory)]);
  return stats?.isFile() && real === directory ? stateOf(stats) : undefined;
}

/** The state of a file in the private tree. */
export async function oddState(context: Context, path: string): Promise<FileState | undefined> {
  const stats = await context.files.look.lstat(path);
  return stats?.isFile() ? stateOf(stats) : undefined;
}

/** Where a key's object lives now: its ordinary path first, then the private tree. */
export async function find(context: Context, bucket: string, key: string): Promise<Found | undefined> {
  const natural = context.layout.natural(bucket, key);
  if (natural !== undefined) {
    const state = await naturalState(context, natural);
    if (state !== undefined) return { path: natural, state };
  }
  const path = context.layout.odd(bucket, key);
  const state = await oddState(context, path);
  return state && { path, state };
}

/** `NoSuchBucket` or `NoSuchObject`. */
export async function missingObject(context: Context, bucket: string, key: string): Promise<AdapterError> {
  if ((await bucketIdentity(context, bucket)) === undefined) return noSuchBucket(bucket);
  return new AdapterError('NoSuchObject', `no object ${key} in bucket ${bucket}`);
}

/** How often a reader looks again when writers replace what it has just found. */
export const looks = 20;

export function changing(key: string): AdapterError {
  return new AdapterError('Unavailable', `${key} changes faster than it can be read`, { retryAfter: 1 });
}

/** `undefined` when there is no such object. */
export async function findInfo(
  context: Context,
  bucket: string,
  key: string,
): Promise<{ readonly found: Found; readonly info: ObjectInfo } | undefined> {
  checkKey(key);
  for (let look = 0; look < looks; look++) {
    const found = await find(context, bucket, key);
    if (found === undefined) return undefined;
    const info = await describe(context, bucket, key, found.state, () => find(context, bucket, key));
    if (info !== undefined) return { found, info };
  }
  throw changing(key);
}

/**
 * What an object in this state says about itself; `undefined` when it has been replaced meanwhile (a writer removes
 * the former attributes, which must not make it look like a file of another program).
 */
export async function describe(
  context: Context,
  bucket: string,
  key: string,
  state: FileState,
  again: () => Promise<Found | undefined>,
): Promise<ObjectInfo | undefined> {
  const version = versionOf(state);
  let attributes = await context.attributes.read(bucket, key, state);
  if (attributes === undefined) {
    const now = await again();
    if (now === undefined || versionOf(now.state) !== version) return undefined;
    attributes = derivedAttributes(state);
    context.attributes.remember(bucket, key, state, attributes);
  }
  return { key, size: state.size, lastModified: lastModifiedOf(state), version, attributes };
}
