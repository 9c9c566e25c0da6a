/** The body on a real connection: clients that vanish, stop half-way, wait for 100, or are refused. */
import { once } from 'node:events';
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterEach, expect, it } from 'vitest';
import { drain, IncomingBody } from '../../src/http/body.ts';
import { S3Error } from '../../src/s3/errors.ts';

let server: Server | undefined;
const sockets: Socket[] = [];

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  server?.closeAllConnections();
  server?.close();
  server = undefined;
});

async function serve(listener: RequestListener): Promise<() => Promise<Socket>> {
  const listening = createServer(listener);
  listening.on('checkContinue', listener);
  server = listening;
  listening.listen(0, '127.0.0.1');
  await once(listening, 'listening');
  return async () => {
    const socket = connect({
      port: (listening.address() as AddressInfo).port,
      host: '127.0.0.1',
      allowHalfOpen: true,
    });
    sockets.push(socket);
    await once(socket, 'connect');
    return socket;
  };
}

const sizeOf = (request: IncomingMessage) => Number(request.headers['content-length']);
const put = (size: number, more = '') =>
  `PUT /b/k HTTP/1.1\r\nHost: x\r\nContent-Length: ${size}\r\n${more}\r\n`;

function answer(response: ServerResponse, status: number, body = ''): void {
  response.writeHead(status, { 'content-length': body.length });
  response.end(body);
}

/** Resolves once what came matches. */
async function receive(socket: Socket, pattern: RegExp): Promise<string> {
  let received = '';
  while (!pattern.test(received)) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    received += chunk.toString('latin1');
  }
  return received;
}

/** Stores bodies nowhere; tells how each ended. */
function sinkServer() {
  const outcomes: Array<string> = [];
  const waiting: Array<() => void> = [];
  const listener: RequestListener = (request, response) => {
    const body = new IncomingBody(request, { size: sizeOf(request), plan: {} });
    const sink = new Writable({ write: (_chunk, _encoding, callback) => callback() });
    pipeline(body, sink)
      .then(
        () => {
          outcomes.push('stored');
          answer(response, 200, body.result().md5);
        },
        (error: unknown) => {
          outcomes.push(error instanceof S3Error ? error.code : String(error));
        },
      )
      .finally(() => waiting.shift()?.());
  };
  const settled = () => new Promise<void>((resolve) => waiting.push(resolve));
  return { listener, outcomes, settled };
}

it.each([
  ['resets the connection', (socket: Socket) => socket.resetAndDestroy()],
  ['closes the connection', (socket: Socket) => socket.destroy()],
  ['half-closes the connection', (socket: Socket) => socket.end()],
])('stores nothing when the client %s in the middle', async (_, leave) => {
  const { listener, outcomes, settled } = sinkServer();
  const open = await serve(listener);
  const socket = await open();
  socket.on('error', () => {});
  const done = settled();
  socket.write(`${put(100_000)}${'x'.repeat(50_000)}`);
  await once(server as Server, 'request');
  leave(socket);
  await done;
  expect(outcomes).toEqual(['IncompleteBody']);
});

it('stores nothing when the client left before the body was asked for', async () => {
  const failed = new Promise<unknown>((resolve) => {
    void serve((request) => {
      request.once('close', () => {
        new IncomingBody(request, { size: sizeOf(request), plan: {} }).on('error', resolve).resume();
      });
    }).then(async (open) => {
      const socket = await open();
      socket.write(put(10));
      await once(server as Server, 'request');
      socket.destroy();
    });
  });
  expect(await failed).toMatchObject({ code: 'IncompleteBody' });
});

it('serves the next request of the connection after a sink failed', async () => {
  const open = await serve((request, response) => {
    const body = new IncomingBody(request, { size: sizeOf(request), plan: {} });
    let written = 0;
    const sink = new Writable({
      write(chunk: Buffer, _encoding, callback) {
        written += chunk.length;
        callback(request.url === '/full' && written > 100_000 ? new Error('disk full') : null);
      },
    });
    pipeline(body, sink).then(
      () => answer(response, 200, body.result().md5),
      async () => {
        expect(await drain(request, { maxBytes: 10_000_000, timeoutMs: 60_000 })).toBe(true);
        answer(response, 507);
      },
    );
  });
  const socket = await open();
  const size = 3_000_000;
  socket.write(put(size).replace('/b/k', '/full'));
  socket.write(Buffer.alloc(size));
  await receive(socket, /HTTP\/1\.1 507/);
  socket.write(`${put(9)}123456789`);
  expect(await receive(socket, /[0-9a-f]{32}$/)).toMatch(/25f9e794323b453885f5181f1b624d0b$/);
});

it('answers 100 Continue when the body is first read, and not when the request is refused', async () => {
  const open = await serve((request, response) => {
    if (request.url === '/refused') {
      answer(response, 403, 'no');
      return;
    }
    const body = new IncomingBody(request, {
      size: sizeOf(request),
      plan: {},
      onFirstRead: () => response.writeContinue(),
    });
    pipeline(body, new Writable({ write: (_chunk, _encoding, callback) => callback() })).then(() =>
      answer(response, 200, body.result().md5),
    );
  });
  const refused = await open();
  refused.write(put(9, 'Expect: 100-continue\r\n').replace('/b/k', '/refused'));
  expect(await receive(refused, /no$/)).not.toContain('100 Continue');

  const socket = await open();
  socket.write(put(9, 'Expect: 100-continue\r\n'));
  expect(await receive(socket, /\r\n\r\n/)).toBe('HTTP/1.1 100 Continue\r\n\r\n');
  socket.write('123456789');
  expect(await receive(socket, /[0-9a-f]{32}$/)).toContain('HTTP/1.1 200');
});

it.each([
  ['more than the limit is left', 1_000_000, 100_000, 60_000, false],
  ['the rest does not come', 10, 100, 50, false],
  ['nothing is left', 0, 100, 60_000, true],
])('drains: %s', async (_, size, maxBytes, timeoutMs, expected) => {
  const open = await serve(async (request, response) => {
    answer(response, 400, String(await drain(request, { maxBytes, timeoutMs })));
  });
  const socket = await open();
  socket.write(put(size) + (size > 1000 ? 'x'.repeat(size) : ''));
  expect(await receive(socket, /(true|false)$/)).toMatch(new RegExp(`${expected}$`));
});

it('drains nothing from a client that is gone', async () => {
  const drained = new Promise<boolean>((resolve) => {
    void serve((request) => {
      resolve(drain(request, { maxBytes: 1000, timeoutMs: 60_000 }));
    }).then(async (open) => {
      const socket = await open();
      socket.write(put(10));
      await once(server as Server, 'request');
      socket.destroy();
    });
  });
  expect(await drained).toBe(false);
});
