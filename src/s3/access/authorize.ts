/** The question "may they?" as the protocol asks it. */
import { isAdapterError } from '../../../adapters/errors.ts';
import type { Caller } from '../../access/caller.ts';
import { accountCaller, anonymousCaller, userCaller } from '../../access/caller.ts';
import { type Decision, decide, isOwners } from '../../access/decide.ts';
import { type Asked, everything, type Grants } from '../../access/grants.ts';
import type { Policy } from '../../access/policy/types.ts';
import { isUploadId } from '../../uploads/id.ts';
import { publicAccessBlockOf } from '../bucket/public-access-block.ts';
import { S3Error } from '../errors.ts';
import { uploadIdOf } from '../multipart/upload.ts';
import type { Gateway, Operation, Reply, RequestContext } from '../operation.ts';
import { refuseStranger, refuseUnsigned } from './anonymous.ts';
import { type Known, keyValues } from './condition-keys.ts';
import { accessDenied } from './error-text.ts';
import { requireExpectedOwner } from './expected-owner.ts';
import { permissionsOf } from './permissions.ts';
import { existingTags, needsExistingTags, needsRequestedTags, policyOf } from './policies.ts';
import { type AccessSettings, plainAccess } from './settings.ts';

export function accessOf(gateway: Gateway): AccessSettings {
  return gateway.access ?? plainAccess;
}

/** They do not read `x-amz-expected-bucket-owner` ("CreateBucket", "POST Object"). */
const expectsNoOwner: ReadonlySet<string> = new Set(['CreateBucket', 'PostObject']);

/** Runs the operation if its caller may. What it says of keys that are not there is told only to who may list them. */
export async function handleIfAllowed(operation: Operation, context: RequestContext): Promise<Reply> {
  if (context.bucket !== '' && !expectsNoOwner.has(operation.action)) {
    requireExpectedOwner(context.headers, accessOf(context.gateway).accountId);
  }
  if (operation.asksItself !== true) await requireOperation(operation, context);
  try {
    return await operation.handle(context);
  } catch (error) {
    if (operation.route.copy !== true) await concealMissing(error, context, context);
    throw error;
  }
}

/** AccessDenied in AWS's words. The bucket may be another one than the request's: the source of a copy. */
export async function requireAccess(context: RequestContext, asked: Asked, known: Known = {}): Promise<void> {
  const decision = await judge(context, asked, known);
  if (decision !== 'allowed') throw accessDenied(callerOf(context), asked, decision);
}

/** AccessDenied for who cannot be allowed it on any key of the bucket. What the keys are is not known before the body is read. */
export async function requireAnyAccess(context: RequestContext, action: string): Promise<void> {
  const { bucket, gateway } = context;
  const caller = callerOf(context);
  if (grantsOf(context).touch(bucket) || (await policyOf(gateway, bucket)) !== undefined) return;
  throw accessDenied(caller, { action, bucket }, 'denied');
}

/** Whether ListBuckets shows a bucket to its caller. */
export function maySee(context: RequestContext, bucket: string): boolean {
  return grantsOf(context).touch(bucket);
}

/**
 * "If the object you request does not exist, the error depends on whether you also have the s3:ListBucket permission" ("GetObject"):
 * without it a missing key looks like a forbidden one.
 */
export async function concealMissing(
  error: unknown,
  context: RequestContext,
  { bucket, key }: { readonly bucket: string; readonly key: string },
): Promise<void> {
  const tells =
    isAdapterError(error, 'NoSuchObject') || (error instanceof S3Error && error.code === 'NoSuchKey');
  if (tells) await requireAccess(context, { action: 's3:ListBucket', bucket, prefix: key });
}

async function requireOperation(operation: Operation, context: RequestContext): Promise<void> {
  const { auth, bucket, gateway, key, target } = context;
  if (operation.action === 'ListBuckets') {
    // What is shown is what the caller may reach.
    if (auth.kind === 'anonymous') throw new S3Error('AccessDenied');
    return;
  }
  const isUnsigned = auth.kind === 'anonymous';
  if (isUnsigned) refuseUnsigned(operation);
  // Its handler asks again in any case, with the tags at hand.
  if (operation.action === 'PutObjectTagging' && (await dependsOnTags(context))) return;
  for (const action of permissionsOf(operation, context)) {
    const asked: Asked =
      key === '' ? { action, bucket, prefix: target.query.get('prefix') ?? '' } : { action, bucket, key };
    const decision = await judge(context, asked, {});
    if (decision === 'allowed') continue;
    if (decision === 'denied' && (await isInitiator(operation, context))) continue;
    throw accessDenied(callerOf(context), asked, decision, regionFor(operation, gateway));
  }
  if (isUnsigned) refuseStranger(operation);
}

const tellRegion: ReadonlySet<string> = new Set(['HeadBucket', 'ListObjects', 'ListObjectsV2']);

/** Who may not see into a bucket learns its region all the same: SDKs ask for it unsigned ("HeadBucket", x-amz-bucket-region). */
function regionFor({ action }: Operation, { settings }: Gateway): Readonly<Record<string, string>> {
  return tellRegion.has(action) ? { 'x-amz-bucket-region': settings.region } : {};
}

async function dependsOnTags({ bucket, gateway }: RequestContext): Promise<boolean> {
  const policy = await policyOf(gateway, bucket);
  return policy !== undefined && needsRequestedTags(policy);
}

async function judge(context: RequestContext, asked: Asked, known: Known): Promise<Decision> {
  const { gateway } = context;
  const caller = callerOf(context);
  const grants = grantsOf(context);
  let policy: Policy | undefined;
  let restrictsPublic = false;
  let { existing } = known;
  // A bucket that is to be made has no policy, and the owner's way to the policy must not lead through it.
  if (asked.action !== 's3:CreateBucket' && !isOwners(asked, caller)) {
    try {
      policy = await policyOf(gateway, asked.bucket);
    } catch (error) {
      // Whoever may go on is told by the operation, which knows more.
      if (isAdapterError(error, 'NoSuchBucket') && grants.allow(asked)) return 'allowed';
      throw error;
    }
    if (caller.kind === 'anonymous' && policy?.isPublic === true) {
      restrictsPublic = (await publicAccessBlockOf(gateway, asked.bucket))?.restrictPublicBuckets === true;
    }
    if (policy !== undefined && needsExistingTags(policy)) existing ??= await existingTags(gateway, asked);
  }
  const values = keyValues(context, asked, caller, { ...known, ...(existing !== undefined && { existing }) });
  return decide({ asked, caller, grants, policy, restrictsPublic, values });
}

export function callerOf({ auth, gateway }: Pick<RequestContext, 'auth' | 'gateway'>): Caller {
  const { accountId } = accessOf(gateway);
  if (auth.kind === 'anonymous') return anonymousCaller(accountId);
  const { id, user } = auth.identity;
  if (user === undefined) return accountCaller(accountId, id);
  return userCaller(accountId, { id, name: user.name, isOwner: user.isAdministrator });
}

function grantsOf({ auth, gateway }: RequestContext): Grants {
  if (auth.kind === 'anonymous') return accessOf(gateway).anonymous();
  const { user } = auth.identity;
  return user === undefined || user.isAdministrator ? everything : user.grants;
}

/** Whoever began an upload may list its parts and abort it ("Multipart upload API and permissions"). */
async function isInitiator({ action }: Operation, context: RequestContext): Promise<boolean> {
  const { auth, bucket, gateway, key } = context;
  if (auth.kind === 'anonymous' || (action !== 'AbortMultipartUpload' && action !== 'ListParts'))
    return false;
  const uploadId = uploadIdOf(context);
  if (!isUploadId(uploadId)) return false;
  const view = await gateway.uploads.get(uploadId);
  if (view.status === 'none') return false;
  const { upload } = view;
  return upload.bucket === bucket && upload.key === key && upload.initiator === auth.identity.id;
}
