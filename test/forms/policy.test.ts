import { describe, expect, it } from 'vitest';
import { judgePostPolicy, parsePostPolicy } from '../../src/auth/post-policy.ts';
import { S3Error } from '../../src/s3/errors.ts';

const now = new Date('2026-11-22T12:00:00Z');
const expiration = '2026-11-22T12:00:01Z';

function encode(document: unknown): string {
  return Buffer.from(typeof document === 'string' ? document : JSON.stringify(document)).toString('base64');
}

function judge(conditions: unknown, fields: Record<string, string>, until = expiration) {
  const policy = parsePostPolicy(encode({ expiration: until, conditions }));
  return judgePostPolicy(policy, new Map(Object.entries(fields)), 'bucket', now);
}

function failure(work: () => unknown): [string, string] {
  try {
    work();
  } catch (error) {
    if (error instanceof S3Error) return [error.code, error.message];
    throw error;
  }
  return ['', ''];
}

describe('a policy document', () => {
  const one = 'Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.';
  it.each([
    ['no base64', '{}', 'invalid Base64 encoding.'],
    ['nothing', '', "Expecting '{' but found End-of-Input"],
    ['no JSON', encode('expiration'), 'Invalid JSON.'],
    ['a list', encode([]), 'Invalid JSON.'],
    ['null', encode('null'), 'Invalid JSON.'],
    ['another language', encode({ Version: '2012-10-17', Statement: [] }), "Unexpected: 'version'"],
    ['EXPIRATION', encode({ EXPIRATION: expiration, conditions: [] }), "Unexpected: 'expiration'"],
    ['no expiration', encode({ conditions: [] }), 'Policy missing expiration.'],
    ['no conditions', encode({ expiration }), 'Policy missing conditions.'],
    [
      'conditions of no list',
      encode({ expiration, conditions: {} }),
      "Invalid 'conditions' value: must be a List.",
    ],
    ...[true, null, 1, {}].map((value) => [
      `the expiration ${JSON.stringify(value)}`,
      encode({ expiration: value, conditions: [] }),
      'Invalid JSON.',
    ]),
    ...['2026-11-22 12:00:00Z', '2026-11-22T12:00:00+00:00', '2026-02-30T00:00:00Z', 'tomorrow', ''].map(
      (text) => [
        `the expiration ${text}`,
        encode({ expiration: text, conditions: [] }),
        `Invalid 'expiration' value: '${text}'`,
      ],
    ),
    ...(
      [
        ['text', 'Invalid condition test: must be a List or Object.'],
        [{}, one],
        [{ key: 'a', bucket: 'b' }, one],
        [{ 'content-length': 5 }, 'Invalid Simple-Condition: value must be a string.'],
        [{ key: null }, 'Invalid JSON.'],
        [[], 'Invalid Condition: missing operation identifier.'],
        [['ends-with', '$key', 'x'], "Invalid Condition: unknown operation 'ends-with'."],
        [['eq', '$key'], 'Invalid eq: wrong number of arguments.'],
        [['starts-with', '$key', 'a', 'b'], 'Invalid starts-with: wrong number of arguments.'],
        [['content-length-range', 0], 'Invalid content-length-range: wrong number of arguments.'],
        [['content-length-range', 0, 1.5], 'Invalid JSON.'],
        [['eq', '$key', 5], 'Invalid JSON.'],
      ] as const
    ).map(([condition, reason]) => [
      `the condition ${JSON.stringify(condition)}`,
      encode({ expiration, conditions: [condition] }),
      reason,
    ]),
  ])('is refused: %s', (_, policy, reason) => {
    expect(failure(() => parsePostPolicy(String(policy)))).toEqual([
      'InvalidPolicyDocument',
      `Invalid Policy: ${reason}`,
    ]);
  });

  it('has the escapes of JSON, and two more', () => {
    const value = String.raw`\$\\$\v\\v\n\u00e9\"`;
    const document = `{"expiration": "${expiration}", "conditions": [["eq", "$key", "${value}"]]}`;
    const [condition] = parsePostPolicy(Buffer.from(document).toString('base64')).conditions;
    expect(condition).toMatchObject({ value: '$\\$\v\\v\né"' });
  });

  it('is taken with milliseconds and without, and ends at its moment', () => {
    for (const until of [expiration, '2026-11-22T12:00:00.001Z']) {
      expect(judge([], {}, until)).toEqual({ min: 0, max: Number.POSITIVE_INFINITY });
    }
    for (const until of ['2026-11-22T12:00:00Z', '2026-11-22T11:59:59.999Z']) {
      expect(failure(() => judge([], {}, until))).toEqual([
        'AccessDenied',
        'Invalid according to Policy: Policy expired.',
      ]);
    }
  });
});

describe('conditions', () => {
  const met: Array<[unknown, Record<string, string>]> = [
    [{ key: 'a' }, { key: 'a' }],
    [{ KEY: 'a' }, { key: 'a' }],
    [['eq', '$key', 'a'], { key: 'a' }],
    [['EQ', '$kEy', 'a'], { key: 'a' }],
    [['starts-with', '$key', 'user/'], { key: 'user/x' }],
    [['StArTs-WiTh', '$key', ''], { key: '' }],
    [{ bucket: 'bucket' }, {}],
    [['eq', '$bucket', 'bucket'], { bucket: 'said otherwise' }],
    [['starts-with', '$bucket', 'buck'], {}],
    [['starts-with', '$Content-Type', 'image/'], { 'content-type': 'image/png' }],
    [['starts-with', '$Content-Type', 'image/'], { 'content-type': 'image/png, image/jpeg' }],
    [['starts-with', '$x-amz-meta-a', 'Ninja'], { 'x-amz-meta-a': 'Ninja,Stallman' }],
    [['content-length-range', '5', '10'], {}],
  ];
  it.each(met)('%j is met by %j', (condition, fields) => {
    expect(() => judge([condition], fields)).not.toThrow();
  });

  const failed: Array<[unknown, Record<string, string>, string]> = [
    [{ key: 'a' }, { key: 'A' }, '["eq", "$key", "a"]'],
    [{ key: 'a' }, {}, '["eq", "$key", "a"]'],
    [['eq', 'key', 'a'], { key: 'a' }, '["eq", "key", "a"]'],
    [['starts-with', '$key', 'user/'], { key: 'User/x' }, '["starts-with", "$key", "user/"]'],
    [['starts-with', '$Content-Type', ''], {}, '["starts-with", "$Content-Type", ""]'],
    [['eq', '$X-Amz-Date', 'x"y'], { 'x-amz-date': 'z' }, String.raw`["eq", "$X-Amz-Date", "x\"y"]`],
    [{ bucket: 'other' }, { bucket: 'other' }, '["eq", "$bucket", "other"]'],
    [
      ['starts-with', '$Content-Type', 'image/'],
      { 'content-type': 'image/png,text/html' },
      '["starts-with", "$Content-Type", "image/"]',
    ],
    [['content-length-range', 'test', '10'], {}, '["content-length-range", "test", "10"]'],
  ];
  it.each(failed)('%j fails for %j', (condition, fields, text) => {
    expect(failure(() => judge([condition], fields))).toEqual([
      'AccessDenied',
      `Invalid according to Policy: Policy Condition failed: ${text}`,
    ]);
  });

  it('cover every field but those that cannot be known or do not count', () => {
    const free = { policy: 'x', 'x-amz-signature': 'x', 'x-ignore-me': 'x' };
    expect(() => judge([], free)).not.toThrow();
    for (const name of ['key', 'x-amz-date', 'success_action_status', 'filename', 'signature']) {
      expect(failure(() => judge([{ bucket: 'bucket' }], { ...free, [name]: 'x' }))).toEqual([
        'AccessDenied',
        `Invalid according to Policy: Extra input fields: ${name}`,
      ]);
    }
  });

  it('together narrow the size', () => {
    expect(judge([['content-length-range', 0, 100]], {})).toEqual({ min: 0, max: 100 });
    const several = [
      ['content-length-range', 5, 100],
      ['content-length-range', 1, 50],
    ];
    expect(judge(several, {})).toEqual({ min: 5, max: 50 });
  });
});
