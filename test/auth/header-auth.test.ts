import { describe, expect, test } from 'vitest';
import { createAuthenticator } from '../../src/auth/authenticate.ts';
import { credentialSource } from '../../src/auth/credentials.ts';
import {
  answer,
  at,
  authenticate,
  authorization,
  malformed,
  type Sent,
  withHeader,
  without,
} from './answers.ts';
import { exampleCredential, exampleKey, exampleTime, exampleTimestamp, signedRequest } from './signer.ts';

describe('the Authorization header', () => {
  const invalid = (message: string) => [400, 'InvalidArgument', message, { ArgumentName: 'Authorization' }];
  const mechanism =
    'The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.';
  const components = malformed(
    'the authorization header requires three components: Credential, SignedHeaders, and Signature.',
  );
  const shape = malformed(
    'the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".',
  );
  const replaced = (value: string) => (request: Sent) => withHeader(request, 'authorization', value);
  const edited = (pattern: string | RegExp, replacement: string) => (request: Sent) =>
    authorization(request, pattern, replacement);

  test.each([
    [
      'no space',
      replaced('AWS4-HMAC-SHA256'),
      invalid("Authorization header is invalid -- one and only one ' ' (space) required"),
    ],
    ['another scheme', replaced('Bearer token'), invalid('Unsupported Authorization Type')],
    ['SigV2', replaced('AWS AKID:sig='), [400, 'InvalidRequest', mechanism, {}]],
    [
      'SigV4a',
      edited('HMAC-SHA256', 'ECDSA-P256-SHA256'),
      [
        501,
        'NotImplemented',
        'AWS4-ECDSA-P256-SHA256 is not supported. Please use AWS4-HMAC-SHA256.',
        { Header: 'Authorization' },
      ],
    ],
    ['two components', edited(/, Signature=.*/, ''), components],
    [
      'two headers joined',
      (r: Sent) => replaced(`${r.headers['authorization']},${r.headers['authorization']}`)(r),
      components,
    ],
    [
      'a component without a value',
      edited(/SignedHeaders=[^,]*/, 'SignedHeaders'),
      malformed('the authorization component "SignedHeaders" is malformed.'),
    ],
    ['no Credential', edited('Credential=', 'Cred='), malformed('missing Credential.')],
    ['no SignedHeaders', edited('SignedHeaders=', 'Signed='), malformed('missing SignedHeaders.')],
    ['no Signature', edited('Signature=', 'Sig='), malformed('missing Signature.')],
    ['an empty Signature', edited(/Signature=.*/, 'Signature='), malformed('missing Signature.')],
    ['a credential of four parts', edited('/us-east-1/', '/'), shape],
    ['an empty access key ID', edited(`=${exampleKey}/`, '=/'), shape],
    [
      'a scope date of seven digits',
      edited('/20130524/', '/2013052/'),
      malformed(
        'incorrect date format "2013052". This date in the credential must be in the format "yyyyMMdd".',
      ),
    ],
    [
      'a scope date that does not exist',
      edited('/20130524/', '/20130231/'),
      malformed(
        'incorrect date format "20130231". This date in the credential must be in the format "yyyyMMdd".',
      ),
    ],
    [
      'no region',
      edited('/us-east-1/', '//'),
      malformed('a non-empty region must be provided in the credential.'),
    ],
    [
      'another region',
      edited('/us-east-1/', '/eu-west-1/'),
      malformed("the region 'eu-west-1' is wrong; expecting 'us-east-1'", { Region: 'us-east-1' }),
    ],
    [
      'another service',
      edited('/s3/', '/ec2/'),
      malformed('incorrect service "ec2". This endpoint belongs to "s3".'),
    ],
    [
      'another terminal',
      edited('aws4_request', 'aws4'),
      malformed('incorrect terminal "aws4". This endpoint uses "aws4_request".'),
    ],
    [
      'another service, region and date',
      edited('/20130524/us-east-1/s3/', '/today/eu-west-1/ec2/'),
      malformed('incorrect service "ec2". This endpoint belongs to "s3".'),
    ],
    [
      'another terminal, region and date',
      edited('/20130524/us-east-1/s3/aws4_request', '/today/eu-west-1/s3/aws4'),
      malformed('incorrect terminal "aws4". This endpoint uses "aws4_request".'),
    ],
    [
      'a scope date that is not the date of the request',
      edited('/20130524/', '/20130523/'),
      malformed('Invalid credential date. Date is not the same as X-Amz-Date.'),
    ],
  ])('with %s is refused', (_name, edit, expected) => {
    expect(answer(edit(signedRequest()))).toEqual(expected);
  });

  test('without a value claims nothing', () => {
    expect(authenticate(replaced('')(signedRequest())).kind).toBe('anonymous');
  });

  test.each([
    ['no spaces after the commas', /, /g, ','],
    ['tabs and spaces after the commas', /, /g, ',\t  '],
    ['the scheme in lower case', /^[^ ]+/, 'aws4-hmac-sha256'],
  ])('with %s is accepted', (_name, pattern, replacement) => {
    expect(authenticate(authorization(signedRequest(), pattern, replacement)).kind).toBe('signed');
  });

  test('may name an access key ID that holds slashes', () => {
    const accessKeyId = 'team/project/key';
    const authenticator = createAuthenticator({
      credentials: credentialSource([{ ...exampleCredential, accessKeyId }]),
      region: 'us-east-1',
      clock: () => exampleTime,
    });
    expect(authenticate(signedRequest({ accessKeyId }), authenticator)).toMatchObject({ accessKeyId });
  });
});

describe('the date', () => {
  const missing = [403, 'AccessDenied', 'AWS authentication requires a valid Date or x-amz-date header', {}];

  test.each([
    ['is missing', without(signedRequest(), 'x-amz-date')],
    ['is in the extended format', withHeader(signedRequest(), 'x-amz-date', '2013-05-24T00:00:00Z')],
    ['does not exist', withHeader(signedRequest(), 'x-amz-date', '20130231T000000Z')],
    [
      'is unreadable in x-amz-date, whatever Date says',
      withHeader(signedRequest({ headers: { date: exampleTimestamp } }), 'x-amz-date', 'x'),
    ],
    ['is unreadable in Date', signedRequest({ date: 'yesterday' })],
  ])('is refused when it %s', (_name, request) => {
    expect(answer(request)).toEqual(missing);
  });

  test.each([
    ['RFC 1123', 'Fri, 24 May 2013 00:00:00 GMT'],
    ['ISO 8601 basic', exampleTimestamp],
  ])('may come in the Date header as %s', (_name, date) => {
    expect(authenticate(signedRequest({ date })).kind).toBe('signed');
  });

  test.each([
    [-900_001, '2013-05-23T23:44:59Z'],
    [900_001, '2013-05-24T00:15:00Z'],
  ])('may not be %d ms away', (offset, ServerTime) => {
    expect(answer(signedRequest(), at(exampleTime + offset))).toEqual([
      403,
      'RequestTimeTooSkewed',
      'The difference between the request time and the current time is too large.',
      { RequestTime: exampleTimestamp, ServerTime, MaxAllowedSkewMilliseconds: 900_000 },
    ]);
  });

  test.each([-900_000, 900_000])('may be %d ms away', (offset) => {
    expect(authenticate(signedRequest(), at(exampleTime + offset)).kind).toBe('signed');
  });
});
