import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { App } from '../../src/server/env.ts';
import { echo, logLines, raw, start } from './kit.ts';

const host = 'Host: x\r\n';
const timeouts = { headersMs: 800, idleMs: 700, keepAliveMs: 200 };
describe('a silent peer', () => {
  test('that sends nothing is cut', async () => {
    await using running = await start(echo, { timeouts });
    using client = raw(running.port);
    expect(await client.closed()).toBe('');
  });

  test('in the middle of the body is told so, and the application sees it fail', async () => {
    const failures: unknown[] = [];
    const app: App = {
      async fetch(request, env) {
        try {
          return await echo.fetch(request, env);
        } catch (error) {
          failures.push(error);
          return new Response('cut', { status: 400 });
        }
      },
    };
    await using running = await start(app, { timeouts });
    using client = raw(running.port);
    client.send(`PUT /a HTTP/1.1\r\n${host}Content-Length: 10\r\n\r\n01234`);
    const answer = await client.closed();
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toContain('<Code>RequestTimeout</Code>');
    await expect.poll(() => failures).toHaveLength(1);
  });

  test('that takes nothing of the answer is cut', async () => {
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
        ),
    };
    await using running = await start(app, { timeouts });
    using client = raw(running.port);
    client.socket.pause();
    client.send(`GET /a HTTP/1.1\r\n${host}\r\n`);
    await expect.poll(() => cancelled).toBe(1);
  });

  test('between two requests is closed', async () => {
    await using running = await start(echo, { timeouts: { ...timeouts, idleMs: 60_000 } });
    using client = raw(running.port);
    client.send(`GET /a HTTP/1.1\r\n${host}\r\n`);
    expect(await client.closed()).toContain('GET /a 0');
  });
});

test('headers that trickle in are cut', async () => {
  await using running = await start(echo, { timeouts: { ...timeouts, idleMs: 60_000 } });
  using client = raw(running.port);
  client.send('GET /a HTTP/1.1\r\n');
  const trickle = setInterval(() => client.send('X-A: b\r\n'), 50);
  const answer = await client.closed();
  clearInterval(trickle);
  expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  expect(answer).toContain('<Code>RequestTimeout</Code>');
});

// Server and client share a process here: the timeout must be longer than a busy machine may let it wait.
describe.concurrent('a slow but living peer', () => {
  const idleMs = 4_000;
  const lastingMs = 2.5 * idleMs;

  test('is not cut while it sends', async ({ expect }) => {
    await using running = await start(echo, { timeouts: { ...timeouts, idleMs } });
    using client = raw(running.port);
    const bytes = lastingMs / 100;
    client.send(`PUT /a HTTP/1.1\r\n${host}Content-Length: ${bytes}\r\n\r\n`);
    for (let sent = 0; sent < bytes; sent += 1) {
      await sleep(100);
      client.send('x');
    }
    expect(await client.until(`PUT /a ${bytes}`)).toContain('200 OK');
  });

  test('is not cut while it reads', async ({ expect }) => {
    const size = 30_000_000;
    const app: App = { fetch: () => new Response(new Uint8Array(size)) };
    await using running = await start(app, { timeouts: { ...timeouts, idleMs } });
    using client = raw(running.port);
    const startedAt = performance.now();
    let received = 0;
    client.socket.removeAllListeners('data');
    client.socket.on('data', (data: Buffer) => {
      received += data.length;
      client.socket.pause();
      // As much behind the clock as the whole is to last.
      const dueAt = startedAt + (received / size) * lastingMs;
      setTimeout(() => client.socket.resume(), Math.max(0, dueAt - performance.now()));
    });
    client.send(`GET /a HTTP/1.1\r\n${host}Connection: close\r\n\r\n`);
    await client.closed();
    expect(received).toBeGreaterThan(size);
  });
});

describe.concurrent('when it is us who are slow', () => {
  const timeouts = { headersMs: 2_000, idleMs: 2_000, keepAliveMs: 2_000 };
  /** Well beyond all of them, and well before the next time that silence is looked at. */
  const longMs = 4_300;

  test('a client that has sent everything is waited for', async ({ expect }) => {
    const app: App = {
      async fetch(request, env) {
        const answer = await echo.fetch(request, env);
        await sleep(longMs);
        return answer;
      },
    };
    await using running = await start(app, { timeouts });
    using client = raw(running.port);
    client.send(`PUT /a HTTP/1.1\r\n${host}Content-Length: 3\r\n\r\nabc`);
    expect(await client.until('PUT /a 3')).toContain('200 OK');
  });

  test('a client that waits for 100 Continue is waited for', async ({ expect }) => {
    const app: App = {
      async fetch(request, env) {
        await sleep(longMs);
        return await echo.fetch(request, env);
      },
    };
    await using running = await start(app, { timeouts });
    using client = raw(running.port);
    client.send(`PUT /a HTTP/1.1\r\n${host}Expect: 100-continue\r\nContent-Length: 3\r\n\r\n`);
    await client.until('100 Continue');
    client.send('abc');
    expect(await client.until('PUT /a 3')).toContain('200 OK');
  });

  test('a client whose bytes we do not take yet is waited for', async ({ expect }) => {
    const size = 20_000_000;
    const app: App = {
      async fetch(request, env) {
        await sleep(longMs);
        return await echo.fetch(request, env);
      },
    };
    await using running = await start(app, { timeouts });
    using client = raw(running.port);
    client.send(`PUT /a HTTP/1.1\r\n${host}Content-Length: ${size}\r\n\r\n`);
    client.socket.write(Buffer.alloc(size));
    await client.until(`PUT /a ${size}`);
    expect(logLines(running.log).filter(({ aborted }) => aborted)).toEqual([]);
  });
});
