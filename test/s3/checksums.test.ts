import { createHash, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { createCRC32 } from 'hash-wasm';
import { describe, expect, it } from 'vitest';
import {
  type ChecksumAlgorithm,
  checksumAlgorithmNamed,
  checksumAlgorithmOfElement,
  checksumAlgorithmOfHeader,
  checksumAlgorithms,
  checksumInfo,
  decodeChecksum,
} from '../../src/s3/checksums/algorithms.ts';
import { type CrcAlgorithm, combineCrcs } from '../../src/s3/checksums/crc-combine.ts';
import { createDigest } from '../../src/s3/checksums/digests.ts';
import { multipartChecksum, withoutPartCount } from '../../src/s3/checksums/multipart.ts';
import { WasmHasher } from '../../src/s3/checksums/wasm-hasher.ts';
import { checksumOf } from './checksum-of.ts';

const crcs: readonly CrcAlgorithm[] = ['CRC32', 'CRC32C', 'CRC64NVME'];

describe('the table', () => {
  it.each(checksumAlgorithms)('%s has the digest length it says', (algorithm) => {
    expect(createDigest(algorithm).digest()).toHaveLength(checksumInfo[algorithm].bytes);
  });

  it('finds algorithms by name in any case, header and element', () => {
    expect(checksumAlgorithmNamed('crc64nvme')).toBe('CRC64NVME');
    expect(checksumAlgorithmNamed('MD4')).toBeUndefined();
    expect(checksumAlgorithmOfHeader('x-amz-checksum-crc32c')).toBe('CRC32C');
    expect(checksumAlgorithmOfHeader('x-amz-checksum-type')).toBeUndefined();
    expect(checksumAlgorithmOfElement('ChecksumXXHASH3')).toBe('XXHASH3');
  });

  it.each([
    ['of another length', 'rosUhgp5mIg='],
    ['without padding', 'y/Q5Jg'],
    ['with a bit set in the padding', 'y/Q5Jh=='],
    ['of the URL alphabet', 'y_Q5Jg=='],
    ['with a space', ' y/Q5Jg=='],
    ['that is empty', ''],
  ])('refuses a value %s', (_, value) => {
    expect(decodeChecksum('CRC32', value)).toBeUndefined();
    expect(decodeChecksum('CRC32', 'y/Q5Jg==')).toEqual(Buffer.from('cbf43926', 'hex'));
  });
});

describe('digests', () => {
  const vectors: Readonly<Record<string, Partial<Record<ChecksumAlgorithm, string>>>> = {
    '123456789': {
      CRC32: 'y/Q5Jg==',
      CRC32C: '4waSgw==',
      CRC64NVME: 'rosUhgp5mIg=',
      XXHASH64: 'jLhB20DmroM=',
      XXHASH3: 'ctyxi2ehff8=',
      XXHASH128: 'MxGUd+3l3NXpcWQnaB1YYA==',
    },
    hello: {
      CRC32: 'NhCmhg==',
      CRC32C: 'mnG7TA==',
      CRC64NVME: 'M3eFcAZSQlc=',
      XXHASH64: 'JseCfYifbaM=',
      XXHASH3: 'lVXoVVxi3P0=',
      XXHASH128: 'tenBrQcbPn/Hec+qXlI4GA==',
    },
    '': {
      CRC32: 'AAAAAA==',
      CRC32C: 'AAAAAA==',
      CRC64NVME: 'AAAAAAAAAAA=',
      XXHASH64: '70bbN1HY6Zk=',
      XXHASH3: 'LQaABTjTlMI=',
      XXHASH128: 'maoG0wFHmNhgAcMkRo1Jfw==',
    },
  };
  const cases = Object.entries(vectors).flatMap(([input, all]) =>
    checksumAlgorithms.flatMap((algorithm) => {
      const expected = all[algorithm];
      return expected === undefined ? [] : [[algorithm, input, expected] as const];
    }),
  );

  it.each(cases)('%s of "%s" is %s', (algorithm, input, expected) => {
    expect(checksumOf(algorithm, Buffer.from(input))).toBe(expected);
  });

  it('gives the same CRC32C as WebAssembly', async () => {
    const bytes = randomBytes(100_000);
    const wasm = new WasmHasher(await createCRC32(0x82f63b78)).start();
    wasm.update(bytes.subarray(0, 33_333));
    wasm.update(bytes.subarray(33_333));
    expect(wasm.digest().toString('base64')).toBe(checksumOf('CRC32C', bytes));
  });

  it.each(checksumAlgorithms)('%s keeps interleaved streams apart', (algorithm) => {
    const chunk = fc.record({ stream: fc.nat({ max: 3 }), bytes: fc.uint8Array({ maxLength: 300 }) });
    fc.assert(
      fc.property(fc.array(chunk), (chunks) => {
        const running = [0, 1, 2, 3].map(() => createDigest(algorithm));
        for (const { stream, bytes } of chunks) running[stream]?.update(bytes);
        const abandoned = createDigest(algorithm);
        abandoned.update(Buffer.from('never finished'));
        running.forEach((digest, index) => {
          const whole = Buffer.concat(
            chunks.filter(({ stream }) => stream === index).map(({ bytes }) => bytes),
          );
          expect(digest.digest().toString('base64')).toBe(checksumOf(algorithm, whole));
        });
      }),
      { numRuns: 50 },
    );
  });
});

describe('combining CRCs', () => {
  it.each(crcs)('%s of the whole comes out of the pieces', (algorithm) => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 2000 })), (pieces) => {
        const combined = combineCrcs(
          algorithm,
          pieces.map((bytes) => ({
            digest: Buffer.from(checksumOf(algorithm, bytes), 'base64'),
            size: bytes.length,
          })),
        );
        expect(combined.toString('base64')).toBe(checksumOf(algorithm, Buffer.concat(pieces)));
      }),
    );
  });

  it.each(crcs)('%s holds for lengths above 32 bits', (algorithm) => {
    // A piece whose CRC is 0 only shifts what came before: by 5 GiB at once, or five times by 1 GiB.
    const digest = Buffer.from(checksumOf(algorithm, Buffer.alloc(0)), 'base64');
    const head = { digest: Buffer.from(checksumOf(algorithm, Buffer.from('head')), 'base64'), size: 4 };
    const gib = 2 ** 30;
    const once = combineCrcs(algorithm, [head, { digest, size: 5 * gib }]);
    const steps = combineCrcs(algorithm, [head, ...Array.from({ length: 5 }, () => ({ digest, size: gib }))]);
    expect(once).toEqual(steps);
    expect(once).not.toEqual(combineCrcs(algorithm, [head, { digest, size: gib }]));
  });
});

describe('multipart checksums', () => {
  const part = 5 * 1024 * 1024;
  const bodies = ['A', 'B', 'C'].map((letter) => Buffer.alloc(part, letter));
  const checksumsOfParts = (algorithm: ChecksumAlgorithm) =>
    bodies.map((body) => ({ checksum: checksumOf(algorithm, body), size: part }));

  it.each([
    ['CRC32', 'Z+ry2Q==-3'],
    ['CRC32C', 'g9DPqQ==-3'],
    ['SHA1', 'sizjvY4eud3MrcHdZM3cQ/ol39o=-3'],
    ['SHA256', 'uWBwpe1dxI4Vw8Gf0X9ynOdw/SS6VBzfWm9giiv1sf4=-3'],
    ['MD5', 'sq3ZbMlwK79O+wzN/Gt3Rw==-3'],
    ['XXHASH64', 'ksTDIs0YeTw=-3'],
    ['XXHASH3', '43NB0i3DP5k=-3'],
    ['XXHASH128', 'DResq85Sppt9Dti79vUzLQ==-3'],
  ] as const)('%s COMPOSITE', (algorithm, expected) => {
    expect(multipartChecksum(algorithm, 'COMPOSITE', checksumsOfParts(algorithm))).toBe(expected);
  });

  it.each([
    ['CRC32', ['JRTCyQ==', 'QoZTGg==', 'YAgjqw=='], 'WgDhBQ=='],
    ['CRC32C', ['MDaLrw==', 'TH4EZg==', 'Z7mBIQ=='], 'xU+Krw=='],
    ['CRC64NVME', ['L/E4WYn8v98=', 'xW1l19VobYM=', 'cK5MnNaWrW4='], 'i+6LR0y3eFo='],
  ] as const)('%s FULL_OBJECT', (algorithm, parts, expected) => {
    expect(checksumsOfParts(algorithm).map(({ checksum }) => checksum)).toEqual(parts);
    expect(multipartChecksum(algorithm, 'FULL_OBJECT', checksumsOfParts(algorithm))).toBe(expected);
    expect(checksumOf(algorithm, Buffer.concat(bodies))).toBe(expected);
  });

  it('SHA512 COMPOSITE is the digest over the digests', () => {
    const raw = bodies.map((body) => createHash('sha512').update(body).digest());
    expect(multipartChecksum('SHA512', 'COMPOSITE', checksumsOfParts('SHA512'))).toBe(
      `${createHash('sha512').update(Buffer.concat(raw)).digest('base64')}-3`,
    );
  });

  it('loses the number of parts on request', () => {
    expect(withoutPartCount('Z+ry2Q==-3')).toBe('Z+ry2Q==');
    expect(withoutPartCount('Z+ry2Q==')).toBe('Z+ry2Q==');
  });
});
