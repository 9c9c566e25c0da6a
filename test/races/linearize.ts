/**
 * Whether what clients were told fits one order of events (Wing and Gong, "Testing and Verifying Concurrent Objects", 1993): each operation
 * takes effect at one instant between its request and its answer. One that was never answered may take effect at any instant after its request, or
 * never. For histories of a few dozen operations.
 */

export interface Operation {
  /** For people. */
  readonly text: string;
  /** Ticks of one clock. `end` is `Infinity` when no answer says what became of it. */
  readonly start: number;
  readonly end: number;
}

/** States as text, so that they can be compared. An operation that its answer forbids in a state has no next one. */
export type Step<O extends Operation> = (state: string, operation: O) => readonly string[];

/** An order that explains the history; `undefined` when there is none. */
export function linearize<O extends Operation>(
  initial: string,
  operations: readonly O[],
  step: Step<O>,
): readonly O[] | undefined {
  const order: O[] = [];
  const done = operations.map(() => false);
  const failed = new Set<string>();

  const search = (state: string): boolean => {
    const left = operations.filter((_, index) => !done[index]);
    const answered = left.filter(({ end }) => end !== Number.POSITIVE_INFINITY);
    if (answered.length === 0) return true;
    const key = `${done.map(Number).join('')} ${state}`;
    if (failed.has(key)) return false;
    // Nothing can come after an operation that ended before it began.
    const earliest = Math.min(...answered.map(({ end }) => end));
    for (const [index, operation] of operations.entries()) {
      if (done[index] === true || operation.start > earliest) continue;
      done[index] = true;
      order.push(operation);
      if (step(state, operation).some(search)) return true;
      order.pop();
      done[index] = false;
    }
    failed.add(key);
    return false;
  };
  return search(initial) ? order : undefined;
}
