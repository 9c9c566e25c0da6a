/** Choices that a seed decides. */
import { random } from '../kit/random.ts';

export class Dice {
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = random(seed);
  }

  /** From `low` to `high`, both included. */
  int(low: number, high: number): number {
    return low + Math.floor(this.#next() * (high - low + 1));
  }

  chance(share: number): boolean {
    return this.#next() < share;
  }

  pick<T>(from: readonly T[]): T {
    if (from.length === 0) throw new Error('nothing to pick from');
    return from[this.int(0, from.length - 1)] as T;
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    for (let at = 0; at < length; at++) bytes[at] = this.int(0, 255);
    return bytes;
  }

  /** Of characters that are safe everywhere. */
  word(longest: number): string {
    return Array.from({ length: this.int(1, longest) }, () =>
      this.pick([...'abcdefghijklmnopqrstuvwxyz0123456789']),
    ).join('');
  }
}
