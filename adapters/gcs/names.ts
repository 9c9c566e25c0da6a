/**
 * S3 keys and bucket names as GCS names, and the private names that Partway keeps for itself.
 *
 * "Object naming" (Cloud Storage documentation): 1 to 1,024 bytes of UTF-8, no carriage return or line feed, not `.` or
 * `..`, nothing that starts with `.well-known/acme-challenge/`. S3 keys may be all of that, so those few are escaped.
 * The escape keeps two properties on which listing stands: names sort in UTF-8 byte order as their keys do, and a prefix
 * of a key is a prefix of its name. Ordinary keys are their own names.
 */
import { AdapterError } from '../errors.ts';

/** Everything below it is Partway's, except {@link CLIENT}: client keys that start with it. */
export const PRIVATE = '.partway/';
/** Where client keys that start with {@link PRIVATE} live. Sorts after every private name. */
export const CLIENT = `${PRIVATE}~`;

export const UPLOADS = `${PRIVATE}uploads/`;
/** Bodies of puts that are not yet published. */
export const PUTS = `${PRIVATE}puts/`;
/** Attributes too long for custom metadata. */
export const ATTRIBUTES = `${PRIVATE}attributes/`;
export const DOCUMENTS = `${PRIVATE}documents/`;

export const MAX_NAME_BYTES = 1024;
const ACME = '.well-known/acme-challenge';

/**
 * An order-preserving prefix code: the escaped character and the one that leads its escape become two characters each.
 * NUL is no forbidden name, but HTTP front ends refuse `%00` in a path, so it is escaped too.
 */
const escapes: ReadonlyMap<string, string> = new Map([
  ['\0', '\x01\x01'],
  ['\x01', '\x01\x02'],
  ['\n', '\x0b\x01'],
  ['\x0b', '\x0b\x02'],
  ['\r', '\x0e\x01'],
  ['\x0e', '\x0e\x02'],
]);
const unescapes: ReadonlyMap<string, string> = new Map([...escapes].map(([raw, escaped]) => [escaped, raw]));

/** The name of the object under `key`. `InvalidName` when GCS cannot hold it. */
export function nameOf(key: string): string {
  if (key === '') throw new AdapterError('InvalidName', 'a key has at least one character');
  if (!key.isWellFormed()) throw new AdapterError('InvalidName', 'the key is not valid UTF-8');
  const name = boundary(key);
  const size = Buffer.byteLength(name);
  if (size <= MAX_NAME_BYTES) return name;
  const escaped = name === key ? '' : ' once it is escaped';
  throw new AdapterError(
    'InvalidName',
    `GCS holds names of up to ${MAX_NAME_BYTES} bytes; this key has ${size}${escaped}`,
  );
}

/** The place of any string among names, as {@link nameOf} would sort it; it need not be storable. */
export function boundary(key: string): string {
  return key === '.' || key === '..' ? `${key}\x01` : namePrefix(key);
}

/** What the names of all keys that start with `prefix` start with. */
export function namePrefix(prefix: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is escaped
  const coded = prefix.replace(/[\0\x01\n\x0b\r\x0e]/g, (char) => escapes.get(char) ?? char);
  if (coded.startsWith(PRIVATE)) return CLIENT + coded.slice(PRIVATE.length);
  // '/' becomes '0/', and '0' makes room for it as '00'.
  if (coded.startsWith(`${ACME}/`) || coded.startsWith(`${ACME}0`)) {
    return `${ACME}0${coded.slice(ACME.length)}`;
  }
  return coded;
}

/** The key (or prefix of keys) that a name stands for; `undefined` for a private name. */
export function keyOf(name: string): string | undefined {
  let coded = name;
  if (coded.startsWith(PRIVATE)) {
    if (!coded.startsWith(CLIENT)) return undefined;
    coded = PRIVATE + coded.slice(CLIENT.length);
  } else if (coded.startsWith(`${ACME}0`)) {
    coded = ACME + coded.slice(ACME.length + 1);
  } else if (coded === '.\x01' || coded === '..\x01') {
    return coded.slice(0, -1);
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is unescaped
  return coded.replace(/[\x01\x0b\x0e][\x01\x02]/g, (pair) => unescapes.get(pair) ?? pair);
}

/** UTF-8 byte order, which is code point order. JavaScript's is that of UTF-16: U+FFFF before U+1F511. */
export function compareNames(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

/** Surrogates stand for code points above all of the basic plane. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

/** The first string after everything that starts with `prefix`; `undefined` when nothing follows. */
export function after(prefix: string): string | undefined {
  const points = Array.from(prefix);
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    const point = last.codePointAt(0) ?? 0;
    if (point === 0x10ffff) continue;
    const next = point === 0xd7ff ? 0xe000 : point + 1;
    return points.join('') + String.fromCodePoint(next);
  }
  return undefined;
}

/**
 * The GCS bucket behind an S3 bucket. GCS names are one name space for all of Google Cloud, hence the prefix.
 * "Bucket naming": 3 to 63 characters (222 with dots), no `goog` at the start, no `google` inside.
 */
export function bucketName(bucket: string, prefix: string): string {
  const name = prefix + bucket;
  const refuse = (why: string): never => {
    throw new AdapterError('InvalidName', `GCS cannot hold a bucket named ${JSON.stringify(name)}: ${why}`);
  };
  if (!/^[a-z0-9][a-z0-9._-]*[a-z0-9]$/.test(name)) {
    refuse(
      'it takes lower-case letters, digits, dots, dashes and underscores, a letter or digit at both ends',
    );
  }
  const longest = Math.max(...name.split('.').map((label) => label.length));
  if (name.length < 3 || name.length > 222 || longest > 63) refuse('it takes 3 to 63 characters');
  if (/^goog|g[o0]{2}gle/.test(name)) refuse('Google keeps names with "goog" or "google" for itself');
  if (/^\d+\.\d+\.\d+\.\d+$/.test(name)) refuse('it looks like an IP address');
  return name;
}
