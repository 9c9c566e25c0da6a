/** A whole signed PUT as bytes for a socket, in every payload form; written from the S3 API reference, apart from the gateway's own code. */
import { createHash, createHmac } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { credentials } from './gateway.ts';

export const payloadKinds = [
  'sha256',
  'UNSIGNED-PAYLOAD',
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER',
  'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
] as const;
export type PayloadKind = (typeof payloadKinds)[number];

export interface SignedUpload {
  readonly host: string;
  readonly path: string;
  readonly query?: string;
  readonly body: Buffer;
  readonly kind: PayloadKind;
  /** Signed as well; by lower-case name. */
  readonly headers?: Readonly<Record<string, string>>;
  /** What to break after signing. */
  readonly change?: {
    /** Flips a bit of the body's byte at this offset. */
    readonly flipByte?: number;
    /** Bytes declared beyond those sent, in x-amz-decoded-content-length. */
    readonly declareExtra?: number;
    readonly expectContinue?: boolean;
    readonly signature?: string;
  };
}

const chunkSize = 64 * 1024;
const emptyHash = createHash('sha256').digest('hex');

export function signedUpload(upload: SignedUpload): Buffer {
  const { body, change = {}, host, kind, path, query = '' } = upload;
  const timestamp = new Date().toISOString().replaceAll(/[-:]|\.\d{3}/g, '');
  const scope = `${timestamp.slice(0, 8)}/us-east-1/s3/aws4_request`;
  const key = signingKey(timestamp.slice(0, 8));
  const trailer = kind.endsWith('-TRAILER');
  const headers: Record<string, string> = {
    host,
    'x-amz-content-sha256': kind === 'sha256' ? hash(body) : kind,
    'x-amz-date': timestamp,
    ...(kind.startsWith('STREAMING') && {
      'x-amz-decoded-content-length': String(body.length + (change.declareExtra ?? 0)),
    }),
    ...(trailer && { 'x-amz-trailer': 'x-amz-checksum-crc32' }),
    ...upload.headers,
  };
  const names = Object.keys(headers).sort();
  const canonical = [
    'PUT',
    path,
    query,
    ...names.map((name) => `${name}:${headers[name]}`),
    '',
    names.join(';'),
    headers['x-amz-content-sha256'],
  ].join('\n');
  const seed = hmac(key, ['AWS4-HMAC-SHA256', timestamp, scope, hash(canonical)].join('\n'));
  const sent = Buffer.from(body);
  const payload = frame(body, sent, kind, { key, scope, seed, timestamp });
  if (change.flipByte !== undefined) flip(payload, sent, change.flipByte);
  const head = [
    `PUT ${path}${query === '' ? '' : `?${query}`} HTTP/1.1`,
    ...names.map((name) => `${name}: ${headers[name]}`),
    `authorization: AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/${scope},SignedHeaders=${names.join(';')},Signature=${change.signature ?? seed}`,
    `content-length: ${payload.length}`,
    ...(change.expectContinue === true ? ['expect: 100-continue'] : []),
    '',
    '',
  ].join('\r\n');
  return Buffer.concat([Buffer.from(head), payload]);
}

interface Signing {
  readonly key: Buffer;
  readonly scope: string;
  readonly seed: string;
  readonly timestamp: string;
}

function frame(body: Buffer, sent: Buffer, kind: PayloadKind, signing: Signing): Buffer {
  if (!kind.startsWith('STREAMING')) return sent;
  const signed = !kind.includes('UNSIGNED');
  const out: Buffer[] = [];
  let previous = signing.seed;
  for (let at = 0; at <= body.length; at += chunkSize) {
    const chunk = body.subarray(at, at + chunkSize);
    previous = push(out, chunk, previous, signed, signing);
    if (chunk.length > 0 && chunk.length < chunkSize) break;
  }
  if (body.length % chunkSize !== 0) previous = push(out, Buffer.alloc(0), previous, signed, signing);
  if (kind.endsWith('-TRAILER')) {
    const raw = Buffer.alloc(4);
    raw.writeUInt32BE(crc32(body));
    const line = `x-amz-checksum-crc32:${raw.toString('base64')}`;
    out.push(Buffer.from(`${line}\r\n`));
    if (signed) {
      const text = [
        'AWS4-HMAC-SHA256-TRAILER',
        signing.timestamp,
        signing.scope,
        previous,
        hash(`${line}\n`),
      ];
      out.push(Buffer.from(`x-amz-trailer-signature:${hmac(signing.key, text.join('\n'))}\r\n`));
    }
  }
  out.push(Buffer.from('\r\n'));
  return Buffer.concat(out);
}

function push(out: Buffer[], chunk: Buffer, previous: string, signed: boolean, signing: Signing): string {
  const text = [
    'AWS4-HMAC-SHA256-PAYLOAD',
    signing.timestamp,
    signing.scope,
    previous,
    emptyHash,
    hash(chunk),
  ];
  const signature = hmac(signing.key, text.join('\n'));
  const extension = signed ? `;chunk-signature=${signature}` : '';
  out.push(Buffer.from(`${chunk.length.toString(16)}${extension}\r\n`));
  if (chunk.length > 0) out.push(chunk, Buffer.from('\r\n'));
  return signature;
}

/** Finds the body's byte in the framed payload by the eight bytes around it. */
function flip(payload: Buffer, body: Buffer, offset: number): void {
  const at = payload.indexOf(body.subarray(offset, offset + 8));
  if (at < 0) throw new Error('the byte to flip is at the edge of a chunk');
  payload[at] = (payload[at] ?? 0) ^ 1;
}

function signingKey(date: string): Buffer {
  const steps = [date, 'us-east-1', 's3', 'aws4_request'];
  return steps.reduce<Buffer>(
    (key, step) => createHmac('sha256', key).update(step).digest(),
    Buffer.from(`AWS4${credentials.secretAccessKey}`),
  );
}

function hash(data: Buffer | string): string {
  return createHash('sha256').update(data).digest('hex');
}

function hmac(key: Buffer, text: string): string {
  return createHmac('sha256', key).update(text).digest('hex');
}
