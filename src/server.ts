/** The HTTP or HTTPS server around the application: limits, timeouts, health, access log, graceful end. */
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import type { Logger } from './log.ts';
import { logAccess } from './server/access.ts';
import { Connection, type Exchange } from './server/connection.ts';
import type { App, RequestEnv } from './server/env.ts';
import { flushHeadAsLatin1 } from './server/head-encoding.ts';
import { createHealth } from './server/health.ts';
import { MemoryGuard } from './server/memory-guard.ts';
import { type Refusal, refusalAnswer, refusals, refuse } from './server/refusal.ts';
import { headerFault, maxHeaderSize } from './server/request-checks.ts';

/** PEM. */
export interface Certificate {
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
}

export interface ServerOptions {
  readonly app: App;
  readonly log: Logger;
  readonly listen: { readonly host: string; readonly port: number };
  /** Serves HTTPS. */
  readonly tls?: Certificate | undefined;
  /** Rejects while store or backends do not answer. */
  readonly ready: () => Promise<void>;
  readonly baseDomains: readonly string[];
  readonly limits: {
    readonly maxConnections: number;
    /** Under way: in all, and on one connection (as many, unless given). */
    readonly maxRequests: number;
    readonly maxRequestsPerConnection?: number;
    /** Bytes that the process may hold; beyond, few requests are taken. Default: no limit. */
    readonly maxMemory?: number;
  };
  readonly timeouts: { readonly headersMs: number; readonly idleMs: number; readonly keepAliveMs: number };
}

export interface GatewayServer {
  /** Rejects with Node's error when the address cannot be had. */
  listen(): Promise<AddressInfo>;
  /** For connections that begin from now on. Throws what is wrong with it, and changes nothing then. */
  renewCertificate(certificate: Certificate): void;
  /** Takes no more connections, lets requests under way finish for `timeoutMs`, then cuts them. @returns how many it cut */
  drain(timeoutMs: number): Promise<number>;
}

/** Connections that may wait to be taken: a crowd comes faster than one turn of the event loop. The system has a bound of its own. */
const backlog = 4096;

export function createServer(options: ServerOptions): GatewayServer {
  const { app, log, limits, timeouts } = options;
  const connections = new Map<Socket, Connection>();
  /** TCP connections that have not got as far as HTTP, by their peer. */
  const handshakes = new Map<string, Socket>();
  /** Under way, by their request: what the adapter between Node and the application hands back. */
  const exchanges = new WeakMap<object, Exchange>();
  const perConnection = limits.maxRequestsPerConnection ?? limits.maxRequests;
  let draining = false;
  const memory = new MemoryGuard({
    maxMemory: limits.maxMemory ?? Number.POSITIVE_INFINITY,
    maxRequests: limits.maxRequests,
    log,
  });

  const http = {
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
    /** A whole upload has no time limit; see Connection. */
    requestTimeout: 0,
    headersTimeout: timeouts.headersMs,
    connectionsCheckingInterval: Math.min(5_000, timeouts.headersMs),
    keepAliveTimeout: timeouts.keepAliveMs,
    maxHeaderSize,
    /** Judged by headerFault, which answers in XML. */
    requireHostHeader: false,
    /** Small reads cost more than the API does. */
    highWaterMark: 256 * 1024,
  };
  const server =
    options.tls === undefined
      ? createHttpServer(http)
      : createHttpsServer({ ...http, ...options.tls, handshakeTimeout: timeouts.headersMs });
  server.maxConnections = limits.maxConnections;
  // Beyond a thousand Node would leave headers out unsaid; their size is limited, which is enough.
  server.maxHeadersCount = 0;
  server.timeout = timeouts.idleMs;
  // A client that has sent its whole request may close its side and still wants the answer.
  Object.assign(server, { httpAllowHalfOpen: true });

  const health = createHealth({ ready: options.ready, baseDomains: options.baseDomains, log });

  const listener = getRequestListener((request, { incoming }) => app.fetch(asGet(request), envOf(incoming)), {
    overrideGlobalObjects: false,
    hostname: 'localhost',
    errorHandler: (error) => {
      const bad = error instanceof Error && error.name === 'RequestError';
      if (isAbort(error)) log.debug('the client went away', { error });
      else if (!bad) log.error('the application failed', { error });
      const { status, headers, body } = refusalAnswer(bad ? refusals.badTarget : refusals.internal);
      return new Response(body, { status, headers });
    },
  });

  const envOf = (request: object): RequestEnv => {
    const exchange = exchanges.get(request);
    if (exchange === undefined) throw new Error('a request that the server does not know');
    const { incoming, notes, outgoing } = exchange;
    const tell = (): void => {
      if (!exchange.awaitsContinue || outgoing.headersSent) return;
      exchange.awaitsContinue = false;
      outgoing.writeContinue();
    };
    // While an earlier request on the connection is unanswered, Node would keep it and send it after the head of the final answer.
    const inTurn = (): void => void (outgoing.socket === null ? outgoing.once('socket', tell) : tell());
    return { incoming, outgoing, notes, continue: inTurn };
  };

  const onRequest = (incoming: IncomingMessage, outgoing: ServerResponse, awaitsContinue: boolean): void => {
    const connection = connections.get(incoming.socket);
    // Whatever comes on a connection that is being closed is not a request any more.
    if (connection === undefined || connection.closing) return;
    const exchange: Exchange = {
      connection,
      incoming,
      outgoing,
      startedAt: performance.now(),
      notes: {},
      awaitsContinue,
    };
    connection.begin(exchange);
    const hasRoom = memory.begin(incoming);
    outgoing.once('close', () => {
      memory.end(incoming);
      logAccess(log, exchange, connection.end(exchange));
      if (connection.closing && connection.exchanges.size === 0) connection.close();
    });
    if (health.answer(incoming, outgoing)) return;
    const tooMany = !hasRoom || connection.exchanges.size > perConnection;
    const fault = headerFault(incoming) ?? (tooMany ? refusals.busy : undefined);
    if (fault !== undefined) {
      exchange.notes.error = fault.code;
      exchange.notes.requestId = refuse(incoming, outgoing, fault);
      return;
    }
    exchanges.set(incoming, exchange);
    flushHeadAsLatin1(outgoing);
    connection.inTurn(exchange, () => void listener(incoming, outgoing));
  };

  const onConnection = (socket: Socket): void => {
    const connection = new Connection(socket, timeouts.idleMs);
    connections.set(socket, connection);
    socket.once('close', () => connections.delete(socket));
    if (draining) socket.destroy();
  };

  if (options.tls === undefined) server.on('connection', onConnection);
  else {
    server.on('connection', (socket: Socket) => {
      handshakes.set(peer(socket), socket);
      socket.once('close', () => handshakes.delete(peer(socket)));
    });
    server.on('secureConnection', (socket: Socket) => {
      handshakes.delete(peer(socket));
      onConnection(socket);
    });
    server.on('tlsClientError', (error: Error, socket: Socket) => {
      handshakes.delete(peer(socket));
      log.debug('TLS handshake failed', { error, remote: socket.remoteAddress });
    });
  }
  server.on('request', (incoming, outgoing) => onRequest(incoming, outgoing, false));
  server.on('checkContinue', (incoming, outgoing) => onRequest(incoming, outgoing, true));
  // RFC 9110, 10.1.1: an expectation that is not known may be ignored.
  server.on('checkExpectation', (incoming, outgoing) => onRequest(incoming, outgoing, false));
  server.on('timeout', (socket) => connections.get(socket)?.onSilence());
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const connection = connections.get(socket as Socket);
    const refusal = refusalFor(error, connection?.exchanges.size === 0);
    if (connection === undefined || refusal === undefined || connection.socket.bytesRead === 0)
      socket.destroy();
    else connection.refuse(refusal);
  });
  server.on('connect', (_request, socket) => {
    const connection = connections.get(socket as Socket);
    if (connection === undefined) socket.destroy();
    else connection.refuse(refusals.connect);
  });
  server.on('drop', () =>
    log.warn('connection refused: too many are open', { limit: limits.maxConnections }),
  );

  return {
    listen: () =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen({ ...options.listen, backlog }, () => {
          memory.start();
          server.off('error', reject);
          server.on('error', (error) => log.error('the server failed', { error }));
          const address = server.address();
          if (address === null || typeof address === 'string') reject(new Error('not a TCP address'));
          else resolve(address);
        });
      }),

    renewCertificate(certificate) {
      if ('setSecureContext' in server) server.setSecureContext(certificate);
    },

    async drain(timeoutMs) {
      draining = true;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of handshakes.values()) socket.destroy();
      for (const connection of connections.values()) {
        if (connection.exchanges.size === 0) connection.socket.destroy();
        else connection.closeAfterAnswers();
      }
      let cut = 0;
      const timer = setTimeout(() => {
        cut = memory.requests;
        for (const { socket } of connections.values()) socket.destroy();
      }, timeoutMs);
      await closed;
      clearTimeout(timer);
      memory.stop();
      return cut;
    },
  };
}

/**
 * Hono makes what answers HEAD of what answers GET, by taking it apart. Here HEAD is an operation of its own, and the method is read of
 * Node's request.
 */
function asGet(request: Request): Request {
  return request.method === 'HEAD' ? Object.create(request, { method: { value: 'GET' } }) : request;
}

function peer(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`;
}

/** Node's error on a request whose connection ended. */
function isAbort(error: unknown): boolean {
  return (
    error instanceof Error && 'code' in error && error.code === 'ECONNRESET' && error.message === 'aborted'
  );
}

/** What a client is told of bytes that are no request; `undefined` when there is nobody to tell. */
function refusalFor(error: NodeJS.ErrnoException, betweenRequests: boolean): Refusal | undefined {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return refusals.headersTooLarge;
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return refusals.timeout;
    case 'HPE_INVALID_EOF_STATE':
      return betweenRequests ? refusals.malformed : refusals.incompleteBody;
    default:
      return error.code?.startsWith('HPE_') === true ? refusals.malformed : undefined;
  }
}
