/** "Lease Blob": an exclusive lock for writing, here on the private blob of an upload. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { BlobLeaseClient, BlockBlobClient } from '@azure/storage-blob';
import type { AzureContext } from './context.ts';
import { serviceCode } from './errors.ts';
import { about } from './look.ts';

/** The longest that the service grants without renewal. */
const leaseSeconds = 60;

/**
 * Runs `work` under a lease. Another attempt's is waited for a while, then broken: whoever may complete the upload is decided
 * elsewhere, and an attempt whose lease is broken can no longer commit. `release` may be called early; it does not wait, but
 * `withLease` does, whatever becomes of the work.
 */
export async function withLease<T>(
  azure: AzureContext,
  blob: BlockBlobClient,
  signal: AbortSignal | undefined,
  work: (leaseId: string, release: () => void) => Promise<T>,
): Promise<T> {
  const lease = blob.getBlobLeaseClient();
  const leaseId = await acquire(azure, blob, lease, signal);
  let releasing: Promise<void> | undefined;
  const release = (): void => {
    releasing ??= giveBack(azure, blob, lease);
  };
  try {
    return await work(leaseId, release);
  } finally {
    release();
    await releasing;
  }
}

async function acquire(
  azure: AzureContext,
  blob: BlockBlobClient,
  lease: BlobLeaseClient,
  signal: AbortSignal | undefined,
): Promise<string> {
  const patience = Date.now() + azure.limits.leasePatienceMs;
  for (;;) {
    try {
      const { leaseId } = await azure.send(about('lease the staged blocks', blob), signal, (abortSignal) =>
        lease.acquireLease(leaseSeconds, { abortSignal }),
      );
      return leaseId ?? lease.leaseId;
    } catch (error) {
      if (serviceCode(error) !== 'LeaseAlreadyPresent') throw error;
    }
    if (Date.now() > patience) await breakLease(azure, blob, signal);
    await sleep(50 + Math.random() * 200);
    signal?.throwIfAborted();
  }
}

/** Whoever holds it loses it at once. */
export async function breakLease(
  azure: AzureContext,
  blob: BlockBlobClient,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    await azure.send(about('break a lease', blob), signal, (abortSignal) =>
      blob.getBlobLeaseClient().breakLease(0, { abortSignal }),
    );
  } catch (error) {
    // Given back just now.
    if (serviceCode(error) !== 'LeaseNotPresentWithLeaseOperation') throw error;
  }
}

/** Never fails: a lease that is not given back ends by itself, and one that was lost is nobody's. */
async function giveBack(azure: AzureContext, blob: BlockBlobClient, lease: BlobLeaseClient): Promise<void> {
  await azure
    .send(about('release the staged blocks', blob), undefined, (abortSignal) =>
      lease.releaseLease({ abortSignal }),
    )
    .catch(() => undefined);
}
