import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AccessPoints } from '../../src/http/access-points.ts';
import { createHostReader } from '../../src/http/hosts.ts';
import { parseTarget, Query, type TargetOptions } from '../../src/http/target.ts';
import { S3Error } from '../../src/s3/errors.ts';

const host = 'localhost:9000';
const domains: TargetOptions = {
  hosts: createHostReader({
    domains: ['s3.example.com', 'eu.s3.example.com', 'localhost'],
    regions: ['us-east-1'],
    accessPoints: new AccessPoints([]),
  }),
};

function address(url: string, from: string | undefined = host, options?: TargetOptions) {
  const { bucket, key, style } = parseTarget(url, from, options);
  return { bucket, key, style };
}

function refusal(url: string, from: string | undefined = host, options?: TargetOptions): S3Error {
  try {
    parseTarget(url, from, options);
  } catch (error) {
    if (error instanceof S3Error) return error;
    throw error;
  }
  throw new Error(`${url} was accepted`);
}

const latin1 = (text: string): string => Buffer.from(text).toString('latin1');

describe('path style', () => {
  test.each([
    ['/', undefined, undefined],
    ['/?list-type=2', undefined, undefined],
    ['/bucket', 'bucket', undefined],
    ['/bucket/', 'bucket', undefined],
    ['/bucket?uploads', 'bucket', undefined],
    ['/bucket/key', 'bucket', 'key'],
    ['/bucket/a/b/c/', 'bucket', 'a/b/c/'],
    ['/bucket//', 'bucket', '/'],
    ['/bucket//a//b', 'bucket', '/a//b'],
    ['/bucket/./a/../b/..', 'bucket', './a/../b/..'],
    ['/bucket/%2e%2e/other', 'bucket', '../other'],
    ['/bucket/..%2Fother', 'bucket', '../other'],
    ['/bucket/%2F', 'bucket', '/'],
    ['/bucket/a+b', 'bucket', 'a+b'],
    ['/bucket/a%20b%2Bc', 'bucket', 'a b+c'],
    ['/bucket/100%2525', 'bucket', '100%25'],
    ['/bucket/a\\b', 'bucket', 'a\\b'],
    ['/bucket/%E4%B8%AD%c3%bc', 'bucket', '中ü'],
    [`/bucket/${latin1('中ü')}`, 'bucket', '中ü'],
    ['/bucket/a?b?c', 'bucket', 'a'],
    ['/bucket/a%3Fb', 'bucket', 'a?b'],
    ['/bucket/%0A%7F', 'bucket', '\n\x7f'],
    ['/%62ucket/key', 'bucket', 'key'],
    ['/a%2Fb/c', 'a/b', 'c'],
    ['/..', '..', undefined],
    ['/__proto__/constructor', '__proto__', 'constructor'],
  ])('%s', (url, bucket, key) => {
    expect(address(url)).toEqual({ bucket, key, style: 'path' });
  });

  test('keeps what was sent beside what it means', () => {
    expect(parseTarget('/b/%61//..?x=%61&y', host)).toMatchObject({
      rawPath: '/b/%61//..',
      path: '/b/a//..',
      rawQuery: 'x=%61&y',
    });
    expect(parseTarget('/b/k', host)).not.toHaveProperty('rawQuery', '?');
  });
});

describe('host style', () => {
  test.each([
    ['bucket.s3.example.com', '/key', 'bucket', 'key', 'host'],
    ['bucket.s3.example.com:9000', '/', 'bucket', undefined, 'host'],
    ['BUCKET.S3.Example.COM', '/a/b', 'bucket', 'a/b', 'host'],
    ['my.dotted.bucket.s3.example.com', '//k', 'my.dotted.bucket', '/k', 'host'],
    ['bucket.eu.s3.example.com', '/bucket/k', 'bucket', 'bucket/k', 'host'],
    ['bucket.localhost:9000', '/k', 'bucket', 'k', 'host'],
    ['bucket.s3.example.com.', '/k', 'bucket', 'k', 'host'],
    ['s3.example.com', '/bucket/k', 'bucket', 'k', 'path'],
    ['eu.s3.example.com:443', '/bucket/k', 'bucket', 'k', 'path'],
    ['other.example.com', '/bucket/k', 'bucket', 'k', 'path'],
    ['evils3.example.com', '/bucket/k', 'bucket', 'k', 'path'],
    ['127.0.0.1:9000', '/bucket/k', 'bucket', 'k', 'path'],
    ['[::1]:9000', '/bucket/k', 'bucket', 'k', 'path'],
  ])('%s%s', (name, url, bucket, key, style) => {
    expect(address(url, name, domains)).toEqual({ bucket, key, style });
  });

  test('is off unless a base domain is configured', () => {
    expect(address('/b/k', 'bucket.s3.example.com')).toEqual({ bucket: 'b', key: 'k', style: 'path' });
    expect(address('/b/k', undefined, domains)).toEqual({ bucket: 'b', key: 'k', style: 'path' });
  });

  test('needs a bucket before the dot', () => {
    expect(refusal('/k', '.s3.example.com', domains).code).toBe('InvalidBucketName');
  });

  test('signs the path without the bucket', () => {
    expect(parseTarget('/a%20b', 'bucket.s3.example.com', domains).path).toBe('/a b');
  });
});

describe('the other forms of a request target', () => {
  test.each([
    ['http://localhost:9000/bucket/key?x=y', 'bucket', 'key'],
    ['HTTPS://LOCALHOST:9000/bucket/../key', 'bucket', '../key'],
    ['http://localhost:9000', undefined, undefined],
    ['http://localhost:9000?x', undefined, undefined],
  ])('absolute form: %s', (url, bucket, key) => {
    expect(address(url)).toMatchObject({ bucket, key });
    expect(address(url, undefined)).toMatchObject({ bucket, key });
  });

  test('absolute form leaves the path as sent', () => {
    const target = parseTarget('http://localhost:9000/b//../k%20?q=1', host);
    expect(target).toMatchObject({ rawPath: '/b//../k%20', rawQuery: 'q=1', path: '/b//../k ' });
  });

  test('absolute form may name the port that its scheme has anyway', () => {
    expect(parseTarget('http://one.test:80/b/k', 'one.test').key).toBe('k');
    expect(parseTarget('https://one.test/b/k', 'one.test:443').key).toBe('k');
    for (const [url, name] of [
      ['http://one.test:443/b/k', 'one.test'],
      ['https://one.test:80/b/k', 'one.test'],
      ['http://one.test:8080/b/k', 'one.test'],
    ]) {
      expect(refusal(url ?? '', name).code).toBe('InvalidURI');
    }
  });

  test('absolute form may not name another host than the one that is signed', () => {
    expect(refusal('http://other.s3.example.com/k', 'mine.s3.example.com', domains).code).toBe('InvalidURI');
  });

  test.each([
    '*',
    '',
    'localhost:9000',
    'bucket/key',
    'http://',
    'http:///bucket/key',
    'http://user:password@localhost:9000/b',
    'ftp://localhost:9000/b/k',
    '/bucket/key#fragment',
    '/bucket?x#',
  ])('%j is refused', (url) => {
    const { status, code, message } = refusal(url);
    expect([status, code, message]).toEqual([400, 'InvalidURI', "Couldn't parse the specified URI."]);
  });
});

describe('what cannot be decoded', () => {
  test.each([
    '/bucket/%',
    '/bucket/%4',
    '/bucket/%zz',
    '/bucket/%ff',
    '/bucket/\xff',
    '/bucket/%c0%ae%c0%ae/x',
    '/bucket/%ed%a0%80',
    '/bucket/%f5%80%80%80',
    '/bucket/%e4%b8',
    '/%ff/key',
    '/bucket/%00',
    '/bucket/a%00b',
    '/buc%00ket/a',
    '/bucket/中',
    '/bucket?prefix=%',
    '/bucket?prefix=%ff',
    '/bucket?%ff',
  ])('%j is InvalidURI', (url) => {
    expect(refusal(url).code).toBe('InvalidURI');
  });

  test('an empty bucket name is refused', () => {
    for (const url of ['//', '//key', '///']) {
      expect(refusal(url)).toMatchObject({ code: 'InvalidBucketName', extra: { BucketName: '' } });
    }
  });
});

describe('the length of a key', () => {
  test('is 1,024 bytes at most', () => {
    const longest = 'ü'.repeat(512);
    expect(parseTarget(`/b/${encodeURIComponent(longest)}`, host).key).toBe(longest);
    for (const [url, name] of [
      [`/b/${encodeURIComponent(longest)}a`, host],
      [`/${encodeURIComponent(longest)}a`, 'b.localhost'],
    ]) {
      const { status, code, extra } = refusal(url ?? '', name, domains);
      expect([status, code, extra]).toEqual([400, 'KeyTooLongError', { Size: 1025, MaxSizeAllowed: 1024 }]);
    }
  });
});

describe('the query', () => {
  const pairs = (raw: string) => [...parseTarget(`/b?${raw}`, host).query];

  test.each([
    ['', []],
    ['uploads', [['uploads', '']]],
    ['uploads=', [['uploads', '']]],
    [
      'b=2&a=1&b=1',
      [
        ['b', '2'],
        ['a', '1'],
        ['b', '1'],
      ],
    ],
    ['&&a&&', [['a', '']]],
    ['a=b=c', [['a', 'b=c']]],
    ['=x', [['', 'x']]],
    ['a+b=c+d%2B', [['a b', 'c d+']]],
    [
      'a=?&b=/',
      [
        ['a', '?'],
        ['b', '/'],
      ],
    ],
    ['a=%00', [['a', '\0']]],
    ['a;b', [['a;b', '']]],
    [`a=${latin1('ü')}`, [['a', 'ü']]],
    ['x=%2526', [['x', '%26']]],
  ])('%j', (raw, expected) => {
    expect(pairs(raw)).toEqual(expected);
  });

  test('names are case-sensitive, and the first of a name counts', () => {
    const query = new Query([
      ['a', '1'],
      ['a', '2'],
      ['B', '3'],
    ]);
    expect([query.get('a'), query.get('b'), query.has('B'), query.has('b')]).toEqual([
      '1',
      undefined,
      true,
      false,
    ]);
    expect(query.names()).toEqual(['a', 'a', 'B']);
  });

  test('knows nothing that was not sent', () => {
    const { query } = parseTarget('/b?x=1', host);
    expect([query.get('constructor'), query.has('__proto__')]).toEqual([undefined, false]);
  });
});

describe('fuzz', () => {
  test('whatever the target and the host, nothing but an S3Error is thrown', () => {
    const piece = fc.constantFrom(
      '/',
      '//',
      '..',
      '%',
      '%2f',
      '%2F',
      '%00',
      '%c3',
      '%bc',
      '?',
      '#',
      '&',
      '=',
      '+',
      'http://',
      'a',
      'ü',
      '\xff',
      ':',
      '@',
      'localhost',
    );
    const text = fc.oneof(
      fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join('')),
      fc.string({ unit: 'binary', maxLength: 60 }),
    );
    fc.assert(
      fc.property(text, fc.option(text, { nil: undefined }), (url, name) => {
        try {
          const { bucket, key } = parseTarget(url, name, domains);
          expect([bucket, key]).not.toContain('');
        } catch (error) {
          if (!(error instanceof S3Error)) throw error;
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('every key comes back as it was encoded, in both styles', () => {
    const key = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
      .filter((text) => text.isWellFormed() && !text.includes('\0') && Buffer.byteLength(text) <= 1024);
    fc.assert(
      fc.property(key, fc.boolean(), (text, slashes) => {
        const encoded = encodeURIComponent(text);
        const path = slashes ? encoded.replaceAll('%2F', '/') : encoded;
        expect(parseTarget(`/bucket/${path}`, host).key).toBe(text);
        expect(parseTarget(`/${path}`, 'bucket.localhost', domains)).toMatchObject({
          bucket: 'bucket',
          key: text,
        });
      }),
    );
  });

  test('every query comes back as it was encoded', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((value) => value.isWellFormed());
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(
            text.filter((name) => name !== ''),
            text,
          ),
          { maxLength: 8 },
        ),
        (entries) => {
          const raw = entries.map((pair) => pair.map(encodeURIComponent).join('=')).join('&');
          expect([...parseTarget(`/b?${raw}`, host).query]).toEqual(entries);
        },
      ),
    );
  });
});
