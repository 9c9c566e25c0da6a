/**
 * Stands before Azurite and is as strict as the service: {@link Rules}, opaque markers, short pages, Put Blob From URL, and
 * Copy Blob that stays pending. Breaks on demand: {@link Fault}.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  Agent,
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { BlobServiceClient } from '@azure/storage-blob';
import { devConnectionString } from '../../setup/azurite.ts';
import { Markers } from './markers.ts';
import { type BlobRequest, readRequest } from './request.ts';
import { type Refusal, Rules } from './rules.ts';
import { sharedKey } from './shared-key.ts';

export interface Fault {
  /** How often it strikes. Default: once. */
  times?: number;
  readonly on: (request: BlobRequest) => boolean;
  readonly how:
    | {
        readonly kind: 'answer';
        readonly status: number;
        readonly code: string;
        readonly retryAfter?: number;
      }
    /** The connection is reset before the request reaches the service. */
    | { readonly kind: 'reset' }
    /** The request is carried out, and its answer lost. */
    | { readonly kind: 'lose the answer' }
    /** Reset after so many bytes of the request's body. */
    | { readonly kind: 'cut the request'; readonly after: number }
    /** Reset after so many bytes of the answer's body. */
    | { readonly kind: 'cut the answer'; readonly after: number }
    /** Nothing more after so many bytes of the answer's body. */
    | { readonly kind: 'stall the answer'; readonly after: number }
    /** No answer, ever; the body is taken, or not even that. */
    | { readonly kind: 'hang'; readonly reading: boolean }
    /** Runs before the request is passed on. */
    | { readonly kind: 'meanwhile'; readonly work: () => Promise<unknown> };
}

export interface StrictAzure {
  readonly connectionString: string;
  /** To the emulator itself, past the rules. */
  readonly direct: BlobServiceClient;
  readonly faults: Fault[];
  /** Every request since the start or the last `splice`. */
  readonly log: BlobRequest[];
  /** Resolves once no request is under way. */
  quiet(): Promise<void>;
  stop(): Promise<void>;
}

export interface StrictOptions {
  /** Connection string of the emulator. */
  readonly upstream: string;
  /** Entries of a listing's page at most, so that pages are short. */
  readonly pageSize?: number;
  /** Answer Put Blob From URL, as the service does and Azurite does not. */
  readonly putBlobFromUrl?: boolean;
  /** Ignore startFrom, as services older than 2026-02-06 do. */
  readonly ignoreStartFrom?: boolean;
}

export async function startStrictAzure(options: StrictOptions): Promise<StrictAzure> {
  const direct = BlobServiceClient.fromConnectionString(options.upstream);
  const upstream = new URL(direct.url);
  const proxy = new StrictProxy(options, upstream, direct);
  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    proxy.handle(request, response).catch((error: unknown) => {
      response.destroy(error instanceof Error ? error : new Error(String(error)));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP address');
  return {
    connectionString: devConnectionString(`http://127.0.0.1:${address.port}`),
    direct,
    faults: proxy.faults,
    log: proxy.log,
    async quiet() {
      while (proxy.active > 0) await sleep(10);
    },
    async stop() {
      proxy.close();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

class StrictProxy {
  readonly faults: Fault[] = [];
  readonly log: BlobRequest[] = [];
  active = 0;
  readonly #options: StrictOptions;
  readonly #upstream: URL;
  readonly #direct: BlobServiceClient;
  readonly #rules: Rules;
  readonly #markers = new Markers();
  readonly #pending = new Set<string>();
  readonly #agent = new Agent({ keepAlive: true });

  constructor(options: StrictOptions, upstream: URL, direct: BlobServiceClient) {
    this.#options = options;
    this.#upstream = upstream;
    this.#direct = direct;
    this.#rules = new Rules((container, blob) =>
      direct
        .getContainerClient(container)
        .getBlobClient(blob)
        .getProperties()
        .then(
          ({ contentLength }) => contentLength,
          () => undefined,
        ),
    );
  }

  async handle(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const request = readRequest(message);
    this.log.push(request);
    const fault = this.#strike(request);
    switch (fault?.kind) {
      case 'hang':
        if (fault.reading) message.resume();
        return;
      case 'reset':
        message.socket.resetAndDestroy();
        return;
      case 'answer':
        return answer(message, response, { ...fault, message: 'injected' }, fault.retryAfter);
      case 'meanwhile':
        await fault.work();
        break;
      default:
    }
    this.active++;
    response.once('close', () => {
      this.active--;
    });
    const body = request.operation === 'PutBlockList' ? await readAll(message) : '';
    const refusal = await this.#rules.judge(request, body);
    if (refusal !== undefined) return answer(message, response, refusal);
    if (request.operation === 'CopyBlob') return this.#copyPending(request, message, response);
    if (request.operation === 'PutBlobFromUrl' && this.#options.putBlobFromUrl !== false)
      return this.#putBlobFromUrl(request, message, response);
    const listing = request.operation === 'ListBlobs' ? this.#listingUrl(request) : undefined;
    if (listing === 'bad marker')
      return answer(message, response, {
        status: 400,
        code: 'InvalidQueryParameterValue',
        message: '"List Blobs": the marker is opaque, and of this very listing',
      });
    await this.#forward(request, message, response, { body, url: listing, fault });
  }

  close(): void {
    this.#agent.destroy();
  }

  #strike(request: BlobRequest): Fault['how'] | undefined {
    const index = this.faults.findIndex((fault) => fault.on(request));
    const fault = this.faults[index];
    if (fault === undefined) return undefined;
    fault.times = (fault.times ?? 1) - 1;
    if (fault.times <= 0) this.faults.splice(index, 1);
    return fault.how;
  }

  async #forward(
    request: BlobRequest,
    message: IncomingMessage,
    response: ServerResponse,
    {
      body,
      url,
      fault,
    }: { readonly body: string; readonly url: string | undefined; readonly fault: Fault['how'] | undefined },
  ): Promise<void> {
    const outgoing = httpRequest({
      host: this.#upstream.hostname,
      port: this.#upstream.port,
      method: request.method,
      path: url ?? message.url,
      headers: url === undefined ? [...message.rawHeaders] : signed(request, url, message.rawHeaders),
      agent: this.#agent,
    });
    outgoing.on('error', () => response.destroy());
    response.on('close', () => outgoing.destroy());
    if (body !== '') outgoing.end(body);
    else if (fault?.kind === 'cut the request') {
      let passed = 0;
      message.on('data', (chunk: Buffer) => {
        passed += chunk.length;
        outgoing.write(chunk);
        if (passed >= fault.after) {
          outgoing.destroy();
          message.socket.resetAndDestroy();
        }
      });
    } else message.pipe(outgoing);
    const [reply] = (await once(outgoing, 'response')) as [IncomingMessage];
    const status = reply.statusCode ?? 500;
    if (status < 300) this.#rules.applied(request, body);
    if (fault?.kind === 'lose the answer') {
      reply.resume();
      await once(reply, 'end');
      message.socket.resetAndDestroy();
      return;
    }
    const headers = [...reply.rawHeaders];
    if (this.#pending.has(request.path) && request.operation === 'HeadBlob')
      headers.push('x-ms-copy-status', 'pending');
    if (status < 300 && (request.operation === 'ListBlobs' || request.operation === 'GetBlockList')) {
      const xml = await readAll(reply);
      const strict =
        request.operation === 'ListBlobs'
          ? this.#markers.hide(request.query, xml)
          : this.#rules.blockListAnswer(request, xml);
      response.writeHead(status, withoutLength(headers));
      response.end(strict);
      return;
    }
    response.writeHead(status, headers);
    if (fault?.kind !== 'cut the answer' && fault?.kind !== 'stall the answer') {
      reply.pipe(response);
      return;
    }
    let passed = 0;
    reply.on('data', (chunk: Buffer) => {
      const rest = fault.after - passed;
      passed += chunk.length;
      response.write(chunk.subarray(0, Math.max(0, rest)));
      if (passed < fault.after) return;
      if (fault.kind === 'stall the answer') reply.destroy();
      // Half a moment, so that what was written is on its way.
      else setTimeout(() => message.socket.resetAndDestroy(), 10);
    });
  }

  /** The emulator's URL of a listing: the real marker, and pages as short as they may be. */
  #listingUrl({ path, query }: BlobRequest): string | 'bad marker' {
    const real = new URLSearchParams(query);
    const marker = query.get('marker');
    if (marker !== null && marker !== '') {
      const opened = this.#markers.open(marker, query);
      if (opened === undefined) return 'bad marker';
      real.set('marker', opened);
    }
    const most = Math.min(Number(query.get('maxresults') ?? 5000), this.#options.pageSize ?? 5000);
    real.set('maxresults', String(most));
    if (this.#options.ignoreStartFrom === true) real.delete('startFrom');
    return `${path}?${real}`;
  }

  /** "Copy Blob": may go on for up to two weeks. Until then the target is empty; when it is aborted or fails, for good. */
  async #copyPending(
    request: BlobRequest,
    message: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    message.resume();
    const target = this.#direct.getContainerClient(request.container).getBlockBlobClient(request.blob);
    const written = await target.upload('', 0);
    this.#rules.applied(request, '');
    this.#pending.add(request.path);
    response.writeHead(202, {
      etag: written.etag ?? '',
      'last-modified': (written.lastModified ?? new Date()).toUTCString(),
      'x-ms-copy-id': randomBytes(16).toString('hex'),
      'x-ms-copy-status': 'pending',
      'x-ms-version': '2026-06-06',
      'content-length': '0',
    });
    response.end();
  }

  /** "Put Blob From URL": a new blob in one step, with the properties and metadata of the request. */
  async #putBlobFromUrl(
    request: BlobRequest,
    message: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    message.resume();
    const header = (name: string): string | undefined => {
      const value = request.headers[name];
      return typeof value === 'string' ? value : undefined;
    };
    const source = new URL(header('x-ms-copy-source') ?? '');
    const [, , container = '', ...blob] = source.pathname.split('/');
    const from = this.#direct
      .getContainerClient(decodeURIComponent(container))
      .getBlobClient(decodeURIComponent(blob.join('/')));
    const target = this.#direct.getContainerClient(request.container).getBlockBlobClient(request.blob);
    const metadata: Record<string, string> = {};
    for (const [name, value] of Object.entries(request.headers))
      if (name.startsWith('x-ms-meta-') && typeof value === 'string') metadata[name.slice(10)] = value;
    const given = <T extends string>(name: T, value: string | undefined): Partial<Record<T, string>> =>
      value === undefined ? {} : ({ [name]: value } as Partial<Record<T, string>>);
    try {
      const { etag } = await from.getProperties();
      if (header('x-ms-source-if-match') !== undefined && header('x-ms-source-if-match') !== etag)
        return answer(message, response, { status: 412, code: 'SourceConditionNotMet', message: 'source' });
      const bytes = await from.downloadToBuffer();
      const written = await target.upload(bytes, bytes.length, {
        metadata,
        conditions: {
          ...given('ifMatch', header('if-match')),
          ...given('ifNoneMatch', header('if-none-match')),
        },
        blobHTTPHeaders: {
          ...given('blobContentType', header('x-ms-blob-content-type')),
          ...given('blobCacheControl', header('x-ms-blob-cache-control')),
          ...given('blobContentDisposition', header('x-ms-blob-content-disposition')),
          ...given('blobContentEncoding', header('x-ms-blob-content-encoding')),
          ...given('blobContentLanguage', header('x-ms-blob-content-language')),
        },
      });
      this.#rules.applied(request, '');
      response.writeHead(201, {
        etag: written.etag ?? '',
        'last-modified': (written.lastModified ?? new Date()).toUTCString(),
        'x-ms-version': '2026-06-06',
        'content-length': '0',
      });
      response.end();
    } catch (error) {
      const { statusCode = 500, code = 'InternalError' } = error as { statusCode?: number; code?: string };
      answer(message, response, { status: statusCode, code, message: String(error) });
    }
  }
}

function answer(
  message: IncomingMessage,
  response: ServerResponse,
  refusal: Refusal,
  retryAfter?: number,
): void {
  message.resume();
  const { status, code, message: text } = refusal;
  const body =
    message.method === 'HEAD'
      ? ''
      : `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>${text}</Message></Error>`;
  response.writeHead(status, {
    'x-ms-error-code': code,
    'x-ms-version': '2026-06-06',
    'content-type': 'application/xml',
    'content-length': Buffer.byteLength(body),
    ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
  });
  response.end(body);
}

/** The request's headers, signed anew for another URL; of one with a SAS, which covers any listing, only the URL changes. */
function signed(request: BlobRequest, url: string, rawHeaders: readonly string[]): string[] {
  const headers: Record<string, string> = {};
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? '').toLowerCase();
    if (name !== 'authorization') headers[name] = rawHeaders[i + 1] ?? '';
  }
  if (!request.query.has('sig')) headers['authorization'] = sharedKey(request.method, url, headers);
  return Object.entries(headers).flat();
}

function withoutLength(rawHeaders: readonly string[]): string[] {
  const kept: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2)
    if (!/^(content-length|transfer-encoding)$/i.test(rawHeaders[i] ?? ''))
      kept.push(rawHeaders[i] ?? '', rawHeaders[i + 1] ?? '');
  return kept;
}

async function readAll(stream: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
