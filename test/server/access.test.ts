import { expect, test } from 'vitest';
import type { App } from '../../src/server/env.ts';
import { echo, logLines, raw, start } from './kit.ts';

const host = 'Host: x\r\n';

test('each request is one line: what was asked, what was answered, what the application knows of it', async () => {
  const app: App = {
    async fetch(request, env) {
      Object.assign(env.notes, { operation: 'UploadPart', identity: 'AKID', error: 'NoSuchUpload' });
      return await echo.fetch(request, env);
    },
  };
  await using running = await start(app);
  using client = raw(running.port);
  client.send(
    `PUT /b/k?partNumber=1&X-Amz-Signature=abc HTTP/1.1\r\n${host}Content-Length: 5000\r\n\r\n${'x'.repeat(5000)}`,
  );
  await client.until('PUT /b/k');
  client.send(`GET /b/second HTTP/1.1\r\n${host}\r\n`);
  await client.until('GET /b/second 0');
  await expect.poll(() => running.log.length).toBe(2);
  const [first, second] = logLines(running.log);
  expect(first).toMatchObject({
    level: 'info',
    message: 'request',
    method: 'PUT',
    path: '/b/k?partNumber=1&X-Amz-Signature=[redacted]',
    status: 200,
    ms: expect.any(Number),
    operation: 'UploadPart',
    identity: 'AKID',
    error: 'NoSuchUpload',
    requestId: 'ID',
    remote: '127.0.0.1',
  });
  expect(first).not.toHaveProperty('aborted');
  // Bytes are the request's own, also when a connection carries several.
  expect(first?.['received']).toBeGreaterThan(5000);
  expect(second?.['received']).toBeLessThan(100);
  expect(second?.['sent']).toBeLessThan(500);
});

test('probes are logged at debug only', async () => {
  await using running = await start(echo);
  using client = raw(running.port);
  client.send(`GET /-/healthz HTTP/1.1\r\n${host}\r\n`);
  await client.until('200 OK');
  await expect.poll(() => logLines(running.log)).toMatchObject([{ level: 'debug', path: '/-/healthz' }]);
});

test('requests on one connection are answered in their order', async () => {
  await using running = await start(echo);
  using client = raw(running.port);
  client.send([1, 2, 3].map((number) => `GET /${number} HTTP/1.1\r\n${host}\r\n`).join(''));
  expect(await client.until('GET /3 0')).toMatch(/GET \/1 0[\s\S]*GET \/2 0[\s\S]*GET \/3 0$/);
});
