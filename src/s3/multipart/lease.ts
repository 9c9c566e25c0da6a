/** The right to publish an upload: kept while the work goes on, and given up in time when it cannot be kept. */
import { AdapterError } from '../../../adapters/errors.ts';
import type { CompletionClaim, Json } from '../../uploads/types.ts';
import { retryAfter } from '../adapter-errors.ts';
import { S3Error } from '../errors.ts';
import type { Gateway } from '../operation.ts';

export interface Lease {
  /** Aborted when somebody else has the upload, or may have it. */
  readonly signal: AbortSignal;
  /** Throws once the lease may have run out: the upload is perhaps another's, or aborted. */
  readonly demand: () => void;
  /** Names the plan that may be published from now on. */
  readonly renewPlan: (plan: Json) => Promise<void>;
}

/**
 * Runs work under a claim. A lease that is lost, or whose renewal is overdue, is not fought for: the work is aborted and the client is asked
 * to try again (503 SlowDown). By this process's own clock the lease ends no later than by the store's: it is counted from before each request.
 *
 * @param since `performance.now()` from before the claim was asked for.
 */
export async function withLease<T>(
  gateway: Gateway,
  claim: CompletionClaim,
  since: number,
  work: (lease: Lease) => Promise<T>,
): Promise<T> {
  const leaseMs = gateway.settings.completionLeaseMs;
  const lost = new AbortController();
  let until = since + leaseMs;

  const demand = (): void => {
    if (performance.now() >= until) giveUp('ran out');
    lost.signal.throwIfAborted();
  };
  const giveUp = (how: string): void => {
    lost.abort(new AdapterError('Aborted', `the lease on upload ${claim.uploadId} ${how}`));
  };
  const renew = async (plan?: Json): Promise<void> => {
    const asked = performance.now();
    if (await gateway.uploads.renewClaim(claim, leaseMs, plan)) until = asked + leaseMs;
    else giveUp('was taken over');
  };
  const heartbeat = setInterval(() => {
    renew().catch((error: unknown) => {
      gateway.log.warn('could not renew the lease of a Complete', { uploadId: claim.uploadId, error });
      if (performance.now() >= until) giveUp('ran out');
    });
  }, leaseMs / 3);
  heartbeat.unref();
  try {
    return await work({
      signal: lost.signal,
      demand,
      async renewPlan(plan) {
        await renew(plan);
        lost.signal.throwIfAborted();
      },
    });
  } catch (error) {
    // Whatever failed then: the upload's fate is another's to tell.
    if (lost.signal.aborted) throw new S3Error('SlowDown', { headers: retryAfter(1), cause: error });
    throw error;
  } finally {
    clearInterval(heartbeat);
  }
}
