/** What every upload store does. Each test gets two instances over the same data: two replicas of the gateway. */
import { describe, expect, test } from 'vitest';
import type { UploadStore } from '../../src/uploads/types.ts';
import { endingContract } from './ending-contract.ts';
import { part, upload } from './fixtures.ts';
import { listingContract } from './listing-contract.ts';
import { racesContract } from './races-contract.ts';
import { type OpenPair, setUpStage } from './stage.ts';

export function uploadStoreContract(open: OpenPair): void {
  describe('an upload', () => uploadContract(open));
  describe('the end of an upload', () => endingContract(open));
  describe('races of two replicas', () => racesContract(open));
  describe('listing uploads', () => listingContract(open));
}

function uploadContract(open: OpenPair): void {
  let a: UploadStore;
  let b: UploadStore;
  const { begin, claim, claimAndLoseIt, finishedUpload, listed, openUploadsOf, pendingWork, record } =
    setUpStage(open, (stores) => {
      ({ a, b } = stores);
    });

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
