import { describe, expect, test } from 'vitest';
import { hoistedHeaders } from '../../src/auth/query-auth.ts';
import { answer, at, authenticate, query, refusal, type Sent, withHeader } from './answers.ts';
import {
  emptyHash,
  exampleTime,
  exampleTimestamp,
  incoming,
  presignedRequest,
  signedRequest,
} from './signer.ts';

describe('a presigned URL', () => {
  const parameters = (message: string, extra = {}) => [
    400,
    'AuthorizationQueryParametersError',
    message,
    extra,
  ];
  const credential = (message: string, extra = {}) =>
    parameters(`Error parsing the X-Amz-Credential parameter; ${message}`, extra);
  const required = parameters(
    'Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.',
  );
  const expires = (value: string) => (r: Sent) => query(r, 'X-Amz-Expires=3600', `X-Amz-Expires=${value}`);

  test.each(['Algorithm', 'Credential', 'Date', 'Expires', 'SignedHeaders', 'Signature'])(
    'without X-Amz-%s is refused',
    (name) => {
      expect(answer(query(presignedRequest(), new RegExp(`&?X-Amz-${name}=[^&]*`), ''))).toEqual(required);
      expect(answer(query(presignedRequest(), new RegExp(`X-Amz-${name}=[^&]*`), `X-Amz-${name}=`))).toEqual(
        required,
      );
    },
  );

  test.each([
    [
      'another algorithm',
      (r: Sent) => query(r, 'AWS4-HMAC-SHA256', 'AWS4-HMAC-SHA1'),
      parameters('X-Amz-Algorithm only supports "AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256"'),
    ],
    [
      'SigV4a',
      (r: Sent) => query(r, 'HMAC-SHA256', 'ECDSA-P256-SHA256'),
      [
        501,
        'NotImplemented',
        'AWS4-ECDSA-P256-SHA256 is not supported. Please use AWS4-HMAC-SHA256.',
        { Header: 'Authorization' },
      ],
    ],
    [
      'a date in another format',
      (r: Sent) => query(r, `Date=${exampleTimestamp}`, 'Date=2013-05-24'),
      parameters("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\""),
    ],
    ['an expiry that is no number', expires('1h'), parameters('X-Amz-Expires should be a number')],
    ['a negative expiry', expires('-1'), parameters('X-Amz-Expires must be non-negative')],
    [
      'an expiry of more than a week',
      expires('604801'),
      parameters(
        'X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds',
      ),
    ],
    [
      'a credential of four parts',
      (r: Sent) => query(r, '%2Fs3%2F', '%2F'),
      credential(
        'the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".',
      ),
    ],
    [
      'a scope date in another format',
      (r: Sent) => query(r, '%2F20130524%2F', '%2F2013%2F'),
      credential(
        'incorrect date format "2013". This date in the credential must be in the format "yyyyMMdd".',
      ),
    ],
    [
      'another region',
      (r: Sent) => query(r, 'us-east-1', 'auto'),
      credential("the region 'auto' is wrong; expecting 'us-east-1'", { Region: 'us-east-1' }),
    ],
    [
      'another service',
      (r: Sent) => query(r, '%2Fs3%2F', '%2Fsqs%2F'),
      credential('incorrect service "sqs". This endpoint belongs to "s3".'),
    ],
    [
      'another terminal',
      (r: Sent) => query(r, 'aws4_request', 'aws5'),
      credential('incorrect terminal "aws5". This endpoint uses "aws4_request".'),
    ],
    [
      'a scope date that is not its date',
      (r: Sent) => query(r, '%2F20130524%2F', '%2F20130523%2F'),
      parameters('Invalid credential date "20130523". This date is not the same as X-Amz-Date: "20130524".'),
    ],
  ])('with %s is refused', (_name, edit, expected) => {
    expect(answer(edit(presignedRequest()))).toEqual(expected);
  });

  test.each([
    [3600, 3_600_000],
    [604_800, 604_800_000],
    [0, 0],
    [60, -900_000],
  ])('valid for %d s is accepted after %d ms', (seconds, offset) => {
    const request = presignedRequest({ expires: String(seconds) });
    expect(authenticate(request, at(exampleTime + offset)).kind).toBe('signed');
  });

  test('is refused once it has expired', () => {
    expect(answer(presignedRequest(), at(exampleTime + 3_600_001))).toEqual([
      403,
      'AccessDenied',
      'Request has expired',
      { 'X-Amz-Expires': 3600, Expires: '2013-05-24T01:00:00Z', ServerTime: '2013-05-24T01:00:00Z' },
    ]);
  });

  test('is refused when its date lies beyond the clock skew', () => {
    expect(answer(presignedRequest(), at(exampleTime - 900_001))).toEqual([
      403,
      'AccessDenied',
      'Request is not yet valid',
      {
        'X-Amz-Date': exampleTime,
        Expires: '2013-05-24T01:00:00Z',
        ServerTime: '2013-05-23T23:44:59Z',
      },
    ]);
  });

  test.each([
    ['the verb', (r: Sent) => ({ ...r, method: 'PUT' })],
    ['the key', (r: Sent) => query(r, '/key?', '/other?')],
    ['one more parameter', (r: Sent) => query(r, '?', '?versionId=null&')],
    ['the host', (r: Sent) => withHeader(r, 'host', 'localhost:9001')],
    ['the expiry', (r: Sent) => query(r, 'Expires=3600', 'Expires=3601')],
  ])('does not cover another value of %s', (_name, edit) => {
    expect(refusal(edit(presignedRequest())).code).toBe('SignatureDoesNotMatch');
  });

  test('lets a browser add headers that change nothing', () => {
    const unsigned = { 'content-type': 'text/plain', origin: 'https://example.com', accept: '*/*' };
    expect(authenticate(presignedRequest({ unsigned })).kind).toBe('signed');
  });

  test('reads its parameters in any letter case', () => {
    const request = presignedRequest({ query: { 'x-amz-meta-Color': 'red' } });
    const lower = query(request, 'X-Amz-Signature', 'x-amz-signature');
    expect(authenticate(lower)).toMatchObject({ hoisted: new Map([['x-amz-meta-color', 'red']]) });
  });

  test('hoists x-amz-* parameters, but no checksum values', () => {
    const request = presignedRequest({
      query: {
        'x-amz-acl': 'private',
        'X-Amz-Meta-Name': 'Zoë',
        'x-amz-checksum-algorithm': 'CRC32',
        'x-amz-checksum-mode': 'ENABLED',
        'x-amz-checksum-crc32': 'AAAAAA==',
        'x-amz-checksum-xxhash128': 'x',
        'x-amz-sdk-checksum-algorithm': 'CRC32',
        'x-id': 'PutObject',
      },
    });
    expect(authenticate(request)).toMatchObject({
      hoisted: new Map([
        ['x-amz-meta-name', Buffer.from('Zoë').toString('latin1')],
        ['x-amz-acl', 'private'],
        ['x-amz-checksum-algorithm', 'CRC32'],
        ['x-amz-checksum-mode', 'ENABLED'],
      ]),
    });
  });

  test('hoists nothing that the request has as a header', () => {
    const request = presignedRequest({
      query: { 'x-amz-acl': 'public-read' },
      headers: { 'x-amz-acl': 'private' },
    });
    expect(authenticate(request)).toMatchObject({ hoisted: new Map() });
  });

  test('with a parameter of authentication twice is read by the first', () => {
    const request = presignedRequest();
    const other = 'X-Amz-Signature=0';
    expect(authenticate({ ...request, url: `${request.url}&${other}` }).kind).toBe('signed');
    expect(refusal(query(request, '?', `?${other}&`)).code).toBe('SignatureDoesNotMatch');
    expect(refusal(query(request, '?', '?X-Amz-Expires=1h&')).extra).toEqual({});
    expect(refusal(query(request, '?', '?X-Amz-Algorithm=x&')).code).toBe(
      'AuthorizationQueryParametersError',
    );
  });

  test('joins a parameter that is there twice, as headers are joined', () => {
    const request = presignedRequest({ query: { 'X-Amz-Meta-A': '1', 'x-amz-meta-a': '2' } });
    expect(authenticate(request)).toMatchObject({ hoisted: new Map([['x-amz-meta-a', '1,2']]) });
  });

  test('is the only request whose parameters act as headers', () => {
    const anonymous = incoming('PUT', '/bucket/key?x-amz-copy-source=a', { host: 'h' });
    expect(hoistedHeaders(anonymous.target.query, anonymous.headers).size).toBe(0);
    const request = signedRequest({ url: '/bucket/key?x-amz-acl=public-read' });
    expect(authenticate(request)).toMatchObject({ hoisted: new Map() });
  });

  test('signs the hash that its query names', () => {
    const request = presignedRequest({
      query: { 'X-Amz-Content-Sha256': emptyHash },
      contentHash: emptyHash,
    });
    expect(authenticate(request)).toMatchObject({ payload: { kind: 'sha256', hex: emptyHash } });
  });

  test('signs the hash of a signed header', () => {
    const headers = { 'x-amz-content-sha256': emptyHash };
    expect(authenticate(presignedRequest({ headers, contentHash: emptyHash }))).toMatchObject({
      payload: { kind: 'sha256', hex: emptyHash },
    });
  });

  test('takes the form of the body from an unsigned header', () => {
    const unsigned = { 'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER' };
    expect(authenticate(presignedRequest({ unsigned }))).toMatchObject({
      payload: { kind: 'streaming-unsigned-trailer' },
    });
  });
});

describe('the mechanism', () => {
  const one = [
    400,
    'InvalidArgument',
    'Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified',
    { ArgumentName: 'Authorization' },
  ];

  test.each([
    ['header and presigned', { ...presignedRequest(), headers: signedRequest().headers }],
    ['header and SigV2 query', { ...signedRequest(), url: '/bucket/key?Signature=x' }],
    ['both kinds of query', query(presignedRequest(), '?', '?Signature=x&')],
  ])('may not be two at once: %s', (_name, request) => {
    expect(answer(request)).toEqual(one);
  });

  test('SigV2 in the query is refused', () => {
    const url = '/bucket/key?AWSAccessKeyId=AKID&Expires=1&Signature=x';
    expect(answer({ method: 'GET', url, headers: { host: 'h' } })).toEqual([
      400,
      'InvalidRequest',
      'The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.',
      {},
    ]);
  });

  test.each(['AWSAccessKeyId=AKID&Expires=1', 'Signature=x&Expires=1', 'Signature=x&AWSAccessKeyId=AKID'])(
    'SigV2 in the query with a missing member is refused: %s',
    (parameters) => {
      expect(answer({ method: 'GET', url: `/b/k?${parameters}`, headers: { host: 'h' } })).toEqual([
        403,
        'AccessDenied',
        'Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters',
        {},
      ]);
    },
  );

  test('may be none', () => {
    expect(authenticate({ method: 'GET', url: '/b/k', headers: { host: 'h' } })).toEqual({
      kind: 'anonymous',
      payload: { kind: 'unsigned' },
      hoisted: new Map(),
    });
  });
});
