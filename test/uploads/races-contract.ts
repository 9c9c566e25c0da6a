/** Two replicas at the same upload at once: one of the outcomes that S3 allows, every time. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { PartRecord, UploadStore } from '../../src/uploads/types.ts';
import { part } from './fixtures.ts';
import { type OpenPair, setUpStage } from './stage.ts';

export function racesContract(open: OpenPair): void {
  let a: UploadStore;
  let b: UploadStore;
  const stage = setUpStage(open, (stores) => {
    ({ a, b } = stores);
  });
  const begin = async (): Promise<string> => (await stage.begin()).uploadId;
  const rounds = Array.from({ length: 25 }, (_, index) => index);

  test('of many claims exactly one wins', async () => {
    for (const round of rounds) {
      const uploadId = await begin();
      const outcomes = await Promise.all(
        [a, b, a, b].map((store, index) =>
          store.claimCompletion({
            uploadId,
            digest: `${round}/${index}`,
            plan: 0,
            parts: [],
            leaseMs: 60_000,
          }),
        ),
      );
      expect(outcomes.map(({ outcome }) => outcome).toSorted()).toEqual(['busy', 'busy', 'busy', 'claimed']);
    }
  });

  test('a cut-off Complete is taken over by exactly one', async () => {
    for (const _ of rounds) {
      const uploadId = await begin();
      const call = { uploadId, digest: '', plan: 0, parts: [], leaseMs: 60_000 };
      await a.claimCompletion({ ...call, leaseMs: 1 });
      await sleep(3);
      const outcomes = await Promise.all([a.claimCompletion(call), b.claimCompletion(call)]);
      expect(outcomes.map(({ outcome }) => outcome).toSorted()).toEqual(['busy', 'claimed']);
    }
  });

  test('of abort and claim one wins; of two aborts one says so', async () => {
    for (const _ of rounds) {
      const uploadId = await begin();
      const [claimed, ...aborts] = await Promise.all([
        a.claimCompletion({ uploadId, digest: '', plan: 0, parts: [], leaseMs: 60_000 }),
        b.abort(uploadId),
        a.abort(uploadId),
      ]);
      const ended = aborts.filter(({ outcome }) => outcome === 'aborted').length;
      expect(ended).toBe(claimed.outcome === 'claimed' ? 0 : 1);
    }
  });

  test('a part is replaced before the claim, which then sees it, or refused', async () => {
    for (const _ of rounds) {
      const uploadId = await begin();
      const first = part(1);
      await a.recordPart(uploadId, first);
      const [recorded, claimed] = await Promise.all([
        a.recordPart(uploadId, part(1)),
        b.claimCompletion({ uploadId, digest: '', plan: 0, parts: [first], leaseMs: 60_000 }),
      ]);
      expect(claimed.outcome).toBe(recorded.recorded ? 'changed' : 'claimed');
    }
  });

  test('of parts of one number each but the last is replaced exactly once', async () => {
    const uploadId = await begin();
    const parts = Array.from({ length: 40 }, () => part(3));
    const outcomes = await Promise.all(
      parts.map((each, index) => (index % 2 === 0 ? a : b).recordPart(uploadId, each)),
    );
    const replaced = outcomes.flatMap((outcome) => (outcome.recorded && outcome.replaced) || []);
    const view = await a.get(uploadId, 3);
    const last = view.status === 'open' ? view.part : undefined;
    const tokens = (list: readonly (PartRecord | undefined)[]) =>
      list.map((each) => JSON.stringify(each?.token)).toSorted();
    expect(tokens([...replaced, last])).toEqual(tokens(parts));
  });
}
