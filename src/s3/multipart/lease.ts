import type { CompletionClaim, Json } from '../../uploads/types.ts';
import { S3Error } from '../errors.ts';
import type { Gateway } from '../operation.ts';

/**
 * Runs work while keeping the claim alive. A lease that somebody else has taken is not fought for: the publish is pinned to the
 * state that it replaces, so the slower of two attempts changes nothing.
 */
export async function withLease<T>(
  gateway: Gateway,
  claim: CompletionClaim,
  work: (renewPlan: (plan: Json) => Promise<void>) => Promise<T>,
): Promise<T> {
  const leaseMs = gateway.settings.completionLeaseMs;
  const heartbeat = setInterval(() => {
    gateway.uploads.renewClaim(claim, leaseMs).catch((error: unknown) => {
      gateway.log.warn('could not renew the lease of a Complete', { uploadId: claim.uploadId, error });
    });
  }, leaseMs / 3);
  heartbeat.unref();
  try {
    return await work(async (plan) => {
      if (!(await gateway.uploads.renewClaim(claim, leaseMs, plan))) throw new S3Error('SlowDown');
    });
  } finally {
    clearInterval(heartbeat);
  }
}
