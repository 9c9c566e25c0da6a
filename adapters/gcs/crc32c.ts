/**
 * CRC32C (Castagnoli) as GCS gives it: base64 of four big-endian bytes. "Data validation and change detection" (Cloud
 * Storage documentation) names it as the hash that every object has, composed ones too.
 */
import { createRequire } from 'node:module';
import { createCRC32, type IHasher } from 'hash-wasm';

const POLYNOMIAL = 0x82f63b78;

type Advance = (chunk: Uint8Array, crc: number) => number;

/** Native where the optional package has a build for this machine: three times as fast as WebAssembly. */
const native = loadNative();

function loadNative(): Advance | undefined {
  try {
    return (createRequire(import.meta.url)('@node-rs/crc32') as { readonly crc32c: Advance }).crc32c;
  } catch {
    // Not installed, or without a build for this machine.
    return undefined;
  }
}

/** A hasher is a WebAssembly instance: kept for the next body, as many as ever ran at once. */
const idle: IHasher[] = [];

export interface Crc32c {
  update(chunk: Uint8Array): void;
  /** Ends the use of this object. */
  digest(): number;
  /** Ends the use of this object without a result. */
  release(): void;
}

export async function createCrc32c(): Promise<Crc32c> {
  return native === undefined ? inWebAssembly() : natively(native);
}

function natively(advance: Advance): Crc32c {
  let crc = 0;
  return {
    update(chunk) {
      crc = advance(chunk, crc);
    },
    digest: () => crc >>> 0,
    release: () => undefined,
  };
}

/** For tests: what a machine without the native build computes. */
export async function inWebAssembly(): Promise<Crc32c> {
  const hasher = idle.pop() ?? (await createCRC32(POLYNOMIAL));
  hasher.init();
  let open = true;
  const release = (): void => {
    if (open) idle.push(hasher);
    open = false;
  };
  return {
    update: (chunk) => void hasher.update(chunk),
    digest() {
      const value = Number.parseInt(hasher.digest('hex'), 16);
      release();
      return value;
    },
    release,
  };
}

export function toBase64(crc: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc);
  return bytes.toString('base64');
}

/** `undefined` for what is no CRC32C. */
export function fromBase64(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const bytes = Buffer.from(text, 'base64');
  return bytes.length === 4 ? bytes.readUInt32BE() : undefined;
}

/** The CRC32C of two byte strings put together, from those of each and the length of the second. */
export function combine(first: number, second: number, secondLength: number): number {
  return (multiply(powerOfX(secondLength), first) ^ second) >>> 0;
}

// Arithmetic of polynomials over GF(2) modulo the CRC polynomial, bits reflected, as in zlib's crc32_combine.

function multiply(a: number, b: number): number {
  let product = 0;
  let shifted = b;
  for (let bit = 0x80000000; bit !== 0; bit >>>= 1) {
    if (a & bit) product ^= shifted;
    shifted = shifted & 1 ? (shifted >>> 1) ^ POLYNOMIAL : shifted >>> 1;
  }
  return product >>> 0;
}

/** x^8, and each the square of the one before: x^(8·2^n). Enough for any length a number holds. */
const squares: number[] = [0x00800000];
for (let last = 0x00800000; squares.length < 53; squares.push(last)) last = multiply(last, last);

/** x^(8·bytes). Lengths pass 2^32, so bits are taken by division. */
function powerOfX(bytes: number): number {
  let power = 0x80000000;
  for (let left = bytes, n = 0; left > 0; left = Math.floor(left / 2), n++) {
    if (left % 2 === 1) power = multiply(squares[n] ?? 0, power);
  }
  return power;
}

export async function crcOf(bytes: Uint8Array): Promise<number> {
  const crc = await createCrc32c();
  crc.update(bytes);
  return crc.digest();
}
