/** A second implementation of SigV4's client side, so that tests do not check the gateway's signer against itself. */
import { createHash, createHmac } from 'node:crypto';
import { type Authenticate, createAuthenticator } from '../../src/auth/authenticate.ts';
import { credentialSource, Secret } from '../../src/auth/credentials.ts';
import { parseTarget } from '../../src/http/target.ts';

/** Key, secret and time of the examples in the S3 API reference. */
export const exampleKey = 'AKIAIOSFODNN7EXAMPLE';
export const exampleSecret = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
export const exampleTime = Date.UTC(2013, 4, 24);
export const exampleTimestamp = '20130524T000000Z';
export const exampleScope = '20130524/us-east-1/s3/aws4_request';
export const emptyHash = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

export const owner = { id: 'owner-id', displayName: 'owner' };

export const exampleCredential = {
  accessKeyId: exampleKey,
  secretAccessKey: new Secret(exampleSecret),
  identity: owner,
};

export const exampleAuthenticator: Authenticate = createAuthenticator({
  credentials: credentialSource([exampleCredential]),
  region: 'us-east-1',
  clock: () => exampleTime,
});

export type HeaderPairs = Record<string, string>;

/** What the gateway sees of a request line and its headers. */
export function incoming(method: string, url: string, headers: HeaderPairs) {
  const map = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  return { method, target: parseTarget(url, map.get('host')), headers: map };
}

export function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

export function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

export function signingKey(secret: string, scope: string): Buffer {
  return scope.split('/').reduce<string | Buffer>((key, step) => hmac(key, step), `AWS4${secret}`) as Buffer;
}

export interface SignOptions {
  readonly method?: string;
  /** Already in canonical form: encoded, query sorted. */
  readonly url?: string;
  readonly headers?: HeaderPairs;
  /** Headers that are sent but not signed. */
  readonly unsigned?: HeaderPairs;
  readonly timestamp?: string;
  readonly scope?: string;
  readonly accessKeyId?: string;
  readonly secret?: string;
  readonly contentHash?: string;
  /** Sent in `Date`, in place of `x-amz-date`. */
  readonly date?: string;
}

function signature(method: string, url: string, headers: HeaderPairs, last: string, options: SignOptions) {
  const [path = '', query = ''] = url.split('?');
  const scope = options.scope ?? exampleScope;
  const names = Object.keys(headers).sort();
  const canonical = [
    method,
    path,
    query,
    ...names.map((name) => `${name}:${headers[name]}`),
    '',
    names.join(';'),
    last,
  ].join('\n');
  const text = [
    'AWS4-HMAC-SHA256',
    options.timestamp ?? exampleTimestamp,
    scope,
    sha256(Buffer.from(canonical, 'latin1')),
  ].join('\n');
  return {
    canonical,
    text,
    names: names.join(';'),
    signature: hmac(signingKey(options.secret ?? exampleSecret, scope), text).toString('hex'),
  };
}

/** A request signed in its Authorization header, as the gateway sees it. */
export function signedRequest(options: SignOptions = {}) {
  const { method = 'GET', url = '/bucket/key', accessKeyId = exampleKey, scope = exampleScope } = options;
  const contentHash = options.contentHash ?? emptyHash;
  const headers: HeaderPairs = {
    host: 'localhost:9000',
    'x-amz-content-sha256': contentHash,
    ...(options.date === undefined
      ? { 'x-amz-date': options.timestamp ?? exampleTimestamp }
      : { date: options.date }),
    ...options.headers,
  };
  const signed = signature(method, url, headers, contentHash, options);
  const authorization = `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${signed.names}, Signature=${signed.signature}`;
  return {
    ...signed,
    headers: { ...headers, ...options.unsigned, authorization } as HeaderPairs,
    method,
    url,
  };
}

export interface PresignOptions extends SignOptions {
  readonly query?: Record<string, string>;
  readonly expires?: string;
}

/** A presigned URL, as the gateway sees it. */
export function presignedRequest(options: PresignOptions = {}) {
  const { method = 'GET', url = '/bucket/key', accessKeyId = exampleKey, scope = exampleScope } = options;
  const headers: HeaderPairs = { host: 'localhost:9000', ...options.headers };
  const parameters: Record<string, string> = {
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Credential': `${accessKeyId}/${scope}`,
    'X-Amz-Date': options.timestamp ?? exampleTimestamp,
    'X-Amz-Expires': options.expires ?? '3600',
    'X-Amz-SignedHeaders': Object.keys(headers).sort().join(';'),
    ...options.query,
  };
  const query = Object.entries(parameters)
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .sort()
    .join('&');
  const signed = signature(
    method,
    `${url}?${query}`,
    headers,
    options.contentHash ?? 'UNSIGNED-PAYLOAD',
    options,
  );
  return {
    ...signed,
    method,
    url: `${url}?${query}&X-Amz-Signature=${signed.signature}`,
    headers: { ...headers, ...options.unsigned } as HeaderPairs,
  };
}
