import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { createAuthenticator } from '../../src/auth/authenticate.ts';
import { type Credential, credentialSource, Secret } from '../../src/auth/credentials.ts';
import {
  answer,
  at,
  authenticate,
  authorization,
  malformed,
  refusal,
  withHeader,
  without,
} from './answers.ts';
import {
  emptyHash,
  exampleCredential,
  exampleKey,
  exampleSecret,
  exampleTime,
  owner,
  presignedRequest,
  signedRequest,
} from './signer.ts';

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
