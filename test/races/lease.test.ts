import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { AdapterError } from '../../adapters/errors.ts';
import { type Lease, withLease } from '../../src/s3/multipart/lease.ts';
import type { Gateway } from '../../src/s3/operation.ts';
import { UploadStoreUnavailable } from '../../src/uploads/types.ts';

const leaseMs = 150;
/** Long enough that a busy machine renews it in time. */
const longLeaseMs = 6_000;

/** Runs work under a lease that the store renews as it is told to. */
function under<T>(
  renewClaim: () => Promise<boolean>,
  work: (lease: Lease) => Promise<T>,
  completionLeaseMs = leaseMs,
): Promise<T> {
  const gateway = {
    settings: { completionLeaseMs },
    uploads: { renewClaim },
    log: { warn: () => undefined },
  } as unknown as Gateway;
  return withLease(gateway, { uploadId: 'u', lease: 'l' }, performance.now(), work);
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
const slowDown = { code: 'SlowDown', status: 503 };

it('keeps a lease that is renewed', async () => {
  const renewed = under(
    async () => true,
    async ({ demand, signal }) => {
      await sleep(longLeaseMs * 1.5);
      demand();
      return signal.aborted;
    },
    longLeaseMs,
  );
  expect(await renewed).toBe(false);
});

it('aborts the work once a renewal is refused, whatever the work then fails with', async () => {
  const lost = under(
    async () => false,
    async ({ demand, signal }) => {
      await aborted(signal);
      expect(demand).toThrow(AdapterError);
      throw new AdapterError('Internal', 'cut off in the middle');
    },
  );
  await expect(lost).rejects.toMatchObject(slowDown);
});

it('aborts the work once the renewal is overdue because the store is away', async () => {
  const lost = under(
    async () => {
      throw new UploadStoreUnavailable('away');
    },
    async ({ signal }) => {
      await aborted(signal);
      signal.throwIfAborted();
    },
  );
  await expect(lost).rejects.toMatchObject(slowDown);
});

it('knows that the lease has run out before any timer could say so', async () => {
  const lost = under(
    async () => true,
    async ({ demand, signal }) => {
      // As a process that was stopped: nothing else has run since.
      for (const end = performance.now() + leaseMs + 1; performance.now() < end; );
      expect(signal.aborted).toBe(false);
      demand();
    },
  );
  await expect(lost).rejects.toMatchObject(slowDown);
});

it('does not publish a plan that the store no longer takes', async () => {
  await expect(
    under(
      async () => false,
      ({ renewPlan }) => renewPlan({}),
    ),
  ).rejects.toMatchObject(slowDown);
});

it('leaves failures of the work itself alone', async () => {
  const failure = new AdapterError('Full', 'no space');
  const failed = under(
    async () => true,
    async () => {
      throw failure;
    },
  );
  await expect(failed).rejects.toBe(failure);
});
