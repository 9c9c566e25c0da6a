/** Complete and Abort, in every order, and when a Complete is cut off. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { PartRecord, UploadStore } from '../../src/uploads/types.ts';
import { part, upload } from './fixtures.ts';
import { type OpenPair, setUpStage } from './stage.ts';

export function endingContract(open: OpenPair): void {
  let a: UploadStore;
  let b: UploadStore;
  const { begin, claim, claimAndLoseIt, listed, openUploadsOf, pendingWork, record } = setUpStage(
    open,
    (stores) => {
      ({ a, b } = stores);
    },
  );

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
}
