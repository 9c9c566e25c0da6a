import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { createAuthenticator } from '../../src/auth/authenticate.ts';
import { type Credential, credentialSource, Secret } from '../../src/auth/credentials.ts';
import { hoistedHeaders } from '../../src/auth/query-auth.ts';
import { S3Error } from '../../src/s3/errors.ts';
import {
  emptyHash,
  exampleAuthenticator,
  exampleCredential,
  exampleKey,
  exampleSecret,
  exampleTime,
  exampleTimestamp,
  type HeaderPairs,
  incoming,
  owner,
  presignedRequest,
  signedRequest,
} from './signer.ts';

interface Sent {
  readonly method: string;
  readonly url: string;
  readonly headers: HeaderPairs;
}

const authenticate = (request: Sent, authenticator = exampleAuthenticator) =>
  authenticator(incoming(request.method, request.url, request.headers));

function refusal(request: Sent, authenticator = exampleAuthenticator): S3Error {
  try {
    authenticate(request, authenticator);
  } catch (error) {
    if (error instanceof S3Error) return error;
    throw error;
  }
  throw new Error('the request was accepted');
}

/** Status, code, message and extra elements: what a client sees. */
function answer(request: Sent, authenticator = exampleAuthenticator) {
  const { status, code, message, extra } = refusal(request, authenticator);
  return [status, code, message, extra];
}

function without(request: Sent, name: string): Sent {
  const { [name]: _gone, ...headers } = request.headers;
  return { ...request, headers };
}

function withHeader(request: Sent, name: string, value: string): Sent {
  return { ...request, headers: { ...request.headers, [name]: value } };
}

function authorization(request: Sent, pattern: string | RegExp, replacement: string): Sent {
  return withHeader(
    request,
    'authorization',
    (request.headers['authorization'] ?? '').replace(pattern, replacement),
  );
}

const query = (request: Sent, pattern: string | RegExp, replacement: string): Sent => ({
  ...request,
  url: request.url.replace(pattern, replacement),
});

const at = (clock: number) =>
  createAuthenticator({
    credentials: credentialSource([exampleCredential]),
    region: 'us-east-1',
    clock: () => clock,
  });

const malformed = (message: string, extra = {}) => [
  400,
  'AuthorizationHeaderMalformed',
  `The authorization header is malformed; ${message}`,
  extra,
];

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
    [
      'no value',
      replaced(''),
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
      'a scope date that is not the date of the request',
      edited('/20130524/', '/20130523/'),
      malformed('Invalid credential date. Date is not the same as X-Amz-Date.'),
    ],
  ])('with %s is refused', (_name, edit, expected) => {
    expect(answer(edit(signedRequest()))).toEqual(expected);
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

describe('the key', () => {
  const unknown = (id: string) => [
    403,
    'InvalidAccessKeyId',
    'The AWS Access Key Id you provided does not exist in our records.',
    { AWSAccessKeyId: id },
  ];
  const temporary: Credential = {
    accessKeyId: 'ASIATEMPORARY',
    secretAccessKey: new Secret('temporary secret'),
    identity: owner,
    sessionToken: new Secret('the/token+of=the&key'),
    expiresAt: new Date(exampleTime + 1000),
  };
  const authenticator = (clock = exampleTime) =>
    createAuthenticator({
      credentials: credentialSource([exampleCredential, temporary]),
      region: 'us-east-1',
      clock: () => clock,
    });
  const asTemporary = { accessKeyId: temporary.accessKeyId, secret: 'temporary secret' };
  const token = (value: string) => ({ ...asTemporary, headers: { 'x-amz-security-token': value } });
  const invalidToken = [400, 'InvalidToken', 'The provided token is malformed or otherwise invalid.', {}];

  test('must be known, in the header and in the query', () => {
    expect(answer(signedRequest({ accessKeyId: 'AKIANOBODY' }))).toEqual(unknown('AKIANOBODY'));
    expect(answer(presignedRequest({ accessKeyId: 'AKIANOBODY' }))).toEqual(unknown('AKIANOBODY'));
  });

  test('may be one of several', () => {
    const second = { ...exampleCredential, accessKeyId: 'SECOND', secretAccessKey: new Secret('2') };
    const both = createAuthenticator({
      credentials: credentialSource([exampleCredential, second]),
      region: 'us-east-1',
      clock: () => exampleTime,
    });
    expect(authenticate(signedRequest(), both).kind).toBe('signed');
    expect(authenticate(signedRequest({ accessKeyId: 'SECOND', secret: '2' }), both).kind).toBe('signed');
    expect(refusal(signedRequest({ accessKeyId: 'SECOND' }), both).code).toBe('SignatureDoesNotMatch');
  });

  test('with a session token needs exactly that token', () => {
    const right = token('the/token+of=the&key');
    expect(authenticate(signedRequest(right), authenticator()).kind).toBe('signed');
    const inQuery = { ...asTemporary, query: { 'X-Amz-Security-Token': 'the/token+of=the&key' } };
    expect(authenticate(presignedRequest(inQuery), authenticator()).kind).toBe('signed');
    expect(answer(signedRequest(token('x')), authenticator())).toEqual(invalidToken);
    expect(answer(signedRequest(asTemporary), authenticator())).toEqual(unknown('ASIATEMPORARY'));
  });

  test('without a session token takes none', () => {
    const request = signedRequest({ headers: { 'x-amz-security-token': 'x' } });
    expect(answer(request)).toEqual(invalidToken);
  });

  test('with a session token ends with it', () => {
    const request = signedRequest(token('the/token+of=the&key'));
    expect(answer(request, authenticator(exampleTime + 1000))).toEqual([
      400,
      'ExpiredToken',
      'The provided token has expired.',
      {},
    ]);
  });
});

describe('the signature', () => {
  test('that is wrong is answered with what was signed here', () => {
    const request = signedRequest({ secret: 'other', headers: { 'x-amz-meta-n': 'Zo\u00c3\u00ab' } });
    const hex = (text: string, encoding: BufferEncoding) =>
      Buffer.from(text, encoding).toString('hex').match(/../g)?.join(' ');
    expect(answer(request)).toEqual([
      403,
      'SignatureDoesNotMatch',
      'The request signature we calculated does not match the signature you provided. Check your key and signing method.',
      {
        AWSAccessKeyId: exampleKey,
        StringToSign: request.text,
        SignatureProvided: request.signature,
        StringToSignBytes: hex(request.text, 'utf8'),
        // The header's bytes are UTF-8: shown as text, counted as bytes.
        CanonicalRequest: request.canonical.replace('Zo\u00c3\u00ab', 'Zoë'),
        CanonicalRequestBytes: hex(request.canonical, 'latin1'),
      },
    ]);
  });

  test.each(['00', 'é', exampleSecret, `${'0'.repeat(64)}`])('that is %j is refused', (value) => {
    const request = authorization(signedRequest(), /Signature=.*/, `Signature=${value}`);
    expect(refusal(request).code).toBe('SignatureDoesNotMatch');
  });

  test('covers the hash of the body', () => {
    const request = withHeader(signedRequest(), 'x-amz-content-sha256', 'UNSIGNED-PAYLOAD');
    expect(refusal(request).code).toBe('SignatureDoesNotMatch');
  });

  test('takes spaces around and inside a value as AWS does', () => {
    const request = signedRequest({ headers: { 'x-amz-meta-s': 'a b c' } });
    expect(authenticate(withHeader(request, 'x-amz-meta-s', '  a   b \t c ')).kind).toBe('signed');
  });

  test('covers a signed header that is gone', () => {
    const request = signedRequest({ headers: { 'x-amz-meta-s': 'a' } });
    expect(refusal(without(request, 'x-amz-meta-s')).code).toBe('SignatureDoesNotMatch');
  });

  test.each([
    ['/b?b=2&a=1', '/b', 'a=1&b=2'],
    ['/b?a=2&a=1&a=&A=3', '/b', 'A=3&a=&a=1&a=2'],
    ['/b?uploads', '/b', 'uploads='],
    ['/b?a=b+c&d=e%2Bf&g=%20', '/b', 'a=b%20c&d=e%2Bf&g=%20'],
    ['/b?k=1&k-x=2&k.y=3&k0=4', '/b', 'k=1&k-x=2&k.y=3&k0=4'],
    ["/b?k=%c3%bc~!*'()&l=a=b&m=a:b/c", '/b', 'k=%C3%BC~%21%2A%27%28%29&l=a%3Db&m=a%3Ab%2Fc'],
    ['/b/a%20b/a+b', '/b/a%20b/a%2Bb', ''],
    ['/b/%c3%bc/%E4%B8%AD/\u00c3\u00bc', '/b/%C3%BC/%E4%B8%AD/%C3%BC', ''],
    ["/b/!*'()~=&:@$,;", '/b/%21%2A%27%28%29~%3D%26%3A%40%24%2C%3B', ''],
    ['/b/%7E%2D%5F%2E', '/b/~-_.', ''],
    ['/b/100%25', '/b/100%25', ''],
    ['/b/100%2525', '/b/100%2525', ''],
    ['/b//a//./../b/', '/b//a//./../b/', ''],
    ['/', '/', ''],
  ])('of %s covers the path %s and the query %j', (url, path, search) => {
    const { extra } = refusal({ ...signedRequest({ secret: 'other' }), url });
    expect(String(extra['CanonicalRequest']).split('\n').slice(0, 3)).toEqual(['GET', path, search]);
  });
});

describe('a header that is present', () => {
  const unsigned = (names: string) => [
    403,
    'AccessDenied',
    'There were headers present in the request which were not signed',
    { HeadersNotSigned: names },
  ];
  const added = { 'x-amz-copy-source': '/other/secret', 'x-amz-acl': 'public-read' };

  test('and named x-amz-* must be signed', () => {
    expect(answer(signedRequest({ unsigned: added }))).toEqual(unsigned('x-amz-copy-source, x-amz-acl'));
    expect(answer(presignedRequest({ unsigned: added, method: 'PUT' }))).toEqual(
      unsigned('x-amz-copy-source, x-amz-acl'),
    );
  });

  test('and carries the hash of the body need not be', () => {
    const request = signedRequest();
    const edited = authorization(request, 'x-amz-content-sha256;', '');
    expect(refusal(edited).code).toBe('SignatureDoesNotMatch');
  });

  test('and named host must be signed', () => {
    expect(answer(authorization(signedRequest(), 'SignedHeaders=host;', 'SignedHeaders='))).toEqual(
      unsigned('host'),
    );
  });
});

describe('the region and the service', () => {
  const lenient = createAuthenticator({
    credentials: credentialSource([exampleCredential]),
    region: 'eu-west-1',
    acceptRegions: ['us-east-1', 'auto'],
    services: ['s3', 's3-outposts'],
    clock: () => exampleTime,
  });
  const scoped = (scope: string) => signedRequest({ scope: `20130524/${scope}/aws4_request` });

  test.each(['eu-west-1/s3', 'us-east-1/s3', 'auto/s3', 'eu-west-1/s3-outposts'])('%s is taken', (scope) => {
    const [region, service] = scope.split('/');
    expect(authenticate(scoped(scope), lenient)).toMatchObject({ region, service });
  });

  test('name the configured region where another is asked', () => {
    expect(answer(scoped('us-west-2/s3'), lenient)).toEqual(
      malformed("the region 'us-west-2' is wrong; expecting 'eu-west-1'", { Region: 'eu-west-1' }),
    );
  });
});

describe('x-amz-content-sha256', () => {
  const value =
    'x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or a valid sha256 value.';

  test.each([
    [emptyHash, { kind: 'sha256', hex: emptyHash }],
    [emptyHash.toUpperCase(), { kind: 'sha256', hex: emptyHash }],
    ['UNSIGNED-PAYLOAD', { kind: 'unsigned' }],
    ['STREAMING-AWS4-HMAC-SHA256-PAYLOAD', { kind: 'streaming-signed', trailer: false }],
    ['STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER', { kind: 'streaming-signed', trailer: true }],
    ['STREAMING-UNSIGNED-PAYLOAD-TRAILER', { kind: 'streaming-unsigned-trailer' }],
  ])('of %s gives the form of the body', (contentHash, payload) => {
    expect(authenticate(signedRequest({ contentHash }))).toMatchObject({ payload });
  });

  test.each([emptyHash.slice(1), '', 'unsigned-payload', 'STREAMING'])('of %j is refused', (contentHash) => {
    expect(answer(signedRequest({ contentHash }))).toEqual([
      400,
      'InvalidArgument',
      value,
      { ArgumentName: 'x-amz-content-sha256', ArgumentValue: contentHash },
    ]);
  });

  test.each(['', '-TRAILER'])('of a SigV4a stream%s is refused', (suffix) => {
    const contentHash = `STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD${suffix}`;
    expect(answer(signedRequest({ contentHash }))).toEqual([
      501,
      'NotImplemented',
      `The chunk encoding algorithm ${contentHash} is not supported.`,
      { Header: 'x-amz-content-sha256' },
    ]);
  });

  test('must be there with header authentication', () => {
    expect(answer(without(signedRequest(), 'x-amz-content-sha256'))).toEqual([
      400,
      'InvalidRequest',
      'Missing required header for this request: x-amz-content-sha256',
      {},
    ]);
  });

  test.each(['', '-TRAILER'])('of a signed stream%s is refused from anonymous clients', (suffix) => {
    const headers = { host: 'h', 'x-amz-content-sha256': `STREAMING-AWS4-HMAC-SHA256-PAYLOAD${suffix}` };
    expect(answer({ method: 'PUT', url: '/b/k', headers })).toEqual([
      400,
      'InvalidRequest',
      "Anonymous requests don't support this x-amz-content-sha256 value. Please use UNSIGNED-PAYLOAD or STREAMING-UNSIGNED-PAYLOAD-TRAILER.",
      {},
    ]);
  });

  test('of an unsigned stream is taken from anonymous clients', () => {
    const headers = { host: 'h', 'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER' };
    expect(authenticate({ method: 'PUT', url: '/b/k', headers })).toMatchObject({
      kind: 'anonymous',
      payload: { kind: 'streaming-unsigned-trailer' },
    });
  });
});

describe('the order of the checks', () => {
  const late = at(exampleTime + 1e9);
  const everything = signedRequest({
    accessKeyId: 'AKIANOBODY',
    scope: '20130524/xx/s3/aws4_request',
    unsigned: { 'x-amz-acl': 'private' },
  });

  test('is region, date, key, unsigned headers, signature', () => {
    expect(refusal(everything, late).code).toBe('AuthorizationHeaderMalformed');
    const rightRegion = signedRequest({ accessKeyId: 'AKIANOBODY', unsigned: { 'x-amz-acl': 'private' } });
    expect(refusal(rightRegion, late).code).toBe('RequestTimeTooSkewed');
    expect(refusal(rightRegion).code).toBe('InvalidAccessKeyId');
    const rightKey = signedRequest({ secret: 'other', unsigned: { 'x-amz-acl': 'private' } });
    expect(refusal(rightKey).code).toBe('AccessDenied');
    expect(refusal(signedRequest({ secret: 'other' })).code).toBe('SignatureDoesNotMatch');
  });
});

test('no answer and no log line shows a secret', () => {
  const accepted = authenticate(signedRequest());
  const refused = refusal(signedRequest({ secret: 'other' }));
  for (const value of [accepted, refused, exampleCredential, credentialSource([exampleCredential])]) {
    const shown = [inspect(value, { depth: 10, showHidden: true }), JSON.stringify(value), String(value)];
    expect(shown.join('\n')).not.toContain(exampleSecret);
  }
  expect(`${exampleCredential.secretAccessKey}`).toBe('[secret]');
});

test('two credentials may not share an access key ID', () => {
  expect(() => credentialSource([exampleCredential, exampleCredential])).toThrow('same access key ID');
});
