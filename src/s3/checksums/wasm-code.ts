/**
 * Just enough of an assembler for the checksums' kernels: straight loops over memory ("WebAssembly Core Specification", 5, Binary Format).
 * Code is an array of bytes; a function of this module gives the bytes of one instruction.
 */

export type Code = readonly number[];

/** Index of a parameter or local of the function. */
export type Local = number;

export type ValueType = 'i32' | 'i64' | 'v128';

const valueTypes: Readonly<Record<ValueType, number>> = { i32: 0x7f, i64: 0x7e, v128: 0x7b };

function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return [...bytes, rest];
}

function signed(value: number): number[] {
  const bytes: number[] = [];
  let rest = value | 0;
  for (; rest < -64 || rest > 63; rest >>= 7) bytes.push((rest & 0x7f) | 0x80);
  return [...bytes, rest & 0x7f];
}

/** An instruction with the code of its operands before it. */
function instruction(opcode: Code): (...operands: readonly Code[]) => Code {
  return (...operands) => [...operands.flat(), ...opcode];
}

/** Loads and stores promise no alignment; `offset` is added to the address. */
function access(opcode: Code): (offset: number, ...operands: readonly Code[]) => Code {
  return (offset, ...operands) => [...operands.flat(), ...opcode, 0, ...unsigned(offset)];
}

function simd(opcode: number): Code {
  return [0xfd, ...unsigned(opcode)];
}

export const get = (local: Local): Code => [0x20, ...unsigned(local)];
export const set = (local: Local, value: Code): Code => [...value, 0x21, ...unsigned(local)];

/** The operations that MD5 is made of, on one 32-bit word or on four at once. */
export interface Words {
  readonly type: ValueType;
  readonly bytes: number;
  readonly add: (a: Code, b: Code) => Code;
  readonly and: (a: Code, b: Code) => Code;
  readonly or: (a: Code, b: Code) => Code;
  readonly xor: (a: Code, b: Code) => Code;
  readonly not: (a: Code) => Code;
  /** `value` is a local, since it may be needed twice. */
  readonly rotateLeft: (value: Local, bits: number) => Code;
  readonly load: (offset: number, address: Code) => Code;
  readonly store: (offset: number, address: Code, value: Code) => Code;
}

const i32Constant = (value: number): Code => [0x41, ...signed(value)];

const i32Xor = instruction([0x73]);

export const i32 = {
  type: 'i32',
  bytes: 4,
  constant: i32Constant,
  add: instruction([0x6a]),
  and: instruction([0x71]),
  or: instruction([0x72]),
  shl: instruction([0x74]),
  xor: i32Xor,
  not: (a: Code) => i32Xor(a, i32Constant(-1)),
  rotateLeft: (value: Local, bits: number) => instruction([0x77])(get(value), i32Constant(bits)),
  load: access([0x28]),
  store: access([0x36]),
  lessThan: instruction([0x49]),
} as const satisfies Words & Record<'constant' | 'lessThan' | 'shl', unknown>;

export const i64 = {
  constant: (value: number): Code => [0x42, ...signed(value)],
  and: instruction([0x83]),
  xor: instruction([0x85]),
  shiftRight: instruction([0x88]),
  toI32: instruction([0xa7]),
  load: access([0x29]),
  loadByte: access([0x31]),
  store: access([0x37]),
} as const;

const v128Or = instruction(simd(0x50));
const shiftLeft = instruction(simd(0xab));
const shiftRight = instruction(simd(0xad));

/** Four 32-bit words. */
export const v128 = {
  type: 'v128',
  bytes: 16,
  add: instruction(simd(0xae)),
  and: instruction(simd(0x4e)),
  or: v128Or,
  xor: instruction(simd(0x51)),
  not: instruction(simd(0x4d)),
  rotateLeft: (value: Local, bits: number) =>
    v128Or(shiftLeft(get(value), i32Constant(bits)), shiftRight(get(value), i32Constant(32 - bits))),
  load: access(simd(0x00)),
  store: access(simd(0x0b)),
  /** Words 0–3 are of `a`, 4–7 of `b`. */
  shuffle: (a: Code, b: Code, words: readonly [number, number, number, number]): Code => [
    ...a,
    ...b,
    ...simd(0x0d),
    ...words.flatMap((word) => [0, 1, 2, 3].map((byte) => 4 * word + byte)),
  ],
} as const satisfies Words & { shuffle: unknown };

/** Runs `body` as long as `local`, looked at first, is below the value of `end`. */
export function whileBelow(local: Local, end: Local, body: Code): Code {
  const block = 0x02;
  const loop = 0x03;
  const noResult = 0x40;
  const isBelow = i32.lessThan(get(local), get(end));
  const [brIf, br, eqz, close] = [0x0d, 0x0c, 0x45, 0x0b];
  return [block, noResult, loop, noResult, ...isBelow, eqz, brIf, 1, ...body, br, 0, close, close];
}

export const increase = (local: Local, by: number): Code => set(local, i32.add(get(local), i32Constant(by)));

export interface WasmFunction {
  readonly name: string;
  /** Of type i32; the first locals. */
  readonly parameters: number;
  readonly locals: readonly ValueType[];
  readonly body: Code;
}

export interface Kernel {
  readonly memory: Uint8Array<ArrayBuffer>;
  readonly functions: Readonly<Record<string, (...parameters: number[]) => void>>;
}

const pageBytes = 64 * 1024;

/** What is used of it; TypeScript has it among the types of browsers only. */
declare const WebAssembly: {
  readonly Module: new (binary: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

/** Compiles functions without result that share a memory of `bytes`, all zero. */
export function assemble(bytes: number, functions: readonly WasmFunction[]): Kernel {
  const vector = (items: readonly Code[]): Code => [...unsigned(items.length), ...items.flat()];
  const sized = (code: Code): Code => [...unsigned(code.length), ...code];
  const section = (id: number, items: readonly Code[]): Code => [id, ...sized(vector(items))];
  const name = (text: string): Code => sized([...Buffer.from(text)]);
  const pages = unsigned(Math.ceil(bytes / pageBytes));
  const [functionExport, memoryExport] = [0, 2];
  const binary = Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(
      1,
      functions.map(({ parameters }) => [0x60, ...vector(Array(parameters).fill([valueTypes.i32])), 0]),
    ),
    ...section(
      3,
      functions.map((_, index) => unsigned(index)),
    ),
    ...section(5, [[1, ...pages, ...pages]]),
    ...section(7, [
      [...name('memory'), memoryExport, 0],
      ...functions.map((one, index) => [...name(one.name), functionExport, ...unsigned(index)]),
    ]),
    ...section(
      10,
      functions.map(({ locals, body }) =>
        sized([...vector(locals.map((type) => [1, valueTypes[type]])), ...body, 0x0b]),
      ),
    ),
  ]);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(binary));
  const { memory, ...rest } = exports as Record<string, unknown> & { memory: { buffer: ArrayBuffer } };
  return { memory: new Uint8Array(memory.buffer), functions: rest as Kernel['functions'] };
}
