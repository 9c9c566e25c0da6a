/** A policy, ready to be evaluated (IAM User Guide, "IAM JSON policy elements reference"). */
import type { Caller } from '../caller.ts';
import type { KeyValues } from './evaluate.ts';

export interface Policy {
  readonly statements: readonly Statement[];
  /** Lower-case condition keys that any statement or variable uses: what is dear to know is looked up only for these. */
  readonly uses: ReadonlySet<string>;
  /** "The meaning of public". */
  readonly isPublic: boolean;
}

export interface Statement {
  readonly effect: 'Allow' | 'Deny';
  readonly isFor: (caller: Caller) => boolean;
  /** Of a lower-case action. */
  readonly isAbout: (action: string) => boolean;
  readonly isOn: (resource: string, values: KeyValues) => boolean;
  readonly conditions: readonly Condition[];
}

export type Condition = (values: KeyValues) => boolean;

/** What is wrong with a policy, in AWS's words. */
export class PolicyFault extends Error {
  override readonly name = 'PolicyFault';
}
