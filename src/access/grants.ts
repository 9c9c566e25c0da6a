/** What the configuration allows: groups of actions on buckets, or on the keys below a prefix. */
import { type ActionGroup, groupAllows, listActions } from './actions.ts';
import { matcher } from './wildcard.ts';

export interface Grant {
  /** Bucket names, or patterns with `*` and `?`. */
  readonly buckets: readonly string[];
  /** Keys that begin with it; empty for the whole bucket. */
  readonly prefix: string;
  readonly actions: readonly ActionGroup[];
}

/** What is asked of a bucket or an object. */
export interface Asked {
  /** As IAM spells it: `s3:GetObject`. */
  readonly action: string;
  readonly bucket: string;
  /** Absent where the bucket itself is asked for. */
  readonly key?: string | undefined;
  /** Of a list: which keys it would show. */
  readonly prefix?: string | undefined;
}

export interface Grants {
  allow(asked: Asked): boolean;
  /** Whether there is anything in the bucket for them: it is then shown by ListBuckets. */
  touch(bucket: string): boolean;
}

export function compileGrants(grants: readonly Grant[]): Grants {
  const compiled = grants.map(({ actions, buckets, prefix }) => {
    const patterns = buckets.map(matcher);
    return { actions, prefix, covers: (bucket: string) => patterns.some((pattern) => pattern(bucket)) };
  });
  return {
    allow: (asked) =>
      compiled.some(
        ({ actions, covers, prefix }) =>
          covers(asked.bucket) &&
          (asksWhere(asked) ||
            (actions.some((group) => groupAllows(group, asked.action)) && isWithin(asked, prefix))),
      ),
    touch: (bucket) => compiled.some(({ covers }) => covers(bucket)),
  };
}

/** The region of a bucket is what tools ask before anything else, and says nothing. */
function asksWhere({ action }: Asked): boolean {
  return action === 's3:GetBucketLocation';
}

function isWithin({ action, key, prefix: shown }: Asked, prefix: string): boolean {
  if (prefix === '') return true;
  if (key !== undefined) return key.startsWith(prefix);
  return listActions.has(action) && shown?.startsWith(prefix) === true;
}

export const noGrants: Grants = { allow: () => false, touch: () => false };
export const everything: Grants = { allow: () => true, touch: () => true };
