/** The policies of buckets, read and compiled once for each text. */
import { isAdapterError } from '../../../adapters/errors.ts';
import type { Asked } from '../../access/grants.ts';
import { compilePolicy } from '../../access/policy/compile.ts';
import type { Policy } from '../../access/policy/types.ts';
import { remembering, storedOf } from '../bucket/documents-of.ts';
import type { Gateway } from '../operation.ts';

const compiled = remembering(compilePolicy);

/** `undefined` when the bucket has none. A text that cannot be compiled fails: what it denies is not known. */
export function policyOf(gateway: Gateway, bucket: string): Promise<Policy | undefined> {
  return storedOf(gateway, bucket, 'policy', compiled);
}

/** Whether it asks for tags that PutObjectTagging brings in its body. */
export function needsRequestedTags({ uses }: Policy): boolean {
  for (const key of uses) if (key.startsWith('s3:requestobjecttag')) return true;
  return false;
}

/** Tags of the object cost a look at it: only where a policy speaks of them. */
export function needsExistingTags(policy: Policy): boolean {
  for (const key of policy.uses) if (key.startsWith('s3:existingobjecttag/')) return true;
  return false;
}

export async function existingTags(
  gateway: Gateway,
  { bucket, key }: Asked,
): Promise<Readonly<Record<string, string>>> {
  if (key === undefined) return {};
  try {
    const { attributes } = await gateway.storage.for(bucket).headObject({ bucket, key });
    return attributes.tags ?? {};
  } catch (error) {
    if (isAdapterError(error, 'NoSuchObject')) return {};
    throw error;
  }
}
