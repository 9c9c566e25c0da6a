import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { expect } from 'vitest';
import type { ObjectInfo } from '../../adapters/types.ts';
import type { ResolvedRange } from '../../src/http/ranges.ts';
import { headSize, type RunIdentity, runKey } from '../../src/s3/encryption/format.ts';
import { runsOf, type SealedRun, type Slice, sliceOf } from '../../src/s3/encryption/layout.ts';
import { Opener, type RunKeys, saltOf } from '../../src/s3/encryption/opener.ts';
import { seal } from '../../src/s3/encryption/sealer.ts';

export const baseKey = randomBytes(32);
export const identity = { bucket: 'bucket', key: 'some/key', envelopeSalt: randomBytes(16) };

export const keysOf =
  (base = baseKey, name: Omit<RunIdentity, 'partNumber'> = identity): RunKeys =>
  (partNumber, salt) =>
    runKey(base, salt, { ...name, partNumber });

export function cut(data: Buffer, size: number): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0; at < data.length; at += size) chunks.push(data.subarray(at, at + size));
  return chunks;
}

/** Puts other bytes into a chunk at once when it is given back. */
export class Recycling extends Readable {
  readonly #chunks: Buffer[];
  given = 0;
  returned = 0;

  constructor(bytes: Buffer, chunkSize: number) {
    super({ objectMode: true, highWaterMark: 2 });
    this.#chunks = cut(bytes, chunkSize).map((chunk) => Buffer.from(chunk));
  }

  override _read(): void {
    const chunk = this.#chunks.shift();
    this.given += chunk === undefined ? 0 : 1;
    this.push(chunk ?? null);
  }

  recycle(chunk: Buffer): void {
    this.returned += 1;
    chunk.fill(0xee);
  }
}

export async function collect(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

export function sealed(plain: Buffer, partNumber = 0, chunkSize = 65_536): Promise<Buffer> {
  const body = { stream: Readable.from(cut(plain, chunkSize)), size: plain.length };
  return collect(seal(body, baseKey, { ...identity, partNumber }).stream);
}

export async function sealedParts(plain: readonly Buffer[]): Promise<Buffer> {
  return Buffer.concat(await Promise.all(plain.map((part, index) => sealed(part, index + 1))));
}

export function runsOfSizes(sizes: readonly number[]): readonly SealedRun[] {
  return sizes.map((size, index) => ({ partNumber: index + 1, size }));
}

export interface OpenOptions {
  readonly runs: readonly SealedRun[];
  readonly range?: ResolvedRange;
  readonly keys?: RunKeys;
  readonly chunkSize?: number;
  /** The bytes come in memory that is lent. */
  readonly lent?: boolean;
}

/** Reads of `stored` what a read of the range would, and nothing else. */
export function opener(
  stored: Buffer,
  { chunkSize = 65_536, keys = keysOf(), lent = false, range, runs }: OpenOptions,
): Opener {
  const slice: Slice = sliceOf(runs, range);
  const { headAt } = slice;
  const salt = headAt === undefined ? undefined : saltOf(stored.subarray(headAt, headAt + headSize));
  const bytes = range === undefined ? stored : stored.subarray(slice.stored.start, slice.stored.end + 1);
  const source = lent ? new Recycling(bytes, chunkSize) : Readable.from(cut(bytes, chunkSize));
  return new Opener(source, slice, keys, salt);
}

/** The same whether the bytes come in memory that is lent or not. */
export async function open(stored: Buffer, options: OpenOptions): Promise<Buffer> {
  const [own, lent] = await Promise.allSettled([
    collect(opener(stored, options)),
    collect(opener(stored, { ...options, lent: true })),
  ]);
  expect(lent.status).toBe(own.status);
  if (own.status === 'rejected') throw own.reason;
  expect(lent.status === 'fulfilled' && lent.value.equals(own.value)).toBe(true);
  return own.value;
}

/** What a run of this many bytes, written in one request, is opened by. */
export function single(size: number): OpenOptions {
  return { runs: [{ partNumber: 0, size }] };
}

export function objectInfo(over: {
  readonly size: number;
  readonly plainSize?: number;
  readonly parts?: readonly SealedRun[];
}): ObjectInfo {
  const { parts, plainSize, size } = over;
  return {
    key: 'some/key',
    size,
    lastModified: new Date(0),
    version: 'v',
    attributes: {
      etag: 'e',
      headers: {},
      metadata: {},
      ...(plainSize !== undefined && { plainSize }),
      ...(parts !== undefined && { parts }),
    },
  };
}

export { runsOf };
