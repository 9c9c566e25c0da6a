/**
 * AWS Signature Version 4, as small as the load generator needs it: every request is signed before the clock runs.
 * "Authenticating Requests (AWS Signature Version 4)", Amazon S3 API Reference.
 */
import { createHash, createHmac } from 'node:crypto';

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly region: string;
}

/** What chunk signatures go on from. */
export interface Seed {
  readonly amzDate: string;
  readonly scope: string;
  readonly key: Buffer;
  readonly signature: string;
}

export interface Unsigned {
  readonly method: string;
  readonly host: string;
  /** Encoded, without the query. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  /** The value of x-amz-content-sha256. */
  readonly payload: string;
}

export const emptyHash = sha256('');

export function sha256(data: Uint8Array | string): string {
  return createHash('sha256').update(data).digest('hex');
}

function hmac(key: Uint8Array | string, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest();
}

export function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** The head of the request, signed, up to and with its empty line. */
export function signedHead(request: Unsigned, credentials: Credentials): { head: Buffer; seed: Seed } {
  const amzDate = new Date().toISOString().replace(/[-:]|\.\d{3}/g, '');
  const date = amzDate.slice(0, 8);
  const scope = `${date}/${credentials.region}/s3/aws4_request`;
  const headers: Record<string, string> = {
    ...request.headers,
    host: request.host,
    'x-amz-content-sha256': request.payload,
    'x-amz-date': amzDate,
  };
  const names = Object.keys(headers).sort();
  const query = Object.keys(request.query)
    .sort()
    .map((name) => `${encode(name)}=${encode(request.query[name] ?? '')}`)
    .join('&');
  const canonical = [
    request.method,
    request.path,
    query,
    ...names.map((name) => `${name}:${headers[name]}`),
    '',
    names.join(';'),
    request.payload,
  ].join('\n');
  const dateKey = hmac(`AWS4${credentials.secretAccessKey}`, date);
  const key = hmac(hmac(hmac(dateKey, credentials.region), 's3'), 'aws4_request');
  const signature = hmac(key, `AWS4-HMAC-SHA256\n${amzDate}\n${scope}\n${sha256(canonical)}`).toString('hex');
  const authorization = `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/${scope},SignedHeaders=${names.join(';')},Signature=${signature}`;
  const lines = [
    `${request.method} ${request.path}${query === '' ? '' : `?${query}`} HTTP/1.1`,
    ...names.map((name) => `${name}: ${headers[name]}`),
    `authorization: ${authorization}`,
    '\r\n',
  ];
  return { head: Buffer.from(lines.join('\r\n'), 'latin1'), seed: { amzDate, scope, key, signature } };
}

export function chunkSignature(seed: Seed, previous: string, chunkHash: string): string {
  const text = `AWS4-HMAC-SHA256-PAYLOAD\n${seed.amzDate}\n${seed.scope}\n${previous}\n${emptyHash}\n${chunkHash}`;
  return hmac(seed.key, text).toString('hex');
}

export function trailerSignature(seed: Seed, previous: string, trailer: string): string {
  const text = `AWS4-HMAC-SHA256-TRAILER\n${seed.amzDate}\n${seed.scope}\n${previous}\n${sha256(trailer)}`;
  return hmac(seed.key, text).toString('hex');
}
