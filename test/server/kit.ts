/** A server around a small application, and a client that speaks raw bytes to it. */
import { connect, type Socket } from 'node:net';
import type { LineWriter } from '../../src/log/writer.ts';
import { createLogger, type Logger } from '../../src/log.ts';
import type { App } from '../../src/server/env.ts';
import { createServer, type GatewayServer, type ServerOptions } from '../../src/server.ts';

export interface Running extends AsyncDisposable {
  readonly server: GatewayServer;
  readonly port: number;
  readonly log: string[];
}

/** Lines of the log, parsed. */
export function logLines(lines: readonly string[]): Record<string, unknown>[] {
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

export function memoryLog(lines: string[], secrets: readonly string[] = []): Logger {
  const writer: LineWriter = {
    write: (line) => void lines.push(line),
    flush: () => Promise.resolve(),
    flushSync: () => {},
  };
  return createLogger({ level: 'debug', format: 'json', secrets, writer });
}

export async function start(app: App, options: Partial<ServerOptions> = {}): Promise<Running> {
  const log: string[] = [];
  const server = createServer({
    app,
    log: memoryLog(log),
    listen: { host: '127.0.0.1', port: 0 },
    ready: async () => {},
    baseDomains: [],
    limits: { maxConnections: 1000, maxRequests: 1000 },
    timeouts: { headersMs: 30_000, idleMs: 30_000, keepAliveMs: 30_000 },
    ...options,
  });
  const { port } = await server.listen();
  return {
    server,
    port,
    log,
    async [Symbol.asyncDispose]() {
      await server.drain(0);
    },
  };
}

/** Reads the whole body by Node's stream, telling the client to send it, and answers with what came. */
export const echo: App = {
  async fetch(request, env) {
    env.notes.requestId = 'ID';
    env.continue();
    let size = 0;
    for await (const chunk of env.incoming) size += (chunk as Buffer).length;
    return new Response(`${request.method} ${env.incoming.url} ${size}`, {
      headers: { 'x-amz-request-id': 'ID' },
    });
  },
};

/** Answers 403 without a look at the body. */
export const refuseAll: App = {
  fetch: () => new Response('no', { status: 403, headers: { 'content-length': '2' } }),
};

export interface RawClient extends Disposable {
  readonly socket: Socket;
  send(data: string | Buffer): void;
  /** Everything received so far, as latin1. */
  received(): string;
  /** Resolves when `pattern` has come; rejects when the connection closes without it. */
  until(pattern: string | RegExp): Promise<string>;
  /** Resolves with everything once the server has closed its side, in order or by a reset. */
  closed(): Promise<string>;
}

export function raw(port: number): RawClient {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  let text = '';
  let over = false;
  let watchers: (() => void)[] = [];
  const wake = (): void => {
    for (const watcher of watchers.splice(0)) watcher();
  };
  socket.on('data', (data) => {
    text += data.toString('latin1');
    wake();
  });
  for (const event of ['end', 'close'] as const) {
    socket.on(event, () => {
      over = true;
      wake();
    });
  }
  socket.on('error', () => {});
  const change = (): Promise<void> => new Promise((resolve) => watchers.push(resolve));
  return {
    socket,
    send: (data) => void socket.write(data, 'latin1' as never),
    received: () => text,
    async until(pattern) {
      const found = (): boolean =>
        typeof pattern === 'string' ? text.includes(pattern) : pattern.test(text);
      while (!found()) {
        if (over) throw new Error(`closed without ${pattern}; received: ${JSON.stringify(text)}`);
        await change();
      }
      return text;
    },
    async closed() {
      while (!over) await change();
      return text;
    },
    [Symbol.dispose]() {
      watchers = [];
      socket.destroy();
    },
  };
}

/** One request on a connection of its own; resolves with all that came until the server closed it. */
export async function exchange(port: number, request: string | Buffer): Promise<string> {
  using client = raw(port);
  client.send(request);
  return await client.closed();
}
