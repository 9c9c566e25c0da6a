/** Reads one object whole, and compares its bytes with what it says about itself. */
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAdapterError } from '../../adapters/errors.ts';
import type { BodyStream, GetObjectResult, ObjectInfo, StorageAdapter } from '../../adapters/types.ts';
import { envelopeOf, isSealed, type ManagedEnvelope, saltBytes } from '../s3/encryption/envelope.ts';
import { magic, runKey, sealedSize } from '../s3/encryption/format.ts';
import { runsOf, type SealedRun, sliceOf } from '../s3/encryption/layout.ts';
import type { MasterKeys } from '../s3/encryption/master-keys.ts';
import { Opener, type RunKeys } from '../s3/encryption/opener.ts';
import { S3Error } from '../s3/errors.ts';
import { isForeign, ObjectDigests } from './object-digests.ts';

export type Verdict =
  | { readonly outcome: 'fine' }
  /** Encrypted with a key of a customer: its size, its layout and that it can be read is all that can be told without the key. */
  | { readonly outcome: 'sealed' }
  /** Written by another program: it has its size and can be read; there is nothing else to compare it with. */
  | { readonly outcome: 'foreign' }
  | { readonly outcome: 'damaged'; readonly problems: readonly string[] }
  | { readonly outcome: 'unchecked'; readonly problem: string }
  /** Removed since it was listed. */
  | { readonly outcome: 'gone' };

export interface ObjectName {
  readonly bucket: string;
  readonly key: string;
}

export interface Means {
  readonly adapter: StorageAdapter;
  readonly masterKeys: MasterKeys;
  /** Told of stored bytes as they are read. */
  readonly onBytes?: (count: number) => void;
  readonly signal?: AbortSignal;
}

const attempts = 4;

/** Rejects only with the signal's reason. */
export async function checkObject(name: ObjectName, means: Means): Promise<Verdict> {
  for (let attempt = 1; ; attempt++) {
    const { again, verdict } = await once(name, means);
    means.signal?.throwIfAborted();
    if (!again || attempt === attempts) return verdict;
    await sleep(100 * 2 ** attempt);
  }
}

interface Outcome {
  readonly verdict: Verdict;
  /** Another look may tell more. */
  readonly again: boolean;
}

const final = (verdict: Verdict): Outcome => ({ verdict, again: false });

async function once(name: ObjectName, means: Means): Promise<Outcome> {
  let version: string | undefined;
  try {
    const found = await means.adapter.getObject({ ...name, ...(means.signal && { signal: means.signal }) });
    version = found.info.version;
    const verdict = await judge(name, found, means);
    return { verdict, again: verdict.outcome === 'damaged' && (await hasChanged(name, version, means)) };
  } catch (error) {
    if (isAdapterError(error, 'NoSuchObject', 'NoSuchBucket')) return final({ outcome: 'gone' });
    if (isAdapterError(error, 'Corrupt')) {
      const again = version !== undefined && (await hasChanged(name, version, means).catch(() => false));
      return { verdict: { outcome: 'damaged', problems: [error.message] }, again };
    }
    const again = isAdapterError(error, 'PreconditionFailed', 'Throttled', 'Unavailable');
    return { verdict: { outcome: 'unchecked', problem: inWords(error) }, again };
  }
}

/** Another program may change a file while it is read: what was read then is no state of the object. */
async function hasChanged(name: ObjectName, version: string, { adapter }: Means): Promise<boolean> {
  return (await adapter.headObject(name)).version !== version;
}

async function judge(name: ObjectName, found: GetObjectResult, means: Means): Promise<Verdict> {
  const { body, info } = found;
  // A body that breaks before it is read must not end the process: reading it tells.
  body.on('error', () => {});
  try {
    const envelope = envelopeOf(info.attributes);
    if (!isSealed(envelope)) return await judgeBytes(body, info, info.size, means);
    // Sizes first: they tell of bytes that are missing without a byte being read.
    const runs = runsOf(info);
    if (envelope.type === 'SSE-C') return await judgeLayout(body, info, runs, means);
    const opener = new Opener(body, sliceOf(runs), runKeys(name, envelope, means.masterKeys));
    return await judgeBytes(opener, info, info.attributes.plainSize ?? 0, means);
  } finally {
    body.destroy();
  }
}

function runKeys(name: ObjectName, envelope: ManagedEnvelope, masterKeys: MasterKeys): RunKeys {
  const envelopeSalt = saltBytes(envelope);
  const dataKey = masterKeys.unwrap(envelope.masterKey, envelope.wrapped, { ...name, envelopeSalt });
  return (partNumber, salt) => runKey(dataKey, salt, { ...name, envelopeSalt, partNumber });
}

async function judgeBytes(
  plain: BodyStream,
  { attributes }: ObjectInfo,
  size: number,
  means: Means,
): Promise<Verdict> {
  const inParts = attributes.parts?.reduce((sum, part) => sum + part.size, 0) ?? size;
  if (inParts !== size) {
    return { outcome: 'damaged', problems: [`its parts make ${inParts} bytes, it has ${size}`] };
  }
  const foreign = isForeign(attributes);
  const giveBack = (chunk: Buffer): void => plain.recycle?.(chunk);
  const digests = foreign ? undefined : new ObjectDigests(attributes, size, giveBack);
  let read = 0;
  let begin = Buffer.alloc(0);
  let problems: readonly string[] = [];
  try {
    for await (const chunk of bytesOf(plain, means)) {
      if (read < magic.length) begin = Buffer.concat([begin, chunk.subarray(0, magic.length - read)]);
      read += chunk.length;
      if (read > size) break;
      if (digests === undefined) giveBack(chunk);
      else digests.update(chunk);
      await digests?.ready();
    }
    if (read === size && digests !== undefined) problems = await digests.problems();
  } finally {
    digests?.abandon();
  }
  if (read !== size) return { outcome: 'damaged', problems: [`${read} bytes of its ${size} can be read`] };
  // The gateway refuses to give these out: they are no plain bytes of anybody.
  if (foreign && begin.equals(magic)) {
    return { outcome: 'damaged', problems: ['it is encrypted, and what it was encrypted with is lost'] };
  }
  if (problems.length > 0) return { outcome: 'damaged', problems };
  return { outcome: foreign ? 'foreign' : 'fine' };
}

/** Without the key: that every stored byte can be read, and that each run begins where it must. */
async function judgeLayout(
  stored: BodyStream,
  { size }: ObjectInfo,
  runs: readonly SealedRun[],
  means: Means,
): Promise<Verdict> {
  const heads = new HeadCheck(runs);
  let read = 0;
  for await (const chunk of bytesOf(stored, means)) {
    heads.update(chunk, read);
    read += chunk.length;
    stored.recycle?.(chunk);
  }
  if (read !== size) return { outcome: 'damaged', problems: [`${read} bytes of its ${size} can be read`] };
  if (heads.wrong > 0)
    return { outcome: 'damaged', problems: ['its encrypted bytes do not begin as they should'] };
  return { outcome: 'sealed' };
}

class HeadCheck {
  readonly #starts: readonly number[];
  #next = 0;
  wrong = 0;

  constructor(runs: readonly SealedRun[]) {
    const starts: number[] = [];
    let at = 0;
    for (const run of runs) {
      starts.push(at);
      at += sealedSize(run.size);
    }
    this.#starts = starts;
  }

  /** @param offset of the chunk in the stored bytes */
  update(chunk: Buffer, offset: number): void {
    for (;;) {
      const start = this.#starts[this.#next];
      if (start === undefined || start >= offset + chunk.length) return;
      const from = Math.max(start, offset);
      const to = Math.min(start + magic.length, offset + chunk.length);
      const expected = magic.subarray(from - start, to - start);
      if (!chunk.subarray(from - offset, to - offset).equals(expected)) this.wrong += 1;
      if (to < start + magic.length) return;
      this.#next += 1;
    }
  }
}

async function* bytesOf(stream: Readable, { onBytes, signal }: Means): AsyncGenerator<Buffer> {
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    signal?.throwIfAborted();
    onBytes?.(chunk.length);
    yield chunk;
  }
}

function inWords(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // The protocol's errors say little; what they were made of says it.
  return error instanceof S3Error && error.cause instanceof Error ? error.cause.message : error.message;
}
