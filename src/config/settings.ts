/**
 * Every setting, once: its key in YAML, kind, default, meaning. The environment names, `--help` and the tables of
 * docs/configuration.md are made from here.
 */
import { parseRedisUrl, RedisUrlError } from '../uploads/redis/url.ts';
import { masterKeyList } from './master-keys.ts';
import {
  address,
  BadValue,
  choice,
  domain,
  duration,
  flag,
  instant,
  integer,
  listOf,
  matching,
  memorySize,
  network,
  path,
  text,
  url,
  type ValueType,
  workerCount,
} from './values.ts';

export interface Setting<T> {
  readonly type: ValueType<unknown>;
  /** As one would write it. */
  readonly default: string | undefined;
  readonly summary: string;
  /** Never shown; may come from a file named by `<key>File` or `<NAME>_FILE`. */
  readonly secret: boolean;
  readonly parse: (text: string, base: string) => T;
}

function setting<T>(type: ValueType<T>, initial: string, summary: string): Setting<T> {
  return { type, default: initial, summary, secret: false, parse: type.parse };
}

function optional<T>(type: ValueType<T>, summary: string): Setting<T | undefined> {
  return { type, default: undefined, summary, secret: false, parse: type.parse };
}

function secret(type: ValueType<string>, summary: string): Setting<string | undefined> {
  return { type, default: undefined, summary, secret: true, parse: type.parse };
}

const region = matching('region', /^[A-Za-z0-9-]{1,64}$/, 'use letters, digits and hyphens, like us-east-1');

/** A slash or a comma would break the credential scope that the ID is written into. */
const accessKeyId = matching(
  'access key ID',
  /^[\w.+=@-]{3,128}$/,
  'use 3 to 128 letters, digits and ._+=@-',
);

const secretKey = matching('secret', /^[\x21-\x7e]{8,256}$/, 'use 8 to 256 printable characters, no spaces');

const redisUrl: ValueType<string> = {
  name: 'URL',
  parse(value) {
    try {
      parseRedisUrl(value);
    } catch (error) {
      if (error instanceof RedisUrlError) throw new BadValue('is not a Redis URL', error.message);
      throw error;
    }
    return value;
  },
};

/** The settings of each kind of backend; the same at the top level and inside `backends:`. */
export const backendSettings = {
  local: {
    root: setting(
      path,
      './data',
      'Directory whose sub-directories are the buckets. It is made when it is missing.',
    ),
  },
  azure: {
    connectionString: secret(text, 'Connection string of the storage account.'),
    account: optional(
      matching(
        'storage account',
        /^[a-z0-9]{3,24}$/,
        'use the 3 to 24 lower-case letters and digits of its name',
      ),
      'Name of the storage account. Without a key or SAS the ambient Azure identity is used.',
    ),
    accountKey: secret(text, 'Key of the storage account.'),
    sasToken: secret(text, 'Shared access signature for the storage account.'),
    endpoint: optional(
      url('http', 'https'),
      'Blob service URL, where it is not `https://<account>.blob.core.windows.net`.',
    ),
    containerPrefix: setting(
      matching('container prefix', /^([a-z0-9][a-z0-9-]*)?$/, 'use lower-case letters, digits and hyphens'),
      '',
      'Put before each bucket name to get the container name.',
    ),
    staging: setting(
      choice('private', 'direct'),
      'private',
      'Where parts wait: on a private blob of the upload, or directly on the live blob (one writer per key only).',
    ),
  },
  gcs: {
    projectId: optional(text, 'Project that new buckets belong to. Default: the one of the credentials.'),
    keyFile: optional(path, 'JSON key of a service account. Default: Application Default Credentials.'),
    endpoint: optional(url('http', 'https'), 'Service URL, for emulators and private endpoints.'),
    location: optional(
      text,
      "Where new buckets are made, like `EU` or `us-east1`. Default: the service's own.",
    ),
    bucketPrefix: setting(
      matching(
        'bucket prefix',
        /^([a-z0-9][a-z0-9._-]*)?$/,
        'use lower-case letters, digits, hyphens and dots',
      ),
      '',
      'Put before each bucket name: names in Google Cloud Storage are shared by all of its customers.',
    ),
  },
} as const;

export const credentialSettings = {
  accessKeyId: optional(accessKeyId, 'Access key ID that clients sign with.'),
  secretAccessKey: secret(secretKey, 'Its secret.'),
} as const;

/** An entry of `accessPoints:`. The account is quoted in YAML: `0123…` would be another number. */
export const accessPointSettings = {
  name: optional(
    matching(
      'name of an access point',
      /^[a-z0-9][a-z0-9-]{1,48}[a-z0-9]$/,
      'use 3 to 50 lower-case letters, digits and hyphens',
    ),
    'Its name.',
  ),
  account: optional(
    matching('twelve-digit account', /^\d{12}$/, "write twelve digits in quotes, like '123456789012'"),
    'Account in its ARN.',
  ),
  region: optional(region, "Region in its ARN. Default: the gateway's."),
  outpost: optional(
    matching('outpost', /^op-[a-z0-9]+$/, 'write it like op-01234567890123456'),
    'Outpost in its ARN; clients then sign for the service s3-outposts.',
  ),
  bucket: optional(
    matching(
      'bucket',
      /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/,
      'use 3 to 63 lower-case letters, digits, hyphens and dots',
    ),
    'Bucket that it stands for.',
  ),
} as const;

const name = matching('name', /^[\w+=.@-]{1,64}$/, 'use 1 to 64 letters, digits and _+=.@-');

/** Who shares the account: entries of `identities`. */
export const identitySettings = {
  name: optional(name, 'How policies, errors and the log call it.'),
  displayName: optional(text, 'How listings call it. Default: its name.'),
  canonicalId: optional(
    matching('canonical ID', /^[0-9a-f]{64}$/, 'use 64 hexadecimal digits, lower case'),
    'Its ID in listings. Default: made of account and name.',
  ),
  administrator: setting(flag, 'false', 'May do everything, as the account itself.'),
} as const;

/** Entries of an identity's `keys`. */
export const keySettings = {
  ...credentialSettings,
  sessionToken: secret(
    matching('session token', /^[\x21-\x7e]{1,4096}$/, 'use 1 to 4096 printable characters, no spaces'),
    'Makes it a temporary key: requests must carry this token.',
  ),
  expiresAt: optional(instant, 'When the session token ends.'),
} as const;

/** Entries of an identity's `grants`, and of `anonymous`. */
export const grantSettings = {
  buckets: optional(
    listOf(
      matching('bucket name or pattern', /^[a-z0-9.*?-]{1,63}$/, 'use lower-case letters, digits, . - * ?'),
    ),
    'Bucket names, or patterns with `*` and `?`.',
  ),
  prefix: setting(text, '', 'Keys that begin with it only. Default: all.'),
  actions: optional(
    listOf(matching('action', /^[a-z]+$/, 'use lower-case letters')),
    '`list`, `read`, `write`, `delete`, `admin`.',
  ),
} as const;

export const settings = {
  listen: setting(address, '127.0.0.1:9000', 'Address and port to serve on. Port 0 takes a free one.'),
  allowInsecureListen: setting(
    flag,
    'false',
    'Serve beyond this machine although no credentials are configured.',
  ),
  'tls.certFile': optional(path, 'PEM certificate chain; serves HTTPS.'),
  'tls.keyFile': optional(path, 'PEM private key of the certificate.'),
  region: setting(region, 'us-east-1', 'Region that the gateway says it is, and that signatures must name.'),
  acceptRegions: setting(listOf(region), '', 'Other regions that signatures may name.'),
  baseDomains: setting(
    listOf(domain),
    '',
    'Domains under which `<bucket>.<domain>` addresses a bucket (virtual-host style).',
  ),
  trustedProxies: setting(
    listOf(network),
    '',
    'Proxies, by address or range, whose `X-Forwarded-*` and `Forwarded` headers are believed.',
  ),

  accessKeyId: credentialSettings.accessKeyId,
  secretAccessKey: credentialSettings.secretAccessKey,
  accountId: setting(
    matching('twelve-digit account', /^\d{12}$/, 'use twelve digits, in quotes'),
    '000000000000',
    'The account that owns all buckets and identities, as ARNs, policies and `x-amz-expected-bucket-owner` name it.',
  ),
  identitiesFile: optional(
    path,
    'YAML file that holds `identities` and `anonymous`, instead of this one. Read again at SIGHUP.',
  ),
  allowSseCOverHttp: setting(flag, 'false', 'Take customer-provided encryption keys over plain HTTP too.'),

  'encryption.keys': secret(
    masterKeyList,
    'Master keys for `AES256` (SSE-S3). The first encrypts, all decrypt. Without any, one is made and kept in `stateDir`, but not beside Redis.',
  ),
  'encryption.backendAtRest': setting(
    flag,
    'false',
    'Leave `AES256` to backends that encrypt at rest (Azure, Google Cloud Storage) instead of encrypting here too.',
  ),
  'encryption.kms': setting(
    choice('refuse', 'AES256'),
    'refuse',
    'What becomes of `aws:kms` and `aws:kms:dsse`: `refuse` answers 501, `AES256` does that instead, and says so in the answer.',
  ),

  backend: setting(
    text,
    'local',
    'Where objects are kept: `local`, `azure`, `gcs`, or a name under `backends`.',
  ),
  'fs.root': backendSettings.local.root,
  defaultChecksum: setting(
    choice('CRC64NVME', 'none'),
    'CRC64NVME',
    'Checksum computed and kept for objects whose writer sent none. AWS does CRC64NVME; `none` saves processor time.',
  ),
  durability: setting(
    choice('full', 'os'),
    'full',
    'Local files: `full` has data and directories on disk before it answers, `os` leaves that to the operating system.',
  ),
  'azure.connectionString': backendSettings.azure.connectionString,
  'azure.account': backendSettings.azure.account,
  'azure.accountKey': backendSettings.azure.accountKey,
  'azure.sasToken': backendSettings.azure.sasToken,
  'azure.endpoint': backendSettings.azure.endpoint,
  'azure.containerPrefix': backendSettings.azure.containerPrefix,
  'azure.staging': backendSettings.azure.staging,
  'gcs.projectId': backendSettings.gcs.projectId,
  'gcs.keyFile': backendSettings.gcs.keyFile,
  'gcs.endpoint': backendSettings.gcs.endpoint,
  'gcs.location': backendSettings.gcs.location,
  'gcs.bucketPrefix': backendSettings.gcs.bucketPrefix,

  stateDir: setting(
    path,
    './.partway',
    'Directory for the embedded upload store and for what is generated: credentials, a master key.',
  ),
  'redis.url': secret(
    redisUrl,
    'Redis that keeps the open uploads; needed for several gateways on one backend. Without it the embedded store is used.',
  ),
  'redis.keyPrefix': setting(
    matching('key prefix', /^[\w:.-]{0,64}$/, 'use letters, digits and : . _ -'),
    'partway:',
    'Put before every key in Redis, so that several gateways can share one.',
  ),
  'uploads.maxAge': setting(
    duration('1m', '3650d'),
    '7d',
    'Uploads that were not completed by then are ended.',
  ),
  'uploads.retention': setting(
    duration('24h', '3650d'),
    '24h',
    'How long the result of a completed upload is kept for clients that ask again.',
  ),
  'uploads.lease': setting(
    duration('1s', '1h'),
    '30s',
    'How long a CompleteMultipartUpload that fell silent (its process was killed) holds its upload before another try may take it over.',
  ),
  'janitor.interval': setting(
    duration('1s'),
    '10m',
    'Time between two rounds of the clean-up, which also follows the lifecycle rules of buckets.',
  ),

  workers: setting(workerCount, '1', 'Processes that serve; `auto` starts one for each processor core.'),
  'limits.maxConnections': setting(
    integer(1, 1_000_000),
    '10000',
    'Open connections per worker; more are closed at once.',
  ),
  'limits.maxRequests': setting(
    integer(1, 1_000_000),
    '1000',
    'Requests under way per worker; more are answered 503 SlowDown.',
  ),
  'limits.maxRequestsPerConnection': setting(
    integer(1, 1_000_000),
    '32',
    'The same for one connection, by a client that sends on without waiting for answers.',
  ),
  'limits.maxRequestsPerIdentity': optional(
    integer(1, 1_000_000),
    'The same for one identity (the owner, a configured identity, or all who do not sign). Default: no limit of its own.',
  ),
  'limits.maxMemory': setting(
    memorySize(64 * 1024 ** 2),
    'auto',
    'Memory that a worker may hold: new requests that it has no room for are answered 503 SlowDown, and those under way go on. Reckoned with 0.9 MiB for each GET and up to 0.7 for each upload, however large. `auto`: three quarters of what the container may use, or the machine has, for all workers together.',
  ),
  'timeouts.headers': setting(
    duration('100ms', '1h'),
    '30s',
    'For the whole header section of a request to arrive.',
  ),
  'timeouts.idle': setting(
    duration('100ms', '1d'),
    '60s',
    'A peer that neither sends the body it owes nor takes the answer it asked for is cut off. A slow one is not.',
  ),
  'timeouts.keepAlive': setting(duration('100ms', '1d'), '75s', 'A connection without a request is closed.'),
  'timeouts.backend': setting(
    duration('1s', '1h'),
    '40s',
    'A backend (Azure, Google Cloud Storage) that stays silent for this long makes a request end in 503. Copies inside it get eight times as long.',
  ),
  'timeouts.redis': setting(
    duration('100ms', '1m'),
    '3s',
    'Redis that does not answer for this long makes a request end in 503.',
  ),
  'timeouts.drain': setting(
    duration('0s', '1h'),
    '30s',
    'At the end (SIGTERM, Ctrl-C) requests under way may take this long to finish.',
  ),
  'log.level': setting(
    choice('debug', 'info', 'warn', 'error'),
    'info',
    'Least important lines to write. Requests are logged at `info`.',
  ),
  'log.format': optional(choice('json', 'pretty'), 'Default: `pretty` on a terminal, else `json`.'),
} as const;

export type SettingKey = keyof typeof settings;
export type Parsed<S> = S extends Setting<infer T> ? T : never;
/** Every setting, parsed. */
export type Values<Table> = { readonly [K in keyof Table]: Parsed<Table[K]> };

/** `uploads.maxAge` → `PARTWAY_UPLOADS_MAX_AGE`. */
export function environmentName(key: string): string {
  return `PARTWAY_${key
    .replaceAll('.', '_')
    .replace(/[A-Z]/g, (letter) => `_${letter}`)
    .toUpperCase()}`;
}
