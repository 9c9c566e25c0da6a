import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readHeaders, readObjectHeaders, readUserMetadata } from '../../src/http/headers.ts';
import { S3Error } from '../../src/s3/errors.ts';

const headers = (record: Record<string, string>) => readHeaders(Object.entries(record).flat());

describe('all headers', () => {
  it('are known by lower-case name, repeated ones joined by a comma in order', () => {
    const read = readHeaders(['X-Amz-Meta-A', '1', 'Host', 'h', 'x-amz-meta-a', '2', 'X-AMZ-META-A', '']);
    expect([...read]).toEqual([
      ['x-amz-meta-a', '1,2,'],
      ['host', 'h'],
    ]);
  });
});

describe('headers that an object keeps', () => {
  it('are the six standard ones, verbatim', () => {
    const kept = {
      'cache-control': 'max-age=1',
      'content-disposition': 'attachment; filename="ä"',
      'content-encoding': 'gzip, br',
      'content-language': 'de',
      'content-type': 'text/plain; charset=utf-8',
      expires: 'not even a date',
    };
    expect(
      readObjectHeaders(headers({ ...kept, host: 'h', 'content-length': '1', 'x-amz-meta-a': '1' })),
    ).toEqual(kept);
  });

  it('are left out when they are empty', () => {
    expect(readObjectHeaders(headers({ 'content-type': '', 'content-encoding': '' }))).toEqual({});
  });

  it.each([
    ['aws-chunked', undefined],
    ['AWS-Chunked', undefined],
    ['gzip,aws-chunked', 'gzip'],
    ['aws-chunked, gzip', 'gzip'],
    ['gzip, aws-chunked, br', 'gzip, br'],
    ['gzip,aws-chunked,br', 'gzip,br'],
    ['aws-chunked,gzip , br,aws-chunked', 'gzip , br'],
    ['gzip , br', 'gzip , br'],
    ['x-aws-chunked', 'x-aws-chunked'],
  ])('Content-Encoding %j is kept as %j', (sent, kept) => {
    expect(readObjectHeaders(headers({ 'content-encoding': sent }))['content-encoding']).toBe(kept);
  });
});

describe('user metadata', () => {
  it('has names without prefix and values as sent', () => {
    const latin1 = Buffer.from('grün 😀').toString('latin1');
    expect(
      readUserMetadata(
        headers({ 'x-amz-meta-A-b': latin1, 'X-Amz-Meta-c': '=?UTF-8?B?w6Q=?=', 'x-amz-acl': 'private' }),
      ),
    ).toEqual({ 'a-b': latin1, c: '=?UTF-8?B?w6Q=?=' });
  });

  it('may be called like a thing of the prototype', () => {
    const metadata = readUserMetadata(
      headers({ 'x-amz-meta-__proto__': '1', 'x-amz-meta-constructor': '2' }),
    );
    expect(Object.entries(metadata)).toEqual([
      ['__proto__', '1'],
      ['constructor', '2'],
    ]);
  });

  it('is 2 KiB at most, names and values together', () => {
    const fill = 'v'.repeat(2048 - 2);
    expect(readUserMetadata(headers({ 'x-amz-meta-ab': fill }))).toEqual({ ab: fill });
    expect(() => readUserMetadata(headers({ 'x-amz-meta-abc': fill }))).toThrow(
      expect.objectContaining({
        code: 'MetadataTooLarge',
        message: 'Your metadata headers exceed the maximum allowed metadata size',
        extra: { Size: 2049, MaxSizeAllowed: 2048 },
      }),
    );
  });

  it('counts the bytes of the wire, not characters', () => {
    const value = Buffer.from('ä'.repeat(1024)).toString('latin1');
    expect(() => readUserMetadata(headers({ 'x-amz-meta-a': value }))).toThrow('metadata');
  });
});

it('throws nothing but S3Error, whatever the headers', () => {
  const name = fc.oneof(
    fc.string(),
    fc.string().map((suffix) => `x-amz-meta-${suffix}`),
    fc.constant('Content-Encoding'),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(name, fc.string({ unit: 'binary' }))), (entries) => {
      const read = readHeaders(entries.flat());
      readObjectHeaders(read);
      try {
        readUserMetadata(read);
      } catch (error) {
        expect(error).toBeInstanceOf(S3Error);
      }
    }),
  );
});
