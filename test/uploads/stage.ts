/** The two replicas of each test of a contract, and what tests do with them again and again. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect } from 'vitest';
import type { CompletionClaim, PartRecord, UploadRecord, UploadStore } from '../../src/uploads/types.ts';
import { upload } from './fixtures.ts';

export interface OpenStores {
  readonly a: UploadStore;
  readonly b: UploadStore;
  /** Closes both and removes their data. */
  dispose(): Promise<void>;
}

/** Opens stores that share nothing with earlier ones. */
export type OpenPair = (options: { readonly cleanUpGraceMs: number }) => Promise<OpenStores>;

/** Work is pending at once, whatever the replicas think the time is. */
export const noGraceMs = -60_000;

/** Opens two stores before each test and disposes of them after it. `each` is told of them. */
export function setUpStage(open: OpenPair, each: (stores: OpenStores) => void) {
  let stores: OpenStores;
  let a: UploadStore;
  let b: UploadStore;

  beforeEach(async () => {
    stores = await open({ cleanUpGraceMs: noGraceMs });
    ({ a, b } = stores);
    each(stores);
  });
  afterEach(() => stores.dispose());

  async function begin(given: Partial<UploadRecord> = {}): Promise<UploadRecord> {
    const record = upload(given);
    await a.create(record);
    return record;
  }

  async function record(uploadId: string, ...parts: readonly PartRecord[]): Promise<void> {
    for (const each of parts) expect(await a.recordPart(uploadId, each)).toMatchObject({ recorded: true });
  }

  async function claim(
    uploadId: string,
    given: { parts?: readonly PartRecord[]; leaseMs?: number; digest?: string; plan?: string } = {},
  ): Promise<CompletionClaim> {
    const claimed = await a.claimCompletion({
      uploadId,
      digest: 'digest',
      plan: 'plan',
      parts: [],
      leaseMs: 60_000,
      ...given,
    });
    if (claimed.outcome !== 'claimed') throw new Error(`expected to claim, got ${claimed.outcome}`);
    return claimed.claim;
  }

  async function claimAndLoseIt(uploadId: string): Promise<CompletionClaim> {
    const lost = await claim(uploadId, { leaseMs: 1, digest: 'cut off', plan: 'what it meant to publish' });
    await sleep(5);
    return lost;
  }

  async function finishedUpload(): Promise<UploadRecord> {
    const record = await begin();
    await a.finishCompletion(await claim(record.uploadId), { etag: 'x-1' });
    return record;
  }

  async function pendingWork(initiatedBefore = Date.now() + 1): Promise<string[]> {
    const found: string[] = [];
    for await (const { upload, work } of b.pendingWork({ initiatedBefore })) {
      found.push(`${work} ${upload.uploadId}`);
    }
    return found;
  }

  async function listed(store = b): Promise<string[]> {
    const { entries } = await store.listUploads({ bucket: 'bucket', limit: 1000 });
    return entries.map((entry) => (entry.kind === 'upload' ? entry.upload.uploadId : entry.prefix));
  }

  const openUploadsOf = async (bucket: string): Promise<string[]> =>
    (await b.uploadsOf(bucket, { limit: 100 })).map(({ uploadId }) => uploadId);

  return { begin, record, claim, claimAndLoseIt, finishedUpload, pendingWork, listed, openUploadsOf };
}
