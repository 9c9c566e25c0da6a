import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type AccessPoint, AccessPoints } from '../../src/http/access-points.ts';
import { createHostReader, namesBucket } from '../../src/http/hosts.ts';
import { parseTarget } from '../../src/http/target.ts';
import { S3Error } from '../../src/s3/errors.ts';
import { isBucketName } from '../../src/s3/names.ts';

const account = '123456789012';
const outpost = 'op-01234567890123456';
const regional: AccessPoint = { name: 'finance', account, region: 'us-east-1', bucket: 'ledger' };
const western: AccessPoint = { name: 'finance', account, region: 'us-west-2', bucket: 'western.ledger' };
const onOutpost: AccessPoint = { name: 'plant', account, region: 'us-east-1', outpost, bucket: 'machines' };
const accessPoints = new AccessPoints([regional, western, onOutpost]);
const domains = ['s3.example.com', 'eu.s3.example.com', 'example.org'];
const hosts = createHostReader({ domains, regions: ['us-east-1', 'us-west-2'], accessPoints });

/** What `GET /first/second` reaches. */
function reached(host: string | undefined, path = '/first/second'): string {
  try {
    const { bucket, key, style } = parseTarget(path, host, { hosts, accessPoints });
    return `${style}: ${bucket} ${key}`;
  } catch (error) {
    if (error instanceof S3Error) return `${error.status} ${error.code}`;
    throw error;
  }
}

const byPath = 'path: first second';
const inBucket = (bucket: string): string => `host: ${bucket} first/second`;

describe('hosts of Amazon', () => {
  test.each([
    // Endpoints: the bucket is in the path.
    ['s3.amazonaws.com', byPath],
    ['s3.us-east-1.amazonaws.com', byPath],
    ['s3-us-west-2.amazonaws.com', byPath],
    ['s3-external-1.amazonaws.com', byPath],
    ['s3.dualstack.us-east-1.amazonaws.com', byPath],
    ['s3-fips.us-east-1.amazonaws.com', byPath],
    ['s3-fips.dualstack.us-gov-west-1.amazonaws.com', byPath],
    ['s3.cn-north-1.amazonaws.com.cn', byPath],
    // Virtual hosts.
    ['bucket.s3.amazonaws.com', inBucket('bucket')],
    ['bucket.s3.us-east-1.amazonaws.com', inBucket('bucket')],
    ['bucket.s3-us-west-2.amazonaws.com', inBucket('bucket')],
    ['bucket.s3.dualstack.us-east-1.amazonaws.com', inBucket('bucket')],
    ['bucket.s3-fips.us-east-1.amazonaws.com', inBucket('bucket')],
    ['bucket.s3-fips.dualstack.us-east-1.amazonaws.com', inBucket('bucket')],
    ['bucket.s3.cn-north-1.amazonaws.com.cn', inBucket('bucket')],
    ['a.b.c.s3.us-east-1.amazonaws.com', inBucket('a.b.c')],
    // A bucket that is called like an endpoint is that bucket.
    ['s3.us-east-1.s3.amazonaws.com', inBucket('s3.us-east-1')],
    ['a.s3.s3.us-east-1.amazonaws.com', inBucket('a.s3')],
    ['s3.dualstack.us-east-1.s3.us-east-1.amazonaws.com', inBucket('s3.dualstack.us-east-1')],
    ['finance-123456789012.s3.us-east-1.amazonaws.com', inBucket('finance-123456789012')],
    // However it is written.
    ['Bucket.S3.US-EAST-1.AmazonAWS.com', inBucket('bucket')],
    ['bucket.s3.amazonaws.com.', inBucket('bucket')],
    ['bucket.s3.amazonaws.com:443', inBucket('bucket')],
    ['bucket.s3.amazonaws.com.:8080', inBucket('bucket')],
    // Other services are refused, and never taken for a path.
    ['.s3.amazonaws.com', '400 InvalidBucketName'],
    ['bucket.s3-accelerate.amazonaws.com', '400 InvalidRequest'],
    ['bucket.s3-accelerate.dualstack.amazonaws.com', '400 InvalidRequest'],
    ['bucket.s3-website-us-east-1.amazonaws.com', '501 NotImplemented'],
    ['bucket.s3-website.eu-central-1.amazonaws.com', '501 NotImplemented'],
    ['123456789012.s3-control.us-east-1.amazonaws.com', '501 NotImplemented'],
    ['x-123456789012.s3-object-lambda.us-east-1.amazonaws.com', '501 NotImplemented'],
    ['alias.accesspoint.s3-global.amazonaws.com', '501 NotImplemented'],
    ['b--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com', '501 NotImplemented'],
    // Load balancers and machines that Partway itself may run behind.
    ['partway-1234.elb.us-east-1.amazonaws.com', byPath],
    ['s3-gateway-1234.us-east-1.elb.amazonaws.com', byPath],
    ['ec2-1-2-3-4.compute-1.amazonaws.com', byPath],
    ['amazonaws.com', byPath],
    ['s3.amazonaws.com.example.net', byPath],
    ['s3.notamazonaws.com', byPath],
  ])('%s', (host, expected) => {
    expect(reached(host)).toBe(expected);
  });
});

describe('hosts of one’s own', () => {
  test.each([
    ['s3.example.com', byPath],
    ['bucket.s3.example.com', inBucket('bucket')],
    ['a.b.s3.example.com', inBucket('a.b')],
    ['bucket.eu.s3.example.com', inBucket('bucket')],
    ['bucket.s3.us-east-1.example.org', inBucket('bucket')],
    ['bucket.s3-us-west-2.example.org', inBucket('bucket')],
    ['bucket.s3.dualstack.us-east-1.example.org', inBucket('bucket')],
    ['s3.us-east-1.example.org', byPath],
    // A region that is not served here is a part of a bucket's name.
    ['bucket.s3.eu-west-1.example.org', inBucket('bucket.s3.eu-west-1')],
    ['bucket.s3.example.org', inBucket('bucket.s3')],
    ['bucket.s3-website.us-east-1.example.org', '501 NotImplemented'],
    ['example.com', byPath],
    ['127.0.0.1:9000', byPath],
    ['[::1]:9000', byPath],
    ['[fd00::a.s3.example.com]', byPath],
    [undefined, byPath],
    ['', byPath],
  ])('%s', (host, expected) => {
    expect(reached(host)).toBe(expected);
  });
});

describe('access points', () => {
  test.each([
    ['finance-123456789012.s3-accesspoint.us-east-1.amazonaws.com', inBucket('ledger')],
    ['finance-123456789012.s3-accesspoint.us-west-2.amazonaws.com', inBucket('western.ledger')],
    ['finance-123456789012.s3-accesspoint.dualstack.us-east-1.amazonaws.com', inBucket('ledger')],
    ['finance-123456789012.s3-accesspoint-fips.us-east-1.amazonaws.com', inBucket('ledger')],
    ['finance-123456789012.s3-accesspoint-fips.dualstack.us-east-1.amazonaws.com', inBucket('ledger')],
    ['plant-123456789012.op-01234567890123456.s3-outposts.us-east-1.amazonaws.com', inBucket('machines')],
    ['finance-123456789012.s3-accesspoint.us-east-1.example.org', inBucket('ledger')],
    // As SDKs write it that were given an endpoint.
    ['finance-123456789012.s3.example.com', inBucket('ledger')],
    ['plant-123456789012.op-01234567890123456.s3.example.com', inBucket('machines')],
    ['other-123456789012.s3.example.com', inBucket('other-123456789012')],
    ['finance-123456789012.s3-accesspoint.eu-west-1.amazonaws.com', '404 NoSuchAccessPoint'],
    ['finance-999999999999.s3-accesspoint.us-east-1.amazonaws.com', '404 NoSuchAccessPoint'],
    ['plant-123456789012.s3-accesspoint.us-east-1.amazonaws.com', '404 NoSuchAccessPoint'],
    ['plant-123456789012.op-9.s3-outposts.us-east-1.amazonaws.com', '404 NoSuchAccessPoint'],
    ['plant-123456789012.s3-outposts.us-east-1.amazonaws.com', '400 InvalidAccessPoint'],
    ['finance.s3-accesspoint.us-east-1.amazonaws.com', '400 InvalidAccessPoint'],
    ['x.finance-123456789012.s3-accesspoint.us-east-1.amazonaws.com', '400 InvalidAccessPoint'],
    ['s3-accesspoint.us-east-1.amazonaws.com', '400 InvalidAccessPoint'],
  ])('%s', (host, expected) => {
    expect(reached(host)).toBe(expected);
  });

  test.each([
    ['/arn%3Aaws%3As3%3Aus-east-1%3A123456789012%3Aaccesspoint%2Ffinance/a/b', 'path: ledger a/b'],
    ['/arn%3Aaws%3As3%3Aus-east-1%3A123456789012%3Aaccesspoint%2Ffinance/', 'path: ledger undefined'],
    ['/arn%3Aaws%3As3%3Aus-east-1%3A123456789012%3Aaccesspoint%2Ffinance', 'path: ledger undefined'],
    ['/arn:aws:s3:us-east-1:123456789012:accesspoint/finance/a%2Fb', 'path: ledger a/b'],
    ['/arn:aws:s3:us-east-1:123456789012:accesspoint:finance//a', 'path: ledger /a'],
    ['/arn:aws:s3:us-west-2:123456789012:accesspoint/finance/../../x', 'path: western.ledger ../../x'],
    [
      '/arn%3Aaws%3As3-outposts%3Aus-east-1%3A123456789012%3Aoutpost%2Fop-01234567890123456%2Faccesspoint%2Fplant/k',
      'path: machines k',
    ],
    ['/arn:aws:s3:us-east-1:123456789012:accesspoint/other/k', '404 NoSuchAccessPoint'],
    ['/arn:aws:s3:eu-west-1:123456789012:accesspoint/finance/k', '404 NoSuchAccessPoint'],
    // No ARN of an access point: no bucket is called that, which is found out later.
    ['/arn:aws:s3:::ledger/k', 'path: arn:aws:s3:::ledger k'],
    ['/arn:aws:s3:us-east-1:1:accesspoint/finance/k', 'path: arn:aws:s3:us-east-1:1:accesspoint finance/k'],
    [
      '/b/arn:aws:s3:us-east-1:123456789012:accesspoint/finance',
      'path: b arn:aws:s3:us-east-1:123456789012:accesspoint/finance',
    ],
  ])('%s', (path, expected) => {
    expect(reached('localhost', path)).toBe(expected);
  });

  test('are keys and no more in the path of a virtual host', () => {
    expect(reached('bucket.s3.example.com', '/arn:aws:s3:us-east-1:123456789012:accesspoint/finance/k')).toBe(
      'host: bucket arn:aws:s3:us-east-1:123456789012:accesspoint/finance/k',
    );
  });
});

describe('no host reaches another bucket', () => {
  const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?$/);
  const odd = fc.constantFrom(
    's3',
    's3-us-east-1',
    'dualstack',
    'us-east-1',
    's3-accesspoint',
    'amazonaws',
    'com',
    'example',
    'org',
    'finance-123456789012',
  );
  const bucket = fc
    .array(fc.oneof({ arbitrary: label, weight: 3 }, { arbitrary: odd, weight: 2 }), {
      minLength: 1,
      maxLength: 5,
    })
    .map((labels) => labels.join('.'))
    .filter(isBucketName);
  const port = fc.constantFrom('', ':80', ':9000', '.', '.:443');

  test('a bucket below an endpoint of Amazon is that bucket, whatever it is called', () => {
    const endpoint = fc.constantFrom(
      's3.amazonaws.com',
      's3.us-east-1.amazonaws.com',
      's3-us-west-2.amazonaws.com',
      's3.dualstack.us-east-1.amazonaws.com',
      's3-fips.us-east-1.amazonaws.com',
    );
    fc.assert(
      fc.property(bucket, endpoint, port, (name, below, end) => {
        expect(reached(`${name}.${below}${end}`)).toBe(inBucket(name));
      }),
    );
  });

  test('below a domain of one’s own too, unless its name ends like an endpoint or is an access point’s', () => {
    const endsLikeEndpoint = /(^|\.)(s3-us-(east-1|west-2)|(s3|s3-accesspoint)(\.dualstack)?\.us-east-1)$/;
    fc.assert(
      fc.property(bucket, port, (name, end) => {
        fc.pre(!endsLikeEndpoint.test(name) && name !== 'finance-123456789012');
        expect(reached(`${name}.s3.example.com${end}`)).toBe(inBucket(name));
      }),
      {
        examples: [
          ['s3', ''],
          ['a.s3', ''],
          ['x.amazonaws.com', ':80'],
        ],
      },
    );
  });

  test('whatever the host, what is reached stands in it, in the path, or in the configuration', () => {
    const piece = fc.oneof(
      odd,
      label,
      fc.constantFrom(
        '.',
        '..',
        '/',
        '%2e',
        ':',
        '@',
        '[',
        ']',
        ' ',
        '\xff',
        's3.example.com',
        'amazonaws.com',
      ),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 9 }), fc.boolean(), (pieces, dots) => {
        const host = pieces.join(dots ? '.' : '');
        const result = reached(host);
        if (/^\d/.test(result) || result === byPath) return;
        const [, name = ''] = /^host: (.*) first\/second$/s.exec(result) ?? [];
        expect(
          host.toLowerCase().startsWith(`${name}.`) ||
            ['ledger', 'western.ledger', 'machines'].includes(name),
        ).toBe(true);
        expect(namesBucket(host, domains)).toBe(true);
      }),
      { numRuns: 3000 },
    );
  });
});
