/**
 * Where things are:
 *
 * ```
 * <root>/<bucket>/<key>                         objects, as ordinary files
 * <root>/.partway/tmp/                          bodies on their way in
 * <root>/.partway/trash/                        on its way out
 * <root>/.partway/locks/                        see lock.ts
 * <root>/.partway/buckets/<bucket>/keys/        objects whose keys a file tree cannot hold (names.ts)
 *                                 /attributes/  what objects say about themselves (attributes.ts)
 *                                 /documents/   configuration of the bucket
 *                                 /uploads/<id>/  staged parts (uploads/)
 * ```
 *
 * All that is private to a bucket lies in one directory, so that it goes with the bucket in one rename.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { AdapterError } from '../errors.ts';
import { isBucketName, isNaturalPath, oddPath } from './names.ts';

/** Longest path that the system calls take, in bytes. */
const maxPathBytes = process.platform === 'linux' ? 4095 : 1023;

export interface Layout {
  readonly root: string;
  readonly private: string;
  readonly temporary: string;
  readonly trash: string;
  readonly locks: string;
  readonly buckets: string;
  bucket(bucket: string): string;
  /** The ordinary path of a key, or of a directory of keys; `undefined` when no path can be it. */
  natural(bucket: string, key: string): string | undefined;
  oddRoot(bucket: string): string;
  odd(bucket: string, key: string): string;
  ofBucket(bucket: string): string;
  attributes(bucket: string): string;
  document(bucket: string, name: string): string;
  uploads(bucket: string): string;
  upload(bucket: string, uploadId: string): string;
  newTemporary(): string;
  newTrash(): string;
}

/** `root` is a real path: free of symbolic links. */
export function createLayout(root: string): Layout {
  const own = join(root, '.partway');
  const temporary = join(own, 'tmp');
  const trash = join(own, 'trash');
  const buckets = join(own, 'buckets');
  const ofBucket = (bucket: string): string => `${buckets}/${known(bucket)}`;
  return {
    root,
    private: own,
    temporary,
    trash,
    locks: join(own, 'locks'),
    buckets,
    bucket: (bucket) => `${root}/${known(bucket)}`,
    natural(bucket, key) {
      if (!isNaturalPath(key)) return undefined;
      const path = `${root}/${known(bucket)}/${key}`;
      return Buffer.byteLength(path) <= maxPathBytes ? path : undefined;
    },
    oddRoot: (bucket) => `${ofBucket(bucket)}/keys`,
    odd: (bucket, key) => `${ofBucket(bucket)}/keys/${oddPath(key)}`,
    ofBucket,
    attributes: (bucket) => `${ofBucket(bucket)}/attributes`,
    document: (bucket, name) => `${ofBucket(bucket)}/documents/${checked(name, /^[A-Za-z0-9_-]{1,64}$/)}`,
    uploads: (bucket) => `${ofBucket(bucket)}/uploads`,
    upload: (bucket, uploadId) =>
      `${ofBucket(bucket)}/uploads/${checked(uploadId, /^[A-Za-z0-9_-]{1,128}$/)}`,
    newTemporary: () => `${temporary}/${unique()}`,
    newTrash: () => `${trash}/${unique()}`,
  };
}

export function unique(): string {
  return randomBytes(12).toString('hex');
}

function known(bucket: string): string {
  if (!isBucketName(bucket))
    throw new AdapterError('NoSuchBucket', `no directory can be the bucket ${bucket}`);
  return bucket;
}

function checked(name: string, form: RegExp): string {
  if (!form.test(name))
    throw new AdapterError('InvalidName', `${JSON.stringify(name)} cannot be a file name here`);
  return name;
}
