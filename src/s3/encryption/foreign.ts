/**
 * Objects that another program wrote, as far as their attributes tell: adapters derive an ETag with a `-` for those. One may be sealed all
 * the same, having lost its attributes (a file of a local directory that was changed has none). Its bytes are never given
 * out for the plain ones.
 */
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import type { GetObjectResult, ObjectInfo, StorageAdapter } from '../../../adapters/types.ts';
import type { Gateway } from '../operation.ts';
import { damaged, headSize, magic } from './format.ts';

export interface PinnedObject {
  readonly bucket: string;
  readonly key: string;
  readonly version: string;
  readonly signal: AbortSignal;
}

/** `Corrupt` when the object that was opened turns out to be sealed. */
export async function refuseSealed(
  gateway: Gateway,
  storage: StorageAdapter,
  at: PinnedObject,
  { body, info, range }: GetObjectResult,
): Promise<void> {
  if (!isForeign(info) || range === undefined) return;
  const showsItsStart = range.start === 0 && range.end >= magic.length;
  if (showsItsStart) refuseMagic(await peek(body));
  else await refuseSealedState(gateway, storage, at);
}

function isForeign({ attributes, size }: ObjectInfo): boolean {
  return size >= headSize && attributes.parts === undefined && attributes.etag.includes('-');
}

function refuseMagic(start: Buffer): void {
  if (start.equals(magic)) throw damaged('what was known of it no longer belongs to its bytes');
}

/** The first bytes of a body, which still has them afterwards. A stream of chunks gives its first one, however many bytes are asked for. */
async function peek(body: Readable): Promise<Buffer> {
  for (;;) {
    const start = body.read(magic.length) as Buffer | null;
    if (start !== null) {
      body.unshift(start);
      return start.subarray(0, magic.length);
    }
    await once(body, 'readable');
  }
}

/** States that were looked at and found plain: so that ranges of a foreign object cost one look in all. */
const looked = new WeakMap<Gateway, Set<string>>();
const maxLooked = 10_000;

async function refuseSealedState(gateway: Gateway, storage: StorageAdapter, at: PinnedObject): Promise<void> {
  const seen = looked.get(gateway) ?? new Set();
  looked.set(gateway, seen);
  const state = JSON.stringify([at.bucket, at.key, at.version]);
  if (seen.has(state)) return;
  refuseMagic(await readBytes(storage, at, 0, magic.length));
  if (seen.size >= maxLooked) seen.clear();
  seen.add(state);
}

/** A few bytes of a state. */
export async function readBytes(
  storage: StorageAdapter,
  at: PinnedObject,
  start: number,
  size: number,
): Promise<Buffer> {
  const { body } = await storage.getObject({ ...at, range: { start, end: start + size - 1 } });
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
