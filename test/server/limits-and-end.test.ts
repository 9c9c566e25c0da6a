import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { App } from '../../src/server/env.ts';
import { echo, exchange, logLines, raw, start } from './kit.ts';

const host = 'Host: x\r\n';

/** Answers when it is told to. */
function gated(): { readonly app: App; open(): void; readonly waiting: () => number } {
  let open: () => void = () => {};
  let waiting = 0;
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  return {
    app: {
      async fetch(request, env) {
        waiting += 1;
        await gate;
        return await echo.fetch(request, env);
      },
    },
    open: () => open(),
    waiting: () => waiting,
  };
}

describe('limits', () => {
  test('requests beyond the limit are told to slow down, and served again afterwards', async () => {
    const gate = gated();
    await using running = await start(gate.app, { limits: { maxConnections: 100, maxRequests: 2 } });
    using first = raw(running.port);
    using second = raw(running.port);
    first.send(`GET /1 HTTP/1.1\r\n${host}\r\n`);
    second.send(`GET /2 HTTP/1.1\r\n${host}\r\n`);
    await expect.poll(gate.waiting).toBe(2);
    const refused = await exchange(running.port, `GET /3 HTTP/1.1\r\n${host}\r\n`);
    expect(refused).toMatch(/^HTTP\/1\.1 503 /);
    expect(refused).toContain('<Code>SlowDown</Code>');
    expect(refused).toMatch(/\r\nRetry-After: 1\r\n/i);
    // Probes must tell a busy gateway from a dead one.
    expect(
      await exchange(running.port, `GET /-/healthz HTTP/1.1\r\n${host}Connection: close\r\n\r\n`),
    ).toContain('200 OK');
    gate.open();
    await first.until('GET /1 0');
    await second.until('GET /2 0');
    first.send(`GET /4 HTTP/1.1\r\n${host}\r\n`);
    await first.until('GET /4 0');
  });

  test('while memory is full, few are served at once, health beside them, and those under way go on', async () => {
    const gate = gated();
    const { rss } = process.memoryUsage();
    const limits = { maxConnections: 100, maxRequests: 100, maxMemory: rss + 64 * 1024 * 1024 };
    await using running = await start(gate.app, { limits });
    const said = (message: string): boolean =>
      logLines(running.log).some((line) => line['message'] === message);
    const full = 'memory is full: new requests are answered SlowDown; see limits.maxMemory';
    // One more than are always served: with fewer, memory is not looked at, and would not refuse the last.
    const clients = Array.from({ length: 17 }, () => raw(running.port));
    for (const [index, client] of clients.entries()) client.send(`GET /${index} HTTP/1.1\r\n${host}\r\n`);
    await expect.poll(gate.waiting).toBe(17);
    let held: Buffer | undefined = Buffer.alloc(192 * 1024 * 1024);
    await expect.poll(() => said(full)).toBe(true);
    expect(held.length).toBeGreaterThan(0);
    held = undefined;
    const refused = await exchange(running.port, `GET /more HTTP/1.1\r\n${host}\r\n`);
    expect(refused).toMatch(/^HTTP\/1\.1 503 [\s\S]*\r\nRetry-After: 1\r\n[\s\S]*<Code>SlowDown<\/Code>/i);
    const probe = `GET /-/healthz HTTP/1.1\r\n${host}Connection: close\r\n\r\n`;
    expect(await exchange(running.port, probe)).toContain('200 OK');
    gate.open();
    for (const [index, client] of clients.entries()) await client.until(`GET /${index} 0`);
    await expect.poll(() => said('there is memory again')).toBe(true);
    for (const client of clients) client[Symbol.dispose]();
    using after = raw(running.port);
    after.send(`GET /after HTTP/1.1\r\n${host}\r\n`);
    await after.until('GET /after 0');
  });

  test('requests that memory has no room for are refused before they hold any, and taken once others have ended', async () => {
    const gate = gated();
    await using running = await start(gate.app, {
      limits: { maxConnections: 100, maxRequests: 100, maxMemory: 1 },
    });
    // However little there is, so many are always served.
    const clients = Array.from({ length: 16 }, () => raw(running.port));
    for (const [index, client] of clients.entries()) client.send(`GET /${index} HTTP/1.1\r\n${host}\r\n`);
    await expect.poll(gate.waiting).toBe(16);
    const put = `PUT /more HTTP/1.1\r\n${host}Content-Length: 3\r\n\r\nabc`;
    expect(await exchange(running.port, put)).toMatch(/^HTTP\/1\.1 503 [\s\S]*<Code>SlowDown<\/Code>/);
    const warned = logLines(running.log).filter(({ level }) => level === 'warn');
    expect(warned.map(({ message }) => message)).toEqual([
      'more requests at once than memory has room for are answered SlowDown; see limits.maxMemory',
    ]);
    gate.open();
    for (const [index, client] of clients.entries()) await client.until(`GET /${index} 0`);
    for (const client of clients) client[Symbol.dispose]();
    using after = raw(running.port);
    after.send(put);
    await after.until('PUT /more 3');
  });

  test('connections beyond the limit are closed', async () => {
    await using running = await start(echo, { limits: { maxConnections: 1, maxRequests: 100 } });
    using first = raw(running.port);
    first.send(`GET /1 HTTP/1.1\r\n${host}\r\n`);
    await first.until('GET /1 0');
    expect(await exchange(running.port, `GET /2 HTTP/1.1\r\n${host}\r\n`)).toBe('');
    first.send(`GET /3 HTTP/1.1\r\n${host}\r\n`);
    await first.until('GET /3 0');
  });
});

describe('the end', () => {
  test('open requests finish, their connections close, new ones are refused', async () => {
    const gate = gated();
    await using running = await start(gate.app);
    using busy = raw(running.port);
    using idle = raw(running.port);
    using silent = raw(running.port);
    using half = raw(running.port);
    half.send('GET /half HTT');
    busy.send(`PUT /1 HTTP/1.1\r\n${host}Content-Length: 6\r\n\r\nabc`);
    idle.send(`GET /-/healthz HTTP/1.1\r\n${host}\r\n`);
    await idle.until('200 OK');
    await expect.poll(gate.waiting).toBe(1);
    const drained = running.server.drain(60_000);
    expect(await silent.closed()).toBe('');
    expect(await half.closed()).toBe('');
    await idle.closed();
    expect(await exchange(running.port, `GET /2 HTTP/1.1\r\n${host}\r\n`)).toBe('');
    busy.send('def');
    gate.open();
    const answer = await busy.closed();
    expect(answer).toContain('PUT /1 6');
    expect(answer).toMatch(/\r\nConnection: close\r\n/i);
    expect(await drained).toBe(0);
  });

  test('an answer that had begun is finished, then its connection closes', async () => {
    let release: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    let pulls = 0;
    const app: App = {
      fetch: () =>
        new Response(
          new ReadableStream(
            {
              async pull(controller) {
                pulls += 1;
                if (pulls === 1) return controller.enqueue(Buffer.from('first'));
                await gate;
                controller.enqueue(Buffer.from('last!'));
                controller.close();
              },
            },
            { highWaterMark: 0 },
          ),
          { headers: { 'content-length': '10' } },
        ),
    };
    await using running = await start(app);
    using client = raw(running.port);
    client.send(`GET /1 HTTP/1.1\r\n${host}\r\n`);
    await client.until('first');
    const drained = running.server.drain(60_000);
    await sleep(50);
    release();
    expect(await client.closed()).toMatch(/firstlast!$/);
    expect(await drained).toBe(0);
  });

  test('requests that take too long are cut', async () => {
    const gate = gated();
    await using running = await start(gate.app);
    using client = raw(running.port);
    client.send(`GET /1 HTTP/1.1\r\n${host}\r\n`);
    await expect.poll(gate.waiting).toBe(1);
    expect(await running.server.drain(100)).toBe(1);
    expect(await client.closed()).toBe('');
  });
});

describe('health', () => {
  test('liveness and readiness are answered without signature', async () => {
    let failure: Error | undefined = new Error('no Redis at redis://user:canary@host');
    await using running = await start(echo, {
      ready: async () => {
        if (failure !== undefined) throw failure;
      },
    });
    const get = (path: string, method = 'GET'): Promise<string> =>
      exchange(running.port, `${method} ${path} HTTP/1.1\r\n${host}Connection: close\r\n\r\n`);
    expect(await get('/-/healthz')).toMatch(/^HTTP\/1\.1 200 /);
    const notReady = await get('/-/readyz');
    expect(notReady).toMatch(/^HTTP\/1\.1 503 /);
    expect(notReady).not.toContain('Redis');
    expect(running.log.join()).toContain('no Redis at');
    expect(running.log.join()).not.toContain('canary');
    failure = undefined;
    await expect.poll(() => get('/-/readyz')).toMatch(/^HTTP\/1\.1 200 /);
    expect(await get('/-/readyz', 'HEAD')).toMatch(/\r\n\r\n$/);
    expect(logLines(running.log).filter(({ message }) => message === 'not ready')).toHaveLength(1);
  });

  test('only there: other methods, other paths, and keys of a bucket by its host name go to the application', async () => {
    await using running = await start(echo, { baseDomains: ['s3.example.com'] });
    const ask = (method: string, path: string, name: string): Promise<string> =>
      exchange(running.port, `${method} ${path} HTTP/1.1\r\nHost: ${name}\r\nConnection: close\r\n\r\n`);
    expect(await ask('PUT', '/-/healthz', 'x')).toContain('PUT /-/healthz 0');
    expect(await ask('GET', '/-/healthz/', 'x')).toContain('GET /-/healthz/ 0');
    expect(await ask('GET', '/-/healthz', 'bucket.S3.example.com:9000')).toContain('GET /-/healthz 0');
    expect(await ask('GET', '/-/healthz', 's3.example.com')).toContain('"ok":true');
  });
});
