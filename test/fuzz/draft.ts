/** A request before it is signed, and its bytes on the wire. The signature is written from "Signature Version 4", apart from the gateway's own code. */
import { createHash, createHmac } from 'node:crypto';
import { credentials } from '../kit/gateway.ts';

export interface Draft {
  /** The S3 action that it set out from. */
  readonly action: string;
  method: string;
  /** As it stands on the request line. */
  path: string;
  query: [name: string, value: string][];
  /** Values are latin1: a character is a byte. */
  headers: [name: string, value: string][];
  body: Buffer;
  /** Value of x-amz-content-sha256; the body's hash unless given. */
  payload?: string;
  auth: 'header' | 'query' | 'none' | 'wrong';
}

const emptyHash = createHash('sha256').digest('hex');
const keys = new Map<string, Buffer>();

function signingKey(day: string): Buffer {
  const known = keys.get(day);
  if (known !== undefined) return known;
  const key = [day, 'us-east-1', 's3', 'aws4_request'].reduce(
    (secret: string | Buffer, part) => createHmac('sha256', secret).update(part).digest(),
    `AWS4${credentials.secretAccessKey}`,
  );
  keys.set(day, key as Buffer);
  return key as Buffer;
}

function hash(data: Buffer | string): string {
  return data.length === 0 ? emptyHash : createHash('sha256').update(data).digest('hex');
}

/** "UriEncode()": everything but unreserved characters; lone surrogates as U+FFFD. */
export function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

export function encodeKey(key: string): string {
  return key.split('/').map(encode).join('/');
}

export interface Signed {
  readonly bytes: Buffer;
  /** What chunk signatures go on from. */
  readonly seed: string;
  readonly timestamp: string;
  readonly scope: string;
  readonly key: Buffer;
}

export function toWire(
  draft: Draft,
  host: string,
  frame?: (signed: Omit<Signed, 'bytes'>) => Buffer,
): Buffer {
  const timestamp = new Date().toISOString().replaceAll(/[-:]|\.\d{3}/g, '');
  const day = timestamp.slice(0, 8);
  const scope = `${day}/us-east-1/s3/aws4_request`;
  const headers: [string, string][] = [['host', host], ...draft.headers];
  const query = [...draft.query];
  const payload = draft.payload ?? hash(draft.body);
  const has = (name: string): boolean => headers.some(([each]) => each.toLowerCase() === name);
  if (draft.auth !== 'none' && draft.auth !== 'query') {
    if (!has('x-amz-date')) headers.push(['x-amz-date', timestamp]);
    if (!has('x-amz-content-sha256')) headers.push(['x-amz-content-sha256', payload]);
  }
  const signedNames = [
    ...new Set(
      headers
        .map(([name]) => name.toLowerCase())
        .filter(
          (name) => name === 'host' || name.startsWith('x-amz-') || /^content-(type|md5)$|^range$/.test(name),
        ),
    ),
  ].sort();
  if (draft.auth === 'query') {
    query.push(
      ['X-Amz-Algorithm', 'AWS4-HMAC-SHA256'],
      ['X-Amz-Credential', `${credentials.accessKeyId}/${scope}`],
      ['X-Amz-Date', timestamp],
      ['X-Amz-Expires', '600'],
      ['X-Amz-SignedHeaders', signedNames.join(';')],
    );
  }
  const pairs = query.map(([name, value]) => `${encode(name)}=${encode(value)}`);
  const canonical = [
    draft.method,
    draft.path,
    pairs.toSorted().join('&'),
    ...signedNames.map((name) => `${name}:${valuesOf(headers, name)}`),
    '',
    signedNames.join(';'),
    draft.auth === 'query' ? (draft.payload ?? 'UNSIGNED-PAYLOAD') : payload,
  ].join('\n');
  const key = signingKey(day);
  const toSign = ['AWS4-HMAC-SHA256', timestamp, scope, hash(Buffer.from(canonical, 'latin1'))].join('\n');
  let seed = createHmac('sha256', key).update(toSign).digest('hex');
  if (draft.auth === 'wrong') seed = seed.replace(/^./, (digit) => (digit === '0' ? '1' : '0'));
  if (draft.auth === 'query') pairs.push(`X-Amz-Signature=${seed}`);
  else if (draft.auth !== 'none') {
    const credential = `Credential=${credentials.accessKeyId}/${scope}`;
    headers.push([
      'authorization',
      `AWS4-HMAC-SHA256 ${credential},SignedHeaders=${signedNames.join(';')},Signature=${seed}`,
    ]);
  }
  const body = frame?.({ seed, timestamp, scope, key }) ?? draft.body;
  if (!has('content-length') && !has('transfer-encoding') && (body.length > 0 || /^P/.test(draft.method)))
    headers.push(['content-length', String(body.length)]);
  const target = pairs.length === 0 ? draft.path : `${draft.path}?${pairs.join('&')}`;
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return Buffer.concat([Buffer.from(`${draft.method} ${target} HTTP/1.1\r\n${lines}\r\n`, 'latin1'), body]);
}

/** "Trim(HeaderValue)", values of one name joined. */
function valuesOf(headers: readonly [string, string][], name: string): string {
  return headers
    .filter(([each]) => each.toLowerCase() === name)
    .map(([, value]) => value.trim().replaceAll(/ +/g, ' '))
    .join(',');
}
