/** Requests that are not signed as they should be: each would replace the object if it were taken. */
import { createHash } from 'node:crypto';
import { credentials } from '../../kit/gateway.ts';
import type { RawRequest } from '../../kit/raw-request.ts';
import { casesOf, type World } from '../case.ts';
import type { Headers } from './requests.ts';

const put =
  (call: Partial<RawRequest>) =>
  ({ bucket, plain }: World): RawRequest => ({
    method: 'PUT',
    path: `/${bucket}/${plain}`,
    body: 'x',
    ...call,
  });

const now = new Date();
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const basic = (date: Date): string => date.toISOString().replaceAll(/[-:]|\.\d{3}/g, '');
const stamp = basic(now);
const day = stamp.slice(0, 8);
const scope = `${day}/us-east-1/s3/aws4_request`;
const hourAgo = basic(new Date(now.getTime() - 3_600_000));
const { accessKeyId } = credentials;
const signature = '0'.repeat(64);
const names = 'host;x-amz-content-sha256;x-amz-date';

/** An Authorization header of our own making, which no signature has to match for what is wrong with it. */
const header = (authorization: string, headers: Headers = { 'x-amz-date': stamp }) =>
  put({ anonymous: true, unsignedHeaders: { authorization, ...headers } });
const signed = (credential: string, headers?: Headers) =>
  header(
    `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${names}, Signature=${signature}`,
    headers,
  );

const url = (change: Readonly<Record<string, string | undefined>>) => {
  const query: Record<string, string | undefined> = {
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Credential': `${accessKeyId}/${scope}`,
    'X-Amz-Date': stamp,
    'X-Amz-Expires': '600',
    'X-Amz-SignedHeaders': 'host',
    'X-Amz-Signature': signature,
    ...change,
  };
  const kept = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return put({ anonymous: true, query: Object.fromEntries(kept) });
};

const malformed = 'The authorization header is malformed; ';
const credentialError = 'Error parsing the X-Amz-Credential parameter; ';
const form = 'the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".';
const incomplete =
  'Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.';
const mechanism =
  'The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.';
const mismatch =
  'The request signature we calculated does not match the signature you provided. Check your key and signing method.';

export const authCases = [
  ...casesOf('Authorization', [
    ['nothing', put({ anonymous: true }), 403, 'AccessDenied', 'Access Denied'],
    ['a signature of version 2', header(`AWS ${accessKeyId}:abc=`), 400, 'InvalidRequest', mechanism],
    [
      'another scheme',
      header('Basic abc'),
      400,
      'InvalidArgument',
      'Unsupported Authorization Type',
      { ArgumentName: 'Authorization' },
    ],
    [
      'a scheme alone',
      header('AWS4-HMAC-SHA256'),
      400,
      'InvalidArgument',
      "Authorization header is invalid -- one and only one ' ' (space) required",
    ],
    [
      'a signature of version 4A',
      header(
        `AWS4-ECDSA-P256-SHA256 Credential=${accessKeyId}/${day}/s3/aws4_request,SignedHeaders=host,Signature=00`,
      ),
      501,
      'NotImplemented',
      'AWS4-ECDSA-P256-SHA256 is not supported. Please use AWS4-HMAC-SHA256.',
    ],
    [
      'two components',
      header(`AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${names}`),
      400,
      'AuthorizationHeaderMalformed',
      `${malformed}the authorization header requires three components: Credential, SignedHeaders, and Signature.`,
    ],
    ...['Credential', 'SignedHeaders', 'Signature'].map(
      (name) =>
        [
          `no ${name}`,
          header(
            `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`.replace(
              `${name}=`,
              'Other=',
            ),
          ),
          400,
          'AuthorizationHeaderMalformed',
          `${malformed}missing ${name}.`,
        ] as const,
    ),
    [
      'two of the header',
      put({ unsignedHeaders: { authorization: [`Credential=${accessKeyId}`, 'again'] } }),
      501,
      'NotImplemented',
      'A header you provided implies functionality that is not implemented',
      { Header: 'Authorization' },
    ],
    ['a credential that is none', signed('abc'), 400, 'AuthorizationHeaderMalformed', malformed + form],
    [
      'a credential with a bad date',
      signed(`${accessKeyId}/today/us-east-1/s3/aws4_request`),
      400,
      'AuthorizationHeaderMalformed',
      `${malformed}incorrect date format "today". This date in the credential must be in the format "yyyyMMdd".`,
    ],
    [
      'another region',
      signed(`${accessKeyId}/${day}/eu-west-9/s3/aws4_request`),
      400,
      'AuthorizationHeaderMalformed',
      `${malformed}the region 'eu-west-9' is wrong; expecting 'us-east-1'`,
      { Region: 'us-east-1' },
    ],
    [
      'another service',
      signed(`${accessKeyId}/${day}/us-east-1/ec2/aws4_request`),
      400,
      'AuthorizationHeaderMalformed',
      `${malformed}incorrect service "ec2". This endpoint belongs to "s3".`,
    ],
    [
      'another terminal',
      signed(`${accessKeyId}/${day}/us-east-1/s3/aws5_request`),
      400,
      'AuthorizationHeaderMalformed',
      `${malformed}incorrect terminal "aws5_request". This endpoint uses "aws4_request".`,
    ],
    [
      'no date',
      signed(`${accessKeyId}/${scope}`, {}),
      403,
      'AccessDenied',
      'AWS authentication requires a valid Date or x-amz-date header',
    ],
    [
      'another date than the credential says',
      signed(`${accessKeyId}/20200101/us-east-1/s3/aws4_request`),
      400,
      'AuthorizationHeaderMalformed',
      `${malformed}Invalid credential date. Date is not the same as X-Amz-Date.`,
    ],
    [
      'a clock that is an hour off',
      // Of the day that it was an hour ago.
      signed(`${accessKeyId}/${hourAgo.slice(0, 8)}/us-east-1/s3/aws4_request`, { 'x-amz-date': hourAgo }),
      403,
      'RequestTimeTooSkewed',
      'The difference between the request time and the current time is too large.',
      { MaxAllowedSkewMilliseconds: '900000' },
    ],
    [
      'an unknown key',
      signed(`NOBODY/${scope}`),
      403,
      'InvalidAccessKeyId',
      'The AWS Access Key Id you provided does not exist in our records.',
      { AWSAccessKeyId: 'NOBODY' },
    ],
    [
      'another signature',
      signed(`${accessKeyId}/${scope}`),
      403,
      'SignatureDoesNotMatch',
      mismatch,
      { AWSAccessKeyId: accessKeyId, SignatureProvided: signature },
    ],
    [
      'a header that is not signed',
      put({ unsignedHeaders: { 'x-amz-meta-a': 'b' } }),
      403,
      'AccessDenied',
      'There were headers present in the request which were not signed',
      { HeadersNotSigned: 'x-amz-meta-a' },
    ],
    [
      'a token that nobody issued',
      put({ headers: { 'x-amz-security-token': 'abc' } }),
      400,
      'InvalidToken',
      'The provided token is malformed or otherwise invalid.',
    ],
    [
      'a payload that is signed in chunks, of an operation that has none',
      ({ bucket, plain }) => ({
        method: 'GET',
        path: `/${bucket}/${plain}`,
        payloadHash: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
      }),
      400,
      'InvalidRequest',
      'The value of x-amz-content-sha256 header is invalid.',
    ],
  ]),
  ...casesOf('presigned', [
    ...['Algorithm', 'Credential', 'Date', 'Expires', 'SignedHeaders', 'Signature'].map(
      (name) =>
        [
          `no X-Amz-${name}`,
          url({ [`X-Amz-${name}`]: undefined }),
          400,
          'AuthorizationQueryParametersError',
          incomplete,
        ] as const,
    ),
    [
      'another algorithm',
      url({ 'X-Amz-Algorithm': 'HMAC' }),
      400,
      'AuthorizationQueryParametersError',
      'X-Amz-Algorithm only supports "AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256"',
    ],
    [
      'a bad date',
      url({ 'X-Amz-Date': 'today' }),
      400,
      'AuthorizationQueryParametersError',
      "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"",
    ],
    ...(
      [
        ['soon', 'X-Amz-Expires should be a number'],
        ['-1', 'X-Amz-Expires must be non-negative'],
        [
          '604801',
          'X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds',
        ],
      ] as const
    ).map(
      ([expires, message]) =>
        [
          `X-Amz-Expires=${expires}`,
          url({ 'X-Amz-Expires': expires }),
          400,
          'AuthorizationQueryParametersError',
          message,
        ] as const,
    ),
    [
      'a credential that is none',
      url({ 'X-Amz-Credential': 'abc' }),
      400,
      'AuthorizationQueryParametersError',
      credentialError + form,
    ],
    [
      'another region',
      url({ 'X-Amz-Credential': `${accessKeyId}/${day}/eu-west-9/s3/aws4_request` }),
      400,
      'AuthorizationQueryParametersError',
      `${credentialError}the region 'eu-west-9' is wrong; expecting 'us-east-1'`,
      { Region: 'us-east-1' },
    ],
    [
      'a URL that has expired',
      url({
        'X-Amz-Date': '20200101T000000Z',
        'X-Amz-Credential': `${accessKeyId}/20200101/us-east-1/s3/aws4_request`,
      }),
      403,
      'AccessDenied',
      'Request has expired',
      { 'X-Amz-Expires': '600' },
    ],
    [
      'a URL that is not valid yet',
      url({
        'X-Amz-Date': '21990101T000000Z',
        'X-Amz-Credential': `${accessKeyId}/21990101/us-east-1/s3/aws4_request`,
      }),
      403,
      'AccessDenied',
      'Request is not yet valid',
    ],
    ['another signature', url({}), 403, 'SignatureDoesNotMatch', mismatch, { SignatureProvided: signature }],
    [
      'a header besides',
      (world: World) => ({
        ...url({})(world),
        headers: { authorization: `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}` },
      }),
      400,
      'InvalidArgument',
      'Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified',
      { ArgumentName: 'Authorization' },
    ],
    [
      'a URL of version 2',
      put({ anonymous: true, query: { AWSAccessKeyId: accessKeyId, Signature: 'x', Expires: '1' } }),
      400,
      'InvalidRequest',
      mechanism,
    ],
    [
      'half a URL of version 2',
      put({ anonymous: true, query: { AWSAccessKeyId: accessKeyId } }),
      403,
      'AccessDenied',
      'Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters',
    ],
  ]),
  ...casesOf('no body', [
    ...(
      [
        ['DELETE', {}],
        ['PUT', { headers: { 'x-amz-copy-source': '/no-such-bucket/key' } }],
        ['POST', { query: { uploads: '' } }],
        ['GET', {}],
      ] as const
    ).map(
      ([method, call]) =>
        [
          `the SHA-256 of something (${method})`,
          put({ ...call, method, body: '', payloadHash: sha256('y') }),
          400,
          'XAmzContentSHA256Mismatch',
          "The provided 'x-amz-content-sha256' header does not match what was computed.",
          { ClientComputedContentSHA256: sha256('y'), S3ComputedContentSHA256: sha256('') },
        ] as const,
    ),
    [
      'the SHA-256 of something (HEAD)',
      put({ method: 'HEAD', body: '', payloadHash: sha256('y') }),
      400,
      undefined,
      undefined,
    ],
  ]),
];
