/**
 * One HTTP exchange with the service, and the retrying of those that may be sent again.
 *
 * Credentials and endpoint are the SDK's. Its own requests are not used: they take no signal that aborts them, they are
 * repeated out of sight of who knows whether a lost answer matters, and their CRC32C costs five times as much.
 */
import {
  type ClientRequest,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  aborted,
  BodyFailure,
  CredentialsFailure,
  isTransient,
  NetworkFailure,
  ServiceFailure,
} from './errors.ts';

export interface Outgoing {
  readonly method: string;
  /** Path and query, encoded. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string | number>>;
  readonly signal?: AbortSignal | undefined;
}

export interface Answer {
  readonly incoming: IncomingMessage;
  readonly body: Buffer;
}

export interface RetryPolicy {
  /** Tries in all. */
  readonly attempts: number;
  /** The first pause; each further one is twice as long, less a random half of it. */
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
}

export interface Transport {
  /** One try; resolves with a success of which the whole body was read. */
  send(outgoing: Outgoing, body?: readonly Buffer[]): Promise<Answer>;
  /** One try; resolves once the service answered with success and its body can be read. */
  open(outgoing: Outgoing): Promise<IncomingMessage>;
  /** One try: `write` sends the body as it comes, and settles when all of it was handed over. */
  stream(outgoing: Outgoing, write: BodyWriter): Promise<Answer>;
  /** Tries again what failed for now, after a pause that grows. */
  retry<T>(signal: AbortSignal | undefined, attempt: () => Promise<T>): Promise<T>;
  /** Waits before try number `attempt` + 1, or throws `error` when it is not worth another. */
  pause(error: unknown, attempt: number, signal: AbortSignal | undefined): Promise<void>;
  /** Longest silence of the service that is waited for, in milliseconds. */
  readonly timeoutMs: number;
  close(): void;
}

export type BodyWriter = (chunks: BodySink) => Promise<void>;
export interface BodySink {
  /** Resolves when there is room for more; rejects when the exchange is over. `sent` is called once nobody looks at the chunk any more, if ever. */
  write(chunk: Uint8Array, sent?: () => void): Promise<void> | undefined;
  /** Aborted when the service answered or the connection broke before the body ended. */
  readonly over: AbortSignal;
}

export interface TransportOptions {
  readonly endpoint: URL;
  /** Headers that prove who we are. */
  readonly authorize: () => Promise<Record<string, string>>;
  readonly timeoutMs: number;
  readonly retry: RetryPolicy;
}

/** Error bodies and JSON answers. A list page of 1,000 objects with full metadata stays below it. */
const maxAnswerBytes = 32 * 1024 * 1024;
/** Custom metadata comes as headers: 8 KiB of it, and what else an object has. */
const maxHeaderSize = 64 * 1024;

/** Bytes of one body on their way into the socket: enough to hash and to send at once. */
const MAX_UNSENT = 256 * 1024;

/** A second try reaches past one dead connection; a service that is silent again stays so. */
const silentTries = 2;

const unsentCodes = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);
const networkCodes = new Set([...unsentCodes, 'ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT']);

export function createTransport(options: TransportOptions): Transport {
  const { endpoint, timeoutMs } = options;
  const secure = endpoint.protocol === 'https:';
  // Idle connections are dropped before the service does it, so that a body is not sent into one that just closed.
  const pooling = { keepAlive: true, timeout: 30_000, scheduling: 'lifo' } as const;
  // HTTPS_PROXY and NO_PROXY count, as they do for the SDK. Plain HTTP is for emulators close by.
  const agent = secure ? new HttpsAgent({ ...pooling, proxyEnv: process.env }) : new HttpAgent(pooling);
  const base = endpoint.pathname.replace(/\/$/, '');

  async function start({ method, path, headers, signal }: Outgoing): Promise<ClientRequest> {
    if (signal?.aborted) throw aborted(signal);
    const credentials = await options.authorize();
    if (signal?.aborted) throw aborted(signal);
    return (secure ? httpsRequest : httpRequest)({
      agent,
      host: endpoint.hostname.replace(/^\[|\]$/g, ''),
      port: endpoint.port,
      path: base + path,
      method,
      maxHeaderSize,
      headers: { 'user-agent': 'partway', ...credentials, ...headers },
    });
  }

  /** The head of the answer. `silence` bounds the wait for it, and is off until it is armed. */
  function answerTo(
    request: ClientRequest,
    signal: AbortSignal | undefined,
    silence: Silence,
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const abort = (): void => void request.destroy();
      signal?.addEventListener('abort', abort, { once: true });
      const settle = (): void => {
        silence.off();
        signal?.removeEventListener('abort', abort);
      };
      silence.onTimeout = () =>
        request.destroy(new NetworkFailure(`no answer for ${timeoutMs / 1000} s`, { silent: true }));
      request.once('response', (incoming) => {
        settle();
        resolve(incoming);
      });
      // Stays for good: a connection that breaks after the answer is reported by the answer's own stream.
      request.on('error', (error) => {
        settle();
        reject(signal?.aborted ? aborted(signal) : networkFailure(error));
      });
      request.once('close', () => {
        settle();
        reject(signal?.aborted ? aborted(signal) : new NetworkFailure('the connection closed'));
      });
    });
  }

  async function collect(incoming: IncomingMessage, signal: AbortSignal | undefined): Promise<Buffer> {
    const abort = (): void => void incoming.destroy();
    signal?.addEventListener('abort', abort, { once: true });
    const stop = (): void =>
      void incoming.destroy(new NetworkFailure('the answer stopped half-way', { silent: true }));
    const timer = setTimeout(stop, timeoutMs);
    try {
      const chunks: Buffer[] = [];
      let size = 0;
      for await (const chunk of incoming as AsyncIterable<Buffer>) {
        size += chunk.length;
        if (size > maxAnswerBytes) throw new Error(`the answer is longer than ${maxAnswerBytes} bytes`);
        chunks.push(chunk);
        timer.refresh();
      }
      return Buffer.concat(chunks);
    } catch (error) {
      throw signal?.aborted ? aborted(signal) : networkFailure(error);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    }
  }

  async function demandSuccess(incoming: IncomingMessage, signal: AbortSignal | undefined): Promise<void> {
    const status = incoming.statusCode ?? 0;
    if (status >= 200 && status < 300) return;
    throw serviceFailure(incoming, await collect(incoming, signal));
  }

  const transport: Transport = {
    timeoutMs,
    async send(outgoing, body) {
      const request = await start(outgoing);
      const silence = new Silence(timeoutMs);
      const answer = answerTo(request, outgoing.signal, silence);
      silence.on();
      for (const chunk of body ?? []) request.write(chunk);
      request.end();
      const incoming = await answer;
      await demandSuccess(incoming, outgoing.signal);
      return { incoming, body: await collect(incoming, outgoing.signal) };
    },

    async open(outgoing) {
      const request = await start(outgoing);
      const silence = new Silence(timeoutMs);
      const answer = answerTo(request, outgoing.signal, silence);
      silence.on();
      request.end();
      const incoming = await answer;
      await demandSuccess(incoming, outgoing.signal);
      return incoming;
    },

    async stream(outgoing, write) {
      const request = await start(outgoing);
      const silence = new Silence(timeoutMs);
      const answer = answerTo(request, outgoing.signal, silence);
      const over = new AbortController();
      const stop = (): void => over.abort();
      answer.then(stop, stop);
      const room = async (): Promise<void> => {
        over.signal.throwIfAborted();
        // A client that is slow to send is not the service's silence: it is timed only while it has bytes to take.
        silence.on();
        const drained = Promise.withResolvers<void>();
        request.once('drain', drained.resolve);
        over.signal.addEventListener('abort', drained.reject, { once: true });
        try {
          await drained.promise;
        } finally {
          silence.off();
          request.off('drain', drained.resolve);
          over.signal.removeEventListener('abort', drained.reject);
        }
      };
      try {
        await write({
          over: over.signal,
          write(chunk, sent) {
            request.write(chunk, (error) => {
              if (error === undefined || error === null) sent?.();
            });
            return request.writableLength < MAX_UNSENT ? undefined : room();
          },
        });
        if (!over.signal.aborted) {
          silence.on();
          request.end();
        }
      } catch (error) {
        if (!over.signal.aborted) {
          request.destroy();
          throw new BodyFailure('the body could not be read', { cause: error });
        }
      }
      const incoming = await answer;
      try {
        await demandSuccess(incoming, outgoing.signal);
        return { incoming, body: await collect(incoming, outgoing.signal) };
      } finally {
        // An answer before the end of the body leaves a connection that nothing more can be sent on.
        if (!request.writableFinished) request.destroy();
      }
    },

    async retry(signal, attempt) {
      for (let tries = 1; ; tries++) {
        try {
          return await attempt();
        } catch (error) {
          await transport.pause(error, tries, signal);
        }
      }
    },

    async pause(error, attempt, signal) {
      const { attempts, firstDelayMs, maxDelayMs } = options.retry;
      const silent = error instanceof NetworkFailure && error.silent;
      if (attempt >= (silent ? Math.min(attempts, silentTries) : attempts) || !isTransient(error))
        throw error;
      const backoff = Math.min(maxDelayMs, firstDelayMs * 2 ** (attempt - 1));
      const jittered = backoff * (0.5 + Math.random() / 2);
      const asked = error instanceof ServiceFailure ? (error.retryAfter ?? 0) * 1000 : 0;
      // Longer than we would ever wait: the client is told to, instead.
      if (asked > maxDelayMs) throw error;
      try {
        await sleep(Math.max(jittered, asked), undefined, signal === undefined ? {} : { signal });
      } catch {
        throw signal === undefined ? error : aborted(signal);
      }
    },

    close() {
      agent.destroy();
    },
  };
  return transport;
}

/** A timer that runs only while the service is the one we wait for. */
class Silence {
  onTimeout: () => void = () => undefined;
  private timer: NodeJS.Timeout | undefined;
  private readonly ms: number;

  constructor(ms: number) {
    this.ms = ms;
  }

  on(): void {
    if (this.timer === undefined) this.timer = setTimeout(() => this.onTimeout(), this.ms);
    else this.timer.refresh();
  }

  off(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }
}

export function networkFailure(error: unknown): NetworkFailure {
  if (error instanceof NetworkFailure) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  // An error for several addresses tried has no message of its own.
  const message = (error instanceof Error && error.message) || code || String(error);
  return new NetworkFailure(message, { cause: error, unsent: unsentCodes.has(code) });
}

/** Getting a token failed. Out of reach is an outage; anything else is a matter of credentials. */
export function credentialsFailure(error: unknown): NetworkFailure | CredentialsFailure {
  // Google's libraries say it in several lines, with links.
  const [said = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
  const message = `no access token: ${said.trim().replace(/\.$/, '')}`;
  const { code, status } = (error ?? {}) as { readonly code?: unknown; readonly status?: unknown };
  const outage = networkCodes.has(String(code)) || status === 429 || Number(status) >= 500;
  if (outage) return new NetworkFailure(message, { cause: error, unsent: true });
  return new CredentialsFailure(
    `${message}. Set a key file, run where a service account is attached, or configure workload identity.`,
    { cause: error },
  );
}

function serviceFailure(incoming: IncomingMessage, body: Buffer): ServiceFailure {
  const status = incoming.statusCode ?? 0;
  const retryAfter = Number(incoming.headers['retry-after']);
  const text = body.toString('utf8');
  const { reason, message } = text.startsWith('{') ? jsonError(text) : xmlError(text);
  return new ServiceFailure(
    status,
    reason,
    message ?? incoming.statusMessage ?? 'no message',
    Number.isFinite(retryAfter) && retryAfter >= 0 ? retryAfter : undefined,
  );
}

interface ServiceMessage {
  readonly reason: string | undefined;
  readonly message: string | undefined;
}

function jsonError(text: string): ServiceMessage {
  try {
    const { error } = JSON.parse(text) as {
      error?: { message?: string; errors?: ReadonlyArray<{ reason?: string }> };
    };
    return { reason: error?.errors?.[0]?.reason, message: error?.message };
  } catch {
    // Cut by whoever stands between us and the service: the status is what there is to go by.
    return { reason: undefined, message: text.slice(0, 200) };
  }
}

function xmlError(text: string): ServiceMessage {
  const element = (name: string): string | undefined =>
    new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1];
  const message = [element('Message'), element('Details')].filter((part) => part !== undefined).join(' ');
  return { reason: element('Code'), message: message === '' ? text.slice(0, 200) || undefined : message };
}
