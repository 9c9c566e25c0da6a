/** Clients that are slow on purpose: in the head, in the body, in taking the answer. */
import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Stand } from '../faults/kit.ts';
import type { RawAnswer } from '../kit/raw-request.ts';
import { everything, expectService, md5, mib, open, signedPut, startTarget } from './kit.ts';

let stand: Stand;
const large = randomBytes(32 * mib);
beforeAll(async () => {
  stand = await startTarget({
    PARTWAY_TIMEOUTS_HEADERS: '2s',
    // Far above the half second between two pieces of an upload that dribbles.
    PARTWAY_TIMEOUTS_IDLE: '6s',
  });
  await stand.put('large', large);
});
afterAll(() => stand?.close());

const opened = (count: number): Promise<Socket[]> =>
  Promise.all(Array.from({ length: count }, () => open(stand)));
const close = (sockets: readonly Socket[]): void => {
  for (const socket of sockets) socket.destroy();
};

test('300 clients that never finish their head are told so and cut', async () => {
  const sockets = await opened(300);
  const answers = sockets.map(everything);
  const ticking = setInterval(() => {
    for (const socket of sockets) if (socket.writable) socket.write('X-A: b\r\n');
  }, 300);
  for (const socket of sockets) socket.write('GET / HTTP/1.1\r\nHost: x\r\n');
  await expectService(stand);
  const texts = await Promise.all(answers);
  clearInterval(ticking);
  for (const text of texts) expect(text).toMatch(/^HTTP\/1\.1 400 [\s\S]*<Code>RequestTimeout<\/Code>/);
  await expectService(stand);
});

test('200 uploads that dribble are borne, cost no memory, and are whole in the end', async () => {
  const part = randomBytes(2000);
  const sockets = await opened(200);
  const answers = sockets.map(async (socket) => {
    for (let text = ''; ; ) {
      const [chunk] = (await Promise.race([
        new Promise<[Buffer]>((resolve) => socket.once('data', (data: Buffer) => resolve([data]))),
        new Promise<[undefined]>((resolve) => socket.once('close', () => resolve([undefined]))),
      ])) as [Buffer | undefined];
      if (chunk === undefined) return text;
      text += chunk.toString('latin1');
      if (text.includes('\r\n\r\n')) return text;
    }
  });
  await stand.expectFlatMemory(
    (async () => {
      for (const [index, socket] of sockets.entries())
        socket.write(signedPut(stand, `slow-${index}`, part).head);
      for (let at = 0; at < part.length; at += 200) {
        for (const socket of sockets) socket.write(part.subarray(at, at + 200));
        await sleep(500);
        if (at === 1000) {
          await expectService(stand);
          expect((await stand.get('slow-0')).status).toBe(404);
        }
      }
      for (const text of await Promise.all(answers)) expect(text).toMatch(/^HTTP\/1\.1 200 /);
    })(),
  );
  close(sockets);
  for (const index of [0, 99, 199]) expect(md5((await stand.get(`slow-${index}`)).body)).toBe(md5(part));
});

test('100 uploads that stop half-way are told so and leave nothing', async () => {
  const sockets = await opened(100);
  const answers = sockets.map(everything);
  for (const [index, socket] of sockets.entries()) {
    const { body, head } = signedPut(stand, `half-${index}`, randomBytes(20_000));
    socket.write(head);
    socket.write(body.subarray(0, 10_000));
  }
  for (const text of await Promise.all(answers)) expect(text).toContain('<Code>RequestTimeout</Code>');
  expect((await stand.get('half-0')).status).toBe(404);
});

test('100 readers that take nothing are cut, and their objects are never in memory', async () => {
  const descriptors = async (): Promise<number> => (await readdir(`/proc/${stand.gateway.pid}/fd`)).length;
  const idle = await descriptors();
  const sockets = await opened(100);
  const get = new GetObjectCommand({ Bucket: stand.bucket, Key: 'large' });
  const url = new URL(await getSignedUrl(stand.gateway.client, get));
  const request = `GET ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\n\r\n`;
  await stand.expectFlatMemory(
    (async () => {
      for (const socket of sockets) {
        socket.pause();
        socket.write(request);
      }
      await expect.poll(descriptors, { timeout: 60_000 }).toBeGreaterThan(idle + 90);
      await expectService(stand);
      // Nobody reads until all of them are cut.
      await expect.poll(descriptors, { timeout: 60_000 }).toBeLessThan(idle + 10);
      await Promise.all(
        sockets.map(async (socket) => {
          let size = 0;
          socket.on('data', (chunk: Buffer) => {
            size += chunk.length;
          });
          socket.resume();
          if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
          expect(size).toBeLessThan(large.length);
        }),
      );
    })(),
    // Of the 3,200 MiB that they asked for, no more than what is read ahead for each.
    100 * 2 * mib,
  );
  await expectService(stand);
});

test('readers that take nothing fill memory to its bound only: others are told to slow down, until those are gone', async () => {
  const bound = 256 * mib;
  const own = await startTarget({
    PARTWAY_LIMITS_MAX_MEMORY: `${bound / mib}MiB`,
    // None is cut while others come.
    PARTWAY_TIMEOUTS_IDLE: '10m',
  });
  try {
    await own.put('large', large);
    await own.put('small', Buffer.from('small'));
    const get = new GetObjectCommand({ Bucket: own.bucket, Key: 'large' });
    const url = new URL(await getSignedUrl(own.gateway.client, get));
    const request = `GET ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\n\r\n`;
    const sockets: Socket[] = [];
    const more = (): Promise<RawAnswer> => own.get('small');
    const add = async (count: number): Promise<RawAnswer> => {
      const added = await Promise.all(Array.from({ length: count }, () => open(own)));
      sockets.push(...added);
      for (const socket of added) socket.pause().write(request);
      await sleep(100);
      // Comes after theirs, and waits for the same threads.
      return more();
    };
    // All of these would take some 700 MiB.
    while (sockets.length < 800 && (await add(20)).status === 200);
    // The last look at the memory may be from before what they took of it.
    let refused = await add(200);
    for (let tries = 0; tries < 100 && refused.status === 200; tries++) {
      await sleep(100);
      refused = await more();
    }
    expect([refused.status, refused.element('Code'), refused.headers['retry-after']]).toEqual([
      503,
      'SlowDown',
      '1',
    ]);
    // Memory that was given back is resident until it is used again.
    expect(await own.memory()).toBeLessThan(bound + 192 * mib);
    expect((await fetch(`${own.gateway.endpoint}/-/healthz`)).status).toBe(200);
    expect(await own.ready()).toBe(200);
    close(sockets);
    await expect.poll(async () => (await more()).status, { timeout: 60_000, interval: 500 }).toBe(200);
    await expectService(own);
    own.expectNoFailure();
  } finally {
    await own.close();
  }
});

test('uploads that begin all at once hold no more than memory has room for: the others are told to slow down', async () => {
  const bound = 192 * mib;
  const own = await startTarget({ PARTWAY_LIMITS_MAX_MEMORY: `${bound / mib}MiB` });
  try {
    await expectService(own);
    const body = randomBytes(mib);
    const uploads = await Promise.all(
      Array.from({ length: 600 }, async (_, index) => {
        const socket = await open(own);
        const put = signedPut(own, `crowd-${index}`, body);
        const head = put.head.toString('latin1').replace('\r\n\r\n', '\r\nconnection: close\r\n\r\n');
        return { body: put.body, head: Buffer.from(head, 'latin1'), socket, text: everything(socket) };
      }),
    );
    for (const { head, socket, ...put } of uploads)
      socket.write(Buffer.concat([head, put.body.subarray(0, mib / 2)]));
    let highest = 0;
    for (let looks = 0; looks < 30; looks++) {
      highest = Math.max(highest, await own.memory());
      await sleep(100);
    }
    // All 600 would hold more than 400 MiB. What is resident also has code in it, which is not in the bound.
    expect(highest).toBeLessThan(bound + 128 * mib);
    for (const { socket, ...put } of uploads)
      if (socket.bytesRead === 0 && socket.writable) socket.write(put.body.subarray(mib / 2));
      else socket.end();
    const answers = await Promise.all(uploads.map(({ text }) => text));
    const stored = answers.filter((text) => text.startsWith('HTTP/1.1 200 '));
    const slowed = answers.filter((text) => /^HTTP\/1\.1 503 [\s\S]*<Code>SlowDown</.test(text));
    expect(stored.length).toBeGreaterThanOrEqual(16);
    expect(slowed.length).toBeGreaterThan(200);
    expect(stored.length + slowed.length).toBe(600);
    await expectService(own);
    own.expectNoFailure();
  } finally {
    await own.close();
  }
});
