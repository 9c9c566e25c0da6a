/**
 * What a host name addresses ("Virtual hosting of buckets", "Amazon S3 endpoints and quotas"): the service, whose buckets are named in
 * the path; a bucket; or an access point.
 *
 * Read from the right, so that whatever stands left of an endpoint is the bucket's name as a whole, dots and all.
 */
import { isIP } from 'node:net';
import { S3Error } from '../s3/errors.ts';
import type { AccessPoint, AccessPointName, AccessPoints } from './access-points.ts';

export type HostAddress =
  /** The bucket is named in the path. */
  | { readonly kind: 'service' }
  /** Never empty, but not yet held against the naming rules. */
  | { readonly kind: 'bucket'; readonly bucket: string }
  | { readonly kind: 'access-point'; readonly point: AccessPoint };

export interface HostRules {
  /** Domains whose sub-domains are buckets, lower case. */
  readonly domains: readonly string[];
  /** The gateway's own region first, then the others that it takes. */
  readonly regions: readonly [string, ...string[]];
  readonly accessPoints: AccessPoints;
}

export type HostReader = (host: string | undefined) => HostAddress;

const service: HostAddress = { kind: 'service' };
const awsDomains = ['amazonaws.com', 'amazonaws.com.cn', 'amazonaws.eu'];
/** `us-east-1`, `us-gov-west-1`, `eusc-de-east-1`; `website-us-east-1` is none. */
const awsRegion = /^[a-z]{2,4}(?:-[a-z]+){1,3}-\d{1,2}$/;
const regionalServices = new Set([
  's3',
  's3-fips',
  's3-accesspoint',
  's3-accesspoint-fips',
  's3-outposts',
  's3-outposts-fips',
  's3-website',
]);

/** Returns the reader. It throws NoSuchAccessPoint, InvalidBucketName (empty), and NotImplemented for endpoints of other services. */
export function createHostReader(rules: HostRules): HostReader {
  const regions = new Set(rules.regions);
  // The longest first: `eu.s3.example.com` before `s3.example.com`.
  const domains = rules.domains.toSorted((one, other) => other.length - one.length);

  return (host) => {
    const name = host === undefined ? undefined : hostName(host);
    if (name === undefined) return service;
    const aws = awsLabels(name);
    const awsEndpoint = aws === undefined ? undefined : readEndpoint(aws);
    if (awsEndpoint !== undefined) return addressOf(awsEndpoint, rules);

    const domain = domains.find((each) => name === each || name.endsWith(`.${each}`));
    if (domain === undefined || name === domain) return service;
    const rest = name.slice(0, -(domain.length + 1));
    const labels = rest.split('.');
    // SDKs with an endpoint of their own put an access point where a bucket would be.
    const point = findAccessPoint(labels, rules);
    if (point !== undefined) return { kind: 'access-point', point };
    const endpoint = readEndpoint(labels, regions);
    return endpoint === undefined ? bucketNamed(rest) : addressOf(endpoint, rules);
  };
}

/** Whether paths below this host are keys. May say yes of a host that is refused later. */
export function namesBucket(host: string | undefined, domains: readonly string[]): boolean {
  const name = host === undefined ? undefined : hostName(host);
  if (name === undefined) return false;
  if (domains.some((domain) => name.endsWith(`.${domain}`))) return true;
  const aws = awsLabels(name);
  return aws !== undefined && (readEndpoint(aws)?.left ?? '') !== '';
}

/** Lower case, without port and the root's dot; `undefined` for an address. */
function hostName(host: string): string | undefined {
  const name = host.toLowerCase().replace(/:\d*$/, '').replace(/\.$/, '');
  return name.startsWith('[') || isIP(name) !== 0 ? undefined : name;
}

function awsLabels(name: string): string[] | undefined {
  const domain = awsDomains.find((each) => name.endsWith(`.${each}`));
  return domain === undefined ? undefined : name.slice(0, -(domain.length + 1)).split('.');
}

interface Endpoint {
  /** `s3`, `s3-accesspoint` … */
  readonly name: string;
  readonly region: string | undefined;
  /** What stands before it. */
  readonly left: string | undefined;
}

/**
 * `…s3.{region}`, `…s3-{region}`, `…s3.dualstack.{region}`, and so for the other services. With `regions` only those, so that under a
 * domain of one's own as few buckets as possible look like endpoints; without, also `…s3`, and what else begins so.
 */
function readEndpoint(labels: readonly string[], regions?: ReadonlySet<string>): Endpoint | undefined {
  const leftOf = (index: number): string | undefined =>
    index === 0 ? undefined : labels.slice(0, index).join('.');
  const end = labels.length - 1;
  const last = labels[end] ?? '';
  if (last.startsWith('s3')) {
    const region = last.slice('s3-'.length);
    const isRegional = regions === undefined ? awsRegion.test(region) : regions.has(region);
    if (last.startsWith('s3-') && isRegional) return { name: 's3', region, left: leftOf(end) };
    return regions === undefined ? { name: last, region: undefined, left: leftOf(end) } : undefined;
  }
  const at = labels[end - 1] === 'dualstack' ? end - 2 : end - 1;
  const name = labels[at] ?? '';
  const known =
    regions === undefined ? name.startsWith('s3') : regions.has(last) && regionalServices.has(name);
  return known ? { name, region: last, left: leftOf(at) } : undefined;
}

function addressOf({ left, name, region }: Endpoint, rules: HostRules): HostAddress {
  switch (name) {
    case 's3':
    case 's3-fips':
    case 's3-external-1':
      return left === undefined ? service : bucketNamed(left);
    case 's3-accelerate':
      // What AWS says of a bucket that has not been accelerated; here none can be.
      throw new S3Error('InvalidRequest', {
        message: 'S3 Transfer Acceleration is not configured on this bucket',
      });
    case 's3-accesspoint':
    case 's3-accesspoint-fips':
      return accessPointNamed(left, region, rules, 1);
    case 's3-outposts':
    case 's3-outposts-fips':
      return accessPointNamed(left, region, rules, 2);
    default:
      throw new S3Error('NotImplemented', {
        message: `The endpoint "${name}" is not served. Address buckets by the path, or by virtual hosts of the S3 endpoint.`,
        extra: { Header: 'Host' },
      });
  }
}

function accessPointNamed(
  left: string | undefined,
  region: string | undefined,
  rules: HostRules,
  depth: number,
): HostAddress {
  const labels = left?.split('.') ?? [];
  const name = labels.length === depth ? accessPointName(labels, region ?? '') : undefined;
  if (name === undefined) throw new S3Error('InvalidAccessPoint');
  return { kind: 'access-point', point: rules.accessPoints.require(name) };
}

function findAccessPoint(
  labels: readonly string[],
  { accessPoints, regions }: HostRules,
): AccessPoint | undefined {
  for (const region of regions) {
    const name = accessPointName(labels, region);
    const point = name === undefined ? undefined : accessPoints.find(name);
    if (point !== undefined) return point;
  }
  return undefined;
}

/** `{name}-{account}`, or `{name}-{account}.{outpost}`. */
function accessPointName(labels: readonly string[], region: string): AccessPointName | undefined {
  const [first = '', outpost, ...more] = labels;
  const [, name, account] = /^([a-z0-9][a-z0-9-]*)-(\d{12})$/.exec(first) ?? [];
  if (name === undefined || account === undefined || more.length > 0) return undefined;
  return { name, account, region, ...(outpost !== undefined && { outpost }) };
}

function bucketNamed(bucket: string): HostAddress {
  if (bucket === '') throw new S3Error('InvalidBucketName', { extra: { BucketName: '' } });
  return { kind: 'bucket', bucket };
}
