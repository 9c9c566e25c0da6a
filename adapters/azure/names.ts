/**
 * How buckets and keys are called in Azure.
 *
 * "Naming and Referencing Containers, Blobs, and Metadata" asks of blob names: 1 to 1,024 characters, at most 254 path
 * segments, no segment that ends in a dot, no end in a dot or slash; control characters are not allowed, and URL
 * libraries (ours among them) normalise `.`, `..` and backslashes away. A key that keeps to this is the blob's name.
 * Every other S3 key is kept under `.partway/keys/` in an encoding that keeps the order of UTF-8 bytes, so that a
 * listing is the merge of two sorted ones. The alphabets and ranges below are on disk: they never change.
 */
import { AdapterError } from '../errors.ts';

/** Everything that is Partway's own. Invisible to clients: a key under it is an odd key like any other. */
export const privatePrefix = '.partway/';
/** The first name after all private ones: `0` follows `/`. */
export const afterPrivate = '.partway0';
export const keysPrefix = `${privatePrefix}keys/`;
export const uploadsPrefix = `${privatePrefix}uploads/`;
export const putsPrefix = `${privatePrefix}puts/`;
export const metaPrefix = `${privatePrefix}meta/`;
export const docsPrefix = `${privatePrefix}docs/`;

const maxKeyBytes = 1024;

/** Blob name of a key. `InvalidName` for what is no S3 key. */
export function blobName(key: string): string {
  const size = Buffer.byteLength(key);
  if (size === 0) throw new AdapterError('InvalidName', 'a key has at least one byte');
  if (size > maxKeyBytes)
    throw new AdapterError(
      'InvalidName',
      `a key has at most ${maxKeyBytes} bytes of UTF-8, this one ${size}`,
    );
  if (!key.isWellFormed()) throw new AdapterError('InvalidName', 'a key is well-formed Unicode');
  return isNatural(key) ? key : keysPrefix + encodeKey(key);
}

/** Key of a blob below {@link keysPrefix}; `undefined` when it is none that we wrote. */
export function keyOfEncoded(name: string): string | undefined {
  return decodeKey(name.slice(keysPrefix.length));
}

/** Whether a key is kept under its own name. Of other tools' blobs, those with such a name are served. */
export function isNatural(key: string): boolean {
  return (
    !key.startsWith(privatePrefix) &&
    !unnaturalCharacter.test(key) &&
    !unnaturalShape.test(key) &&
    key.split('/', 255).length <= 254
  );
}

/**
 * Ranges of code points in natural keys. Left out: control characters, backslash, formatting characters, private use,
 * non-characters, and everything above U+FFFF: without those the order of UTF-16 units is that of UTF-8 bytes, whichever of
 * the two the service sorts by.
 */
const naturalRanges: ReadonlyArray<readonly [first: number, last: number]> = [
  [0x20, 0x5b],
  [0x5d, 0x7e],
  [0xa0, 0x200a],
  [0x2010, 0x2027],
  [0x2030, 0x205f],
  [0x2070, 0xd7ff],
  [0xf900, 0xfdcf],
  [0xfdf0, 0xfefe],
  [0xff00, 0xffef],
];
const unnaturalCharacter = new RegExp(
  `[^${naturalRanges.map(([first, last]) => `\\u{${first.toString(16)}}-\\u{${last.toString(16)}}`).join('')}]`,
  'u',
);
/** An empty segment, a segment that ends in a dot, a space at either end of the key. */
const unnaturalShape = /^\/|\/\/|\/$|\.(?:\/|$)|^ | $/;

/** The smallest string of natural characters that is not below `bound` in UTF-8 order; `undefined` when all are. */
export function naturalCeiling(bound: string): string | undefined {
  const points = [...bound].map((character) => character.codePointAt(0) ?? 0);
  const odd = points.findIndex((point) => !isNaturalPoint(point));
  if (odd === -1) return bound;
  for (let at = odd; at >= 0; at--) {
    const next = naturalPointFrom((points[at] ?? 0) + (at === odd ? 0 : 1));
    if (next !== undefined) return String.fromCodePoint(...points.slice(0, at), next);
  }
  return undefined;
}

function isNaturalPoint(point: number): boolean {
  return naturalPointFrom(point) === point;
}

function naturalPointFrom(point: number): number | undefined {
  for (const [first, last] of naturalRanges) if (point <= last) return Math.max(point, first);
  return undefined;
}

/*
 * Nine bits for each byte of the key (its value plus one, zero ends it), fourteen bits in each character, from U+4E00 on:
 * assigned, stable characters without case or composition. 1,024 bytes make 659 characters.
 */
const base = 0x4e00;

export function encodeKey(key: string): string {
  const units: number[] = [];
  let bits = 0;
  let count = 0;
  for (const byte of Buffer.from(key)) {
    bits = (bits << 9) | (byte + 1);
    count += 9;
    if (count < 14) continue;
    count -= 14;
    units.push(base + (bits >>> count));
    bits &= (1 << count) - 1;
  }
  if (count > 0) units.push(base + (bits << (14 - count)));
  return String.fromCharCode(...units);
}

function decodeKey(text: string): string | undefined {
  const bytes: number[] = [];
  let bits = 0;
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i) - base;
    if (unit < 0 || unit >= 1 << 14) return undefined;
    bits = (bits << 14) | unit;
    count += 14;
    while (count >= 9) {
      count -= 9;
      const value = bits >>> count;
      bits &= (1 << count) - 1;
      if (value > 256) return undefined;
      if (value > 0) bytes.push(value - 1);
    }
  }
  const key = Buffer.from(bytes).toString();
  return encodeKey(key) === text ? key : undefined;
}

/** UTF-8 byte order, without encoding: only surrogates sort otherwise as UTF-16. */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    return byteRank(x) - byteRank(y);
  }
  return a.length - b.length;
}

function byteRank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

/** The smallest string above everything that starts with `prefix`; `undefined` when nothing is. */
export function afterPrefix(prefix: string): string | undefined {
  const points = [...prefix];
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    const point = last.codePointAt(0) ?? 0;
    if (point < 0x10ffff)
      return points.join('') + String.fromCodePoint(point === 0xd7ff ? 0xe000 : point + 1);
  }
  return undefined;
}

/*
 * "Container names": 3 to 63 lower-case letters, digits and single hyphens between them. A bucket name that keeps to this is
 * the container's name. Another (dots, doubled hyphens) becomes `xs3-` with `.` as `-d` and `-` as `-h`.
 */
const containerPattern = /^(?=.{3,63}$)[a-z0-9]+(?:-[a-z0-9]+)*$/;
const bucketPattern = /^(?=.{3,63}$)[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/;
const escapedPrefix = 'xs3-';

/** Container of a bucket. `InvalidName` when Azure can hold no such name. */
export function containerName(bucket: string, prefix: string): string {
  const name = prefix + (needsEscape(bucket) ? escapeBucket(bucket) : bucket);
  if (!bucketPattern.test(bucket) || !containerPattern.test(name))
    throw new AdapterError(
      'InvalidName',
      `Azure has no container name for bucket '${bucket}': it would be '${name}', and one has 3 to 63 lower-case letters, digits and single hyphens`,
    );
  return name;
}

/** Bucket of a container; `undefined` for one that is not ours. */
export function bucketName(container: string, prefix: string): string | undefined {
  if (!container.startsWith(prefix)) return undefined;
  const name = container.slice(prefix.length);
  const bucket = name.startsWith(escapedPrefix) ? unescapeBucket(name) : name;
  if (bucket === undefined || !bucketPattern.test(bucket)) return undefined;
  return (needsEscape(bucket) ? escapeBucket(bucket) : bucket) === name ? bucket : undefined;
}

function needsEscape(bucket: string): boolean {
  return bucket.startsWith(escapedPrefix) || !containerPattern.test(bucket);
}

function escapeBucket(bucket: string): string {
  return escapedPrefix + bucket.replace(/[.-]/g, (character) => (character === '.' ? '-d' : '-h'));
}

function unescapeBucket(name: string): string | undefined {
  const body = name.slice(escapedPrefix.length);
  if (/-(?![dh])/.test(body)) return undefined;
  return body.replace(/-[dh]/g, (pair) => (pair === '-d' ? '.' : '-'));
}
