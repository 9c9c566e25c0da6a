/**
 * May they? Grants of the configuration and the bucket's policy stand beside each other: an explicit Deny wins, then either may
 * allow, and what nobody allows is denied ("Policy evaluation logic").
 */

import type { Caller } from './caller.ts';
import type { Asked, Grants } from './grants.ts';
import { evaluate, type KeyValues } from './policy/evaluate.ts';
import type { Policy } from './policy/types.ts';

export type Decision = 'allowed' | 'denied' | 'explicitly denied';

export interface Question {
  readonly asked: Asked;
  readonly caller: Caller;
  readonly grants: Grants;
  /** Of the bucket; `undefined` when it has none. */
  readonly policy: Policy | undefined;
  /** RestrictPublicBuckets: what a public policy allows, it allows to nobody from outside the account. */
  readonly restrictsPublic?: boolean;
  /** What the request says of itself, for conditions. */
  readonly values: KeyValues;
}

/** What the owner is never locked out of ("PutBucketPolicy": the root principal can, even if the policy denies it). */
const ownersAlways: ReadonlySet<string> = new Set([
  's3:GetBucketPolicy',
  's3:PutBucketPolicy',
  's3:DeleteBucketPolicy',
]);

export function decide({ asked, caller, grants, policy, restrictsPublic, values }: Question): Decision {
  if (isOwners(asked, caller)) return 'allowed';
  const said =
    policy === undefined
      ? undefined
      : evaluate(policy, { action: asked.action, resource: arnOf(asked), caller, values });
  if (said === 'Deny') return 'explicitly denied';
  if (grants.allow(asked)) return 'allowed';
  const isKeptOut = restrictsPublic === true && caller.kind === 'anonymous' && policy?.isPublic === true;
  return said === 'Allow' && !isKeptOut ? 'allowed' : 'denied';
}

/** Whether the answer stands whatever the policy says. */
export function isOwners({ action }: Asked, caller: Caller): boolean {
  return caller.isOwner && ownersAlways.has(action);
}

export function arnOf({ bucket, key }: Pick<Asked, 'bucket' | 'key'>): string {
  return key === undefined ? `arn:aws:s3:::${bucket}` : `arn:aws:s3:::${bucket}/${key}`;
}
