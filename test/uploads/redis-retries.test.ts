/** A reply that is lost leaves the caller with the outcome all the same, and the upload with one change. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createRedisStore } from '../../src/uploads/redis/index.ts';
import type { UploadStore } from '../../src/uploads/types.ts';
import { type CutProxy, startCutProxy } from './cut-proxy.ts';
import { part, patienceMs, upload } from './fixtures.ts';

const url = process.env['TEST_REDIS_URL'];

describe.skipIf(url === undefined)('the Redis store behind a connection that breaks', () => {
  let proxy: CutProxy;
  /** Behind the proxy, and beside it. */
  let store: UploadStore;
  let direct: UploadStore;

  beforeEach(async () => {
    proxy = await startCutProxy(Number(new URL(url ?? '').port));
    const keyPrefix = `test-${randomUUID()}:`;
    const given = { keyPrefix, timeoutMs: patienceMs };
    store = createRedisStore({ url: `redis://127.0.0.1:${proxy.port}`, ...given });
    direct = createRedisStore({ url: url ?? '', ...given });
    await Promise.all([store.check(), direct.check()]);
  });
  afterEach(async () => {
    await Promise.all([store.close(), direct.close()]);
    await proxy.close();
  });

  /** Makes the call, whose first reply is lost. */
  async function cutting<T>(call: () => Promise<T>, to: 'script' | 'index' = 'script'): Promise<T> {
    const cut = proxy.cutNextReply(to);
    const [result] = await Promise.all([call(), cut]);
    return result;
  }

  test('each transition answers as if nothing had happened', async () => {
    const record = upload();
    const { uploadId } = record;
    await cutting(() => store.create(record));
    expect(await direct.get(uploadId)).toMatchObject({ status: 'open' });
    await cutting(() => store.create(upload()), 'index');

    const [first, second] = [part(1), part(1)];
    expect(await cutting(() => store.recordPart(uploadId, first))).toEqual({ recorded: true });
    // Whether the part before is told depends on where the connection broke; it goes with the upload at the latest.
    expect(await cutting(() => store.recordPart(uploadId, second))).toMatchObject({ recorded: true });
    expect(await direct.get(uploadId, 1)).toMatchObject({ part: second });

    const call = { uploadId, digest: 'one', plan: 'plan', parts: [second], leaseMs: 1 };
    expect(await cutting(() => store.claimCompletion(call))).toMatchObject({
      outcome: 'claimed',
      resumed: false,
    });
    await sleep(5);
    const taken = await cutting(() => store.claimCompletion({ ...call, digest: 'two' }));
    expect(taken).toMatchObject({
      outcome: 'claimed',
      resumed: true,
      previousDigest: 'one',
      previousPlan: 'plan',
    });
    if (taken.outcome !== 'claimed') return;
    expect(await cutting(() => store.renewClaim(taken.claim, 60_000))).toBe(true);
    await cutting(() => store.releaseClaim(taken.claim));
    expect(await direct.get(uploadId)).toMatchObject({ status: 'open' });
    const last = await store.claimCompletion({ ...call, leaseMs: 60_000 });
    if (last.outcome !== 'claimed') throw new Error(last.outcome);
    expect(await cutting(() => store.finishCompletion(last.claim, 'result'))).toBe(true);
    await cutting(() => store.cleaned(uploadId));
    expect(await direct.get(uploadId)).toMatchObject({ status: 'completed', result: 'result' });
    await cutting(() => store.cleaned(uploadId), 'index');
    expect(await direct.uploadsOf(record.bucket, { limit: 10 })).not.toContainEqual(record);
  });

  test('an abort is told that it was the one', async () => {
    const record = upload();
    await store.create(record);
    expect(await cutting(() => store.abort(record.uploadId))).toEqual({ outcome: 'aborted', upload: record });
    expect(await direct.abort(record.uploadId)).toEqual({ outcome: 'none' });
    const another = upload();
    await store.create(another);
    const aborted = await cutting(() => store.abort(another.uploadId), 'index');
    expect(aborted).toEqual({ outcome: 'aborted', upload: another });
  });

  /** Sends `recordPart`, loses its reply, and lets `meanwhile` happen before it can be sent again. */
  async function recordWhile(
    uploadId: string,
    sent: ReturnType<typeof part>,
    meanwhile: () => Promise<void>,
  ) {
    const cut = proxy.cutNextReply('script');
    const recording = store.recordPart(uploadId, sent);
    proxy.refuse(true);
    await cut;
    await meanwhile();
    proxy.refuse(false);
    return recording;
  }

  test('a part that was replaced before it is sent again stays replaced: its bytes are being discarded', async () => {
    const record = upload();
    const { uploadId } = record;
    await store.create(record);
    const [first, ...later] = [part(1), part(1), part(1), part(1)];
    const outcome = await recordWhile(uploadId, first, async () => {
      let before = first;
      for (const each of later) {
        expect(await direct.recordPart(uploadId, each)).toEqual({ recorded: true, replaced: before });
        before = each;
      }
    });
    expect(outcome).toEqual({ recorded: true });
    expect(await direct.get(uploadId, 1)).toMatchObject({ part: later.at(-1) });
  });

  test('a part that a Complete took before it is sent again is not refused: its bytes are needed', async () => {
    const record = upload();
    const { uploadId } = record;
    await store.create(record);
    const only = part(1);
    const outcome = await recordWhile(uploadId, only, async () => {
      const call = { uploadId, digest: '', plan: 0, parts: [only], leaseMs: 60_000 };
      expect(await direct.claimCompletion(call)).toMatchObject({ outcome: 'claimed' });
    });
    expect(outcome).toEqual({ recorded: true });
  });
});
