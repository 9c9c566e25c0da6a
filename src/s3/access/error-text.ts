/** How AWS says no ("Troubleshoot access denied (403 Forbidden) errors in Amazon S3"). */
import type { Caller } from '../../access/caller.ts';
import { arnOf, type Decision } from '../../access/decide.ts';
import type { Asked } from '../../access/grants.ts';
import { S3Error } from '../errors.ts';

/** Who did not sign is told nothing; everybody else learns which permission is missing, and whether it was taken away. */
export function accessDenied(
  caller: Caller,
  asked: Asked,
  decision: Exclude<Decision, 'allowed'>,
  headers: Readonly<Record<string, string>> = {},
): S3Error {
  if (caller.kind === 'anonymous') return new S3Error('AccessDenied', { headers });
  const why =
    decision === 'denied'
      ? `because no identity-based policy allows the ${asked.action} action`
      : 'with an explicit deny in a resource-based policy';
  return new S3Error('AccessDenied', {
    headers,
    message: `User: ${caller.arn} is not authorized to perform: ${asked.action} on resource: "${arnOf(asked)}" ${why}`,
  });
}
