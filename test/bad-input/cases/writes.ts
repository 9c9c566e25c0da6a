/** What CreateMultipartUpload and PutObject are told of an object. */
import { createHash } from 'node:crypto';
import { casesOf } from '../case.ts';
import { type Headers, md5OfSomethingElse, onObject } from './requests.ts';

const tagSyntax =
  "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.";
const taggingArgument = (ArgumentValue: string): Headers => ({
  ArgumentName: 'x-amz-tagging',
  ArgumentValue,
});
const algorithms = 'CRC32, CRC32C, CRC64NVME, MD5, SHA1, SHA256, SHA512, XXHASH128, XXHASH3, XXHASH64';
const future = '2199-01-01T00:00:00Z';
const noLock = 'Bucket is missing ObjectLockConfiguration';
const both = 'x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied';

/** Headers of the object, and how they are refused: the same by both operations. */
const settings: ReadonlyArray<
  readonly [what: string, headers: Headers, status: number, code: string, message: string, extra?: Headers]
> = [
  [
    'metadata above 2 KiB',
    { 'x-amz-meta-ab': 'x'.repeat(1500), 'x-amz-meta-cd': 'x'.repeat(545) },
    400,
    'MetadataTooLarge',
    'Your metadata headers exceed the maximum allowed metadata size',
    { Size: '2049', MaxSizeAllowed: '2048' },
  ],
  [
    'other headers above 2 KiB',
    { 'content-disposition': 'd'.repeat(2000), 'cache-control': 'x'.repeat(17) },
    400,
    'MetadataTooLarge',
    'Your metadata headers exceed the maximum allowed metadata size',
    { Size: '2049', MaxSizeAllowed: '2048' },
  ],
  [
    'a public ACL',
    { 'x-amz-acl': 'public-read' },
    400,
    'AccessControlListNotSupported',
    'The bucket does not allow ACLs',
  ],
  [
    'an ACL that is none',
    { 'x-amz-acl': 'mine' },
    400,
    'InvalidArgument',
    'Invalid Argument',
    { ArgumentName: 'x-amz-acl', ArgumentValue: 'mine' },
  ],
  [
    'a grant',
    { 'x-amz-grant-read': 'id=abc' },
    400,
    'AccessControlListNotSupported',
    'The bucket does not allow ACLs',
  ],
  [
    'an ACL and a grant',
    { 'x-amz-acl': 'private', 'x-amz-grant-read': 'id=abc' },
    400,
    'InvalidRequest',
    'Specifying both Canned ACLs and Header Grants is not allowed',
  ],
  ...['FakeClass', 'OUTPOSTS', 'standard', 'EXPRESS_ONEZONE', 'SNOW'].map(
    (name) =>
      [
        `the storage class ${name}`,
        { 'x-amz-storage-class': name },
        400,
        'InvalidStorageClass',
        'The storage class you specified is not valid',
        { StorageClassRequested: name },
      ] as const,
  ),
  [
    'an unknown encryption',
    { 'x-amz-server-side-encryption': 'AES128' },
    400,
    'InvalidArgument',
    'The encryption method specified is not supported',
    { ArgumentName: 'x-amz-server-side-encryption', ArgumentValue: 'AES128' },
  ],
  ...['aws:kms', 'aws:kms:dsse', 'aws:fsx', 'aws:backup'].map(
    (name) =>
      [
        `encryption by ${name}`,
        { 'x-amz-server-side-encryption': name },
        501,
        'NotImplemented',
        'A header you provided implies functionality that is not implemented',
        { Header: 'x-amz-server-side-encryption' },
      ] as const,
  ),
  ...['ftp://x', 'index.html', ''].map(
    (location) =>
      [
        `a redirect to ${JSON.stringify(location)}`,
        { 'x-amz-website-redirect-location': location },
        400,
        'InvalidRedirectLocation',
        "The website redirect location must have a prefix of 'http://' or 'https://' or '/'.",
      ] as const,
  ),
  ...['a=1&a=2', 'a=%zz', 'a=%', 'a&a', 'a=1&b=2&a=1', '=', '=1', 'a=1&=2'].map(
    (tags) =>
      [
        `the tags ${tags}`,
        { 'x-amz-tagging': tags },
        400,
        'InvalidArgument',
        tagSyntax,
        taggingArgument(tags),
      ] as const,
  ),
  [
    'eleven tags',
    { 'x-amz-tagging': Array.from({ length: 11 }, (_, index) => `k${index}=v`).join('&') },
    400,
    'BadRequest',
    'Object tags cannot be greater than 10',
  ],
  ...[
    [`${'k'.repeat(129)}=v`, 'The TagKey you have provided is invalid'],
    ['a%23=1', 'The TagKey you have provided is invalid'],
    ['a%21', 'The TagKey you have provided is invalid'],
    ['a%5Bb%5D=1', 'The TagKey you have provided is invalid'],
    [`k=${'v'.repeat(257)}`, 'The TagValue you have provided is invalid'],
    ['a=%0A', 'The TagValue you have provided is invalid'],
    ['a=%ff', 'The TagValue you have provided is invalid'],
    ['%c3%28=1', 'The TagKey you have provided is invalid'],
    ['a=b%2Cc', 'The TagValue you have provided is invalid'],
    ['a=%3Cb%3E', 'The TagValue you have provided is invalid'],
    ['a=%22b%22', 'The TagValue you have provided is invalid'],
    ['aws:tag=1', 'Your TagKey cannot be prefixed with aws:'],
    ['AWS:tag=1', 'Your TagKey cannot be prefixed with aws:'],
  ].map(
    ([tags = '', message = '']) =>
      [`the tags ${tags.slice(0, 20)}`, { 'x-amz-tagging': tags }, 400, 'InvalidTag', message] as const,
  ),
  [
    'a lock mode without a date',
    { 'x-amz-object-lock-mode': 'GOVERNANCE' },
    400,
    'InvalidArgument',
    both,
    { ArgumentName: 'x-amz-object-lock-retain-until-date' },
  ],
  [
    'a lock date without a mode',
    { 'x-amz-object-lock-retain-until-date': future },
    400,
    'InvalidArgument',
    both,
    { ArgumentName: 'x-amz-object-lock-mode' },
  ],
  [
    'a lock mode that is none',
    { 'x-amz-object-lock-mode': 'FOREVER', 'x-amz-object-lock-retain-until-date': future },
    400,
    'InvalidArgument',
    'Unknown wormMode directive.',
    { ArgumentName: 'x-amz-object-lock-mode', ArgumentValue: 'FOREVER' },
  ],
  [
    'a lock date that is none',
    { 'x-amz-object-lock-mode': 'GOVERNANCE', 'x-amz-object-lock-retain-until-date': 'tomorrow' },
    400,
    'InvalidArgument',
    'The retain until date must be provided in ISO 8601 format',
    { ArgumentName: 'x-amz-object-lock-retain-until-date', ArgumentValue: 'tomorrow' },
  ],
  [
    'a lock date in the past',
    { 'x-amz-object-lock-mode': 'GOVERNANCE', 'x-amz-object-lock-retain-until-date': '2020-01-01T00:00:00Z' },
    400,
    'InvalidArgument',
    'The retain until date must be in the future!',
    { ArgumentName: 'x-amz-object-lock-retain-until-date' },
  ],
  [
    'a lock in a bucket without locks',
    { 'x-amz-object-lock-mode': 'COMPLIANCE', 'x-amz-object-lock-retain-until-date': future },
    400,
    'InvalidRequest',
    noLock,
  ],
  [
    'a legal hold that is none',
    { 'x-amz-object-lock-legal-hold': 'on' },
    400,
    'InvalidArgument',
    "Legal Hold must be either of 'ON' or 'OFF'",
    { ArgumentName: 'x-amz-object-lock-legal-hold', ArgumentValue: 'on' },
  ],
  [
    'a legal hold in a bucket without locks',
    { 'x-amz-object-lock-legal-hold': 'ON' },
    400,
    'InvalidRequest',
    noLock,
  ],
  ...['', '-duration-days', '-duration-years'].map(
    (name) =>
      [
        `an event hold${name}`,
        { [`x-amz-object-lock-event-hold${name}`]: name === '' ? 'ON' : '1' },
        501,
        'NotImplemented',
        'A header you provided implies functionality that is not implemented',
        { Header: `x-amz-object-lock-event-hold${name}` },
      ] as const,
  ),
];

const begin = (headers: Headers) => onObject('POST', headers, { uploads: '' });
const put = (headers: Headers) => onObject('PUT', headers, {}, 'x');

export const createMultipartUploadCases = [
  ...casesOf(
    'CreateMultipartUpload',
    settings.map(([what, headers, ...rest]) => [what, begin(headers), ...rest] as const),
  ),
  ...casesOf('CreateMultipartUpload', [
    [
      'a body',
      onObject('POST', {}, { uploads: '' }, 'x'),
      400,
      'InvalidRequest',
      'The request included a body. Requests of this type must not include a non-empty body.',
    ],
    [
      'an unknown checksum algorithm',
      begin({ 'x-amz-checksum-algorithm': 'CRC16' }),
      400,
      'InvalidRequest',
      `Checksum algorithm provided is unsupported. Please try again with any of the valid types: [${algorithms}]`,
    ],
    [
      'a checksum type without an algorithm',
      begin({ 'x-amz-checksum-type': 'COMPOSITE' }),
      400,
      'InvalidRequest',
      'The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.',
    ],
    [
      'an unknown checksum type without an algorithm',
      begin({ 'x-amz-checksum-type': 'PARTIAL' }),
      400,
      'InvalidRequest',
      'Value for x-amz-checksum-type header is invalid.',
    ],
    [
      'an unknown checksum type',
      begin({ 'x-amz-checksum-algorithm': 'CRC32', 'x-amz-checksum-type': 'PARTIAL' }),
      400,
      'InvalidRequest',
      'Value for x-amz-checksum-type header is invalid.',
    ],
    [
      'a COMPOSITE CRC64NVME',
      begin({ 'x-amz-checksum-algorithm': 'CRC64NVME', 'x-amz-checksum-type': 'COMPOSITE' }),
      400,
      'InvalidRequest',
      'The COMPOSITE checksum type cannot be used with the crc64nvme checksum algorithm.',
    ],
    ...(['SHA1', 'SHA256', 'SHA512', 'MD5', 'XXHASH64', 'XXHASH3', 'XXHASH128'] as const).map(
      (name) =>
        [
          `a FULL_OBJECT ${name}`,
          begin({ 'x-amz-checksum-algorithm': name, 'x-amz-checksum-type': 'FULL_OBJECT' }),
          400,
          'InvalidRequest',
          `The FULL_OBJECT checksum type cannot be used with the ${name.toLowerCase()} checksum algorithm.`,
        ] as const,
    ),
    [
      'a bucket that is not there',
      () => ({ method: 'POST', path: '/there-is-no-such-bucket/k', query: { uploads: '' } }),
      404,
      'NoSuchBucket',
      'The specified bucket does not exist',
      { BucketName: 'there-is-no-such-bucket' },
      'backend',
    ],
    [
      'a key of 1,025 bytes',
      ({ bucket }) => ({ method: 'POST', path: `/${bucket}/${'k'.repeat(1025)}`, query: { uploads: '' } }),
      400,
      'KeyTooLongError',
      'Your key is too long',
      { Size: '1025', MaxSizeAllowed: '1024' },
    ],
  ]),
];

const digest = (algorithm: string): string => createHash(algorithm).update('x').digest('base64');

/** What a body is verified by, for PutObject and UploadPart. */
export const digestRows: ReadonlyArray<
  readonly [what: string, headers: Headers, status: number, code: string, message: string, extra?: Headers]
> = [
  ...['x', '', 'AAAA', `${md5OfSomethingElse}AAAA`, md5OfSomethingElse.slice(0, -2)].map(
    (value) =>
      [
        `the Content-MD5 ${JSON.stringify(value)}`,
        { 'content-md5': value },
        400,
        'InvalidDigest',
        'The Content-MD5 you specified was invalid.',
        { 'Content-MD5': value },
      ] as const,
  ),
  ...[
    ['x-amz-checksum-crc32', 'AAAA'],
    ['x-amz-checksum-crc32', 'AAAAAA'],
    ['x-amz-checksum-crc32c', '!!!!!!=='],
    ['x-amz-checksum-crc64nvme', 'AAAAAA=='],
    ['x-amz-checksum-sha1', 'x'],
    ['x-amz-checksum-sha256', ''],
    ['x-amz-checksum-sha512', digest('sha256')],
    ['x-amz-checksum-md5', 'AAAAAA=='],
    ['x-amz-checksum-xxhash64', 'AAAAAA=='],
    ['x-amz-checksum-xxhash3', 'AAAAAA=='],
    ['x-amz-checksum-xxhash128', 'AAAAAAAAAAA='],
  ].map(
    ([name = '', value = '']) =>
      [
        `${name}: ${value}`,
        { [name]: value },
        400,
        'InvalidRequest',
        `Value for ${name} header is invalid.`,
      ] as const,
  ),
  ...[
    ['CRC32', 'AAAAAA=='],
    ['CRC32C', 'AAAAAA=='],
    ['CRC64NVME', 'AAAAAAAAAAA='],
    ['SHA1', createHash('sha1').update('y').digest('base64')],
    ['SHA256', createHash('sha256').update('y').digest('base64')],
    ['SHA512', createHash('sha512').update('y').digest('base64')],
    ['MD5', md5OfSomethingElse],
    ['XXHASH64', 'AAAAAAAAAAA='],
    ['XXHASH3', 'AAAAAAAAAAA='],
    ['XXHASH128', 'AAAAAAAAAAAAAAAAAAAAAA=='],
  ].map(
    ([name = '', value = '']) =>
      [
        `the ${name} of something else`,
        { [`x-amz-checksum-${name.toLowerCase()}`]: value },
        400,
        'BadDigest',
        `The ${name} you specified did not match the calculated checksum.`,
      ] as const,
  ),
  [
    'two checksums',
    { 'x-amz-checksum-sha1': digest('sha1'), 'x-amz-checksum-sha256': digest('sha256') },
    400,
    'InvalidRequest',
    'Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.',
  ],
  [
    'a checksum twice',
    { 'x-amz-checksum-sha256': `${digest('sha256')},${digest('sha256')}` },
    400,
    'InvalidArgument',
    'Only one value may be specified.',
    { ArgumentName: 'x-amz-checksum-sha256', ArgumentValue: digest('sha256') },
  ],
  [
    'a checksum of no algorithm',
    { 'x-amz-checksum-crc16': 'AAA=' },
    400,
    'InvalidRequest',
    'The algorithm type you specified in x-amz-checksum- header is invalid.',
  ],
  [
    'an SDK algorithm without a checksum',
    { 'x-amz-sdk-checksum-algorithm': 'SHA256' },
    400,
    'InvalidRequest',
    'x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.',
  ],
  [
    'an unknown SDK algorithm without a checksum',
    { 'x-amz-sdk-checksum-algorithm': 'SHA3' },
    400,
    'InvalidRequest',
    'x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.',
  ],
  [
    'an unknown SDK algorithm',
    { 'x-amz-sdk-checksum-algorithm': 'SHA3', 'x-amz-checksum-sha256': digest('sha256') },
    400,
    'InvalidRequest',
    'Value for x-amz-sdk-checksum-algorithm header is invalid.',
  ],
  [
    'another SDK algorithm than that of the checksum',
    { 'x-amz-sdk-checksum-algorithm': 'SHA1', 'x-amz-checksum-sha256': digest('sha256') },
    400,
    'InvalidRequest',
    'Value for x-amz-sdk-checksum-algorithm header is invalid.',
  ],
];

const preconditionText = 'At least one of the pre-conditions you specified did not hold';
const notImplemented = 'A header you provided implies functionality that is not implemented';
export const emptyIfMatch =
  'The value provided for the If-Match query parameter cannot be empty for this API.';

/** Conditions that no write takes. */
export const conditionRows: ReadonlyArray<
  readonly [what: string, headers: Headers, status: number, code: string, message: string, extra: Headers]
> = [
  [
    'If-None-Match with an ETag',
    { 'if-none-match': '"abc"' },
    501,
    'NotImplemented',
    notImplemented,
    {
      Header: 'If-None-Match',
      additionalMessage: "We don't accept the provided value of If-None-Match header for this API",
    },
  ],
  ...['*', '"*"'].map(
    (value) =>
      [
        `If-Match: ${value}`,
        { 'if-match': value },
        501,
        'NotImplemented',
        notImplemented,
        {
          Header: 'If-Match',
          additionalMessage: "We don't accept the provided value of If-Match header for this API",
        },
      ] as const,
  ),
  [
    'an empty If-Match',
    { 'if-match': '' },
    400,
    'InvalidArgument',
    emptyIfMatch,
    { ArgumentName: 'If-Match' },
  ],
  [
    'both conditions',
    { 'if-match': '"abc"', 'if-none-match': '*' },
    501,
    'NotImplemented',
    notImplemented,
    {
      Header: 'If-Match,If-None-Match',
      additionalMessage: 'Multiple conditional request headers present in the request',
    },
  ],
];

export const putObjectCases = [
  ...casesOf(
    'PutObject',
    [...settings, ...digestRows, ...conditionRows].map(
      ([what, headers, ...rest]) => [what, put(headers), ...rest] as const,
    ),
  ),
  ...casesOf('PutObject', [
    [
      'the MD5 of something else',
      put({ 'content-md5': md5OfSomethingElse }),
      400,
      'BadDigest',
      'The Content-MD5 you specified did not match what we received.',
      {
        ExpectedDigest: Buffer.from(md5OfSomethingElse, 'base64').toString('hex'),
        CalculatedDigest: digest('md5'),
      },
      'backend',
    ],
    [
      'the SHA-256 of something else',
      ({ bucket, plain }) => ({
        method: 'PUT',
        path: `/${bucket}/${plain}`,
        payloadHash: createHash('sha256').update('y').digest('hex'),
        body: 'x',
      }),
      400,
      'XAmzContentSHA256Mismatch',
      "The provided 'x-amz-content-sha256' header does not match what was computed.",
      {
        ClientComputedContentSHA256: createHash('sha256').update('y').digest('hex'),
        S3ComputedContentSHA256: createHash('sha256').update('x').digest('hex'),
      },
      'backend',
    ],
    [
      'If-None-Match: * where there is an object',
      put({ 'if-none-match': '*' }),
      412,
      'PreconditionFailed',
      preconditionText,
      { Condition: 'If-None-Match' },
      'backend',
    ],
    [
      'If-Match with another ETag',
      put({ 'if-match': '"abc"' }),
      412,
      'PreconditionFailed',
      preconditionText,
      { Condition: 'If-Match' },
      'backend',
    ],
    [
      'If-Match where there is no object',
      ({ bucket }) => ({
        method: 'PUT',
        path: `/${bucket}/none`,
        headers: { 'if-match': '"abc"' },
        body: 'x',
      }),
      404,
      'NoSuchKey',
      'The specified key does not exist.',
      { Key: 'none' },
      'backend',
    ],
    [
      'a bucket that is not there',
      () => ({ method: 'PUT', path: '/there-is-no-such-bucket/k', body: 'x' }),
      404,
      'NoSuchBucket',
      'The specified bucket does not exist',
      { BucketName: 'there-is-no-such-bucket' },
      'backend',
    ],
    [
      'a key of 1,025 bytes',
      ({ bucket }) => ({ method: 'PUT', path: `/${bucket}/${'%C3%A4'.repeat(512)}a`, body: 'x' }),
      400,
      'KeyTooLongError',
      'Your key is too long',
      { Size: '1025', MaxSizeAllowed: '1024' },
    ],
    [
      'partNumber without uploadId',
      onObject('PUT', {}, { partNumber: '1' }, 'x'),
      400,
      'InvalidArgument',
      'This operation does not accept partNumber without uploadId',
      { ArgumentName: 'partNumber', ArgumentValue: 'partNumber' },
    ],
    [
      'an append',
      put({ 'x-amz-write-offset-bytes': '10' }),
      501,
      'NotImplemented',
      notImplemented,
      { Header: 'x-amz-write-offset-bytes' },
    ],
    [
      'a rename',
      put({ 'x-amz-rename-source': '/plain' }),
      501,
      'NotImplemented',
      notImplemented,
      { Header: 'x-amz-rename-source' },
    ],
  ]),
];
