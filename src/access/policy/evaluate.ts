import type { Caller } from '../caller.ts';
import type { Policy } from './types.ts';

/** Values of a condition key, by its lower-case name; `undefined` when the request has none. */
export type KeyValues = (key: string) => readonly string[] | undefined;

export interface PolicyRequest {
  readonly action: string;
  /** `arn:aws:s3:::bucket/key` */
  readonly resource: string;
  readonly caller: Caller;
  readonly values: KeyValues;
}

/** What the policy says: a Deny outweighs every Allow. `undefined` when no statement applies. */
export function evaluate(policy: Policy, request: PolicyRequest): 'Allow' | 'Deny' | undefined {
  const action = request.action.toLowerCase();
  let said: 'Allow' | undefined;
  for (const { conditions, effect, isAbout, isFor, isOn } of policy.statements) {
    if (effect === 'Allow' && said === 'Allow') continue;
    const applies =
      // The cheapest first.
      isFor(request.caller) &&
      isAbout(action) &&
      isOn(request.resource, request.values) &&
      conditions.every((holds) => holds(request.values));
    if (!applies) continue;
    if (effect === 'Deny') return 'Deny';
    said = 'Allow';
  }
  return said;
}
