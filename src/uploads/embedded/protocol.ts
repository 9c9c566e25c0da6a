/** What passes between the store and the thread that writes. */
import type { SqliteFailure } from './errors.ts';
import type { Transitions } from './transitions.ts';

export type TransitionName = keyof Transitions;

/** One change to make; `deadline` (milliseconds since the epoch) is when its caller gives up. */
export interface Change {
  readonly name: TransitionName;
  readonly argument: unknown;
  readonly deadline: number;
}

/** One for each change of a batch, in order, once the transaction they share is committed. */
export type Reply =
  | { readonly value: unknown }
  | { readonly failure: SqliteFailure }
  | { readonly late: true };

export type ToWriter = { readonly changes: readonly Change[] } | 'close';
