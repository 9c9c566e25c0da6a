/** Reads, copies, deletions, tags and attributes of objects. */
import { createHash } from 'node:crypto';
import { casesOf, type World } from '../case.ts';
import { sourceConditionRows, sourceRows } from './parts.ts';
import { type Headers, md5OfSomethingElse, onBucket, onObject } from './requests.ts';
import { conditionRows, emptyIfMatch } from './writes.ts';

const preconditionText = 'At least one of the pre-conditions you specified did not hold';
const badNumber = 'Part number must be an integer between 1 and 10000, inclusive';
const past = 'Thu, 01 Jan 2015 00:00:00 GMT';

/** For GET as for HEAD, whose answers have no body to tell it by. */
export const readRows: ReadonlyArray<
  readonly [
    what: string,
    request: ReturnType<typeof onObject>,
    status: number,
    code: string,
    message: string,
    extra?: Headers,
    backend?: 'backend',
  ]
> = [
  ...['bytes=10-', 'bytes=10-20', 'bytes=-0', 'bytes=99999999999999999999-'].map(
    (range) =>
      [
        `the range ${range}`,
        onObject('GET', { range }),
        416,
        'InvalidRange',
        'The requested range is not satisfiable',
        { RangeRequested: range, ActualObjectSize: '10' },
        'backend',
      ] as const,
  ),
  ...['0', '-1', '10001', 'abc', ''].map(
    (partNumber) =>
      [
        `the part ${JSON.stringify(partNumber)}`,
        onObject('GET', {}, { partNumber }),
        400,
        'InvalidArgument',
        badNumber,
        { ArgumentName: 'partNumber', ArgumentValue: partNumber },
      ] as const,
  ),
  [
    'part 2 of an object of one request',
    onObject('GET', {}, { partNumber: '2' }),
    416,
    'InvalidPartNumber',
    'The requested partnumber is not satisfiable',
    { PartNumberRequested: '2', ActualPartCount: '1' },
    'backend',
  ],
  [
    'part 3 of an object of two',
    ({ bucket, multipart }) => ({
      method: 'GET',
      path: `/${bucket}/${multipart}`,
      query: { partNumber: '3' },
    }),
    416,
    'InvalidPartNumber',
    'The requested partnumber is not satisfiable',
    { PartNumberRequested: '3', ActualPartCount: '2' },
    'backend',
  ],
  [
    'a part and a range',
    onObject('GET', { range: 'bytes=0-1' }, { partNumber: '1' }),
    400,
    'InvalidRequest',
    'Cannot specify both Range header and partNumber query parameter',
  ],
  [
    'another version',
    onObject('GET', {}, { versionId: 'abc' }),
    400,
    'InvalidArgument',
    'Invalid version id specified',
    { ArgumentName: 'versionId', ArgumentValue: 'abc' },
  ],
  [
    'an empty version',
    onObject('GET', {}, { versionId: '' }),
    400,
    'InvalidArgument',
    'Version id cannot be the empty string',
    { ArgumentName: 'versionId', ArgumentValue: '' },
  ],
  [
    'another ETag',
    onObject('GET', { 'if-match': '"abc"' }),
    412,
    'PreconditionFailed',
    preconditionText,
    { Condition: 'If-Match' },
    'backend',
  ],
  [
    'an object newer than it may be',
    onObject('GET', { 'if-unmodified-since': past }),
    412,
    'PreconditionFailed',
    preconditionText,
    { Condition: 'If-Unmodified-Since' },
    'backend',
  ],
  [
    'a key that is not there',
    ({ bucket }) => ({ method: 'GET', path: `/${bucket}/none` }),
    404,
    'NoSuchKey',
    'The specified key does not exist.',
    { Key: 'none' },
    'backend',
  ],
  [
    'a bucket that is not there',
    () => ({ method: 'GET', path: '/there-is-no-such-bucket/k' }),
    404,
    'NoSuchBucket',
    'The specified bucket does not exist',
    { BucketName: 'there-is-no-such-bucket' },
    'backend',
  ],
  [
    'a key that cannot be decoded',
    ({ bucket }) => ({ method: 'GET', path: `/${bucket}/%ff` }),
    400,
    'InvalidURI',
    "Couldn't parse the specified URI.",
  ],
  [
    'a copy source',
    onObject('GET', { 'x-amz-copy-source': 'a/b' }),
    400,
    'InvalidArgument',
    'You can only specify a copy source header for copy requests.',
    { ArgumentName: 'x-amz-copy-source', ArgumentValue: 'a/b' },
  ],
  ...[
    'cache-control',
    'content-disposition',
    'content-encoding',
    'content-language',
    'content-type',
    'expires',
  ].map(
    (name) =>
      [
        `a line end in response-${name}`,
        onObject('GET', {}, { [`response-${name}`]: 'a\r\nset-cookie: b' }),
        400,
        'InvalidArgument',
        'Header value cannot be represented using ISO-8859-1.',
        { ArgumentName: `response-${name}` },
      ] as const,
  ),
];

const copy =
  (headers: Headers, source?: string, key = 'copy') =>
  ({ bucket, plain }: World) => ({
    method: 'PUT',
    path: `/${bucket}/${key}`,
    headers: { 'x-amz-copy-source': source ?? `${bucket}/${plain}`, ...headers },
  });

const copyCases = casesOf('CopyObject', [
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
  ...conditionRows.map(([what, headers, ...rest]) => [what, copy(headers), ...rest] as const),
  [
    'If-None-Match: * where there is an object',
    copy({ 'if-none-match': '*', 'x-amz-metadata-directive': 'REPLACE' }, undefined, 'plain'),
    412,
    'PreconditionFailed',
    preconditionText,
    { Condition: 'If-None-Match' },
    'backend',
  ],
  [
    'a copy onto itself that changes nothing',
    copy({}, undefined, 'plain'),
    400,
    'InvalidRequest',
    "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
  ],
  [
    'metadata above 2 KiB that would be ignored',
    copy({ 'x-amz-meta-ab': 'x'.repeat(2047) }),
    400,
    'MetadataTooLarge',
    'Your metadata headers exceed the maximum allowed metadata size',
    { Size: '2049', MaxSizeAllowed: '2048' },
  ],
  [
    'headers above 2 KiB',
    copy({ 'x-amz-metadata-directive': 'REPLACE', 'content-disposition': 'd'.repeat(3000) }),
    400,
    'MetadataTooLarge',
    'Your metadata headers exceed the maximum allowed metadata size',
    { Size: '3019', MaxSizeAllowed: '2048' },
  ],
  [
    'a redirect above 2 KiB',
    copy({ 'x-amz-website-redirect-location': `/${'r'.repeat(2017)}` }),
    400,
    'MetadataTooLarge',
    'Your metadata headers exceed the maximum allowed metadata size',
    { Size: '2049', MaxSizeAllowed: '2048' },
  ],
  [
    'a metadata directive that is none',
    copy({ 'x-amz-metadata-directive': 'MERGE' }),
    400,
    'InvalidArgument',
    'Unknown metadata directive.',
    { ArgumentName: 'x-amz-metadata-directive', ArgumentValue: 'MERGE' },
  ],
  [
    'a tagging directive that is none',
    copy({ 'x-amz-tagging-directive': 'copy' }),
    400,
    'InvalidArgument',
    'Unknown tagging directive.',
    { ArgumentName: 'x-amz-tagging-directive', ArgumentValue: 'copy' },
  ],
  [
    'tags that are none',
    copy({ 'x-amz-tagging-directive': 'REPLACE', 'x-amz-tagging': 'a=1&a=2' }),
    400,
    'InvalidArgument',
    "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.",
  ],
  [
    'an unknown checksum algorithm',
    copy({ 'x-amz-checksum-algorithm': 'CRC16' }),
    400,
    'InvalidRequest',
    'Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, MD5, SHA1, SHA256, SHA512, XXHASH128, XXHASH3, XXHASH64]',
  ],
  [
    'a storage class that is none',
    copy({ 'x-amz-storage-class': 'FakeClass' }),
    400,
    'InvalidStorageClass',
    'The storage class you specified is not valid',
  ],
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
    'a target whose bucket is not there',
    (world) => ({ ...copy({})(world), path: '/there-is-no-such-bucket/k' }),
    404,
    'NoSuchBucket',
    'The specified bucket does not exist',
    { BucketName: 'there-is-no-such-bucket' },
    'backend',
  ],
  [
    'a body',
    (world) => ({ ...copy({})(world), body: 'x' }),
    400,
    'InvalidRequest',
    'The request included a body. Requests of this type must not include a non-empty body.',
  ],
]);

const deleteDocument = (inner: string): string => `<Delete>${inner}</Delete>`;
const someKey = '<Object><Key>plain</Key></Object>';
const md5Of = (body: string): string => createHash('md5').update(body).digest('base64');
const deletion = (body: string, headers: Headers = { 'content-md5': md5Of(body) }) =>
  onBucket('POST', { delete: '' }, headers, body);
const malformedXml =
  'The XML you provided was not well-formed or did not validate against our published schema';

const deleteCases = [
  ...casesOf('DeleteObject', [
    [
      'another ETag',
      onObject('DELETE', { 'if-match': '"abc"' }),
      412,
      'PreconditionFailed',
      preconditionText,
      { Condition: 'If-Match' },
      'backend',
    ],
    [
      'an empty If-Match',
      onObject('DELETE', { 'if-match': '' }),
      400,
      'InvalidArgument',
      emptyIfMatch,
      { ArgumentName: 'If-Match' },
    ],
    ...['x-amz-if-match-last-modified-time', 'x-amz-if-match-size'].map(
      (name) =>
        [
          name,
          onObject('DELETE', { [name]: name.endsWith('size') ? '10' : past }),
          501,
          'NotImplemented',
          'A header you provided implies functionality that is not implemented',
          { Header: name },
        ] as const,
    ),
    [
      'another version',
      onObject('DELETE', {}, { versionId: 'abc' }),
      400,
      'InvalidArgument',
      'Invalid version id specified',
      { ArgumentName: 'versionId', ArgumentValue: 'abc' },
    ],
    [
      'a bucket that is not there',
      () => ({ method: 'DELETE', path: '/there-is-no-such-bucket/k' }),
      404,
      'NoSuchBucket',
      'The specified bucket does not exist',
      { BucketName: 'there-is-no-such-bucket' },
      'backend',
    ],
  ]),
  ...casesOf('DeleteObjects', [
    [
      'no checksum',
      deletion(deleteDocument(someKey), {}),
      400,
      'InvalidRequest',
      'Missing required header for this request: Content-MD5',
    ],
    [
      'the MD5 of something else',
      deletion(deleteDocument(someKey), { 'content-md5': md5OfSomethingElse }),
      400,
      'BadDigest',
      'The Content-MD5 you specified did not match what we received.',
    ],
    [
      'a Content-MD5 that is none',
      deletion(deleteDocument(someKey), { 'content-md5': 'x' }),
      400,
      'InvalidDigest',
      'The Content-MD5 you specified was invalid.',
    ],
    [
      'the checksum of something else',
      deletion(deleteDocument(someKey), { 'x-amz-checksum-crc32': 'AAAAAA==' }),
      400,
      'BadDigest',
      'The CRC32 you specified did not match the calculated checksum.',
    ],
    ...[
      ['an empty body', ''],
      ['no XML', 'plain'],
      ['another root', `<Deletion>${someKey}</Deletion>`],
      ['no object', deleteDocument('')],
      ['an object without a key', deleteDocument('<Object/>')],
      ['an object with an empty key', deleteDocument('<Object><Key/></Object>')],
      ['1,001 objects', deleteDocument(someKey.repeat(1001))],
      ['a Quiet that is no boolean', deleteDocument(`<Quiet>perhaps</Quiet>${someKey}`)],
    ].map(([what = '', body = '']) => [what, deletion(body), 400, 'MalformedXML', malformedXml] as const),
    [
      'a key that is too long among others',
      deletion(deleteDocument(`${someKey}<Object><Key>${'k'.repeat(1025)}</Key></Object>`)),
      400,
      'KeyTooLongError',
      'Your key is too long',
      { Size: '1025', MaxSizeAllowed: '1024' },
    ],
    ...['Size', 'LastModifiedTime'].map(
      (name) =>
        [
          `the condition ${name}`,
          deletion(deleteDocument(`<Object><Key>plain</Key><${name}>1</${name}></Object>`)),
          501,
          'NotImplemented',
          'A header you provided implies functionality that is not implemented',
          { Header: name },
        ] as const,
    ),
  ]),
];

const tag = (key: string, value: string): string => `<Tag><Key>${key}</Key><Value>${value}</Value></Tag>`;
const tagging = (tags: string): string => `<Tagging><TagSet>${tags}</TagSet></Tagging>`;
const putTags = (body: string) => onObject('PUT', {}, { tagging: '' }, body);

const taggingCases = casesOf('PutObjectTagging', [
  ...[
    ['an empty body', ''],
    ['no XML', 'a=1'],
    ['another root', '<Tags/>'],
    ['no set', '<Tagging/>'],
    ['a tag without a value', tagging('<Tag><Key>a</Key></Tag>')],
    ['a tag without a key', tagging('<Tag><Value>a</Value></Tag>')],
  ].map(([what = '', body = '']) => [what, putTags(body), 400, 'MalformedXML', malformedXml] as const),
  [
    'eleven tags',
    putTags(tagging(Array.from({ length: 11 }, (_, index) => tag(`k${index}`, 'v')).join(''))),
    400,
    'BadRequest',
    'Object tags cannot be greater than 10',
  ],
  ...[
    ['a key twice', tag('a', '1') + tag('a', '2'), 'Cannot provide multiple Tags with the same key'],
    ['an empty key', tag('', '1'), 'The TagKey you have provided is invalid'],
    ['a long key', tag('k'.repeat(129), '1'), 'The TagKey you have provided is invalid'],
    ['a key that is not allowed', tag('a#', '1'), 'The TagKey you have provided is invalid'],
    ['a long value', tag('a', 'v'.repeat(257)), 'The TagValue you have provided is invalid'],
    ['a value that is not allowed', tag('a', 'b;'), 'The TagValue you have provided is invalid'],
    ['a tag of the system', tag('aws:a', '1'), 'Your TagKey cannot be prefixed with aws:'],
  ].map(
    ([what = '', tags = '', message = '']) =>
      [what, putTags(tagging(tags)), 400, 'InvalidTag', message] as const,
  ),
  [
    'a key that is not there',
    ({ bucket }) => ({
      method: 'PUT',
      path: `/${bucket}/none`,
      query: { tagging: '' },
      body: tagging(tag('a', '1')),
    }),
    404,
    'NoSuchKey',
    'The specified key does not exist.',
    { Key: 'none' },
    'backend',
  ],
  [
    'another version',
    onObject('PUT', {}, { tagging: '', versionId: 'abc' }, tagging('')),
    400,
    'InvalidArgument',
    'Invalid version id specified',
  ],
]);

const attributes = (headers: Headers) => onObject('GET', headers, { attributes: '' });
const attributeCases = casesOf('GetObjectAttributes', [
  [
    'no attribute',
    attributes({}),
    400,
    'InvalidRequest',
    'The x-amz-object-attributes header specifying the attributes to be retrieved is either missing or empty',
  ],
  ...['Etag', 'ETag,Size', ',', 'ETag,'].map(
    (names) =>
      [
        `the attributes ${names}`,
        attributes({ 'x-amz-object-attributes': names }),
        400,
        'InvalidArgument',
        'Invalid attribute name specified.',
        { ArgumentName: 'x-amz-object-attributes' },
      ] as const,
  ),
  ...['x-amz-max-parts', 'x-amz-part-number-marker'].flatMap((name) =>
    [
      ['-1', `Argument ${name} must be an integer between 0 and 2147483647`],
      ['x', `Provided ${name} not an integer or within integer range`],
    ].map(
      ([value = '', message = '']) =>
        [
          `${name}: ${value}`,
          attributes({ 'x-amz-object-attributes': 'ObjectParts', [name]: value }),
          400,
          'InvalidArgument',
          message,
          { ArgumentName: name, ArgumentValue: value },
        ] as const,
    ),
  ),
]);

export const objectCases = [
  ...casesOf('GetObject', readRows),
  ...casesOf(
    'HeadObject',
    readRows.map(
      ([what, request, status, , , , backend]) =>
        [
          what,
          (world: World) => ({ ...request(world), method: 'HEAD' }),
          status,
          undefined,
          undefined,
          {},
          backend,
        ] as const,
    ),
  ),
  ...copyCases,
  ...deleteCases,
  ...taggingCases,
  ...attributeCases,
];
