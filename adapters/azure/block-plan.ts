/** Which blocks the private blob of an upload is to be made of. Pure. */
import { AdapterError } from '../errors.ts';
import type { StoredPart } from '../types.ts';
import { blockIds, maxBlocks, nonceOf, readToken } from './blocks.ts';

export interface Block {
  /** Base64. */
  readonly name: string;
  readonly size: number;
}

export interface BlockPlan {
  /** The object's blocks in order, then the others. */
  readonly ids: readonly string[];
  /** Blocks after those of the object. */
  readonly others: number;
  /** This very list is what the blob is made of. */
  readonly committedAlready: boolean;
}

/**
 * `NoSuchPart` when a block of a named part is not there, or not of its size. The others are the blocks of unused parts and
 * of parts that nobody has recorded yet; of attempts that a recorded part replaced nothing is kept.
 */
export function planBlocks(
  call: { readonly parts: readonly StoredPart[]; readonly unused: readonly StoredPart[] },
  staged: { readonly committed: readonly Block[]; readonly uncommitted: readonly Block[] },
): BlockPlan {
  const sizes = new Map([...staged.committed, ...staged.uncommitted].map(({ name, size }) => [name, size]));
  const ids: string[] = [];
  const replaced = new Set<string>();
  for (const { partNumber, size, token } of call.parts) {
    const part = readToken(token);
    let bytes = 0;
    for (const [index, id] of blockIds(part, partNumber).entries()) {
      if (sizes.get(id) !== part.sizes[index]) throw gone(partNumber);
      bytes += part.sizes[index] ?? 0;
      ids.push(id);
    }
    if (bytes !== size) throw gone(partNumber);
    for (const nonce of part.replaced) replaced.add(nonce);
  }
  for (const { token } of call.unused) for (const nonce of readToken(token).replaced) replaced.add(nonce);

  const named = new Set(ids);
  const recorded = new Set(
    call.unused.flatMap(({ partNumber, token }) => blockIds(readToken(token), partNumber)),
  );
  const unused: string[] = [];
  const unrecorded: string[] = [];
  for (const id of sizes.keys()) {
    if (named.has(id)) continue;
    if (recorded.has(id)) unused.push(id);
    else if (!replaced.has(nonceOf(id) ?? '')) unrecorded.push(id);
  }
  // "Put Block List": at most 50,000. Only a client that replaced one part tens of thousands of times at once gets there.
  const others = [...unused, ...unrecorded].slice(0, Math.max(0, maxBlocks - ids.length));
  const all = [...ids, ...others];
  const committedAlready =
    all.length === staged.committed.length && all.every((id, index) => staged.committed[index]?.name === id);
  return { ids: all, others: others.length, committedAlready };
}

function gone(partNumber: number): AdapterError {
  return new AdapterError('NoSuchPart', `the bytes of part ${partNumber} are gone`);
}
