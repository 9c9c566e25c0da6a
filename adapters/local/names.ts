/**
 * Keys as file names. Ordinary keys are ordinary paths. A key that no path can be, or that cannot be one right now
 * (`a` beside `a/b`), has a second name in a private tree: the hexadecimal digits of its UTF-8 bytes, cut into directories,
 * so that the order of names there is the order of keys.
 */
import { AdapterError } from '../errors.ts';

/** S3's limit, in UTF-8 bytes. */
export const maxKeyBytes = 1024;

/** Digits per directory: below the shortest name limit met in the field (143 bytes, eCryptfs). */
const digitsPerName = 128;
const maxNameBytes = 255;

/** Rejects what is no S3 key: such a name has no place in either tree. */
export function checkKey(key: string): void {
  if (key === '') throw new AdapterError('InvalidName', 'a key has at least one byte');
  if (key.length > maxKeyBytes || (key.length * 3 > maxKeyBytes && Buffer.byteLength(key) > maxKeyBytes)) {
    throw new AdapterError('InvalidName', `a key has at most ${maxKeyBytes} bytes of UTF-8`);
  }
  // A lone surrogate has no UTF-8: two such keys would be one file.
  if (!key.isWellFormed()) throw new AdapterError('InvalidName', 'a key is well-formed Unicode');
}

/**
 * Names that may be buckets: S3's of today and of old, up to 255 letters. Anything else below the root (`lost+found`, hidden
 * directories, our own) is no bucket.
 */
const bucketName = /^[A-Za-z0-9][A-Za-z0-9._-]{2,254}$/;

export function isBucketName(name: string): boolean {
  return bucketName.test(name);
}

/** Whether every segment of a relative path can be a file name. */
export function isNaturalPath(path: string): boolean {
  if (path.includes('\0')) return false;
  return path.split('/').every(isNaturalName);
}

function isNaturalName(name: string): boolean {
  if (name === '' || name === '.' || name === '..') return false;
  return name.length * 3 <= maxNameBytes || Buffer.byteLength(name) <= maxNameBytes;
}

/** The beginning that the private paths of all keys with this prefix share. */
export function oddPrefix(prefix: string): string {
  const digits = Buffer.from(prefix).toString('hex');
  let path = '';
  for (let at = 0; at < digits.length; at += digitsPerName) {
    path += `${at === 0 ? '' : '/'}${digits.slice(at, at + digitsPerName)}`;
  }
  return path;
}

/**
 * A key's path in the private tree. The last name ends in `!`, which sorts before every digit and before the `/` after a
 * directory: a key comes before the keys that it is a prefix of.
 */
export function oddPath(key: string): string {
  const path = oddPrefix(key);
  const full = path.length % (digitsPerName + 1) === digitsPerName;
  return full ? `${path}/!` : `${path}!`;
}

/** The key of a path in the private tree; `undefined` for a name that is none of ours. */
export function keyOfOddPath(path: string): string | undefined {
  if (!path.endsWith('!')) return undefined;
  const key = Buffer.from(path.slice(0, -1).replaceAll('/', ''), 'hex').toString();
  return oddPath(key) === path ? key : undefined;
}

/** UTF-8 byte order. JavaScript compares UTF-16 units, where surrogates come before U+E000 to U+FFFF. */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}
