/** Requests with every byte of the head in our hands, signed by the AWS SDK's own signer. */
import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import { type IncomingMessage, request } from 'node:http';
import { SignatureV4 } from '@smithy/signature-v4';
import { credentials } from './gateway.ts';

export interface RawRequest {
  readonly method: string;
  /** As it stands on the request line, without query. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  /** Value of x-amz-content-sha256; by default the hash of the body. */
  readonly payloadHash?: string;
  /** Added after signing. */
  readonly unsignedHeaders?: Readonly<Record<string, string | readonly string[]>>;
  readonly region?: string;
  readonly anonymous?: boolean;
  /** Whose signature; by default the account's own. */
  readonly as?: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
  readonly text: string;
  /** Text of the first element of that name. */
  element(name: string): string | undefined;
}

export async function send(endpoint: string, call: RawRequest): Promise<RawAnswer> {
  const url = new URL(endpoint);
  const body = Buffer.from(call.body ?? '');
  const headers: Record<string, string> = {
    host: url.host,
    'x-amz-content-sha256': call.payloadHash ?? createHash('sha256').update(body).digest('hex'),
    ...call.headers,
  };
  const signed = call.anonymous === true ? headers : await sign(call, headers, url);
  const query = Object.entries(call.query ?? {})
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .join('&');
  const outgoing = request({
    host: url.hostname,
    port: url.port,
    method: call.method,
    path: query === '' ? call.path : `${call.path}?${query}`,
    headers: {
      ...signed,
      ...(body.length > 0 || call.method === 'PUT' || call.method === 'POST'
        ? { 'content-length': String(body.length) }
        : {}),
      ...call.unsignedHeaders,
    },
  });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve);
    outgoing.on('error', reject);
  });
  outgoing.end(body);
  return readAnswer(await answered);
}

/** What the signer wants of a hash. */
class Sha256 {
  #hash: Hash | Hmac;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash =
      secret === undefined ? createHash('sha256') : createHmac('sha256', Buffer.from(secret as Uint8Array));
  }

  update(data: Uint8Array): void {
    this.#hash.update(data);
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }
}

async function sign(
  call: RawRequest,
  headers: Record<string, string>,
  url: URL,
): Promise<Record<string, string>> {
  const signer = new SignatureV4({
    service: 's3',
    region: call.region ?? 'us-east-1',
    credentials: call.as ?? credentials,
    sha256: Sha256,
    uriEscapePath: false,
  });
  const signed = await signer.sign({
    method: call.method,
    protocol: 'http:',
    hostname: url.hostname,
    port: Number(url.port),
    path: call.path,
    query: { ...call.query },
    headers,
  });
  return signed.headers as Record<string, string>;
}

async function readAnswer(incoming: IncomingMessage): Promise<RawAnswer> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  const text = body.toString('utf8');
  return {
    status: incoming.statusCode ?? 0,
    headers: incoming.headers as Record<string, string | undefined>,
    body,
    text,
    element: (name) => new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1],
  };
}
