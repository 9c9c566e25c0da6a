/**
 * The CRC of joined bytes from the CRCs of the pieces and their lengths, without reading a byte again:
 * crc(a‖b) = crc(a)·x^(8·|b|) + crc(b) modulo the CRC's polynomial, in GF(2)[x] (as zlib's crc32_combine).
 */
import type { ChecksumAlgorithm } from './algorithms.ts';

export type CrcAlgorithm = Extract<ChecksumAlgorithm, 'CRC32' | 'CRC32C' | 'CRC64NVME'>;

export function isCrc(algorithm: ChecksumAlgorithm): algorithm is CrcAlgorithm {
  return algorithm in fields;
}

/** A polynomial below the field's degree, reflected: the highest bit of `high` is the coefficient of x^0. `low` is 0 in 32-bit fields. Words are signed, which V8 computes with fastest. */
interface Polynomial {
  readonly high: number;
  readonly low: number;
}

interface Field {
  readonly bits: 32 | 64;
  readonly modulus: Polynomial;
}

const fields: Readonly<Record<CrcAlgorithm, Field>> = {
  CRC32: { bits: 32, modulus: { high: 0xedb88320 | 0, low: 0 } },
  CRC32C: { bits: 32, modulus: { high: 0x82f63b78 | 0, low: 0 } },
  CRC64NVME: { bits: 64, modulus: { high: 0x9a6c9329 | 0, low: 0xac4bc9b5 | 0 } },
};

const one: Polynomial = { high: 0x80000000 | 0, low: 0 };
const xToThe8: Polynomial = { high: 0x00800000, low: 0 };

/** A piece of the whole: its raw digest, big-endian, and its length in bytes. */
export interface CrcPiece {
  readonly digest: Buffer;
  readonly size: number;
}

/** The raw digest of all pieces joined in order; of no piece, that of no bytes. */
export function combineCrcs(algorithm: CrcAlgorithm, pieces: readonly CrcPiece[]): Buffer {
  const field = fields[algorithm];
  // Parts of one upload have one size but for the last.
  const shifts = new Map<number, Polynomial>();
  let high = 0;
  let low = 0;
  for (const { digest, size } of pieces) {
    let shift = shifts.get(size);
    if (shift === undefined) {
      shift = power(field, xToThe8, size);
      shifts.set(size, shift);
    }
    const shifted = multiply(field, { high, low }, shift);
    high = shifted.high ^ digest.readInt32BE(0);
    low = field.bits === 64 ? shifted.low ^ digest.readInt32BE(4) : 0;
  }
  const raw = Buffer.allocUnsafe(field.bits / 8);
  raw.writeInt32BE(high, 0);
  if (field.bits === 64) raw.writeInt32BE(low, 4);
  return raw;
}

/** `exponent` may exceed 32 bits: it is a length in bytes. */
function power(field: Field, base: Polynomial, exponent: number): Polynomial {
  let result = one;
  let square = base;
  for (let rest = exponent; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result = multiply(field, result, square);
    square = multiply(field, square, square);
  }
  return result;
}

function multiply({ bits, modulus }: Field, a: Polynomial, b: Polynomial): Polynomial {
  let { high, low } = b;
  let productHigh = 0;
  let productLow = 0;
  for (let degree = 0; degree < bits; degree += 1) {
    const word = degree < 32 ? a.high : a.low;
    if (word << (degree & 31) < 0) {
      productHigh ^= high;
      productLow ^= low;
    }
    // b·x: a shift to the right, and the modulus taken off when x^bits comes out.
    const overflow = (bits === 64 ? low : high) & 1;
    if (bits === 64) low = (low >>> 1) | (high << 31);
    high >>>= 1;
    if (overflow === 1) {
      high ^= modulus.high;
      low ^= modulus.low;
    }
  }
  return { high: productHigh, low: productLow };
}
