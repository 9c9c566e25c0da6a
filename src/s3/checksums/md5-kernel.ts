/**
 * MD5 (RFC 1321) of several messages at once. Each step of MD5 needs the one before it, so a core that hashes one message mostly waits; the
 * steps of other messages cost little beside it, four to a vector and two vectors side by side.
 */
import {
  assemble,
  type Code,
  get,
  i32,
  increase,
  type Local,
  set,
  v128,
  type WasmFunction,
  type Words,
  whileBelow,
} from './wasm-code.ts';

/** Messages that are hashed at once at most. */
export const lanes = 8;
export const blockBytes = 64;
/** Bytes of each message that are hashed at once at most. */
export const laneBytes = 32 * 1024;

const perVector = 4;
/** What follows is there once for the vectors, and in the same places for single words. */
const stateAt = 0;
const stateBytes = 4 * v128.bytes;
const constantsAt = 256;
const wordsAt = constantsAt + 64 * v128.bytes;
const wordsBytes = 16 * v128.bytes;
const lanesAt = 2048;
/** More than a lane, lest the same places of all of them compete for one set of the cache. */
const laneStride = laneBytes + 5 * blockBytes;

type Quartet = readonly [Local, Local, Local, Local];

/** RFC 1321, 3.4: what a round adds to a step, in two terms of which the first does not wait for `b`; which word; how far it rotates. */
interface Round {
  readonly terms: (words: Words, b: Code, c: Code, d: Code) => readonly [Code | undefined, Code];
  readonly word: (step: number) => number;
  readonly rotations: readonly number[];
}

const rounds: readonly Round[] = [
  {
    terms: ({ and, xor }, b, c, d) => [undefined, xor(d, and(b, xor(c, d)))],
    word: (step) => step,
    rotations: [7, 12, 17, 22],
  },
  {
    terms: ({ and, not }, b, c, d) => [and(c, not(d)), and(b, d)],
    word: (step) => (5 * step + 1) % 16,
    rotations: [5, 9, 14, 20],
  },
  {
    terms: ({ xor }, b, c, d) => [undefined, xor(b, xor(c, d))],
    word: (step) => (3 * step + 5) % 16,
    rotations: [4, 11, 16, 23],
  },
  {
    terms: ({ not, or, xor }, b, c, d) => [undefined, xor(c, or(b, not(d)))],
    word: (step) => (7 * step) % 16,
    rotations: [6, 10, 15, 21],
  },
];

/** What hashes side by side: one message as words, or four as vectors. */
interface Group {
  readonly state: Quartet;
  readonly sum: Local;
  readonly stateAt: number;
  /** Where word `index` of the block is, and its address. */
  readonly word: (index: number) => Code;
}

/** name(block, end): hashes the lanes from `block` of the first lane on. */
function hashFunction(name: string, words: Words, groups: readonly Group[], prepare: Code): WasmFunction {
  const [block, end] = [0, 1];
  const zero = i32.constant(0);
  const steps: Code[] = [];
  let turn = groups.map(({ state }) => state);
  for (const [number, { rotations, terms, word }] of rounds.entries()) {
    for (let step = 0; step < 16; step += 1) {
      const constant = words.load(constantsAt + (16 * number + step) * v128.bytes, zero);
      for (const [i, { sum, word: load }] of groups.entries()) {
        const [a, b, c, d] = turn[i] as Quartet;
        const [early, late] = terms(words, get(b), get(c), get(d));
        const ready = words.add(words.add(get(a), constant), load(word(step)));
        const added = early === undefined ? ready : words.add(ready, early);
        steps.push(
          set(sum, words.add(added, late)),
          set(a, words.add(words.rotateLeft(sum, rotations[step % 4] ?? 0), get(b))),
        );
      }
      turn = turn.map(([a, b, c, d]) => [d, a, b, c]);
    }
  }
  const each = (make: (local: Local, at: number) => Code): Code =>
    groups.flatMap((group) =>
      group.state.flatMap((local, i) => make(local, group.stateAt + i * words.bytes)),
    );
  const body = [
    ...each((local, at) => set(local, words.load(at, zero))),
    ...whileBelow(block, end, [
      ...prepare,
      ...steps.flat(),
      ...each((local, at) => set(local, words.add(get(local), words.load(at, zero)))),
      ...each((local, at) => words.store(at, zero, get(local))),
      ...increase(block, blockBytes),
    ]),
  ];
  return { name, parameters: 2, locals: Array(localsOf(groups.length)).fill(words.type), body };
}

const scratch = 4;
const localsOf = (groups: number): number => groups * 5 + 2 * scratch;

function groupOf(index: number, word: Group['word']): Group {
  const first = 2 + index * 5;
  return {
    state: [first, first + 1, first + 2, first + 3],
    sum: first + 4,
    stateAt: stateAt + index * stateBytes,
    word,
  };
}

function scalar(): WasmFunction {
  const group = groupOf(0, (index) => i32.load(4 * index, get(0)));
  return hashFunction('one', i32, [group], []);
}

function vectors(name: string, count: number): WasmFunction {
  const at = (group: number, index: number): number => wordsAt + group * wordsBytes + index * v128.bytes;
  const groups = Array.from({ length: count }, (_, group) =>
    groupOf(group, (index) => v128.load(at(group, index), i32.constant(0))),
  );
  const prepare = groups.flatMap((_, group) =>
    [0, 4, 8, 12].flatMap((index) => transpose(group, index, at(group, index), 2 + count * 5)),
  );
  return hashFunction(name, v128, groups, prepare);
}

/** Words `index` to `index + 3` of four lanes become four vectors of one word of each lane. */
function transpose(group: number, index: number, to: number, firstLocal: Local): Code {
  const rows = [0, 1, 2, 3].map((i) => firstLocal + i);
  const pairs = [0, 1, 2, 3].map((i) => firstLocal + scratch + i);
  const [r0, r1, r2, r3] = rows.map(get) as [Code, Code, Code, Code];
  const [p0, p1, p2, p3] = pairs.map(get) as [Code, Code, Code, Code];
  const loads = rows.map((row, lane) =>
    set(row, v128.load((group * perVector + lane) * laneStride + 4 * index, get(0))),
  );
  const shuffled = [
    v128.shuffle(r0, r1, [0, 4, 1, 5]),
    v128.shuffle(r2, r3, [0, 4, 1, 5]),
    v128.shuffle(r0, r1, [2, 6, 3, 7]),
    v128.shuffle(r2, r3, [2, 6, 3, 7]),
  ].map((code, i) => set(pairs[i] ?? 0, code));
  const columns = [
    v128.shuffle(p0, p1, [0, 1, 4, 5]),
    v128.shuffle(p0, p1, [2, 3, 6, 7]),
    v128.shuffle(p2, p3, [0, 1, 4, 5]),
    v128.shuffle(p2, p3, [2, 3, 6, 7]),
  ].map((code, i) => v128.store(to + i * v128.bytes, i32.constant(0), code));
  return [...loads, ...shuffled, ...columns].flat();
}

const { functions, memory } = assemble(lanesAt + lanes * laneStride, [
  scalar(),
  vectors('four', 1),
  vectors('eight', 2),
]);
const { one, four, eight } = functions as Record<
  'one' | 'four' | 'eight',
  (block: number, end: number) => void
>;
const numbers = new Int32Array(memory.buffer);
for (let step = 0; step < 64; step += 1) {
  const constant = Math.floor(2 ** 32 * Math.abs(Math.sin(step + 1)));
  numbers.fill(constant, (constantsAt + step * v128.bytes) / 4, (constantsAt + (step + 1) * v128.bytes) / 4);
}

/** A, B, C and D before the first byte. */
export function md5Start(): Int32Array {
  return Int32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476);
}

export interface Md5Message {
  /** A, B, C, D. */
  readonly state: Int32Array;
  /** Copies its next `size` bytes to `target`, at `at`. */
  take(target: Uint8Array, at: number, size: number): void;
}

/** Advances up to eight messages by `size` bytes each: whole blocks, {@link laneBytes} at most. */
export function md5Advance(messages: readonly Md5Message[], size: number): void {
  const single = messages.length === 1;
  for (const [lane, message] of messages.entries()) {
    message.take(memory, lanesAt + lane * laneStride, size);
    for (const [i, word] of message.state.entries()) numbers[single ? i : wordOf(lane, i)] = word;
  }
  const hash = single ? one : messages.length <= perVector ? four : eight;
  hash(lanesAt, lanesAt + size);
  for (const [lane, { state }] of messages.entries()) {
    for (const i of state.keys()) state[i] = numbers[single ? i : wordOf(lane, i)] ?? 0;
  }
}

/** Where the vectors keep a word of a lane's state. */
function wordOf(lane: number, register: number): number {
  return ((lane >> 2) * stateBytes) / 4 + register * perVector + (lane & 3);
}
