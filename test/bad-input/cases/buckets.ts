/** Names of buckets, their creation, and sub-resources that nobody knows. */
import { casesOf } from '../case.ts';
import { type Headers, onBucket, onObject } from './requests.ts';

const badNames = [
  'ab',
  'a'.repeat(64),
  'foo..bar',
  'foo.-bar',
  'foo-.bar',
  'Foo',
  'foo_bar',
  '-foo',
  'foo-',
  '.foo',
  'foo.',
  '192.168.5.4',
  'xn--foo',
  'sthree-foo',
  'foo-s3alias',
  'foo--ol-s3',
  'foo--x-s3',
  'foo%20bar',
  'f%C3%B6%C3%B6',
];

const location = (constraint: string): string =>
  `<CreateBucketConfiguration><LocationConstraint>${constraint}</LocationConstraint></CreateBucketConfiguration>`;
const create =
  (body: string, headers: Headers = {}) =>
  () => ({
    method: 'PUT',
    path: '/a-bucket-that-must-not-be',
    headers,
    body,
  });
const malformedXml =
  'The XML you provided was not well-formed or did not validate against our published schema';
const aclsDisabled = "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting";
const notImplemented = 'A header you provided implies functionality that is not implemented';

const bucketRange = 'Argument max-buckets must be an integer between 1 and 10000';
const listing = (count: string, message: string) =>
  [
    `max-buckets=${count}`,
    () => ({ method: 'GET', path: '/', query: { 'max-buckets': count } }),
    400,
    'InvalidArgument',
    message,
    { ArgumentName: 'max-buckets', ArgumentValue: count },
  ] as const;

export const bucketCases = [
  ...badNames.flatMap((name) =>
    casesOf('CreateBucket', [
      [
        `the name ${name}`,
        () => ({ method: 'PUT', path: `/${name}` }),
        400,
        'InvalidBucketName',
        'The specified bucket is not valid.',
        { BucketName: decodeURIComponent(name) },
      ],
    ]),
  ),
  ...casesOf('CreateBucket', [
    ...[
      ['no XML', 'eu'],
      ['another root', '<Bucket/>'],
      ['two constraints', location('a').replace('<L', '<LocationConstraint>b</LocationConstraint><L')],
    ].map(([what = '', body = '']) => [what, create(body), 400, 'MalformedXML', malformedXml] as const),
    [
      'another region',
      create(location('eu-west-9')),
      400,
      'InvalidLocationConstraint',
      'The specified location-constraint is not valid',
      { LocationConstraint: 'eu-west-9' },
    ],
    [
      'a public ACL',
      create('', { 'x-amz-acl': 'public-read' }),
      400,
      'InvalidBucketAclWithObjectOwnership',
      aclsDisabled,
    ],
    [
      'a grant, and the ownership that allows none',
      create('', { 'x-amz-grant-read': 'id="1"', 'x-amz-object-ownership': 'BucketOwnerEnforced' }),
      400,
      'InvalidBucketAclWithObjectOwnership',
      aclsDisabled,
    ],
    [
      'an ownership that is none',
      create('', { 'x-amz-object-ownership': 'Nobody' }),
      400,
      'InvalidArgument',
      'Invalid x-amz-object-ownership header: Nobody',
      { ArgumentName: 'x-amz-object-ownership' },
    ],
    [
      'an ownership that allows ACLs, and one',
      create('', { 'x-amz-acl': 'public-read', 'x-amz-object-ownership': 'ObjectWriter' }),
      501,
      'NotImplemented',
      notImplemented,
      { Header: 'x-amz-object-ownership' },
    ],
    [
      'object lock',
      create('', { 'x-amz-bucket-object-lock-enabled': 'true' }),
      501,
      'NotImplemented',
      notImplemented,
      { Header: 'x-amz-bucket-object-lock-enabled' },
    ],
  ]),
  ...casesOf('ListBuckets', [
    ...['-1', '0', '10001', '2147483647'].map((count) => listing(count, bucketRange)),
    ...['abc', '1.5', '2147483648'].map((count) =>
      listing(count, 'Provided max-buckets not an integer or within integer range'),
    ),
  ]),
  ...casesOf('DeleteBucket', [
    [
      'a bucket that has objects',
      onBucket('DELETE'),
      409,
      'BucketNotEmpty',
      'The bucket you tried to delete is not empty',
      {},
      'backend',
    ],
    [
      'a bucket that is not there',
      () => ({ method: 'DELETE', path: '/there-is-no-such-bucket' }),
      404,
      'NoSuchBucket',
      'The specified bucket does not exist',
      { BucketName: 'there-is-no-such-bucket' },
      'backend',
    ],
  ]),
  ...casesOf('any', [
    ...(
      [
        ['PUT', 'renameObject'],
        ['PUT', 'annotation'],
        ['PUT', 'encryption'],
        ['PUT', 'retention'],
        ['PUT', 'legal-hold'],
        ['POST', 'restore'],
        ['POST', 'select'],
        ['GET', 'torrent'],
        ['DELETE', 'annotation'],
        ['PUT', 'versions'],
        ['DELETE', 'acl'],
        ['PUT', 'policy'],
        ['DELETE', 'website'],
      ] as const
    ).map(
      ([method, sub]) =>
        [
          `${method} of an object's ?${sub}`,
          onObject(method, {}, { [sub]: '' }, 'x'),
          501,
          'NotImplemented',
          notImplemented,
        ] as const,
    ),
    [
      "GET of an object's ?versions",
      onObject('GET', {}, { versions: '' }),
      400,
      'InvalidRequest',
      'There is no such thing as the ?versions sub-resource for a key',
    ],
    ...(['PUT', 'DELETE', 'GET'] as const).map(
      (method) =>
        [
          `${method} of two sub-resources`,
          onObject(method, {}, { tagging: '', acl: '' }),
          400,
          'InvalidArgument',
          'Conflicting query string parameters: acl, tagging',
          { ArgumentName: 'ResourceType' },
        ] as const,
    ),
    [
      'a method that S3 does not have',
      onObject('PATCH'),
      405,
      'MethodNotAllowed',
      'The specified method is not allowed against this resource.',
      { Method: 'PATCH', ResourceType: 'OBJECT' },
    ],
    [
      'POST of an object',
      onObject('POST'),
      405,
      'MethodNotAllowed',
      'The specified method is not allowed against this resource.',
      { Method: 'POST', ResourceType: 'OBJECT' },
    ],
  ]),
];
