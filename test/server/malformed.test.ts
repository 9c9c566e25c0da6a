import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { echo, exchange, logLines, type Running, raw, start } from './kit.ts';

let running: Running;
beforeAll(async () => {
  running = await start(echo);
});
afterAll(() => running[Symbol.asyncDispose]());

const host = 'Host: s3.example.com\r\n';
const close = 'Connection: close\r\n';

function expectError(answer: string, status: number, code: string): void {
  expect(answer.split('\r\n')[0]).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  expect(answer).toContain(`<Code>${code}</Code>`);
  expect(answer).toMatch(/\r\nContent-Type: application\/xml\r\n/i);
  expect(answer).toMatch(/\r\nConnection: close\r\n/i);
  const id = /\r\nx-amz-request-id: ([0-9A-F]{16})\r\n/i.exec(answer)?.[1];
  expect(answer).toContain(`<RequestId>${id}</RequestId>`);
  // One answer, whose length is told.
  expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(1);
  const [head = '', body = ''] = answer.split('\r\n\r\n');
  expect(Number(/content-length: (\d+)/i.exec(head)?.[1])).toBe(body.length);
}

describe('a request whose end two servers could see in different places', () => {
  const chunks = '3\r\nabc\r\n0\r\n\r\n';
  test.each([
    ['two lengths', `Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc`],
    ['the same length twice', `Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc`],
    ['a list of lengths', `Content-Length: 3, 3\r\n\r\nabc`],
    ['a signed length', `Content-Length: +3\r\n\r\nabc`],
    ['a negative length', `Content-Length: -3\r\n\r\nabc`],
    ['a length beyond all numbers', `Content-Length: 99999999999999999999\r\n\r\nabc`],
    ['no number as length', `Content-Length: \r\n\r\nabc`],
    ['length, then chunked', `Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`],
    ['chunked, then length', `Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n${chunks}`],
    ['chunked twice', `Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`],
    ['chunked not last', `Transfer-Encoding: chunked, gzip\r\n\r\n${chunks}`],
    ['a header on two lines', `X-A: b\r\n c\r\nContent-Length: 0\r\n\r\n`],
    ['a space before the colon', `Content-Length : 3\r\n\r\nabc`],
    ['a bare carriage return', `X-A: b\rContent-Length: 3\r\n\r\nabc`],
    ['a bare line feed', `X-A: b\nContent-Length: 3\r\n\r\nabc`],
    ['a NUL', `X-A: b\0c\r\n\r\n`],
    ['two hosts', `Host: other\r\nContent-Length: 0\r\n\r\n`],
  ])('%s', async (_, rest) => {
    expectError(await exchange(running.port, `PUT /a HTTP/1.1\r\n${host}${rest}`), 400, 'BadRequest');
  });

  test.each([
    ['a size that is no number', 'zz\r\nabc\r\n0\r\n\r\n'],
    ['more bytes than the size says', '3\r\nabcdef\r\n0\r\n\r\n'],
    ['bare line feeds', '3\nabc\n0\n\n'],
    ['an endless extension', `3;${'x'.repeat(40_000)}\r\nabc\r\n0\r\n\r\n`],
  ])('chunks with %s', async (_, body) => {
    const request = `PUT /a HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n${body}`;
    expectError(await exchange(running.port, request), 400, 'BadRequest');
  });

  test.each([['gzip, chunked'], ['xchunked'], ['identity']])(
    'the transfer coding %s is not understood, and nothing is stored undecoded',
    async (coding) => {
      const answer = await exchange(
        running.port,
        `PUT /a HTTP/1.1\r\n${host}Transfer-Encoding: ${coding}\r\n\r\n${chunks}`,
      );
      expectError(answer, 501, 'NotImplemented');
      expect(answer).toContain('<Header>Transfer-Encoding</Header>');
    },
  );
});

describe('what is no HTTP/1.1 request', () => {
  test.each([
    ['no host', `GET /a HTTP/1.1\r\n${close}\r\n`],
    ['an HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['HTTP/0.9', 'GET /a\r\n\r\n'],
    ['an unknown version', `GET /a HTTP/1.2\r\n${host}\r\n`],
    ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
    ['an unknown method', `FETCH /a HTTP/1.1\r\n${host}\r\n`],
    ['a space in the target', `GET /a b HTTP/1.1\r\n${host}\r\n`],
    ['bytes that a target cannot hold', `GET /\xc3\xa9 HTTP/1.1\r\n${host}\r\n`],
  ])('%s', async (_, request) => {
    expectError(await exchange(running.port, Buffer.from(request, 'latin1')), 400, 'BadRequest');
  });

  test.each([
    ['a backslash in the path', `GET /a\\b HTTP/1.1\r\n${host}${close}\r\n`],
    ['a host that is none', `GET /a HTTP/1.1\r\nHost: a/b\r\n${close}\r\n`],
    ['an asterisk', `OPTIONS * HTTP/1.1\r\n${host}${close}\r\n`],
  ])('%s', async (_, request) => {
    expectError(await exchange(running.port, request), 400, 'InvalidURI');
  });

  test('CONNECT is refused', async () => {
    expectError(
      await exchange(running.port, `CONNECT s3:443 HTTP/1.1\r\n${host}\r\n`),
      405,
      'MethodNotAllowed',
    );
  });

  test('an offer to upgrade is ignored: Java clients make it on their first request', async () => {
    const answer = await exchange(
      running.port,
      `GET /a HTTP/1.1\r\n${host}Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  });

  test('an expectation that is not known is ignored', async () => {
    const answer = await exchange(
      running.port,
      `PUT /a HTTP/1.1\r\n${host}${close}Expect: miracles\r\nContent-Length: 2\r\n\r\nab`,
    );
    expect(answer).toContain('PUT /a 2');
  });

  test('HTTP/1.0 needs no host', async () => {
    expect(await exchange(running.port, 'GET /a HTTP/1.0\r\n\r\n')).toContain('GET /a 0');
  });
});

describe('the header section', () => {
  const filled = (size: number): string => {
    const rest = `${host}${close}`.length + 'X-Fill: \r\n'.length;
    return `${host}${close}X-Fill: ${'a'.repeat(size - rest)}\r\n`;
  };

  test('may have 8 KiB', async () => {
    expect(await exchange(running.port, `GET /a HTTP/1.1\r\n${filled(8192)}\r\n`)).toContain('GET /a 0');
  });

  test.each([8193, 20_000, 60_000, 100_000, 1_000_000])('may not have %i bytes', async (size) => {
    const answer = await exchange(running.port, `GET /a HTTP/1.1\r\n${filled(size)}\r\n`);
    expectError(answer, 400, 'RequestHeaderSectionTooLarge');
    expect(answer).toContain('<MaxSizeAllowed>8192</MaxSizeAllowed>');
  });

  test('counts however many headers it has', async () => {
    const answer = await exchange(running.port, `GET /a HTTP/1.1\r\n${host}${'a:b\r\n'.repeat(3000)}\r\n`);
    expectError(answer, 400, 'RequestHeaderSectionTooLarge');
  });

  test('that is cut short is no request', async () => {
    using client = raw(running.port);
    client.send(`GET /a HTTP/1.1\r\n${host}X-Cut`);
    client.socket.end();
    expectError(await client.closed(), 400, 'BadRequest');
  });

  test('does not count the target: a presigned URL of a long key is longer', async () => {
    const target = `/${'a'.repeat(10_000)}`;
    expect(await exchange(running.port, `GET ${target} HTTP/1.1\r\n${host}${close}\r\n`)).toContain(
      `GET ${target} 0`,
    );
  });

  test('of a HEAD request is refused without a body', async () => {
    const answer = await exchange(running.port, `HEAD /a HTTP/1.1\r\n${filled(9000)}\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer.split('\r\n\r\n')[1]).toBe('');
  });
});

test('the target reaches the application as it was sent', async () => {
  for (const target of ['/b/%2e%2e/x', '/b/../x', '//b//k', '/b/k?x=%zz&&', '/b/%', '/%00']) {
    expect(await exchange(running.port, `GET ${target} HTTP/1.1\r\n${host}${close}\r\n`)).toContain(
      `GET ${target} 0`,
    );
  }
});

test('what follows a whole request does not take its answer away', async () => {
  using client = raw(running.port);
  client.send(`PUT /a HTTP/1.1\r\n${host}Content-Length: 3\r\n\r\nabcGARBAGE / XX\r\n\r\n`);
  const answer = await client.closed();
  expect(answer).toContain('PUT /a 3');
  expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(1);
});

test('nothing of this is a failure of the server', () => {
  expect(logLines(running.log).filter(({ level }) => level === 'error')).toEqual([]);
});
