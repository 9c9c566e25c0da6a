/** Documents, framings and URLs that are made to hurt. */
import { createHash, randomBytes } from 'node:crypto';
import { deflateSync, gzipSync } from 'node:zlib';
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Stand } from '../faults/kit.ts';
import type { RawAnswer } from '../kit/raw-request.ts';
import { everything, expectService, md5, mib, open, signedPut, startTarget } from './kit.ts';

let stand: Stand;
let uploadId = '';
const canary = randomBytes(10_000);
beforeAll(async () => {
  stand = await startTarget();
  await stand.put('canary', canary);
  uploadId = (await stand.createUpload('upload')).element('UploadId') ?? '';
});
afterAll(async () => {
  await stand?.expectNothingLost();
  stand?.expectNoFailure();
  await stand?.close();
});

const complete = (body: Buffer | string): Promise<RawAnswer> =>
  stand.call({ method: 'POST', path: stand.path('upload'), query: { uploadId }, body });
const outcome = ({ status, element }: RawAnswer): readonly [number, string | undefined] => [
  status,
  element('Code'),
];

describe('a document', () => {
  const limit = 5 * mib;
  const list = (parts: string): string =>
    `<?xml version="1.0" encoding="UTF-8"?><CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${parts}</CompleteMultipartUpload>`;
  const longest = (number: number): string => {
    const sum = createHash('sha256').update(String(number)).digest('base64');
    const etag = `&quot;${createHash('md5').update(String(number)).digest('hex')}&quot;`;
    return `<Part><PartNumber>${number}</PartNumber><ETag>${etag}</ETag><ChecksumSHA256>${sum}</ChecksumSHA256></Part>`;
  };
  const parts = Array.from({ length: 10_000 }, (_, index) => longest(index + 1)).join('\n    ');
  const padded = (size: number): string => {
    const text = list(parts);
    return text.replace('<Part>', `${' '.repeat(size - Buffer.byteLength(text))}<Part>`);
  };

  test('of 10,000 parts with everything in them is read', async () => {
    expect(outcome(await complete(list(parts)))).toEqual([400, 'InvalidPart']);
  });
  test('as long as it may be is read; with one byte more it is not', async () => {
    expect(outcome(await complete(padded(limit)))).toEqual([400, 'InvalidPart']);
    expect(outcome(await complete(padded(limit + 1)))).toEqual([400, 'MaxMessageLengthExceeded']);
  });
  test('of 10,001 parts is not', async () => {
    expect(outcome(await complete(list(parts + longest(10_001))))).toEqual([400, 'InvalidArgument']);
  });

  const laughs = Array.from(
    { length: 10 },
    (_, index) => `<!ENTITY l${index + 1} "${`&l${index};`.repeat(10)}">`,
  ).join('');
  test.each([
    [
      'a billion laughs',
      `<!DOCTYPE x [<!ENTITY l0 "lol">${laughs}]><CompleteMultipartUpload>&l9;</CompleteMultipartUpload>`,
    ],
    [
      'a quadratic blow-up',
      `<!DOCTYPE x [<!ENTITY a "${'a'.repeat(50_000)}">]><CompleteMultipartUpload>${'&a;'.repeat(50_000)}</CompleteMultipartUpload>`,
    ],
    [
      'a file of ours',
      '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><CompleteMultipartUpload>&a;</CompleteMultipartUpload>',
    ],
    [
      'a parameter entity',
      '<!DOCTYPE x [<!ENTITY % a SYSTEM "http://127.0.0.1:1/">%a;]><CompleteMultipartUpload/>',
    ],
    ['200,000 levels', '<CompleteMultipartUpload>'.padEnd(600_000, '<a>')],
    [
      '200,000 levels that are closed',
      `<CompleteMultipartUpload>${'<a>'.repeat(200_000)}${'</a>'.repeat(200_000)}</CompleteMultipartUpload>`,
    ],
    [
      '100,000 attributes',
      `<CompleteMultipartUpload ${Array.from({ length: 100_000 }, (_, i) => `a${i}="b"`).join(' ')}/>`,
    ],
    ['one name of a megabyte', `<${'a'.repeat(mib)}/>`],
    ['a comment of four megabytes', `<!--${'-x'.repeat(2 * mib)}--><CompleteMultipartUpload/>`],
  ])('with %s is refused, soon and in little memory', async (_, text) => {
    await stand.expectFlatMemory(
      complete(text).then((answer) => {
        expect(answer.status).toBe(400);
        expect(['MalformedXML', 'InvalidRequest']).toContain(answer.element('Code'));
        expect(answer.text).not.toContain('root:');
      }),
    );
    await expectService(stand);
  });

  test.each([
    ['gzip', gzipSync(Buffer.alloc(50 * mib))],
    ['deflate', deflateSync(Buffer.alloc(50 * mib))],
  ])('in %s is not unpacked', async (coding, body) => {
    const answer = await stand.call({
      method: 'POST',
      path: stand.path('upload'),
      query: { uploadId },
      headers: { 'content-encoding': coding },
      body,
    });
    expect(outcome(answer)).toEqual([400, 'MalformedXML']);
    const stored = await stand.call({
      method: 'PUT',
      path: stand.path('packed'),
      headers: { 'content-encoding': coding },
      body,
    });
    expect(stored.status).toBe(200);
    const read = await stand.get('packed');
    expect(read.headers['content-encoding']).toBe(coding);
    expect(md5(read.body)).toBe(md5(body));
  });
});

describe('a body in chunks', () => {
  const send = async (framed: Buffer, decoded: number, payload: string): Promise<string> => {
    const { head } = signedPut(stand, 'chunks', framed);
    const lines = head
      .toString('latin1')
      .replace('\r\n\r\n', `\r\nx-amz-decoded-content-length: ${decoded}\r\nconnection: close\r\n\r\n`);
    const socket = await open(stand);
    const text = everything(socket);
    // Signed for another payload: only presigned URLs leave it out of the signature. So the request is made by URL.
    const put = new PutObjectCommand({ Bucket: stand.bucket, Key: 'chunks' });
    const url = new URL(await getSignedUrl(stand.gateway.client, put));
    socket.write(
      lines
        .replace(/^PUT \S+/, `PUT ${url.pathname}${url.search}`)
        .replaceAll(/\r\n(?:authorization|x-amz-date|x-amz-content-sha256): [^\r]*/g, '')
        .replace(
          '\r\n\r\n',
          `\r\nx-amz-content-sha256: ${payload}\r\nx-amz-trailer: x-amz-checksum-crc32\r\n\r\n`,
        ),
    );
    socket.write(framed);
    return text;
  };

  test('of one byte each is refused or stored, never in much memory', async () => {
    const framed = Buffer.concat([Buffer.from('1\r\nx\r\n'.repeat(500_000)), Buffer.from('0\r\n\r\n')]);
    await stand.expectFlatMemory(
      send(framed, 500_000, 'STREAMING-UNSIGNED-PAYLOAD-TRAILER').then((text) =>
        expect(text).toMatch(/^HTTP\/1\.1 4\d\d [\s\S]*<Error>/),
      ),
    );
  });

  test('with an extension that never ends is refused', async () => {
    const framed = Buffer.from(`5;${'x'.repeat(8 * mib)}`);
    await stand.expectFlatMemory(
      send(framed, 5, 'STREAMING-UNSIGNED-PAYLOAD-TRAILER').then((text) =>
        expect(text).toMatch(/^HTTP\/1\.1 4\d\d [\s\S]*<Error>/),
      ),
    );
  });

  test('of HTTP, a million of one byte, is refused for its transfer coding', async () => {
    const { head } = signedPut(stand, 'chunks', Buffer.of(1));
    const socket = await open(stand);
    const text = everything(socket);
    await stand.expectFlatMemory(
      (async () => {
        socket.write(
          head
            .toString('latin1')
            .replace(/content-length: \d+/, 'transfer-encoding: chunked\r\nconnection: close'),
        );
        socket.write('1\r\nx\r\n'.repeat(1_000_000));
        socket.end('0\r\n\r\n');
        expect(await text).toContain('<Header>Transfer-Encoding</Header>');
      })(),
    );
  });
});

describe('two requests in one', () => {
  const forms: Readonly<Record<string, (smuggled: string) => string>> = {
    'two lengths': (s) => `Content-Length: ${s.length}\r\nContent-Length: 0\r\n\r\n${s}`,
    'length and chunked': (s) =>
      `Content-Length: ${s.length + 5}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${s}`,
    'chunked and length': (s) => `Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n${s}`,
    'a coding that is spelled badly': (s) => `Transfer-Encoding: xchunked\r\nContent-Length: 0\r\n\r\n${s}`,
    'a coding behind a tab': (s) => `Transfer-Encoding:\tchunked\r\nContent-Length: 0\r\n\r\n${s}`,
    'a folded line': (s) => `X: y\r\n Content-Length: 0\r\n\r\n${s}`,
    'a bare line feed': (s) => `X: y\nContent-Length: 0\r\n\r\n${s}`,
  };
  test.each(Object.entries(forms))('by %s are one refused request', async (_, form) => {
    const url = new URL(
      await getSignedUrl(stand.gateway.client, new GetObjectCommand({ Bucket: stand.bucket, Key: 'canary' })),
    );
    const smuggled = `GET ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\n\r\n`;
    const socket = await open(stand);
    const text = everything(socket);
    socket.write(`PUT /${stand.bucket}/x HTTP/1.1\r\nHost: ${url.host}\r\n${form(smuggled)}`);
    socket.end();
    const answer = await text;
    expect(answer).toMatch(/^HTTP\/1\.1 (400|501) /);
    expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(1);
  });
});

describe('a URL that was signed', () => {
  test('for one object, method and set of headers serves no other', async () => {
    const put = new PutObjectCommand({ Bucket: stand.bucket, Key: 'by-url', ContentType: 'text/plain' });
    const signed = { signableHeaders: new Set(['content-type']) };
    const url = await getSignedUrl(stand.gateway.client, put, signed);
    const attempt = (to: string, headers: Record<string, string>, method = 'PUT'): Promise<number> =>
      fetch(to, { method, headers, ...(method === 'PUT' && { body: 'x' }) }).then(({ status }) => status);
    const type = { 'content-type': 'text/plain' };
    const refused = [
      [url, { 'content-type': 'text/html' }],
      [url, { ...type, 'x-amz-meta-added': 'x' }],
      [url, { ...type, 'x-amz-acl': 'public-read' }],
      [url, { ...type, 'x-amz-copy-source': `/${stand.bucket}/canary` }],
      [url, { ...type, 'x-amz-tagging': 'a=b' }],
      [url.replace('by-url', 'canary'), type],
      [url.replace('by-url', 'by%2Durl').replace('%2D', '%252D'), type],
      [`${url}&partNumber=1&uploadId=x`, type],
      [`${url}&acl`, type],
      [url.replace(/X-Amz-Expires=\d+/, 'X-Amz-Expires=604800'), type],
    ] as const;
    for (const [to, headers] of refused) expect([to, await attempt(to, { ...headers })]).toEqual([to, 403]);
    expect(await attempt(url, type, 'DELETE')).toBe(403);
    expect(await attempt(url, type)).toBe(200);
  });

  test('means the key, however its path is spelled', async () => {
    const get = new GetObjectCommand({ Bucket: stand.bucket, Key: 'canary' });
    const url = await getSignedUrl(stand.gateway.client, get);
    // The same key in other letters is the same request; a path that leads elsewhere is not.
    for (const path of ['%63anary', 'c%61nary']) {
      const answer = await fetch(url.replace('canary', path));
      expect([200, 403]).toContain(answer.status);
      if (answer.status === 200) expect(md5(Buffer.from(await answer.arrayBuffer()))).toBe(md5(canary));
      else await answer.arrayBuffer();
    }
    for (const path of [
      'x/../canary',
      './canary',
      '/canary',
      'canary/',
      'canary%00',
      '%2e%2e/outages/canary',
    ]) {
      const status = await rawStatus(url.replace('canary', path));
      expect([path, status]).not.toEqual([path, 200]);
    }
  });
});

/** `fetch` would put the path in order. */
async function rawStatus(url: string): Promise<number> {
  const [, path = ''] = /^http:\/\/[^/]+(\/.*)$/.exec(url) ?? [];
  const socket = await open(stand);
  const text = everything(socket);
  socket.end(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${stand.gateway.port}\r\nConnection: close\r\n\r\n`);
  return Number((await text).split(' ')[1]);
}

test('uploads are not guessed, nor used under another key or bucket', async () => {
  const part = randomBytes(100);
  for (let index = 0; index < 200; index++) {
    const guess = randomBytes(20).toString('hex');
    const answer = await stand.uploadPart(guess, 'upload', 1, part);
    expect(outcome(answer)).toEqual([404, 'NoSuchUpload']);
  }
  expect((await stand.call({ method: 'PUT', path: '/another-bucket' })).status).toBe(200);
  for (const path of [stand.path('other'), '/another-bucket/upload']) {
    for (const request of [
      { method: 'PUT', query: { uploadId, partNumber: '1' }, body: part },
      { method: 'GET', query: { uploadId } },
      { method: 'DELETE', query: { uploadId } },
    ]) {
      expect(outcome(await stand.call({ path, ...request }))).toEqual([404, 'NoSuchUpload']);
    }
  }
  expect((await stand.uploadPart(uploadId, 'upload', 1, part)).status).toBe(200);
});
