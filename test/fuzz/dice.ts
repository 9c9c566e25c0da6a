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

  /** Up to 64 KiB. */
  bytes(length: number): Buffer {
    const start = this.int(0, noise.length - length);
    return Buffer.from(noise.subarray(start, start + length));
  }

  /** Of characters that are safe everywhere. */
  word(longest: number): string {
    let word = '';
    for (let length = this.int(1, longest); length > 0; length--)
      word += letters[this.int(0, letters.length - 1)];
    return word;
  }
}

const letters = 'abcdefghijklmnopqrstuvwxyz0123456789';
const noise = Buffer.allocUnsafe(128 * 1024);
const next = random(0);
for (let at = 0; at < noise.length; at++) noise[at] = Math.floor(next() * 256);
