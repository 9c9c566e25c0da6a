/** What every upload store does. Each test gets two instances over the same data: two replicas of the gateway. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CompletionClaim, PartRecord, UploadRecord, UploadStore } from '../../src/uploads/types.ts';
import { part, upload } from './fixtures.ts';

export interface OpenStores {
  readonly a: UploadStore;
  readonly b: UploadStore;
  /** Closes both and removes their data. */
  dispose(): Promise<void>;
}

/** Work is pending at once, whatever the replicas think the time is. */
export const noGraceMs = -60_000;

/** @param open stores that share nothing with earlier ones; `cleanUpGraceMs` is theirs */
export function uploadStoreContract(
  open: (options: { cleanUpGraceMs: number }) => Promise<OpenStores>,
): void {
  let stores: OpenStores;
  let a: UploadStore;
  let b: UploadStore;

  beforeEach(async () => {
    stores = await open({ cleanUpGraceMs: noGraceMs });
    ({ a, b } = stores);
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

  test('check resolves', async () => {
    await a.check();
  });

  describe('create and get', () => {
    test('every replica sees a new upload, unchanged', async () => {
      const record = await begin({
        key: 'ü/\u{1f600}/\u0000/\u2028"\\/',
        settings: { nested: [{ a: null, b: [1, -0.5, true, ''] }], text: '\u0000\n\ud83d\ude00' },
        state: [],
      });
      expect(await a.get(record.uploadId)).toEqual({ status: 'open', upload: record });
      expect(await b.get(record.uploadId)).toEqual({ status: 'open', upload: record });
    });

    test('an unknown upload is none', async () => {
      const { uploadId } = upload();
      expect(await a.get(uploadId)).toEqual({ status: 'none' });
      expect(await a.get(uploadId, 1)).toEqual({ status: 'none' });
      expect(await a.recordPart(uploadId, part(1))).toEqual({ recorded: false });
      expect(await a.listParts(uploadId, { after: 0, limit: 10 })).toBeUndefined();
      const call = { uploadId, digest: '', plan: null, parts: [], leaseMs: 1 };
      expect(await a.claimCompletion(call)).toEqual({ outcome: 'none' });
      expect(await a.abort(uploadId)).toEqual({ outcome: 'none' });
      await a.cleaned(uploadId);
      const claim = { uploadId, lease: 'x' };
      expect(await a.renewClaim(claim, 10)).toBe(false);
      expect(await a.finishCompletion(claim, null)).toBe(false);
      await a.releaseClaim(claim);
      expect(await a.get(uploadId)).toEqual({ status: 'none' });
    });

    test.each(['', '../../etc', 'a}b', '{x}', 'a\u0000b', 'a b', '*', 'é', 'x'.repeat(129)])(
      'an ID that is none by its form is an unknown upload: %j',
      async (uploadId) => {
        expect(await a.get(uploadId)).toEqual({ status: 'none' });
        expect(await a.recordPart(uploadId, part(1))).toEqual({ recorded: false });
        expect(await a.listParts(uploadId, { after: 0, limit: 10 })).toBeUndefined();
        expect(await a.abort(uploadId)).toEqual({ outcome: 'none' });
        await a.cleaned(uploadId);
      },
    );
  });

  describe('parts', () => {
    test('get with a part number gives what that number holds', async () => {
      const { uploadId } = await begin();
      const second = part(2, { encryption: { key: 'abc' }, token: ['any', { json: 1 }] });
      await record(uploadId, part(1), second);
      expect(await b.get(uploadId, 2)).toMatchObject({ status: 'open', part: second });
      expect(await b.get(uploadId, 3)).not.toHaveProperty('part');
      expect(await b.get(uploadId)).not.toHaveProperty('part');
    });

    test('the same number again replaces the part and says which', async () => {
      const { uploadId } = await begin();
      const [first, second] = [part(1), part(1, { size: 6 })];
      expect(await a.recordPart(uploadId, first)).toEqual({ recorded: true });
      expect(await b.recordPart(uploadId, second)).toEqual({ recorded: true, replaced: first });
      expect(await a.get(uploadId, 1)).toMatchObject({ part: second });
    });

    test('recording the same attempt twice replaces nothing: its bytes must not be discarded', async () => {
      const { uploadId } = await begin();
      const only = part(1);
      await a.recordPart(uploadId, only);
      expect(await b.recordPart(uploadId, only)).toEqual({ recorded: true });
    });

    test('pages ascend by number and say whether more follow', async () => {
      const { uploadId } = await begin();
      const parts = [1, 2, 3, 9, 10, 11, 100, 9_999, 10_000].map((number) => part(number));
      await record(uploadId, ...parts.toReversed());
      const page = (after: number, limit: number) => b.listParts(uploadId, { after, limit });
      expect(await page(0, 1000)).toEqual({ parts, truncated: false });
      expect(await page(0, 9)).toEqual({ parts, truncated: false });
      expect(await page(0, 2)).toEqual({ parts: parts.slice(0, 2), truncated: true });
      expect(await page(2, 2)).toEqual({ parts: parts.slice(2, 4), truncated: true });
      expect(await page(4, 5)).toEqual({ parts: parts.slice(3, 8), truncated: true });
      expect(await page(100, 2)).toEqual({ parts: parts.slice(7), truncated: false });
      expect(await page(10_000, 2)).toEqual({ parts: [], truncated: false });
    });

    test('an upload without parts has an empty page', async () => {
      const { uploadId } = await begin();
      expect(await b.listParts(uploadId, { after: 0, limit: 5 })).toEqual({ parts: [], truncated: false });
    });

    test('10,000 parts are recorded, listed, claimed and forgotten', async () => {
      const { uploadId } = await begin();
      const parts = Array.from({ length: 10_000 }, (_, index) => part(index + 1));
      for (let start = 0; start < parts.length; start += 500) {
        await Promise.all(parts.slice(start, start + 500).map((each) => a.recordPart(uploadId, each)));
      }
      expect(await b.listParts(uploadId, { after: 0, limit: 10_000 })).toEqual({ parts, truncated: false });
      expect(await b.listParts(uploadId, { after: 8_999, limit: 1_000 })).toEqual({
        parts: parts.slice(8_999, 9_999),
        truncated: true,
      });
      const changed = parts.with(9_998, part(9_999));
      const call = { uploadId, digest: '', plan: null, leaseMs: 60_000 };
      expect(await b.claimCompletion({ ...call, parts: changed })).toEqual({ outcome: 'changed' });
      await a.finishCompletion(await claim(uploadId, { parts }), 'done');
      await a.cleaned(uploadId);
      expect(await b.get(uploadId, 5)).toMatchObject({ status: 'completed', result: 'done' });
    });
  });

  describe('completion', () => {
    test('a claim freezes the parts; another one is told who holds it and for how long', async () => {
      const { uploadId } = await begin();
      const first = part(1);
      await record(uploadId, first);
      const call = { uploadId, digest: 'one', plan: { any: 'json' }, parts: [first], leaseMs: 60_000 };
      const claimed = await a.claimCompletion(call);
      expect(claimed).toEqual({
        outcome: 'claimed',
        claim: { uploadId, lease: expect.any(String) },
        resumed: false,
      });
      const other = await b.claimCompletion({ ...call, digest: 'two' });
      expect(other).toEqual({ outcome: 'busy', digest: 'one', retryAfterMs: expect.any(Number) });
      if (other.outcome === 'busy') {
        expect(other.retryAfterMs).toBeGreaterThan(0);
        expect(other.retryAfterMs).toBeLessThanOrEqual(60_000);
      }
      expect(await b.recordPart(uploadId, part(1))).toEqual({ recorded: false });
      expect(await b.recordPart(uploadId, part(2))).toEqual({ recorded: false });
      expect(await b.get(uploadId, 1)).toMatchObject({ status: 'completing', part: first });
      expect(await b.listParts(uploadId, { after: 0, limit: 9 })).toEqual({
        parts: [first],
        truncated: false,
      });
    });

    test.each([
      ['another ETag', (stored: PartRecord) => ({ ...stored, etag: '0cc175b9c0f1b6a831c399e269772661' })],
      ['another token', (stored: PartRecord) => part(stored.partNumber)],
      ['a number that holds nothing', () => part(7)],
    ])('%s among the parts is changed, and claims nothing', async (_, change) => {
      const { uploadId } = await begin();
      const [first, second] = [part(1), part(2)];
      await record(uploadId, first, second);
      const call = { uploadId, digest: '', plan: null, leaseMs: 60_000 };
      const outcome = await b.claimCompletion({ ...call, parts: [first, change(second)] });
      expect(outcome).toEqual({ outcome: 'changed' });
      expect(await a.get(uploadId)).toMatchObject({ status: 'open' });
    });

    test('a subset of the parts can be claimed', async () => {
      const { uploadId } = await begin();
      const parts = [part(1), part(2), part(3)];
      await record(uploadId, ...parts);
      await claim(uploadId, { parts: parts.slice(1, 2) });
    });

    test('finishing keeps the result, for everybody, also after the clean-up', async () => {
      const record = await begin();
      const { uploadId } = record;
      await a.recordPart(uploadId, part(1));
      const held = await claim(uploadId, { digest: 'one' });
      expect(await b.finishCompletion(held, { etag: 'x-1' })).toBe(true);
      const completed = { status: 'completed', upload: record, digest: 'one', result: { etag: 'x-1' } };
      const call = { uploadId, digest: 'two', plan: null, parts: [], leaseMs: 1 };
      for (let cleaned = 0; cleaned <= 2; cleaned++) {
        expect(await b.get(uploadId, 1)).toEqual(completed);
        expect(await b.claimCompletion(call)).toEqual({
          outcome: 'completed',
          digest: 'one',
          result: { etag: 'x-1' },
        });
        expect(await b.recordPart(uploadId, part(1))).toEqual({ recorded: false });
        expect(await b.listParts(uploadId, { after: 0, limit: 5 })).toBeUndefined();
        expect(await b.abort(uploadId)).toEqual({ outcome: 'none' });
        expect(await b.renewClaim(held, 10)).toBe(false);
        await a.cleaned(uploadId);
      }
      expect(await a.forgetOld(Date.now())).toBe(0);
      expect(await b.get(uploadId)).toEqual(completed);
    });

    test('releasing opens the upload again', async () => {
      const { uploadId } = await begin();
      const held = await claim(uploadId);
      await b.releaseClaim(held);
      expect(await b.get(uploadId)).toMatchObject({ status: 'open' });
      expect(await b.recordPart(uploadId, part(1))).toEqual({ recorded: true });
      expect(await a.finishCompletion(held, null)).toBe(false);
      const again = await b.claimCompletion({ uploadId, digest: '', plan: null, parts: [], leaseMs: 1000 });
      expect(again).toMatchObject({ outcome: 'claimed', resumed: false });
    });

    test('a lease that ran out is taken over, and the loser can do nothing any more', async () => {
      const { uploadId } = await begin();
      const lost = await claimAndLoseIt(uploadId);
      const taken = await b.claimCompletion({
        uploadId,
        digest: 'two',
        plan: 'new plan',
        parts: [],
        leaseMs: 60_000,
      });
      expect(taken).toMatchObject({
        outcome: 'claimed',
        resumed: true,
        previousDigest: 'cut off',
        previousPlan: 'what it meant to publish',
      });
      expect(await a.renewClaim(lost, 60_000)).toBe(false);
      expect(await a.finishCompletion(lost, 'wrong')).toBe(false);
      await a.releaseClaim(lost);
      expect(await a.get(uploadId)).toMatchObject({ status: 'completing' });
      if (taken.outcome === 'claimed') expect(await b.finishCompletion(taken.claim, 'right')).toBe(true);
      expect(await a.get(uploadId)).toMatchObject({ status: 'completed', digest: 'two', result: 'right' });
    });

    test('whoever takes over is told of the attempt that may have published, until a taker renews its plan', async () => {
      const { uploadId } = await begin();
      await claimAndLoseIt(uploadId);
      const take = async (digest: string) => {
        const call = { uploadId, digest, plan: `plan of ${digest}`, parts: [], leaseMs: 1 };
        const taken = await b.claimCompletion(call);
        if (taken.outcome !== 'claimed') throw new Error(taken.outcome);
        return taken;
      };
      const first = { previousDigest: 'cut off', previousPlan: 'what it meant to publish' };
      expect(await take('two')).toMatchObject(first);
      await sleep(5);
      const third = await take('three');
      expect(third).toMatchObject(first);
      await a.renewClaim(third.claim, 1);
      await sleep(5);
      expect(await a.abort(uploadId)).toMatchObject({
        stalled: { digest: 'cut off', plan: 'what it meant to publish' },
      });
      const fourth = await take('four');
      expect(fourth).toMatchObject(first);
      await a.renewClaim(fourth.claim, 1, 'about to be published');
      await sleep(5);
      const last = await take('five');
      expect(last).toMatchObject({ previousDigest: 'four', previousPlan: 'about to be published' });
      expect(await b.finishCompletion(last.claim, 'result', 'four')).toBe(true);
      expect(await a.get(uploadId)).toMatchObject({ status: 'completed', digest: 'four', result: 'result' });
    });

    test('a lease that ran out and was not taken can be renewed and finished', async () => {
      const first = await begin();
      expect(await a.finishCompletion(await claimAndLoseIt(first.uploadId), 'late')).toBe(true);
      const second = await begin();
      const late = await claimAndLoseIt(second.uploadId);
      expect(await a.renewClaim(late, 60_000)).toBe(true);
      const call = { uploadId: second.uploadId, digest: '', plan: null, parts: [], leaseMs: 1 };
      expect(await b.claimCompletion(call)).toMatchObject({ outcome: 'busy' });
    });

    test('renewing extends the lease, and replaces the plan when one is given', async () => {
      const { uploadId } = await begin();
      const held = await claim(uploadId, { leaseMs: 1, plan: 'first' });
      expect(await a.renewClaim(held, 3_600_000)).toBe(true);
      const call = { uploadId, digest: '', plan: null, parts: [], leaseMs: 1 };
      const other = await b.claimCompletion(call);
      expect(other.outcome === 'busy' && other.retryAfterMs > 60_000).toBe(true);
      expect(await a.renewClaim(held, 1, 'second')).toBe(true);
      expect(await a.renewClaim(held, 1)).toBe(true);
      await sleep(5);
      expect(await b.claimCompletion(call)).toMatchObject({ resumed: true, previousPlan: 'second' });
    });
  });

  describe('abort', () => {
    test('hides the upload at once and remembers it until cleaned', async () => {
      const record = await begin();
      const { uploadId } = record;
      await a.recordPart(uploadId, part(1));
      expect(await b.abort(uploadId)).toEqual({ outcome: 'aborted', upload: record });
      expect(await a.abort(uploadId)).toEqual({ outcome: 'none' });
      expect(await a.get(uploadId, 1)).toEqual({ status: 'none' });
      expect(await a.recordPart(uploadId, part(2))).toEqual({ recorded: false });
      expect(await a.listParts(uploadId, { after: 0, limit: 5 })).toBeUndefined();
      expect(await listed()).toEqual([]);
      expect(await openUploadsOf('bucket')).toEqual([uploadId]);
      expect(await pendingWork()).toEqual([`uncleaned ${uploadId}`]);
      await a.cleaned(uploadId);
      await a.cleaned(uploadId);
      expect(await openUploadsOf('bucket')).toEqual([]);
      expect(await pendingWork()).toEqual([]);
      expect(await b.get(uploadId)).toEqual({ status: 'none' });
    });

    test('is busy while a Complete holds the upload', async () => {
      const { uploadId } = await begin();
      await claim(uploadId);
      const outcome = await b.abort(uploadId);
      expect(outcome).toEqual({ outcome: 'busy', retryAfterMs: expect.any(Number) });
      expect(outcome.outcome === 'busy' && outcome.retryAfterMs > 0).toBe(true);
    });

    test('of a Complete that was cut off shows it, and goes through for who names its lease', async () => {
      const record = await begin();
      const { uploadId } = record;
      const lost = await claimAndLoseIt(uploadId);
      const stalled = {
        outcome: 'busy',
        retryAfterMs: 0,
        stalled: { upload: record, claim: lost, digest: 'cut off', plan: 'what it meant to publish' },
      };
      expect(await b.abort(uploadId)).toEqual(stalled);
      expect(await b.abort(uploadId, { uploadId, lease: 'another' })).toEqual(stalled);
      expect(await b.abort(uploadId, { uploadId: upload().uploadId, lease: lost.lease })).toEqual(stalled);
      expect(await b.abort(uploadId, lost)).toEqual({ outcome: 'aborted', upload: record });
      expect(await a.finishCompletion(lost, 'too late')).toBe(false);
    });

    test('of a Complete that came back to life or was taken over is busy again', async () => {
      const { uploadId } = await begin();
      const lost = await claimAndLoseIt(uploadId);
      await a.renewClaim(lost, 60_000);
      expect(await b.abort(uploadId, lost)).not.toHaveProperty('stalled');
      await a.renewClaim(lost, 1);
      await sleep(5);
      await claim(uploadId);
      expect(await b.abort(uploadId, lost)).toEqual({ outcome: 'busy', retryAfterMs: expect.any(Number) });
    });

    test('of a Complete that gave up meanwhile goes through', async () => {
      const { uploadId } = await begin();
      const lost = await claimAndLoseIt(uploadId);
      await a.releaseClaim(lost);
      expect(await b.abort(uploadId, lost)).toMatchObject({ outcome: 'aborted' });
    });
  });

  test('cleaned leaves alone what has not ended', async () => {
    const open = await begin();
    const claimed = await begin();
    await record(open.uploadId, part(1));
    await claim(claimed.uploadId);
    await a.cleaned(open.uploadId);
    await a.cleaned(claimed.uploadId);
    expect(await b.get(open.uploadId, 1)).toMatchObject({ status: 'open', part: { partNumber: 1 } });
    expect(await b.get(claimed.uploadId)).toMatchObject({ status: 'completing' });
    expect((await listed()).toSorted()).toEqual([open.uploadId, claimed.uploadId].toSorted());
  });

  describe('uploads of a bucket', () => {
    test('are those open, completing or not yet cleaned, of that bucket only', async () => {
      const open = await begin();
      await begin({ bucket: 'bucket-2' });
      await begin({ bucket: 'buck' });
      const completing = await begin();
      await claim(completing.uploadId);
      const completed = await finishedUpload();
      expect((await openUploadsOf('bucket')).toSorted()).toEqual(
        [open, completing, completed].map(({ uploadId }) => uploadId).toSorted(),
      );
      await a.cleaned(completed.uploadId);
      expect((await openUploadsOf('bucket')).toSorted()).toEqual(
        [open, completing].map(({ uploadId }) => uploadId).toSorted(),
      );
      expect(await openUploadsOf('none')).toEqual([]);
    });

    test('come in pages; once the last of a page is gone, pages begin anew', async () => {
      const all = new Set<string>();
      for (let index = 0; index < 7; index++) all.add((await begin({ key: `key-${index % 3}` })).uploadId);
      const met = new Set<string>();
      let after: string | undefined;
      for (;;) {
        const page = await b.uploadsOf('bucket', { limit: 3, ...(after !== undefined && { after }) });
        for (const { uploadId } of page) {
          expect(met.has(uploadId)).toBe(false);
          met.add(uploadId);
        }
        after = page.at(-1)?.uploadId;
        if (page.length < 3) break;
      }
      expect(met).toEqual(all);

      const first = await b.uploadsOf('bucket', { limit: 3 });
      for (const { uploadId } of first) {
        await b.abort(uploadId);
        await b.cleaned(uploadId);
      }
      const last = first.at(-1)?.uploadId ?? '';
      const rest = await b.uploadsOf('bucket', { after: last, limit: 10 });
      expect(new Set([...first, ...rest].map(({ uploadId }) => uploadId))).toEqual(all);
    });
  });

  describe('pending work', () => {
    test('is what is open for too long, also when a Complete was cut off, and what has not been cleaned', async () => {
      const now = Date.now();
      const old = await begin({ initiatedAt: now - 10_000 });
      const young = await begin({ initiatedAt: now });
      const cutOff = await begin({ initiatedAt: now - 9_000 });
      await claimAndLoseIt(cutOff.uploadId);
      const completing = await begin({ initiatedAt: now - 8_000 });
      await claim(completing.uploadId);
      const completed = await finishedUpload();
      expect((await pendingWork(now - 5_000)).toSorted()).toEqual(
        [
          `expired ${old.uploadId}`,
          `expired ${cutOff.uploadId}`,
          `uncleaned ${completed.uploadId}`,
        ].toSorted(),
      );
      await a.cleaned(completed.uploadId);
      expect((await pendingWork(now + 1)).toSorted()).toEqual(
        [old, young, cutOff].map(({ uploadId }) => `expired ${uploadId}`).toSorted(),
      );
    });

    test('is yielded once each over many pages, though nothing is done about it', async () => {
      const at = Date.now() - 1_000;
      const expected: string[] = [];
      for (let index = 0; index < 250; index++) {
        const { uploadId } = await begin({ initiatedAt: at + (index % 5) });
        expected.push(index % 2 === 0 ? `uncleaned ${uploadId}` : `expired ${uploadId}`);
        if (index % 2 === 0) await a.abort(uploadId);
      }
      expect((await pendingWork()).toSorted()).toEqual(expected.toSorted());
    });

    test('is left to whoever ended the upload for a while', async () => {
      const { a: patient, dispose } = await open({ cleanUpGraceMs: 60_000 });
      try {
        const record = upload();
        await patient.create(record);
        await patient.abort(record.uploadId);
        for await (const { work } of patient.pendingWork({ initiatedBefore: Date.now() + 1 })) {
          expect(work).toBe('nothing yet');
        }
      } finally {
        await dispose();
      }
    });
  });
}
