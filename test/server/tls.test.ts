import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeCertificate } from '../kit/certificate.ts';
import { directory as directoryOf, run } from './gateway-process.ts';
import { echo, exchange, raw, start } from './kit.ts';

let directory = '';
let tls = { cert: '', key: '' };
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'partway-tls-'));
  const { certFile, keyFile } = makeCertificate(directory);
  tls = { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function get(port: number, path: string, ca = tls.cert): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, ca, agent: false }, async (answer) => {
      resolve(Buffer.concat(await answer.toArray()).toString());
    });
    sent.on('error', reject);
    sent.end();
  });
}

test('HTTPS is served with the configured certificate', async () => {
  await using running = await start(echo, { tls });
  expect(await get(running.port, '/b/k')).toBe('GET /b/k 0');
  expect(await get(running.port, '/-/healthz')).toContain('"ok":true');
});

test('a renewed certificate is shown to new connections, and one that cannot be used changes nothing', async () => {
  const { certFile, keyFile } = makeCertificate(directory, 'renewed');
  const renewed = { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
  await using running = await start(echo, { tls });
  await using before = connect({ port: running.port, host: '127.0.0.1', ca: tls.cert });
  await once(before, 'secureConnect');
  running.server.renewCertificate(renewed);
  await expect(get(running.port, '/b/k')).rejects.toThrow(/self-signed/);
  expect(await get(running.port, '/b/k', renewed.cert)).toBe('GET /b/k 0');
  expect(() => running.server.renewCertificate({ ...renewed, key: tls.key })).toThrow(/mismatch/);
  expect(await get(running.port, '/b/k', renewed.cert)).toBe('GET /b/k 0');
  // Who was there before goes on.
  before.write('GET /old HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  expect(Buffer.concat(await before.toArray()).toString()).toContain('GET /old 0');
});

test.each(['1', '2'])(
  'SIGHUP shows a renewed certificate, with %s processes, and none that is broken',
  async (workers) => {
    using place = directoryOf();
    const { certFile, keyFile } = makeCertificate(place.path);
    const first = readFileSync(certFile, 'utf8');
    await using gateway = run(place.path, [], {
      PARTWAY_WORKERS: workers,
      PARTWAY_TLS_CERT_FILE: certFile,
      PARTWAY_TLS_KEY_FILE: keyFile,
    });
    const port = Number(new URL(await gateway.listening()).port);
    const healthy = (ca: string): Promise<boolean> =>
      get(port, '/-/healthz', ca).then(
        (body) => body.includes('"ok":true'),
        () => false,
      );
    /** Of as many connections as it takes to meet each process. */
    const everywhere = (ca: string): Promise<boolean[]> =>
      Promise.all(Array.from({ length: 6 }, () => healthy(ca)));
    expect(await everywhere(first)).toEqual(Array(6).fill(true));

    makeCertificate(place.path);
    const second = readFileSync(certFile, 'utf8');
    process.kill(gateway.pid, 'SIGHUP');
    await expect.poll(() => everywhere(second), { timeout: 60_000 }).toEqual(Array(6).fill(true));
    expect(await healthy(first)).toBe(false);

    writeFileSync(certFile, 'junk');
    process.kill(gateway.pid, 'SIGHUP');
    const refused = 'the configuration is not sound: identities and certificate stay as they were';
    await expect.poll(() => gateway.logged(refused).length, { timeout: 60_000 }).toBe(1);
    expect(await everywhere(second)).toEqual(Array(6).fill(true));
  },
);

test('plain HTTP on the same port is refused, and harms nobody', async () => {
  await using running = await start(echo, { tls });
  expect(await exchange(running.port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n')).not.toContain('200 OK');
  expect(await get(running.port, '/b/k')).toBe('GET /b/k 0');
});

test('connections that never begin with TLS do not hold up the end, nor stay for ever', async () => {
  const timeouts = { headersMs: 300, idleMs: 30_000, keepAliveMs: 30_000 };
  await using running = await start(echo, { tls, timeouts });
  using slow = raw(running.port);
  slow.send('\x16\x03\x01');
  await slow.closed();

  await using patient = await start(echo, { tls });
  using silent = raw(patient.port);
  silent.send('\x16\x03\x01');
  await get(patient.port, '/b/k');
  expect(await patient.server.drain(60_000)).toBe(0);
  await silent.closed();
});
