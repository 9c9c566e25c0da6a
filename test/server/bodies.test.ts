import { once } from 'node:events';
import { connect, createServer as createNetServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { App } from '../../src/server/env.ts';
import { echo, logLines, raw, refuseAll, start } from './kit.ts';

const host = 'Host: x\r\n';

describe('Expect: 100-continue', () => {
  test('is answered at the first read of the body', async () => {
    let release: (() => void) | undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const app: App = {
      async fetch(request, env) {
        await gate;
        return await echo.fetch(request, env);
      },
    };
    await using running = await start(app);
    using client = raw(running.port);
    client.send(`PUT /a HTTP/1.1\r\n${host}Expect: 100-continue\r\nContent-Length: 3\r\n\r\n`);
    await sleep(50);
    expect(client.received()).toBe('');
    release?.();
    await client.until('HTTP/1.1 100 Continue\r\n\r\n');
    client.send('abc');
    expect(await client.until('PUT /a 3')).toMatch(/100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
    // The connection goes on.
    client.send(`GET /b HTTP/1.1\r\n${host}\r\n`);
    await client.until('GET /b 0');
  });

  test('a refused request gets its answer instead, and the connection ends: its body will not be the next request', async () => {
    await using running = await start(refuseAll);
    using client = raw(running.port);
    client.send(`PUT /a HTTP/1.1\r\n${host}Expect: 100-continue\r\nContent-Length: 30\r\n\r\n`);
    const answer = await client.closed();
    expect(answer).toMatch(/^HTTP\/1\.1 403 /);
    expect(answer).not.toContain('100 Continue');
    expect(answer).toMatch(/\r\nConnection: close\r\n/i);
  });

  test('what a refused client sends all the same is no request', async () => {
    const seen: (string | undefined)[] = [];
    const app: App = {
      fetch(_, env) {
        seen.push(env.incoming.url);
        return new Response('no', { status: 403 });
      },
    };
    await using running = await start(app);
    using client = raw(running.port);
    const smuggled = `DELETE /b HTTP/1.1\r\n${host}\r\n`;
    client.send(
      `PUT /a HTTP/1.1\r\n${host}Expect: 100-continue\r\nContent-Length: ${smuggled.length}\r\n\r\n`,
    );
    await client.until('403');
    client.send(smuggled);
    client.send(smuggled);
    await client.closed();
    await sleep(200);
    expect(seen).toEqual(['/a']);
  });
});

describe('a request that is refused before its body was read', () => {
  test('a small body is thrown away, and the connection serves on', async () => {
    const statuses = [403, 200];
    const app: App = { fetch: () => new Response('no', { status: statuses.shift() ?? 500 }) };
    await using running = await start(app);
    using client = raw(running.port);
    client.send(`PUT /a HTTP/1.1\r\n${host}Content-Length: 10\r\n\r\n01234`);
    await client.until('403');
    client.send(`56789GET /b HTTP/1.1\r\n${host}\r\n`);
    await client.until('200 OK');
    expect(statuses).toEqual([]);
  });

  test('a client that goes on sending a large body still gets to read the answer', async () => {
    await using running = await start(refuseAll);
    using client = raw(running.port);
    client.send(`PUT /a HTTP/1.1\r\n${host}Connection: close\r\nContent-Length: 50000000\r\n\r\n`);
    const block = Buffer.alloc(1_000_000);
    let failed: Error | undefined;
    client.socket.on('error', (error) => {
      failed = error;
    });
    // As an HTTP library does that reads the answer only when all is sent.
    client.socket.pause();
    for (let sent = 0; sent < 50; sent += 1) {
      if (!client.socket.write(block)) await once(client.socket, 'drain');
    }
    client.socket.resume();
    expect(await client.closed()).toMatch(/^HTTP\/1\.1 403 /);
    expect(failed).toBeUndefined();
  });
});

describe('a body that is cut short', () => {
  /** Tells when the body is being read, and how it failed. */
  function failing() {
    const failures: unknown[] = [];
    const reading = Promise.withResolvers<void>();
    const app: App = {
      async fetch(request, env) {
        env.incoming.once('data', () => reading.resolve());
        try {
          return await echo.fetch(request, env);
        } catch (error) {
          failures.push(error);
          return new Response('cut', { status: 400 });
        }
      },
    };
    return { app, failures, reading: reading.promise };
  }

  test.each([
    ['declared', 'Content-Length: 10\r\n\r\n01234'],
    ['chunked', 'Transfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n'],
  ])('half-closed, %s: the application sees it fail, the client is told', async (_, rest) => {
    const { app, failures, reading } = failing();
    await using running = await start(app);
    using client = raw(running.port);
    client.send(`PUT /a HTTP/1.1\r\n${host}${rest}`);
    await reading;
    client.socket.end();
    const answer = await client.closed();
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toContain('<Code>IncompleteBody</Code>');
    await expect.poll(() => failures).toHaveLength(1);
  });

  test.each([
    ['declared', 'Content-Length: 10\r\n\r\n01234'],
    ['chunked', 'Transfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n'],
  ])('closed by a reset, %s: the application sees it fail', async (_, rest) => {
    const { app, failures, reading } = failing();
    await using running = await start(app);
    using client = raw(running.port);
    client.send(`PUT /a HTTP/1.1\r\n${host}${rest}`);
    await reading;
    client.socket.resetAndDestroy();
    await expect.poll(() => failures).toHaveLength(1);
    await expect
      .poll(() => logLines(running.log).filter(({ message }) => message === 'request'))
      .toMatchObject([{ method: 'PUT', aborted: true }]);
  });
});

test('a client that closes its side after a whole request gets the answer', async () => {
  const app: App = {
    async fetch(request, env) {
      await sleep(200);
      return await echo.fetch(request, env);
    },
  };
  await using running = await start(app);
  using client = raw(running.port);
  client.send(`PUT /a HTTP/1.1\r\n${host}Content-Length: 3\r\n\r\nabc`);
  client.socket.end();
  expect(await client.closed()).toContain('PUT /a 3');
});

test('a client that goes away in the middle of an answer frees it', async () => {
  let cancelled = 0;
  const app: App = {
    fetch: () =>
      new Response(
        new ReadableStream(
          {
            pull: (controller) => controller.enqueue(new Uint8Array(1_000_000)),
            cancel() {
              cancelled += 1;
            },
          },
          { highWaterMark: 0 },
        ),
        { headers: { 'content-length': '1000000000' } },
      ),
  };
  await using running = await start(app);
  using client = raw(running.port);
  client.send(`GET /a HTTP/1.1\r\n${host}\r\n`);
  await client.until('200 OK');
  client.socket.resetAndDestroy();
  await expect.poll(() => cancelled).toBe(1);
});

test('an application that throws is a 500 in XML, and is logged', async () => {
  const app: App = {
    fetch() {
      throw new Error('the disk is on fire');
    },
  };
  await using running = await start(app);
  using client = raw(running.port);
  client.send(`GET /a HTTP/1.1\r\n${host}\r\n`);
  const answer = await client.closed();
  expect(answer).toMatch(/^HTTP\/1\.1 500 /);
  expect(answer).toContain('<Code>InternalError</Code>');
  expect(answer).not.toContain('fire');
  expect(running.log.join()).toContain('the disk is on fire');
});

test('a port in use is an error', async () => {
  const other = createNetServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const address = other.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  await expect(start(echo, { listen: { host: '127.0.0.1', port } })).rejects.toMatchObject({
    code: 'EADDRINUSE',
  });
  other.close();
});

test('a head that leaves before its body is written byte by byte like any other', async () => {
  const app: App = {
    fetch: () =>
      new Response(
        new ReadableStream({
          async pull(controller) {
            await sleep(50);
            controller.enqueue(Buffer.from('abc'));
            controller.close();
          },
        }),
        { headers: { 'x-amz-meta-a': Buffer.from('ü').toString('latin1'), 'content-length': '3' } },
      ),
  };
  await using running = await start(app);
  const socket = connect(running.port, '127.0.0.1');
  socket.end(`GET /a HTTP/1.1\r\n${host}Connection: close\r\n\r\n`);
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  const answer = Buffer.concat(chunks);
  expect(answer.toString('utf8')).toContain('x-amz-meta-a: ü\r\n');
  expect(answer.subarray(-3).toString()).toBe('abc');
});
