/** What a listing must say, the naive way: sort everything, then walk it. */
import type { ListObjectsCall } from '../../../adapters/types.ts';

/** UTF-8 byte order, which S3 lists in. It is not the order of JavaScript strings: U+FFFF comes before U+1F511. */
export function compareKeys(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

export function naiveListing(
  keys: Iterable<string>,
  call: Omit<ListObjectsCall, 'bucket'>,
): { readonly shown: string[]; readonly truncated: boolean } {
  const { prefix = '', delimiter = '', startAfter } = call;
  const entries = new Map<string, boolean>();
  for (const key of keys) {
    if (!key.startsWith(prefix)) continue;
    const cut = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
    if (cut === -1) entries.set(key, false);
    else entries.set(key.slice(0, cut + delimiter.length), true);
  }
  const follows = [...entries]
    .filter(([name, rolledUp]) => {
      if (startAfter === undefined || startAfter === '') return true;
      if (compareKeys(name, startAfter) <= 0) return false;
      // startAfter lies inside what would be rolled up: it was shown already, being below startAfter.
      return !(rolledUp && startAfter.startsWith(name));
    })
    .sort(([a], [b]) => compareKeys(a, b))
    .map(([name, rolledUp]) => (rolledUp ? `[${name}]` : name));
  return { shown: follows.slice(0, call.limit), truncated: follows.length > call.limit };
}
