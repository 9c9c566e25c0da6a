/**
 * Putting stored objects together. "Composite objects" (Cloud Storage documentation): 1 to 32 sources a call, which may
 * be composites themselves; so many parts are composed in a tree. Its inner nodes have names that are never used twice
 * (a name takes one write a second), and each is checked before the next level stands on it.
 */
import { AdapterError } from '../errors.ts';
import type { ComposeSource, Resource } from './api.ts';
import { combine, fromBase64, toBase64 } from './crc32c.ts';
import { hasStatus } from './errors.ts';
import { type Gcs, live } from './gcs.ts';
import { mapInFlight } from './parallel.ts';

export const MAX_SOURCES = 32;
const IN_FLIGHT = 16;

/** Stored bytes whose length and CRC32C are known. */
export interface Piece extends ComposeSource {
  readonly size: number;
  readonly crc32c: number;
}

export function total(pieces: readonly Piece[]): { readonly size: number; readonly crc32c: number } {
  return pieces.reduce(
    (sum, piece) => ({
      size: sum.size + piece.size,
      crc32c: combine(sum.crc32c, piece.crc32c, piece.size),
    }),
    { size: 0, crc32c: 0 },
  );
}

/** Throws `Corrupt` when the composed object is not what its pieces make. */
export function demandTotal(composed: Resource, pieces: readonly Piece[]): void {
  const { size, crc32c } = total(pieces);
  if (Number(composed.size) === size && fromBase64(composed.crc32c) === crc32c) return;
  throw new AdapterError(
    'Corrupt',
    `GCS composed ${composed.size} bytes with CRC32C ${composed.crc32c} from pieces of ${size} bytes with ${toBase64(crc32c)}`,
  );
}

/**
 * Composes until at most 32 pieces are left, which one more compose makes the object. `nameFor` gives the name of the
 * next inner node; `onStep` is told after each of them. 10,000 parts take 313 + 10.
 */
export async function reduce(
  gcs: Gcs,
  bucket: string,
  pieces: readonly Piece[],
  options: {
    readonly nameFor: (level: number, index: number) => string;
    readonly onStep: () => void;
    readonly signal: AbortSignal | undefined;
  },
): Promise<readonly Piece[]> {
  let level = pieces;
  for (let depth = 1; level.length > MAX_SOURCES; depth++) {
    const groups = Array.from({ length: Math.ceil(level.length / MAX_SOURCES) }, (_, i) =>
      level.slice(i * MAX_SOURCES, (i + 1) * MAX_SOURCES),
    );
    level = await mapInFlight(groups, IN_FLIGHT, async (group, index) => {
      const [only] = group;
      if (group.length === 1 && only !== undefined) return only;
      const piece = await node(gcs, bucket, options.nameFor(depth, index), group, options.signal);
      options.onStep();
      return piece;
    });
  }
  return level;
}

async function node(
  gcs: Gcs,
  bucket: string,
  name: string,
  group: readonly Piece[],
  signal: AbortSignal | undefined,
): Promise<Piece> {
  const content = { resource: {}, sources: group };
  const composed = await gcs.api.transport.retry(signal, async () => {
    try {
      return await gcs.api.compose(bucket, name, content, { ifGenerationMatch: '0' }, signal);
    } catch (error) {
      // The name is ours alone: if it is taken, a try whose answer was lost has done it.
      const done = hasStatus(error, 412) ? await live(gcs, bucket, name, signal) : undefined;
      if (done !== undefined) return done;
      throw hasStatus(error, 404, 412) ? piecesGone(error) : error;
    }
  });
  demandTotal(composed, group);
  return { name, generation: composed.generation, ...total(group) };
}

export function piecesGone(cause: unknown): AdapterError {
  return new AdapterError('NoSuchPart', 'staged bytes of the upload are gone', { cause });
}
