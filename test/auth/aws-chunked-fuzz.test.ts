import fc from 'fast-check';
import { expect, test } from 'vitest';
import { S3Error } from '../../src/s3/errors.ts';
import { chunkSigning, decode, encodeSigned, encodeUnsigned, seed } from './chunked-encoder.ts';

const wire = (text: string): Buffer => Buffer.from(text, 'latin1');
const unsigned = (decodedLength: number) => ({ decodedLength, trailer: true });
const signed = (decodedLength: number, trailer = false) => ({
  decodedLength,
  trailer,
  signing: chunkSigning(seed),
});

const chunk = fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Buffer.from(bytes));
const cuts = fc.array(fc.nat(400), { maxLength: 30 });

function* pieces(bytes: Buffer, sizes: readonly number[]): Generator<Buffer> {
  let at = 0;
  for (const size of sizes) {
    yield bytes.subarray(at, at + size);
    at += size;
  }
  yield bytes.subarray(at);
}

test('what is encoded is decoded, in pieces of any size', () => {
  fc.assert(
    fc.property(
      fc.array(chunk, { maxLength: 8 }),
      fc.option(fc.stringMatching(/^x-[a-z]{1,9}:[\w+/=]{0,20}$/), { nil: undefined }),
      fc.boolean(),
      cuts,
      (chunks, trailer, sign, sizes) => {
        const body = Buffer.concat(chunks);
        const bytes = sign ? encodeSigned(chunks, trailer).wire : encodeUnsigned(chunks, trailer);
        const options = sign ? signed(body.length, trailer !== undefined) : unsigned(body.length);
        const decoded = decode(options, pieces(bytes, sizes));
        expect(decoded.body.equals(body)).toBe(true);
        expect(decoded.trailers).toEqual(trailer === undefined ? [] : [trailer.split(':')]);
      },
    ),
  );
});

const token = fc.constantFrom(
  '0',
  '5',
  'a',
  '\r',
  '\n',
  '\r\n',
  ':',
  ';',
  ' ',
  'x',
  ';chunk-signature=',
  'x-amz-trailer-signature:',
  '5\r\nhello\r\n',
);
const noise = fc.oneof(
  fc.array(token, { maxLength: 40 }).map((tokens) => wire(tokens.join(''))),
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
);

test('noise gives bytes or an S3Error, the same in pieces of any size', () => {
  const outcome = (options: Parameters<typeof decode>[0], input: Iterable<Buffer>) => {
    try {
      return decode(options, input);
    } catch (error) {
      if (error instanceof S3Error) return [error.code, error.message];
      throw error;
    }
  };
  fc.assert(
    fc.property(
      noise,
      fc.nat(12),
      fc.boolean(),
      fc.boolean(),
      cuts,
      (bytes, length, sign, trailer, sizes) => {
        const options = sign ? signed(length, trailer) : { decodedLength: length, trailer };
        expect(outcome(options, pieces(bytes, sizes))).toEqual(outcome(options, [bytes]));
      },
    ),
    { numRuns: 1000 },
  );
});

test('a signed body with any one byte changed is refused, or says the same', () => {
  const chunks = [Buffer.from('hello'), Buffer.from('world')];
  const { wire: bytes } = encodeSigned(chunks, 'x-amz-checksum-crc32:NhCmhg==');
  const original = decode(signed(10, true), [bytes]);
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const copy = Buffer.from(bytes);
      copy[at] = (copy[at] ?? 0) ^ change;
      try {
        expect(decode(signed(10, true), [copy])).toEqual(original);
      } catch (error) {
        if (!(error instanceof S3Error)) throw error;
      }
    }),
    { numRuns: 1000 },
  );
});
