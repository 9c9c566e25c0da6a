import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { S3Error, type S3ErrorCode, s3Errors, validationErrors } from '../../src/s3/errors.ts';
import { jsonError } from '../../src/s3/json.ts';

const page = new URL('../../docs/json.md', import.meta.url);
const text = readFileSync(page, 'utf8');

// `npx vitest run test/docs/json.test.ts -u` brings the page up to date.
test('docs/json.md lists the codes that become VALIDATION_ERROR', async () => {
  const codes = [...validationErrors].toSorted().map((code) => `\`${code}\``);
  const lines: string[] = [];
  for (const code of codes) {
    const line = lines.at(-1);
    if (line === undefined || line.length + code.length > 130) lines.push(code);
    else lines[lines.length - 1] = `${line}, ${code}`;
  }
  const fresh = text.replace(
    /(<!-- validation errors -->\n)[\s\S]*?(\n<!-- end -->)/,
    (_, start: string, end: string) => `${start}${lines.join(',\n')}${end}`,
  );
  await expect(fresh).toMatchFileSnapshot(page.pathname);
});

/** Refused with a status of bad requests for something else than their form. */
const otherReasons: readonly S3ErrorCode[] = [
  'AccessControlListNotSupported',
  'BadDigest',
  'EntityTooSmall',
  'ExpiredToken',
  'IncompleteBody',
  'InvalidBucketAclWithObjectOwnership',
  'InvalidPart',
  'InvalidToken',
  'RequestTimeout',
  'TooManyBuckets',
  'XAmzContentSHA256Mismatch',
];

test('every error of a bad request is judged to be one of form, or not', () => {
  const bad = Object.entries(s3Errors).filter(([, { status }]) => [400, 411, 416].includes(status));
  const codes = bad.map(([code]) => code);
  expect([...validationErrors, ...otherReasons].toSorted()).toEqual(codes.toSorted());
});

test('its example is what is answered', () => {
  const [, example = ''] = /```json\n([\s\S]*?)```/.exec(text) ?? [];
  const shown = JSON.parse(example);
  const { status, message, extra, code } = new S3Error('InvalidArgument', {
    message: shown.error.message,
    extra: { ArgumentName: 'partNumber', ArgumentValue: '0' },
  });
  const answered = jsonError({ code, status, message, extra, requestId: '5A1D…', resource: '/bucket/key' });
  expect(JSON.parse(answered)).toEqual(shown);
});
