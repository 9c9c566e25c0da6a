/** CompleteMultipartUpload, AbortMultipartUpload, ListParts and ListMultipartUploads. */
import { casesOf, type OpenUpload, type UploadKind, type World } from '../case.ts';
import { changed, lostUploads } from './parts.ts';
import { type Headers, onBucket, onUpload } from './requests.ts';
import { conditionRows } from './writes.ts';

interface Listed {
  readonly number?: string;
  readonly etag?: string;
  /** Elements besides. */
  readonly more?: string;
}

const partXml = ({ etag, more = '', number }: Listed): string =>
  `<Part>${number === undefined ? '' : `<PartNumber>${number}</PartNumber>`}${etag === undefined ? '' : `<ETag>"${etag}"</ETag>`}${more}</Part>`;

const document = (parts: readonly Listed[]): string =>
  `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${parts.map(partXml).join('')}</CompleteMultipartUpload>`;

/** Completes with a document that is made of what the upload has. */
const complete =
  (
    parts: (upload: OpenUpload) => readonly Listed[],
    headers: Headers = {},
    kind: UploadKind = 'undeclared',
  ) =>
  (world: World) =>
    onUpload('POST', kind, { headers, body: document(parts(world.uploads[kind])) })(world);
const completeWith = (body: string, kind: UploadKind = 'undeclared') => onUpload('POST', kind, { body });

const one = ({ etags }: OpenUpload): readonly Listed[] => [{ number: '1', etag: etags[0] }];
const oneWithCrc = ({ crc32, etags }: OpenUpload): readonly Listed[] => [
  { number: '1', etag: etags[0], more: `<ChecksumCRC32>${crc32[0]}</ChecksumCRC32>` },
];
const malformed = 'The XML you provided was not well-formed or did not validate against our published schema';
const notFound =
  "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.";
const order = 'The list of parts was not in ascending order. Parts must be ordered by part number.';
const wrongChecksum = 'Invalid Base64 or multiple checksums present in request';
const preconditionText = 'At least one of the pre-conditions you specified did not hold';
const otherEtag = 'd41d8cd98f00b204e9800998ecf8427e';

export const completeCases = casesOf('CompleteMultipartUpload', [
  ...[
    ['an empty body', ''],
    ['an empty list', document([])],
  ].map(
    ([what = '', body = '']) =>
      [what, completeWith(body), 400, 'InvalidRequest', 'You must specify at least one part'] as const,
  ),
  ...[
    ['no XML', 'parts'],
    ['XML that does not end', '<CompleteMultipartUpload><Part>'],
    ['another root', '<Complete><Part><PartNumber>1</PartNumber><ETag>x</ETag></Part></Complete>'],
    ['a document type', '<!DOCTYPE x [<!ENTITY y "z">]><CompleteMultipartUpload/>'],
    ['a part without a number', document([{ etag: otherEtag }])],
    ['a part without an ETag', document([{ number: '1' }])],
    [
      'two numbers in a part',
      document([{ number: '1', etag: otherEtag, more: '<PartNumber>2</PartNumber>' }]),
    ],
    ['a number that is none', document([{ number: 'one', etag: otherEtag }])],
    ['a number beyond 32 bits', document([{ number: '2147483648', etag: otherEtag }])],
    ['a number of many digits', document([{ number: '99999999999', etag: otherEtag }])],
    ['an ETag made of elements', document([{ number: '1', more: '<ETag><b>x</b></ETag>' }])],
    ['text instead of parts', '<CompleteMultipartUpload>not a part</CompleteMultipartUpload>'],
    ['bytes that are no text', '<CompleteMultipartUpload>\u0001</CompleteMultipartUpload>'],
  ].map(([what = '', body = '']) => [what, completeWith(body), 400, 'MalformedXML', malformed] as const),
  [
    '10,001 parts',
    completeWith(
      document(Array.from({ length: 10_001 }, (_, index) => ({ number: String(index + 1), etag: 'x' }))),
    ),
    400,
    'InvalidArgument',
    'The CompleteMultipartUpload reqeust contains for than 10000 parts.',
    { ArgumentName: 'CompleteMultipartUpload', ArgumentValue: 'CompleteMultipartUpload' },
  ],
  ...['0', '-1'].map(
    (number) =>
      [
        `the part number ${number}`,
        completeWith(document([{ number, etag: otherEtag }])),
        400,
        'InvalidArgument',
        'PartNumber must be >= 1',
        { ArgumentName: 'PartNumber', ArgumentValue: number },
      ] as const,
  ),
  [
    'parts in descending order',
    complete(({ etags }) => [
      { number: '2', etag: etags[1] },
      { number: '1', etag: etags[0] },
    ]),
    400,
    'InvalidPartOrder',
    order,
    ({ uploads }) => ({ UploadId: uploads.undeclared.id }),
  ],
  [
    'a part twice',
    complete((upload) => [...one(upload), ...one(upload)]),
    400,
    'InvalidPartOrder',
    order,
    ({ uploads }) => ({ UploadId: uploads.undeclared.id }),
  ],
  [
    'a part that was not uploaded',
    complete((upload) => [...one(upload), { number: '3', etag: otherEtag }]),
    400,
    'InvalidPart',
    notFound,
    ({ uploads }) => ({ UploadId: uploads.undeclared.id, PartNumber: '3', ETag: otherEtag }),
    'backend',
  ],
  [
    'a part number above 10,000',
    complete(() => [{ number: '10001', etag: otherEtag }]),
    400,
    'InvalidPart',
    notFound,
    { PartNumber: '10001' },
  ],
  [
    'another ETag',
    complete(() => [{ number: '1', etag: otherEtag }]),
    400,
    'InvalidPart',
    notFound,
    { PartNumber: '1', ETag: otherEtag },
    'backend',
  ],
  [
    'an empty ETag',
    complete(() => [{ number: '1', etag: '' }]),
    400,
    'InvalidPart',
    notFound,
    { PartNumber: '1' },
  ],
  [
    'the checksum of a part of an upload that declared none',
    complete(oneWithCrc),
    400,
    'InvalidPart',
    notFound,
    { PartNumber: '1' },
  ],
  [
    'the checksum of something else for a part',
    complete(
      ({ etags }) => [{ number: '1', etag: etags[0], more: '<ChecksumCRC32>AAAAAA==</ChecksumCRC32>' }],
      {},
      'composite',
    ),
    400,
    'InvalidPart',
    notFound,
    { PartNumber: '1' },
  ],
  [
    'a part that is too small',
    complete(({ etags }) => [
      { number: '1', etag: etags[0] },
      { number: '2', etag: etags[1] },
    ]),
    400,
    'EntityTooSmall',
    'Your proposed upload is smaller than the minimum allowed size',
    ({ uploads }) => ({
      ETag: uploads.undeclared.etags[0],
      MinSizeAllowed: '5242880',
      PartNumber: '1',
      ProposedSize: '100',
    }),
    'backend',
  ],
  [
    'no checksum for a part of a COMPOSITE upload',
    complete(one, {}, 'composite'),
    400,
    'InvalidRequest',
    'The upload was created using a crc32 checksum. The complete request must include the checksum for each part. It was missing for part 1 in the request.',
  ],
  [
    'a checksum of another algorithm for a part',
    complete(
      ({ etags }) => [{ number: '1', etag: etags[0], more: '<ChecksumCRC32C>AAAAAA==</ChecksumCRC32C>' }],
      {},
      'composite',
    ),
    400,
    'BadDigest',
    'The crc32c you specified for part 1 did not match what we received.',
  ],
  ...[
    ['a checksum that is none', '<ChecksumCRC32>AAAA</ChecksumCRC32>'],
    ['two checksums', '<ChecksumCRC32>AAAAAA==</ChecksumCRC32><ChecksumCRC32C>AAAAAA==</ChecksumCRC32C>'],
  ].map(
    ([what = '', more = '']) =>
      [
        `${what} in a part`,
        complete(({ etags }) => [{ number: '1', etag: etags[0], more }], {}, 'composite'),
        400,
        'InvalidArgument',
        wrongChecksum,
        { ArgumentName: 'Checksum' },
      ] as const,
  ),
  [
    'the checksum type FULL_OBJECT of a COMPOSITE upload',
    complete(oneWithCrc, { 'x-amz-checksum-type': 'FULL_OBJECT' }, 'composite'),
    400,
    'InvalidRequest',
    'The upload was created using the COMPOSITE checksum mode. The complete request must use the same checksum mode.',
  ],
  [
    'the checksum type COMPOSITE of a FULL_OBJECT upload',
    complete(one, { 'x-amz-checksum-type': 'COMPOSITE' }, 'full'),
    400,
    'InvalidRequest',
    'The upload was created using the FULL_OBJECT checksum mode. The complete request must use the same checksum mode.',
  ],
  [
    'a checksum type of an upload that declared none',
    complete(one, { 'x-amz-checksum-type': 'FULL_OBJECT' }),
    400,
    'InvalidRequest',
    'The upload was created using the null checksum mode. The complete request must use the same checksum mode.',
  ],
  [
    'a checksum type that is none',
    complete(one, { 'x-amz-checksum-type': 'PARTIAL' }, 'full'),
    400,
    'InvalidRequest',
    'Value for x-amz-checksum-type header is invalid.',
  ],
  [
    'two checksums of the object, of another type than the upload, and a part that was not uploaded',
    complete(
      () => [{ number: '3', etag: otherEtag }],
      {
        'x-amz-checksum-crc32': 'AAAAAA==',
        'x-amz-checksum-crc32c': 'AAAAAA==',
        'x-amz-checksum-type': 'COMPOSITE',
      },
      'full',
    ),
    400,
    'InvalidRequest',
    'Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.',
  ],
  [
    'the checksum of another object',
    complete(oneWithCrc, { 'x-amz-checksum-crc32': 'AAAAAA==-1' }, 'composite'),
    400,
    'BadDigest',
    'The crc32 you specified did not match the calculated checksum.',
  ],
  [
    'the checksum of another FULL_OBJECT',
    complete(one, { 'x-amz-checksum-crc32': 'AAAAAA==', 'x-amz-checksum-type': 'FULL_OBJECT' }, 'full'),
    400,
    'BadDigest',
    'The crc32 you specified did not match the calculated checksum.',
  ],
  [
    'a checksum of another algorithm',
    complete(one, { 'x-amz-checksum-crc32c': 'AAAAAA==', 'x-amz-checksum-type': 'FULL_OBJECT' }, 'full'),
    400,
    'BadDigest',
    'The crc32 you specified did not match the calculated checksum.',
  ],
  [
    'a checksum of a newer algorithm of an upload that declared none',
    complete(one, { 'x-amz-checksum-xxhash64': 'AAAAAAAAAAA=' }),
    400,
    'InvalidRequest',
    'Checksum Type mismatch occurred, expected checksum Type: null, actual checksum Type: xxhash64',
  ],
  [
    'two checksums of the object',
    complete(one, { 'x-amz-checksum-crc32': 'AAAAAA==', 'x-amz-checksum-crc32c': 'AAAAAA==' }, 'full'),
    400,
    'InvalidRequest',
    'Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.',
  ],
  [
    'a checksum that is none',
    complete(one, { 'x-amz-checksum-crc32': 'AAAA' }, 'full'),
    400,
    'InvalidRequest',
    'Value for x-amz-checksum-crc32 header is invalid.',
  ],
  ...(
    [
      ['5', "The provided 'x-amz-mp-object-size' header value 5 does not match what was computed: 100"],
      ['-1', "Value for x-amz-mp-object-size header is less than zero: '-1'"],
      ['x', "Value for x-amz-mp-object-size header is invalid: 'x'"],
    ] as const
  ).map(
    ([size, message]) =>
      [
        `the size ${size}`,
        complete(one, { 'x-amz-mp-object-size': size }),
        400,
        'InvalidRequest',
        message,
      ] as const,
  ),
  ...conditionRows.map(([what, headers, ...rest]) => [what, complete(one, headers), ...rest] as const),
  [
    'If-None-Match: * where there is an object',
    complete(one, { 'if-none-match': '*' }),
    412,
    'PreconditionFailed',
    preconditionText,
    { Condition: 'If-None-Match' },
    'backend',
  ],
  ...['', 'parts'].map(
    (body) =>
      [
        `If-None-Match: * where there is an object, and ${body === '' ? 'no document' : 'no XML'}`,
        onUpload('POST', 'undeclared', { headers: { 'if-none-match': '*' }, body }),
        412,
        'PreconditionFailed',
        preconditionText,
        { Condition: 'If-None-Match' },
      ] as const,
  ),
  [
    'If-Match of an object that is not there, and an empty list',
    onUpload('POST', 'full', { headers: { 'if-match': '"abc"' }, body: document([]) }),
    404,
    'NoSuchKey',
    'The specified key does not exist.',
    ({ uploads }) => ({ Key: uploads.full.key }),
  ],
  [
    'If-None-Match: * where there is no object, and no document',
    onUpload('POST', 'full', { headers: { 'if-none-match': '*' } }),
    400,
    'InvalidRequest',
    'You must specify at least one part',
  ],
  [
    'If-Match with another ETag',
    complete(one, { 'if-match': '"abc"' }),
    412,
    'PreconditionFailed',
    preconditionText,
    { Condition: 'If-Match' },
    'backend',
  ],
  [
    'If-Match of an object that is not there',
    complete(one, { 'if-match': '"abc"' }, 'full'),
    404,
    'NoSuchKey',
    'The specified key does not exist.',
    ({ uploads }) => ({ Key: uploads.full.key }),
    'backend',
  ],
  [
    'the MD5 of another document',
    complete(one, { 'content-md5': '1B2M2Y8AsgTpgAmY7PhCfg==' }),
    400,
    'BadDigest',
    'The Content-MD5 you specified did not match what we received.',
  ],
  [
    'a document that is too large',
    completeWith(`<CompleteMultipartUpload>${' '.repeat(5 * 1024 * 1024)}</CompleteMultipartUpload>`),
    400,
    'MaxMessageLengthExceeded',
    'Your request was too big.',
  ],
  ...lostUploads((kind, change) => changed(complete(one, {}, kind) as ReturnType<typeof onUpload>, change)),
]);

export const abortCases = casesOf('AbortMultipartUpload', [
  ...['Thu, 01 Jan 2015 00:00:00 GMT', 'yesterday', ''].map(
    (time) =>
      [
        `an upload that did not begin at ${JSON.stringify(time)}`,
        onUpload('DELETE', 'undeclared', { headers: { 'x-amz-if-match-initiated-time': time } }),
        412,
        'PreconditionFailed',
        preconditionText,
        { Condition: 'If-Match-Initiated-Time' },
      ] as const,
  ),
  ...lostUploads((kind, change) => changed(onUpload('DELETE', kind), change)),
]);

/** Counts and markers of lists, by the name of their parameter. */
const counts = (name: string) => {
  const argument = name === 'max-keys' ? 'maxKeys' : name;
  const beyond = `Argument ${argument} must be an integer between 0 and 2147483647`;
  const none = `Provided ${name} not an integer or within integer range`;
  return [
    ['-1', beyond, argument],
    ['-2147483648', beyond, argument],
    ['-2147483649', none, name],
    ['2147483648', none, name],
    ['9'.repeat(30), none, name],
    ['abc', none, name],
    ['1.5', none, name],
    ['1e3', none, name],
  ] as const;
};

export const listPartsCases = casesOf('ListParts', [
  ...['max-parts', 'part-number-marker'].flatMap((name) =>
    counts(name).map(
      ([value, message, argument]) =>
        [
          `${name}=${value}`,
          onUpload('GET', 'undeclared', { query: { [name]: value } }),
          400,
          'InvalidArgument',
          message,
          { ArgumentName: argument, ArgumentValue: value },
        ] as const,
    ),
  ),
  ...lostUploads((kind, change) => changed(onUpload('GET', kind), change)),
]);

const encodings = ['', 'URL', 'base64', 'none'].map(
  (value) =>
    [
      `encoding-type=${value}`,
      { 'encoding-type': value },
      'Invalid Encoding Method specified in Request',
      { ArgumentName: 'encoding-type', ArgumentValue: value },
    ] as const,
);

const badLists = (operation: string, sub: Headers, count: string) =>
  casesOf(operation, [
    ...counts(count).map(
      ([value, message, argument]) =>
        [
          `${count}=${value}`,
          onBucket('GET', { ...sub, [count]: value }),
          400,
          'InvalidArgument',
          message,
          { ArgumentName: argument, ArgumentValue: value },
        ] as const,
    ),
    ...encodings.map(
      ([what, query, message, extra]) =>
        [what, onBucket('GET', { ...sub, ...query }), 400, 'InvalidArgument', message, extra] as const,
    ),
    [
      'a bucket that is not there',
      () => ({ method: 'GET', path: '/there-is-no-such-bucket', query: sub }),
      404,
      'NoSuchBucket',
      'The specified bucket does not exist',
      { BucketName: 'there-is-no-such-bucket' },
      'backend',
    ],
  ]);

export const listCases = [
  ...badLists('ListMultipartUploads', { uploads: '' }, 'max-uploads'),
  ...badLists('ListObjects', {}, 'max-keys'),
  ...badLists('ListObjectsV2', { 'list-type': '2' }, 'max-keys'),
  ...badLists('ListObjectVersions', { versions: '' }, 'max-keys'),
  ...casesOf('ListMultipartUploads', [
    [
      'an upload marker that is no upload',
      onBucket('GET', { uploads: '', 'key-marker': 'a', 'upload-id-marker': '../x' }),
      400,
      'InvalidArgument',
      'Invalid uploadId marker',
      { ArgumentName: 'upload-id-marker', ArgumentValue: '../x' },
    ],
    [
      'a count, an encoding and an upload marker that are none',
      onBucket('GET', {
        uploads: '',
        'max-uploads': 'abc',
        'encoding-type': 'x',
        'key-marker': 'a',
        'upload-id-marker': '../x',
      }),
      400,
      'InvalidArgument',
      'Provided max-uploads not an integer or within integer range',
      { ArgumentName: 'max-uploads', ArgumentValue: 'abc' },
    ],
    [
      'a key',
      ({ bucket }) => ({ method: 'GET', path: `/${bucket}/plain`, query: { uploads: '' } }),
      400,
      'InvalidRequest',
      'Key is not expected for the GET method ?uploads subresource',
    ],
  ]),
  ...casesOf('ListObjectsV2', [
    ...['1', '3', 'x', ''].map(
      (type) =>
        [
          `list-type=${type}`,
          onBucket('GET', { 'list-type': type }),
          400,
          'InvalidArgument',
          'Invalid List Type specified in Request',
          { ArgumentName: 'list-type', ArgumentValue: type },
        ] as const,
    ),
    ...['', 'x', '1', 'abc', '1%%%', '2YWJj'].map(
      (token) =>
        [
          `continuation-token=${token}`,
          onBucket('GET', { 'list-type': '2', 'continuation-token': token }),
          400,
          'InvalidArgument',
          'The continuation token provided is incorrect',
          { ArgumentName: 'continuation-token' },
        ] as const,
    ),
  ]),
];
