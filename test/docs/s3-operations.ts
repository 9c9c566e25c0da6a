/** Every operation of AWS's model of Amazon S3, and what Partway makes of it: read off the operation table, in words for the page. */
import * as sdk from '@aws-sdk/client-s3';
import { fixedAnswers } from '../../src/s3/ops/fixed-answers.ts';
import { refusals } from '../../src/s3/ops/refusals.ts';
import { settledSettings } from '../../src/s3/ops/settled-settings.ts';
import { operations } from '../../src/s3/table.ts';
import { notes } from './s3-notes.ts';

export type Support = 'implemented' | 'settled' | 'fixed' | 'refused';

export interface ModelOperation {
  /** As AWS spells it. */
  readonly action: string;
  /** Its row in the operation table; several operations may be one request. */
  readonly row: string | undefined;
  readonly support: Support;
  readonly note: string;
}

/** Operations of the model that the SDK's newer ones have replaced: the same requests. */
const replaced: Readonly<Record<string, string>> = {
  GetBucketLifecycle: 'GetBucketLifecycleConfiguration',
  PutBucketLifecycle: 'PutBucketLifecycleConfiguration',
  GetBucketNotification: 'GetBucketNotificationConfiguration',
  PutBucketNotification: 'PutBucketNotificationConfiguration',
};

/** Operations of services beside S3, which SDKs sign for those: refused before the table is asked. */
export const otherServices: readonly string[] = ['ListDirectoryBuckets', 'WriteGetObjectResponse'];

const commands = Object.keys(sdk)
  .filter((name) => name.endsWith('Command') && !name.startsWith('$'))
  .map((name) => name.slice(0, -'Command'.length));

function named(rows: readonly { readonly action: string }[]): ReadonlySet<string> {
  return new Set(rows.map(({ action }) => action));
}
const table = named(operations);
const fixed = named(fixedAnswers);
const settled = named(settledSettings);
const refused = named(refusals);

function supportOf(row: string): Support {
  if (refused.has(row)) return 'refused';
  if (fixed.has(row)) return 'fixed';
  return settled.has(row) ? 'settled' : 'implemented';
}

export const modelOperations: readonly ModelOperation[] = [...commands, ...Object.keys(replaced)]
  .sort()
  .map((action) => {
    const row = replaced[action] ?? action;
    const isThere = table.has(row);
    if (!isThere && !otherServices.includes(action))
      throw new Error(`nothing says what becomes of ${action}`);
    const support = isThere ? supportOf(row) : 'refused';
    return { action, row: isThere ? row : undefined, support, note: notes[action] ?? '' };
  });

/** Rows of the table that are no operation of the model. */
export const beyondModel = operations
  .map(({ action }) => action)
  .filter((action) => !modelOperations.some((operation) => operation.row === action));
