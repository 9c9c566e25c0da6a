/** UploadPart and UploadPartCopy. */
import { createHash } from 'node:crypto';
import { type BadCase, casesOf, type UploadKind, type World } from '../case.ts';
import { type Headers, md5OfSomethingElse, onUpload } from './requests.ts';
import { digestRows } from './writes.ts';

const part = (headers: Headers, kind: UploadKind = 'undeclared', query: Headers = {}) =>
  onUpload('PUT', kind, { headers, query: { partNumber: '1', ...query }, body: 'x' });
const noSuchUpload =
  'The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.';
const badNumber = 'Part number must be an integer between 1 and 10000, inclusive';
const appropriate =
  'The multipart upload initiate requested encryption. Subsequent part requests must include the appropriate encryption parameters.';
const sse = 'x-amz-server-side-encryption-customer-';
const otherKey = createHash('sha256').update('another').digest();
const triple = {
  [`${sse}algorithm`]: 'AES256',
  [`${sse}key`]: otherKey.toString('base64'),
  [`${sse}key-MD5`]: createHash('md5').update(otherKey).digest('base64'),
};
const without = (name: string): Headers =>
  Object.fromEntries(Object.entries(triple).filter(([key]) => key !== sse + name));
const sseArgument = { ArgumentName: 'x-amz-server-side-encryption' };
const crc32x = 'jNwQgw==';

const numbers = ['0', '-1', '10001', 'abc', '', '1.5', '1e3', '++1', ' 1', '99999999999999999999', '0x1'];

/** Every way of naming an upload that is not there. */
export const lostUploads = (
  request: (
    kind: UploadKind,
    change: (world: World) => { path?: string; id?: string },
  ) => (world: World) => ReturnType<ReturnType<typeof onUpload>>,
) =>
  (
    [
      ['an upload that never was', () => ({ id: 'a'.repeat(40) }), 'a'.repeat(40)],
      ['an upload ID that cannot be one', () => ({ id: '../x' }), '../x'],
      ['an upload of another key', ({ bucket }: World) => ({ path: `/${bucket}/plain` }), undefined],
    ] as const
  ).map(
    ([what, change, id]) =>
      [
        what,
        request('undeclared', change),
        404,
        'NoSuchUpload',
        noSuchUpload,
        id === undefined ? (world: World) => ({ UploadId: world.uploads.undeclared.id }) : { UploadId: id },
        'backend',
      ] as const,
  );

/** The request with its path or upload changed. */
export function changed(
  request: ReturnType<typeof onUpload>,
  change: (world: World) => { path?: string; id?: string },
) {
  return (world: World): ReturnType<ReturnType<typeof onUpload>> => {
    const made = request(world);
    const { id, path } = change(world);
    return {
      ...made,
      ...(path !== undefined && { path }),
      ...(id !== undefined && { query: { ...made.query, uploadId: id } }),
    };
  };
}

const trailing = (trailer: string, announced = 'x-amz-checksum-crc32', length = '1') =>
  onUpload('PUT', 'undeclared', {
    query: { partNumber: '1' },
    headers: {
      'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
      'x-amz-decoded-content-length': length,
      ...(announced !== '' && { 'x-amz-trailer': announced }),
    },
    body: `1\r\nx\r\n0\r\n${trailer}\r\n`,
  });

export const uploadPartCases = [
  ...casesOf('UploadPart', [
    ...numbers.map(
      (text) =>
        [
          `the part number ${JSON.stringify(text)}`,
          part({}, 'undeclared', { partNumber: text }),
          400,
          'InvalidArgument',
          badNumber,
          { ArgumentName: 'partNumber', ArgumentValue: text },
        ] as const,
    ),
    [
      'a part number that is none, of an upload that is none',
      part({}, 'undeclared', { partNumber: '0', uploadId: 'none' }),
      400,
      'InvalidArgument',
      badNumber,
    ],
    [
      'an empty upload ID',
      part({}, 'undeclared', { uploadId: '' }),
      400,
      'InvalidArgument',
      'This operation does not accept partNumber without uploadId',
      { ArgumentName: 'partNumber', ArgumentValue: 'partNumber' },
    ],
    [
      'no part number',
      onUpload('PUT', 'undeclared', { body: 'x' }),
      400,
      'InvalidArgument',
      'This operation does not accept uploadId without partNumber',
    ],
    ...lostUploads((kind, change) => changed(part({}, kind), change)),
    [
      'a bucket that is not there',
      changed(part({}), () => ({ path: '/there-is-no-such-bucket/upload-undeclared' })),
      404,
      'NoSuchBucket',
      'The specified bucket does not exist',
      { BucketName: 'there-is-no-such-bucket' },
      'backend',
    ],
    ...digestRows.map(([what, headers, ...rest]) => [what, part(headers), ...rest] as const),
    [
      'the MD5 of something else',
      part({ 'content-md5': md5OfSomethingElse }),
      400,
      'BadDigest',
      'The Content-MD5 you specified did not match what we received.',
      {
        ExpectedDigest: md5OfSomethingElse,
        CalculatedDigest: createHash('md5').update('x').digest('base64'),
      },
      'backend',
    ],
    [
      'another algorithm than the upload declared',
      part({ 'x-amz-checksum-sha256': createHash('sha256').update('x').digest('base64') }, 'composite'),
      400,
      'InvalidRequest',
      'Checksum Type mismatch occurred, expected checksum Type: crc32, actual checksum Type: sha256',
    ],
    [
      'another algorithm than the FULL_OBJECT upload declared',
      part({ 'x-amz-checksum-sha256': createHash('sha256').update('x').digest('base64') }, 'full'),
      400,
      'InvalidRequest',
      'Checksum Type mismatch occurred, expected checksum Type: crc32, actual checksum Type: sha256',
    ],
    [
      'no checksum for a COMPOSITE upload',
      part({}, 'composite'),
      400,
      'InvalidRequest',
      'Checksum Type mismatch occurred, expected checksum Type: crc32, actual checksum Type: null',
    ],
    ['no key for an upload that has one', part({}, 'customer'), 400, 'InvalidRequest', appropriate],
    ['a key for an upload that has none', part(triple), 400, 'InvalidRequest', appropriate],
    [
      'another key',
      part(triple, 'customer'),
      400,
      'InvalidRequest',
      'The provided encryption parameters did not match the ones used originally.',
    ],
    [
      'a key without its algorithm',
      part(without('algorithm'), 'customer'),
      400,
      'InvalidArgument',
      'Requests specifying Server Side Encryption with Customer provided keys must provide a valid encryption algorithm.',
      sseArgument,
    ],
    [
      'a key that is missing',
      part(without('key'), 'customer'),
      400,
      'InvalidArgument',
      'Requests specifying Server Side Encryption with Customer provided keys must provide an appropriate secret key.',
      sseArgument,
    ],
    [
      'a key without its MD5',
      part(without('key-MD5'), 'customer'),
      400,
      'InvalidArgument',
      'Requests specifying Server Side Encryption with Customer provided keys must provide the client calculated MD5 of the secret key.',
      sseArgument,
    ],
    [
      'a key that is too short',
      part(
        {
          ...triple,
          [`${sse}key`]: 'AAAA',
          [`${sse}key-MD5`]: createHash('md5').update(Buffer.alloc(3)).digest('base64'),
        },
        'customer',
      ),
      400,
      'InvalidArgument',
      'The secret key was invalid for the specified algorithm.',
      sseArgument,
    ],
    [
      'the MD5 of another key',
      part({ ...triple, [`${sse}key-MD5`]: md5OfSomethingElse }, 'customer'),
      400,
      'InvalidArgument',
      'The calculated MD5 hash of the key did not match the hash that was provided.',
      sseArgument,
    ],
    [
      'a key for another algorithm',
      part({ ...triple, [`${sse}algorithm`]: 'AES128' }, 'customer'),
      400,
      'InvalidEncryptionAlgorithmError',
      'The Encryption request you specified is not valid. Supported value: AES256.',
    ],
    [
      'more than 5 GiB',
      onUpload('PUT', 'undeclared', {
        query: { partNumber: '1' },
        headers: {
          'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
          'x-amz-decoded-content-length': '5368709121',
        },
        body: 'x',
      }),
      400,
      'EntityTooLarge',
      'Your proposed upload exceeds the maximum allowed size',
      { ProposedSize: '5368709121', MaxSizeAllowed: '5368709120' },
    ],
    [
      'no decoded length',
      onUpload('PUT', 'undeclared', {
        query: { partNumber: '1' },
        headers: { 'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER' },
        body: '0\r\n\r\n',
      }),
      411,
      'MissingContentLength',
      'You must provide the Content-Length HTTP header.',
    ],
    [
      'a trailer that is no checksum',
      trailing('x-amz-checksum-crc32:zzz\r\n'),
      400,
      'InvalidRequest',
      'Value for x-amz-checksum-crc32 trailing header is invalid.',
    ],
    [
      'the checksum of something else in the trailer',
      trailing('x-amz-checksum-crc32:AAAAAA==\r\n'),
      400,
      'BadDigest',
      'The CRC32 you specified did not match the calculated checksum.',
    ],
    [
      'a trailer that does not come',
      trailing(''),
      400,
      'MalformedTrailerError',
      'The request contained trailing data that was not well-formed or did not conform to our published schema.',
    ],
    [
      'another trailer than announced',
      trailing(`x-amz-checksum-sha1:${createHash('sha1').update('x').digest('base64')}\r\n`),
      400,
      'MalformedTrailerError',
      'The request contained trailing data that was not well-formed or did not conform to our published schema.',
    ],
    [
      'a trailer that is not supported',
      trailing('x-amz-meta-a:b\r\n', 'x-amz-meta-a'),
      400,
      'InvalidRequest',
      'The value specified in the x-amz-trailer header is not supported',
    ],
    [
      'a decoded length that is wrong',
      trailing(`x-amz-checksum-crc32:${crc32x}\r\n`, 'x-amz-checksum-crc32', '2'),
      400,
      'IncompleteBody',
      'You did not provide the number of bytes specified by the Content-Length HTTP header',
      {},
      'backend',
    ],
    [
      'a payload form that is none',
      part({ 'x-amz-content-sha256': 'STREAMING-SOMETHING' }),
      400,
      'InvalidArgument',
      'x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or a valid sha256 value.',
      { ArgumentName: 'x-amz-content-sha256' },
    ],
  ]),
];

const copyRange =
  'The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy';
const copy =
  (headers: Headers, source?: string, query: Headers = {}) =>
  (world: World) =>
    onUpload('PUT', 'undeclared', {
      query: { partNumber: '1', ...query },
      headers: { 'x-amz-copy-source': source ?? `${world.bucket}/${world.plain}`, ...headers },
    })(world);
const preconditionText = 'At least one of the pre-conditions you specified did not hold';
const past = 'Thu, 01 Jan 2015 00:00:00 GMT';

/** Sources that no copy can have, for CopyObject too. */
export const sourceRows: ReadonlyArray<
  readonly [
    what: string,
    source: string | ((world: World) => string),
    status: number,
    code: string,
    message: string,
    extra?: BadCase['extra'],
  ]
> = [
  [
    'a source without a key',
    ({ bucket }) => bucket,
    400,
    'InvalidArgument',
    'Invalid copy source object key',
    { ArgumentName: 'x-amz-copy-source', ArgumentValue: 'x-amz-copy-source' },
  ],
  [
    'a source with an empty key',
    ({ bucket }) => `/${bucket}/`,
    400,
    'InvalidArgument',
    'Invalid copy source object key',
  ],
  [
    'a source whose bucket cannot be one',
    'foo..bar/key',
    400,
    'InvalidArgument',
    'Invalid copy source bucket name',
  ],
  ['an empty source', '', 400, 'InvalidArgument', 'Invalid copy source bucket name'],
  [
    'a source that is not encoded well',
    ({ bucket }) => `${bucket}/%zz`,
    400,
    'InvalidArgument',
    'Invalid copy source encoding',
  ],
  [
    'a source that is not UTF-8',
    ({ bucket }) => `${bucket}/%ff`,
    400,
    'InvalidArgument',
    'Invalid copy source encoding',
  ],
  [
    'another version',
    ({ bucket }) => `${bucket}/plain?versionId=abc`,
    400,
    'InvalidArgument',
    'Invalid version id specified',
  ],
  [
    'an empty version',
    ({ bucket }) => `${bucket}/plain?versionId=`,
    400,
    'InvalidArgument',
    'Version id cannot be the empty string',
  ],
];

/** Conditions on the source that do not hold. */
export const sourceConditionRows: ReadonlyArray<
  readonly [what: string, headers: (world: World) => Headers, condition: string]
> = [
  ['another ETag', () => ({ 'x-amz-copy-source-if-match': '"abc"' }), 'If-Match'],
  [
    'the ETag that may not be',
    ({ plainEtag }) => ({ 'x-amz-copy-source-if-none-match': `"${plainEtag}"` }),
    'If-None-Match',
  ],
  [
    'a source newer than it may be',
    () => ({ 'x-amz-copy-source-if-unmodified-since': past }),
    'If-Unmodified-Since',
  ],
  [
    'a source older than it may be',
    ({ plainModified }) => ({ 'x-amz-copy-source-if-modified-since': plainModified }),
    'If-Modified-Since',
  ],
];

export const uploadPartCopyCases = casesOf('UploadPartCopy', [
  ...[
    '0-9',
    'bytes=0-',
    'bytes=-5',
    'bytes=5-4',
    'bytes=a-b',
    'bytes=0-1,3-4',
    'bytes = 0-1',
    '',
    'items=0-1',
  ].map(
    (range) =>
      [
        `the range ${JSON.stringify(range)}`,
        copy({ 'x-amz-copy-source-range': range }),
        400,
        'InvalidArgument',
        copyRange,
        { ArgumentName: 'x-amz-copy-source-range', ArgumentValue: range },
        'backend',
      ] as const,
  ),
  [
    'a range that ends behind the source',
    copy({ 'x-amz-copy-source-range': 'bytes=5-10' }),
    400,
    'InvalidArgument',
    'Range specified is not valid for source object of size: 10',
    {},
    'backend',
  ],
  [
    'a range that begins behind the source',
    copy({ 'x-amz-copy-source-range': 'bytes=10-11' }),
    400,
    'InvalidRequest',
    'The specified copy range is invalid for the source object size',
    {},
    'backend',
  ],
  ...sourceRows.map(
    ([what, source, ...rest]) =>
      [
        what,
        (world: World) => copy({}, typeof source === 'string' ? source : source(world))(world),
        ...rest,
      ] as const,
  ),
  ...sourceConditionRows.map(
    ([what, headers, condition]) =>
      [
        what,
        (world: World) => copy(headers(world))(world),
        412,
        'PreconditionFailed',
        preconditionText,
        { Condition: `x-amz-copy-source-${condition}` },
        'backend',
      ] as const,
  ),
  [
    'a source that is not there',
    (world) => copy({}, `${world.bucket}/none`)(world),
    404,
    'NoSuchKey',
    'The specified key does not exist.',
    { Key: 'none' },
    'backend',
  ],
  [
    'a source whose bucket is not there',
    copy({}, 'there-is-no-such-bucket/key'),
    404,
    'NoSuchBucket',
    'The specified bucket does not exist',
    { BucketName: 'there-is-no-such-bucket' },
    'backend',
  ],
  [
    'the part number 10001',
    copy({}, undefined, { partNumber: '10001' }),
    400,
    'InvalidArgument',
    badNumber,
    { ArgumentValue: '10001' },
  ],
  ...lostUploads((_, change) => changed(copy({}) as ReturnType<typeof onUpload>, change)),
]);
