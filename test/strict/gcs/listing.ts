/** "Objects: list" as documented: one order of names and prefixes, of which a page holds `maxResults`. */
import type { Resource } from './rules.ts';

export interface Page {
  readonly kind: 'storage#objects';
  readonly items?: readonly Resource[];
  readonly prefixes?: readonly string[];
  readonly nextPageToken?: string;
}

function compare(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** `objects` are all whose names start with the prefix. */
export function page(objects: readonly Resource[], query: URLSearchParams): Page {
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter') ?? '';
  const startOffset = query.get('startOffset') ?? '';
  const limit = Math.min(1000, Number(query.get('maxResults') ?? 1000));
  // A page token is opaque, and takes the place of the offset.
  const token = query.get('pageToken');
  const from = token === null ? undefined : Buffer.from(token, 'base64').toString('utf8');

  const entries = new Map<string, Resource | undefined>();
  for (const object of objects.toSorted((a, b) => compare(a.name, b.name))) {
    if (compare(object.name, startOffset) < 0) continue;
    const cut = delimiter === '' ? -1 : object.name.indexOf(delimiter, prefix.length);
    if (cut === -1) entries.set(object.name, object);
    else entries.set(object.name.slice(0, cut + delimiter.length), undefined);
  }
  const left = [...entries].filter(([name]) => from === undefined || compare(name, from) > 0);
  const shown = left.slice(0, limit);
  const last = shown.at(-1);
  const items = shown.flatMap(([, object]) => object ?? []);
  const prefixes = shown.flatMap(([name, object]) => (object === undefined ? [name] : []));
  return {
    kind: 'storage#objects',
    ...(items.length === 0 ? {} : { items }),
    ...(prefixes.length === 0 ? {} : { prefixes }),
    ...(left.length > limit && last !== undefined
      ? { nextPageToken: Buffer.from(last[0]).toString('base64') }
      : {}),
  };
}

/** "Performance tips: partial response": what was not asked for is not there. */
export function project(value: object, fields: string | null): object {
  if (fields === null) return value;
  const wanted = [...fields.matchAll(/([a-zA-Z0-9]+)(?:\(([^)]*)\))?/g)];
  return Object.fromEntries(
    wanted.flatMap(([, field = '', inner]) => {
      const found = (value as Record<string, unknown>)[field];
      if (found === undefined) return [];
      if (inner === undefined) return [[field, found]];
      const projected = Array.isArray(found)
        ? found.map((each: object) => project(each, inner))
        : project(found as object, inner);
      return [[field, projected]];
    }),
  );
}
