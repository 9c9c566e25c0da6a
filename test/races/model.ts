/** One key and one upload of it, as S3 defines them: what each answer means for the state before and after. */
import type { Operation } from './linearize.ts';

/** What an object or a part holds: the writers of its bytes, joined by `+`; empty for nothing. */
export type Value = string;

export type Condition = { readonly absent: true } | { readonly holds: Value };

export type Request =
  | { readonly kind: 'put'; readonly value: Value; readonly condition?: Condition }
  | { readonly kind: 'get' }
  | { readonly kind: 'delete' }
  | { readonly kind: 'part'; readonly number: number; readonly value: Value }
  | {
      readonly kind: 'complete';
      readonly parts: ReadonlyArray<readonly [number: number, value: Value]>;
      readonly condition?: Condition;
    }
  | { readonly kind: 'abort' }
  | { readonly kind: 'list-parts' }
  /** The clean-up, which ends uploads of that age. */
  | { readonly kind: 'expire' };

/** `ok`, an error's code, or `unknown`: no answer, or one of the 5xx. */
export type Outcome = string;

export interface Event extends Operation {
  readonly request: Request;
  readonly outcome: Outcome;
  /** What a GET showed, or ListParts: `1=7 2=9`. */
  readonly shown?: string;
}

interface State {
  readonly object: Value;
  /** Number → value. */
  readonly parts: Readonly<Record<string, Value>>;
  /** `open`, `aborted`, or what it was completed as. */
  readonly upload: string;
}

export const initial = textOf({ object: '', parts: {}, upload: 'open' });

export function step(text: string, event: Event): readonly string[] {
  const state = JSON.parse(text) as State;
  if (event.outcome !== 'unknown') return next(state, event).map(textOf);
  // It may have happened, or the search leaves it out.
  return next(state, { ...event, outcome: 'ok' }).map(textOf);
}

function next(state: State, { outcome, request, shown }: Event): readonly State[] {
  const isOpen = state.upload === 'open';
  switch (request.kind) {
    case 'put': {
      const holds = meets(state, request.condition);
      if (outcome === 'ok') return holds ? [{ ...state, object: request.value }] : [];
      return refusedByCondition(state, outcome, request.condition);
    }
    case 'get':
      return when(outcome === 'ok' ? state.object === shown : state.object === '', state);
    case 'delete':
      return [{ ...state, object: '' }];
    case 'part':
      if (outcome === 'NoSuchUpload') return when(!isOpen, state);
      return isOpen ? [{ ...state, parts: { ...state.parts, [request.number]: request.value } }] : [];
    case 'complete': {
      const value = request.parts.map(([, each]) => each).join('+');
      const matches = request.parts.every(([number, each]) => state.parts[number] === each);
      if (outcome === 'NoSuchUpload') return when(!isOpen && state.upload !== `=${value}`, state);
      if (outcome === 'InvalidPart') return when(isOpen && !matches, state);
      if (outcome !== 'ok') return isOpen ? refusedByCondition(state, outcome, request.condition) : [];
      if (state.upload === `=${value}`) return [state];
      if (!isOpen || !matches || !meets(state, request.condition)) return [];
      return [{ ...state, object: value, upload: `=${value}` }];
    }
    case 'abort':
      if (outcome === 'NoSuchUpload') return when(!isOpen, state);
      return isOpen ? [{ ...state, upload: 'aborted' }] : [];
    case 'list-parts':
      if (outcome === 'NoSuchUpload') return when(!isOpen, state);
      return when(isOpen && shownParts(state.parts) === shown, state);
    case 'expire':
      return isOpen ? [{ ...state, upload: 'aborted' }, state] : [state];
  }
}

/** 409 ConditionalRequestConflict says that another writer came in between, and no more. */
function refusedByCondition(
  state: State,
  outcome: Outcome,
  condition: Condition | undefined,
): readonly State[] {
  if (condition === undefined) return [];
  if (outcome === 'ConditionalRequestConflict') return [state];
  if (outcome === 'NoSuchKey') return when('holds' in condition && state.object === '', state);
  return when(outcome === 'PreconditionFailed' && !meets(state, condition), state);
}

function meets({ object }: State, condition: Condition | undefined): boolean {
  if (condition === undefined) return true;
  return 'absent' in condition ? object === '' : object === condition.holds;
}

function when(possible: boolean, state: State): readonly State[] {
  return possible ? [state] : [];
}

export function shownParts(parts: Readonly<Record<string, Value>>): string {
  return Object.keys(parts)
    .sort()
    .map((number) => `${number}=${parts[number]}`)
    .join(' ');
}

function textOf({ object, parts, upload }: State): string {
  const sorted = Object.fromEntries(Object.entries(parts).sort(([a], [b]) => (a < b ? -1 : 1)));
  return JSON.stringify({ object, parts: sorted, upload });
}
