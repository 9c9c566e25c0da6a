/**
 * CompleteMultipartUpload from the judged list to the published object.
 *
 * Order: judge the parts → claim the upload in the store, with the plan of what is about to be published → publish in one
 * atomic step of the backend → record the result. The plan names the state of the key that the publish replaces, and the publish
 * is pinned to it; so whoever resumes after a crash can tell whether the earlier attempt had published.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { isAdapterError } from '../../../adapters/errors.ts';
import type {
  ObjectAttributes,
  ObjectChecksum,
  ObjectInfo,
  StoredPart,
  WriteCondition,
} from '../../../adapters/types.ts';
import type { WritePrecondition } from '../../http/conditions.ts';
import type { ClaimOutcome, Json, PartRecord, StalledCompletion, UploadRecord } from '../../uploads/types.ts';
import { retryAfter } from '../adapter-errors.ts';
import { S3Error } from '../errors.ts';
import type { Gateway, RequestContext } from '../operation.ts';
import {
  conditionalConflict,
  liveObject,
  preconditionFailed,
  replacedStates,
  resolveCondition,
} from '../write-condition.ts';
import type { CompletedPart } from '../xml/complete-multipart-upload.ts';
import { freeStaging } from './abort.ts';
import {
  type CompletionClaims,
  finishedAttributes,
  judgeChecksumType,
  judgeObjectChecksum,
  judgeObjectSize,
} from './complete-request.ts';
import { judgeParts } from './judge-parts.ts';
import { type Lease, withLease } from './lease.ts';
import { noSuchUpload, settingsOf } from './upload.ts';

/** What is remembered of a finished upload, and answered to every replay. */
export interface Completion {
  readonly etag: string;
  readonly checksum?: ObjectChecksum;
}

export interface CompleteCall {
  readonly upload: UploadRecord;
  readonly listed: readonly CompletedPart[];
  readonly digest: string;
  readonly condition: WritePrecondition | undefined;
  readonly claims: CompletionClaims;
}

/** Kept in the store while the upload is COMPLETING. */
interface Plan {
  readonly attributes: ObjectAttributes;
  /** The state of the key that the publish replaces; `any` after other writers won too often. */
  readonly base: WriteCondition | 'any';
  /** ETag of the object that the publish replaces. */
  readonly baseEtag?: string;
}

const maxParts = 10_000;
/** Between two looks at an upload that somebody else is completing. */
const pollMs = 50;
/** Other writers of the key may win this often before an unconditional Complete stops pinning the state it replaces. */
const maxPinnedAttempts = 5;
/** How long a service is left to what it may still do of an attempt that failed; then the next attempt may take over and look. */
const aftermathMs = 2_000;
/** How long to wait for another attempt at the same upload, beyond its lease. */
const patienceMs = 120_000;

export async function completeUpload(context: RequestContext, call: CompleteCall): Promise<Completion> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const outcome = await attempt(context, call);
    if (outcome !== 'again') return outcome;
    await sleep(pollMs);
    if (Date.now() > deadline) throw new S3Error('SlowDown', { headers: retryAfter(5) });
  }
}

async function attempt(context: RequestContext, call: CompleteCall): Promise<Completion | 'again'> {
  const { gateway } = context;
  const { uploadId } = call.upload;
  const judged = await judge(context, call);
  if (judged === 'again' || 'etag' in judged) return judged;

  const since = performance.now();
  const claim = await gateway.uploads.claimCompletion({
    uploadId,
    digest: call.digest,
    plan: judged.plan as unknown as Json,
    parts: judged.parts,
    leaseMs: gateway.settings.completionLeaseMs,
  });
  switch (claim.outcome) {
    case 'none':
      throw noSuchUpload(uploadId);
    case 'changed':
      return 'again';
    case 'busy':
      return settled(context, call);
    case 'completed':
      if (claim.digest !== call.digest) throw noSuchUpload(uploadId);
      return claim.result as unknown as Completion;
    case 'claimed':
      return finish(context, call, judged, claim, since);
  }
}

/** Another attempt held the upload: its result is ours if it was the same request. */
async function settled(context: RequestContext, call: CompleteCall): Promise<Completion | 'again'> {
  const view = await context.gateway.uploads.get(call.upload.uploadId);
  if (view.status === 'none') throw noSuchUpload(call.upload.uploadId);
  if (view.status !== 'completed') return 'again';
  if (view.digest !== call.digest) throw noSuchUpload(call.upload.uploadId);
  return view.result as unknown as Completion;
}

interface Judged {
  readonly plan: Plan;
  readonly parts: readonly PartRecord[];
  readonly unused: readonly PartRecord[];
}

/** Everything that can be wrong with the request is said here, before anything changes. */
async function judge(context: RequestContext, call: CompleteCall): Promise<Judged | Completion | 'again'> {
  const { bucket, gateway, key } = context;
  const { claims, condition, listed, upload } = call;
  const settings = settingsOf(upload);
  const storage = gateway.storage.for(bucket);

  const [live, stored] = await Promise.all([
    liveObject(storage, bucket, key),
    gateway.uploads.listParts(upload.uploadId, { after: 0, limit: maxParts }),
  ]);
  // Another attempt has finished it since.
  if (stored === undefined) return settled(context, call);
  // An upload that may have been published by an attempt that was cut off is judged by what that attempt planned.
  const ours = live?.attributes.uploadId === upload.uploadId;
  const base = ours ? { version: live.version } : pinned(condition, live, settings.base, key);
  judgeChecksumType(claims, settings.checksum);
  const byNumber = new Map(stored.parts.map((part) => [part.partNumber, part]));
  const parts = judgeParts(listed, byNumber, settings.checksum, upload.uploadId);
  const size = parts.reduce((sum, part) => sum + part.size, 0);
  judgeObjectSize(claims, size);
  const { maxObjectSize } = storage.capabilities;
  if (size > maxObjectSize) {
    throw new S3Error('EntityTooLarge', { extra: { ProposedSize: size, MaxSizeAllowed: maxObjectSize } });
  }
  const attributes = finishedAttributes(upload.uploadId, settings, parts, gateway.settings.defaultChecksum);
  judgeObjectChecksum(claims, attributes.checksum, settings.checksum !== undefined);

  const used = new Set(parts);
  return {
    plan: {
      attributes: { ...attributes, ...(condition !== undefined && !ours && replacedStates(live)) },
      base,
      ...(live !== undefined && !ours && { baseEtag: live.attributes.etag }),
    },
    parts,
    unused: stored.parts.filter((part) => !used.has(part)),
  };
}

/** For a request that is refused for its document: a condition that fails is what the client is told ("Conditional writes"). */
export async function judgeCondition(
  { bucket, gateway, key }: RequestContext,
  upload: UploadRecord,
  condition: WritePrecondition,
): Promise<void> {
  pinned(condition, await liveObject(gateway.storage.for(bucket), bucket, key), settingsOf(upload).base, key);
}

/** The state that the publish must replace: as the client's condition says, else whatever is there now. */
function pinned(
  condition: WritePrecondition | undefined,
  live: ObjectInfo | undefined,
  atCreate: { readonly version: string } | null,
  key: string,
): WriteCondition {
  if (condition === undefined) return live === undefined ? { absent: true } : { version: live.version };
  const state = resolveCondition(condition, live, key);
  // A key that was deleted or rewritten since the upload began is a conflict, even if the condition holds again ("Conditional writes").
  if (condition.kind === 'if-none-match' && atCreate !== null)
    throw conditionalConflict('If-None-Match', key);
  if (condition.kind === 'if-match' && live?.version !== atCreate?.version) {
    throw conditionalConflict('If-Match', key);
  }
  return state;
}

type Claimed = Extract<ClaimOutcome, { outcome: 'claimed' }>;

async function finish(
  context: RequestContext,
  call: CompleteCall,
  judged: Judged,
  claimed: Claimed,
  since: number,
): Promise<Completion | 'again'> {
  const { gateway } = context;
  const { uploadId } = call.upload;
  const { claim } = claimed;
  return withLease(gateway, claim, since, async (lease) => {
    let completion: Completion;
    try {
      const earlier = claimed.resumed ? await publishedBefore(context, call, claimed) : undefined;
      // From here on ours is the attempt that may have published.
      if (claimed.resumed && earlier === undefined) await lease.renewPlan(judged.plan as unknown as Json);
      completion = earlier ?? resultOf(await publish(context, call, judged, lease));
    } catch (error) {
      if (!mayHavePublished(error)) await gateway.uploads.releaseClaim(claim);
      else await gateway.uploads.renewClaim(claim, aftermathMs).catch(() => false);
      // Its staged bytes went with it: it was aborted.
      if (isAdapterError(error, 'NoSuchPart') && (await hasEnded(gateway, uploadId)))
        throw noSuchUpload(uploadId);
      throw error;
    }
    // The parts that an earlier attempt named are not those of this request.
    const ours = completion.etag === judged.plan.attributes.etag;
    const digest = ours ? call.digest : (claimed.previousDigest ?? call.digest);
    if (await gateway.uploads.finishCompletion(claim, completion as unknown as Json, digest)) {
      freeStaging(gateway, call.upload);
    } else if (!(await hasEnded(gateway, uploadId))) {
      return 'again';
    }
    // Else an Abort took the lease that had run out, and finds that it came too late.
    if (digest !== call.digest) throw noSuchUpload(uploadId);
    return completion;
  });
}

async function hasEnded({ uploads }: Gateway, uploadId: string): Promise<boolean> {
  return (await uploads.get(uploadId)).status === 'none';
}

/**
 * What a cut-off attempt published, if it did. The object that carries this upload is it; a state of the key that is neither ours nor the one
 * that the attempt was pinned to means that the attempt's object was there and has been replaced since.
 */
async function publishedBefore(
  context: RequestContext,
  call: CompleteCall,
  claimed: Claimed,
): Promise<Completion | undefined> {
  const { bucket, gateway, key } = context;
  const live = await liveObject(gateway.storage.for(bucket), bucket, key);
  if (live?.attributes.uploadId === call.upload.uploadId) return resultOf(live);
  const plan = claimed.previousPlan as unknown as Plan | undefined;
  if (plan === undefined || plan.base === 'any' || live === undefined) return undefined;
  if (gateway.storage.for(bucket).capabilities.remembersCompletion) return undefined;
  // The bytes that were to be replaced may have a new version by now: a copy onto itself, or another tool's touch.
  const untouched =
    ('version' in plan.base && plan.base.version === live.version) || plan.baseEtag === live.attributes.etag;
  return untouched || wasOvertaken(plan, live) ? undefined : completionOf(plan.attributes);
}

/** Conditional writers, and nobody else, have been at the key since the plan: they saw that its object was not there. */
function wasOvertaken(
  { attributes: { etag }, base, baseEtag }: Plan,
  { attributes: { replaced = [] } }: ObjectInfo,
): boolean {
  const planned = base !== 'any' && 'absent' in base ? '' : baseEtag;
  return planned !== undefined && replaced.includes(planned) && !replaced.includes(etag);
}

/** Records what a cut-off attempt published, for an Abort that comes too late. */
export async function finishStalled(gateway: Gateway, stalled: StalledCompletion): Promise<void> {
  const { digest, plan, upload } = stalled;
  const outcome = await gateway.uploads.claimCompletion({
    uploadId: upload.uploadId,
    digest,
    plan,
    parts: [],
    leaseMs: gateway.settings.completionLeaseMs,
  });
  if (outcome.outcome !== 'claimed') return;
  const { attributes } = plan as unknown as Plan;
  await gateway.uploads.finishCompletion(outcome.claim, completionOf(attributes) as unknown as Json);
  freeStaging(gateway, upload);
}

async function publish(
  context: RequestContext,
  call: CompleteCall,
  judged: Judged,
  lease: Lease,
): Promise<ObjectInfo> {
  const { bucket, gateway, key } = context;
  const storage = gateway.storage.for(bucket);
  const { state, uploadId } = call.upload;
  let { plan } = judged;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await storage.completeUpload({
        bucket,
        key,
        uploadId,
        state,
        parts: judged.parts.map(storedPart),
        unused: judged.unused.map(storedPart),
        attributes: plan.attributes,
        ...(plan.base !== 'any' && { condition: plan.base }),
        signal: lease.signal,
        beforePublish: lease.demand,
      });
    } catch (error) {
      if (!isAdapterError(error, 'PreconditionFailed')) throw error;
      if (call.condition !== undefined) {
        throw call.condition.kind === 'if-none-match'
          ? preconditionFailed('If-None-Match')
          : conditionalConflict('If-Match', key);
      }
    }
    const live = await liveObject(storage, bucket, key);
    plan = {
      attributes: plan.attributes,
      base: repinned(attempt, live),
      ...(live !== undefined && { baseEtag: live.attributes.etag }),
    };
    await lease.renewPlan(plan as unknown as Json);
  }
}

function repinned(attempt: number, live: ObjectInfo | undefined): Plan['base'] {
  if (attempt >= maxPinnedAttempts) return 'any';
  return live === undefined ? { absent: true } : { version: live.version };
}

/** After these the key may hold the object or not: the claim stays for a moment, and whoever resumes looks. */
function mayHavePublished(error: unknown): boolean {
  return (
    !(error instanceof S3Error) &&
    !isAdapterError(
      error,
      'PreconditionFailed',
      'NoSuchBucket',
      'NoSuchPart',
      'InvalidName',
      'TooLarge',
      'Full',
    )
  );
}

function storedPart({ partNumber, storedSize, token }: PartRecord): StoredPart {
  return { partNumber, size: storedSize, token };
}

function resultOf(info: ObjectInfo): Completion {
  return completionOf(info.attributes);
}

function completionOf({ checksum, etag }: ObjectAttributes): Completion {
  return { etag, ...(checksum !== undefined && { checksum }) };
}
