/** "Lease Blob": an exclusive lock for writing, here on the private blob of an upload. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { BlobLeaseClient, BlockBlobClient } from '@azure/storage-blob';
import type { AzureContext } from './context.ts';
import { serviceCode } from './errors.ts';
import { about } from './look.ts';

/** The shortest that the service grants: after a crash the next attempt waits at most so long. */
const leaseSeconds = 15;
const maxWaitMs = 20_000;

/**
 * Runs `work` under a lease, having waited for the lease of another attempt to end. `release` may be called early; it does not
 * wait, but `withLease` does, whatever becomes of the work.
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
  const deadline = Date.now() + maxWaitMs;
  for (;;) {
    try {
      const { leaseId } = await azure.send(about('lease the staged blocks', blob), signal, (abortSignal) =>
        lease.acquireLease(leaseSeconds, { abortSignal }),
      );
      return leaseId ?? lease.leaseId;
    } catch (error) {
      if (serviceCode(error) !== 'LeaseAlreadyPresent' || Date.now() > deadline) throw error;
    }
    await sleep(50 + Math.random() * 200);
    signal?.throwIfAborted();
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
