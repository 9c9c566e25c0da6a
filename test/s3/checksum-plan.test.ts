import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PayloadForm } from '../../src/auth/payload.ts';
import { checksumAlgorithms, checksumInfo } from '../../src/s3/checksums/algorithms.ts';
import { planChecksums } from '../../src/s3/checksums/plan.ts';
import { S3Error } from '../../src/s3/errors.ts';
import { checksumOf } from './checksum-of.ts';

const unsigned: PayloadForm = { kind: 'unsigned' };
const trailing: PayloadForm = { kind: 'streaming-unsigned-trailer' };
const plan = (headers: Record<string, string>, form: PayloadForm = unsigned) =>
  planChecksums(new Map(Object.entries(headers)), form);

function failure(headers: Record<string, string>, form: PayloadForm = unsigned) {
  try {
    plan(headers, form);
  } catch (error) {
    if (error instanceof S3Error) return { code: error.code, message: error.message, extra: error.extra };
    throw error;
  }
  throw new Error('nothing was thrown');
}

const crc32 = { 'x-amz-checksum-crc32': 'y/Q5Jg==' };
const expected = Buffer.from('cbf43926', 'hex');

describe('takes', () => {
  it('nothing', () => {
    expect(plan({ host: 'h' })).toEqual({});
  });

  it.each(checksumAlgorithms)('%s in a header', (algorithm) => {
    const value = checksumOf(algorithm, Buffer.from('hello'));
    expect(
      plan({ [checksumInfo[algorithm].header]: value, 'x-amz-sdk-checksum-algorithm': algorithm }),
    ).toEqual({
      checksum: { algorithm, from: 'header', expected: Buffer.from(value, 'base64') },
    });
  });

  it.each(checksumAlgorithms)('%s in a trailer', (algorithm) => {
    const headers = {
      'x-amz-trailer': checksumInfo[algorithm].header,
      'x-amz-sdk-checksum-algorithm': algorithm.toLowerCase(),
    };
    expect(plan(headers, trailing)).toEqual({ checksum: { algorithm, from: 'trailer' } });
  });

  it('Content-MD5 beside a checksum', () => {
    expect(plan({ ...crc32, 'content-md5': 'AAAAAAAAAAAAAAAAAAAAAA==' })).toEqual({
      contentMd5: Buffer.alloc(16),
      checksum: { algorithm: 'CRC32', from: 'header', expected },
    });
  });

  it('MD5 as the algorithm of the SDK with Content-MD5 alone', () => {
    expect(
      plan({ 'x-amz-sdk-checksum-algorithm': 'MD5', 'content-md5': 'AAAAAAAAAAAAAAAAAAAAAA==' }),
    ).toEqual({
      contentMd5: Buffer.alloc(16),
    });
  });

  it('headers of the same prefix that carry no value', () => {
    const headers = {
      'x-amz-checksum-algorithm': 'CRC32',
      'x-amz-checksum-type': 'FULL_OBJECT',
      'x-amz-checksum-mode': 'ENABLED',
    };
    expect(plan(headers)).toEqual({});
  });
});

describe('refuses', () => {
  it.each([['abc'], [''], ['AAAAAAAA'], ['00000000000000000000000000000000'], ['AAAAAAAAAAAAAAAAAAAAAB==']])(
    'Content-MD5 %j',
    (value) => {
      expect(failure({ 'content-md5': value })).toEqual({
        code: 'InvalidDigest',
        message: 'The Content-MD5 you specified was invalid.',
        extra: { 'Content-MD5': value },
      });
    },
  );

  it.each([
    [
      'a value that is no base64',
      { 'x-amz-checksum-crc32': '!' },
      'Value for x-amz-checksum-crc32 header is invalid.',
    ],
    [
      'a value of another length',
      { 'x-amz-checksum-sha1': 'y/Q5Jg==' },
      'Value for x-amz-checksum-sha1 header is invalid.',
    ],
    ['an empty value', { 'x-amz-checksum-crc32': '' }, 'Value for x-amz-checksum-crc32 header is invalid.'],
    [
      'two checksums',
      { ...crc32, 'x-amz-checksum-crc32c': '4waSgw==' },
      'Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.',
    ],
    [
      'an unknown algorithm',
      { 'x-amz-checksum-md4': 'y/Q5Jg==' },
      'The algorithm type you specified in x-amz-checksum- header is invalid.',
    ],
    [
      'an algorithm without value',
      { 'x-amz-sdk-checksum-algorithm': 'CRC32' },
      'x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.',
    ],
    [
      'MD5 without Content-MD5',
      { 'x-amz-sdk-checksum-algorithm': 'MD5' },
      'x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.',
    ],
    [
      'an algorithm that is none',
      { ...crc32, 'x-amz-sdk-checksum-algorithm': 'MD4' },
      'Value for x-amz-sdk-checksum-algorithm header is invalid.',
    ],
    [
      'an algorithm that is none, without value',
      { 'x-amz-sdk-checksum-algorithm': 'MD4' },
      'x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.',
    ],
    [
      'an algorithm that is another one',
      { ...crc32, 'x-amz-sdk-checksum-algorithm': 'SHA256' },
      'Value for x-amz-sdk-checksum-algorithm header is invalid.',
    ],
  ])('%s', (_, headers, message) => {
    expect(failure(headers as unknown as Record<string, string>)).toEqual({
      code: 'InvalidRequest',
      message,
      extra: {},
    });
  });

  it('a checksum in a header and one in a trailer', () => {
    expect(failure({ ...crc32, 'x-amz-trailer': 'x-amz-checksum-crc32' }, trailing)).toEqual({
      code: 'InvalidRequest',
      message: 'Expecting a single x-amz-checksum- header',
      extra: {},
    });
  });

  it('a header more than once', () => {
    expect(failure({ 'x-amz-checksum-crc32': 'y/Q5Jg==,AAAAAA==,BBBBBB==' })).toEqual({
      code: 'InvalidArgument',
      message: 'Only one value may be specified.',
      extra: { ArgumentName: 'x-amz-checksum-crc32', ArgumentValue: 'AAAAAA==' },
    });
  });

  it.each(['x-amz-checksum-md4', 'x-other', '', 'x-amz-checksum-crc32,x-amz-checksum-crc32c'])(
    'x-amz-trailer %j',
    (name) => {
      expect(failure({ 'x-amz-trailer': name }, trailing)).toMatchObject({
        code: 'InvalidRequest',
        message: 'The value specified in the x-amz-trailer header is not supported',
      });
    },
  );

  it('a trailer of a body that has none', () => {
    expect(failure({ 'x-amz-trailer': 'x-amz-checksum-crc32' }).code).toBe('MalformedTrailerError');
  });
});

it('throws nothing but S3Error', () => {
  const name = fc.constantFrom('content-md5', 'x-amz-trailer', 'x-amz-sdk-checksum-algorithm', 'x-amz-checksum-crc32', 'x-amz-checksum-__proto__', 'x-amz-checksum-'); // biome-ignore format: one list
  const value = fc.oneof(
    fc.string(),
    fc.base64String(),
    fc.constantFrom('CRC32', 'x-amz-checksum-crc32', '__proto__'),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value)), fc.constantFrom(unsigned, trailing), (entries, form) => {
      try {
        planChecksums(new Map(entries), form);
      } catch (error) {
        expect(error).toBeInstanceOf(S3Error);
      }
    }),
  );
});
