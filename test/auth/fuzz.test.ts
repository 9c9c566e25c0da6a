import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Query } from '../../src/http/target.ts';
import { S3Error } from '../../src/s3/errors.ts';
import {
  emptyHash,
  exampleAuthenticator,
  exampleKey,
  exampleScope,
  exampleTimestamp,
  incoming,
  presignedRequest,
  signedRequest,
} from './signer.ts';

// Nobody without the secret gets in, and nobody gets anything but an S3 error, whatever they send.

function refusedWithS3Error(action: () => { kind: string }): void {
  let kind: string;
  try {
    ({ kind } = action());
  } catch (error) {
    if (error instanceof S3Error) return;
    throw error;
  }
  expect(kind).toBe('anonymous');
}

const token = fc.constantFrom(
  'AWS4-HMAC-SHA256',
  'AWS',
  ' ',
  ', ',
  ',',
  '=',
  '/',
  ';',
  'Credential=',
  'SignedHeaders=',
  'Signature=',
  `${exampleKey}/${exampleScope}`,
  exampleKey,
  exampleScope,
  'host;x-amz-date',
  '0'.repeat(64),
  'x',
  '\u00ff',
  '__proto__',
);
const value = fc.oneof(
  fc.array(token, { maxLength: 14 }).map((tokens) => tokens.join('')),
  fc.string({ maxLength: 80 }),
);
const credential = `Credential=${exampleKey}/${exampleScope}`;

test('any Authorization header', () => {
  fc.assert(
    fc.property(value, value, value, (whole, names, signature) => {
      const headers = { host: 'h', 'x-amz-date': exampleTimestamp, 'x-amz-content-sha256': emptyHash };
      const shaped = `AWS4-HMAC-SHA256 ${credential}, SignedHeaders=${names}, Signature=${signature}`;
      for (const authorization of [whole, shaped]) {
        refusedWithS3Error(() =>
          exampleAuthenticator(incoming('GET', '/b/k', { ...headers, authorization })),
        );
      }
    }),
    { numRuns: 1000 },
  );
});

test('any date, hash and token', () => {
  fc.assert(
    fc.property(value, value, value, value, (amzDate, date, hash, sessionToken) => {
      const { headers } = signedRequest({ secret: 'other' });
      for (const changed of [
        { 'x-amz-date': amzDate },
        { 'x-amz-content-sha256': hash },
        { 'x-amz-security-token': sessionToken },
      ]) {
        refusedWithS3Error(() =>
          exampleAuthenticator(incoming('GET', '/bucket/key', { ...headers, ...changed, date })),
        );
      }
    }),
  );
});

test('any query', () => {
  const name = fc.oneof(
    fc.constantFrom(
      'X-Amz-Algorithm',
      'X-Amz-Credential',
      'X-Amz-Signature',
      'X-Amz-Date',
      'X-Amz-SignedHeaders',
      'X-Amz-Expires',
      'x-amz-expires',
      'X-Amz-Security-Token',
      'X-Amz-Content-Sha256',
      'x-amz-acl',
      'Signature',
      'Expires',
      'AWSAccessKeyId',
    ),
    fc.string({ maxLength: 10 }),
  );
  const likely = fc.oneof(
    value,
    fc.constantFrom('AWS4-HMAC-SHA256', `${exampleKey}/${exampleScope}`, exampleTimestamp, '60', 'host'),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(name, likely), { maxLength: 12 }), (entries) => {
      const headers = new Map([['host', 'h']]);
      refusedWithS3Error(() =>
        exampleAuthenticator({ method: 'GET', target: { path: '/b/k', query: new Query(entries) }, headers }),
      );
    }),
    { numRuns: 1000 },
  );
});

test('a presigned URL with any one character changed', () => {
  const { url, headers } = presignedRequest({ query: { 'x-amz-meta-a': 'b' } });
  /** What is signed, and the signature: `%2f` for `%2F`, or `x-amz-signature` for its name, are the same request. */
  const meaning = (text: string): string => {
    const { path, query } = incoming('GET', text, headers).target;
    const pairs = [...query].map(([name, one]) => [
      /^x-amz-signature$/i.test(name) ? 'signature' : name,
      one,
    ]);
    return JSON.stringify([path, pairs.sort()]);
  };
  const original = meaning(url);
  for (let at = 1; at < url.length; at++) {
    const character = url.charAt(at);
    const swapped = character === character.toUpperCase() ? character.toLowerCase() : character.toUpperCase();
    for (const other of [swapped, 'a', '0', '&', '=', '%', '+', '/']) {
      const changed = url.slice(0, at) + other + url.slice(at + 1);
      refusedWithS3Error(() => {
        const result = exampleAuthenticator(incoming('GET', changed, headers));
        return meaning(changed) === original ? { kind: 'anonymous' } : result;
      });
    }
  }
});
