/** Block IDs and part tokens. "Put Block": all IDs of a blob have one length, at most 64 bytes before encoding. */
import { createHash, randomBytes } from 'node:crypto';
import { AdapterError } from '../errors.ts';
import type { PartToken } from '../types.ts';

/** "Put Block List": at most 50,000 blocks. */
export const maxBlocks = 50_000;
/** Bytes of a raw ID: `<nonce 16>-<part 5>-<sub 2>`. Every block that we ever write has this length. */
const rawIdBytes = 25;
/** So many replaced attempts are remembered with a part; older ones cost a copy by ranges at Complete, no more. */
const maxReplaced = 32;

/** Never repeats: an attempt at a part must not touch the blocks of another. */
export function newNonce(): string {
  return randomBytes(12).toString('base64url');
}

/** ID of the block that is `sub` of the part (or of the copied range) `number`. */
function blockId(nonce: string, number: number, sub: number): string {
  const raw = `${nonce}-${String(number).padStart(5, '0')}-${String(sub).padStart(2, '0')}`;
  return Buffer.from(raw).toString('base64');
}

/** The same for a blob on which another tool uses IDs of `length` raw bytes. */
export function foreignBlockId(nonce: string, number: number, length: number): string {
  if (length === rawIdBytes) return blockId(nonce, number, 0);
  if (length < 8)
    throw new AdapterError('Internal', `the blob has blocks whose IDs of ${length} bytes leave no room`);
  const digest = createHash('sha512').update(`${nonce}/${number}`).digest();
  return digest.subarray(0, length).toString('base64');
}

/** The nonce of a block that we wrote. */
export function nonceOf(id: string): string | undefined {
  const raw = Buffer.from(id, 'base64').toString('latin1');
  return /^[\w-]{16}-\d{5}-\d\d$/.test(raw) ? raw.slice(0, 16) : undefined;
}

/** Bytes of the blocks that `size` bytes make. */
export function blockSizes(size: number, largest: number): number[] {
  const sizes: number[] = [];
  for (let left = size; left > 0; left -= largest) sizes.push(Math.min(left, largest));
  return sizes;
}

export interface StagedPart {
  readonly nonce: string;
  /** Bytes of each block. */
  readonly sizes: readonly number[];
  /** Nonces of the attempts that this one replaces, once it is recorded: their blocks are garbage then. */
  readonly replaced: readonly string[];
}

export function newStagedPart(sizes: readonly number[], current: PartToken | undefined): StagedPart {
  const former = current === undefined ? undefined : readToken(current);
  const replaced = former === undefined ? [] : [former.nonce, ...former.replaced].slice(0, maxReplaced);
  return { nonce: newNonce(), sizes, replaced };
}

export function writeToken(part: StagedPart): PartToken {
  return { n: part.nonce, s: part.sizes, ...(part.replaced.length === 0 ? {} : { r: part.replaced }) };
}

export function readToken(token: PartToken): StagedPart {
  if (typeof token === 'object' && token !== null && 'n' in token && 's' in token) {
    const { n: nonce, s: sizes, r: replaced = [] } = token;
    if (typeof nonce === 'string' && isListOf(sizes, 'number') && isListOf(replaced, 'string'))
      return { nonce, sizes: sizes as readonly number[], replaced: replaced as readonly string[] };
  }
  throw new AdapterError('Internal', 'this is no part token of the Azure adapter');
}

export function blockIds(part: StagedPart, partNumber: number): string[] {
  return part.sizes.map((_, sub) => blockId(part.nonce, partNumber, sub));
}

function isListOf(value: unknown, type: 'number' | 'string'): boolean {
  return Array.isArray(value) && value.every((element) => typeof element === type);
}
