/**
 * What a key may hold, given what was asked of it and answered: a register that concurrent writers write. Times are ticks of one clock.
 * A write counts at some instant between its start and its end; one that was never answered counts at any instant after its start, or never.
 */

/** Text of what a key holds: the writers of its bytes; empty when there is no object. */
export type Value = string;
export const absent: Value = '';

export interface Write {
  readonly value: Value;
  start: number;
  /** `Infinity` until it is answered with success. */
  end: number;
  /** Answered with an error that says that nothing happened. */
  refused: boolean;
}

export class Register {
  #writes: Write[] = [{ value: absent, start: 0, end: 0, refused: false }];

  begin(value: Value, now: number): Write {
    const write: Write = { value, start: now, end: Number.POSITIVE_INFINITY, refused: false };
    this.#writes.push(write);
    return write;
  }

  /** Values that the key may have held at some instant between `start` and `end`. */
  possible(start: number, end: number): Set<Value> {
    const writes = this.#writes.filter((write) => !write.refused);
    const answered = writes.filter((write) => write.end !== Number.POSITIVE_INFINITY);
    const gone = (write: Write): boolean =>
      answered.some((later) => later.start > write.end && later.end < start);
    return new Set(writes.filter((write) => write.start < end && !gone(write)).map(({ value }) => value));
  }

  /** Nothing is under way, and this was read. */
  settle(value: Value, now: number): void {
    this.#writes = [{ value, start: now, end: now, refused: false }];
  }
}
