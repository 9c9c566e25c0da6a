/** More at once than there is room for: 503 SlowDown, not more memory. And a long upload beside many short requests. */
import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { GetObjectCommand, UploadPartCommand } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { afterEach, expect, test } from 'vitest';
import type { Stand } from '../faults/kit.ts';
import { toWire } from '../fuzz/draft.ts';
import { exchange } from '../fuzz/wire.ts';
import { credentials, newClient } from '../kit/gateway.ts';
import { everything, expectService, long, md5, mib, open, signedPut, startTarget } from './kit.ts';

let stand: Stand;
afterEach(() => stand?.close());

test('2,000 uploads at once: each is stored or told to slow down, and memory stays bounded', async () => {
  stand = await startTarget();
  await expectService(stand);
  const before = await stand.memory();
  const body = randomBytes(256 * 1024);
  const count = 2_000;
  let highest = before;
  const watching = setInterval(async () => {
    highest = Math.max(highest, await stand.memory());
  }, 50);
  // All heads first, so that all of them are under way before any can end.
  const clients = await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const socket = await open(stand);
      const text = everything(socket);
      const put = signedPut(stand, `crowd-${index}`, body);
      socket.write(put.head.toString('latin1').replace('\r\n\r\n', '\r\nconnection: close\r\n\r\n'));
      return { index, socket, text, rest: put.body };
    }),
  );
  // Who is refused has its answer by now. To write on where nobody reads any more could lose it (RFC 9112, 9.6).
  await sleep(500);
  for (const { rest, socket } of clients) {
    if (socket.bytesRead > 0) socket.end();
    else if (socket.writable) socket.write(rest);
  }
  const answers = await Promise.all(clients.map(async ({ index, text }) => ({ index, text: await text })));
  clearInterval(watching);
  const stored = answers.filter(({ text }) => text.startsWith('HTTP/1.1 200 '));
  const slowed = answers.filter(({ text }) =>
    /^HTTP\/1\.1 503 [\s\S]*retry-after: \d+[\s\S]*<Code>SlowDown</i.test(text),
  );
  expect(stored.length + slowed.length).toBe(count);
  expect(stored.length).toBeGreaterThanOrEqual(1_000);
  expect(slowed.length).toBeGreaterThan(0);
  // 1,000 are let in, each with its body and what goes with a request. All 2,000 would take more.
  expect(highest - before).toBeLessThan(704 * mib);
  for (const { index } of stored.slice(0, 20))
    expect(md5((await stand.get(`crowd-${index}`)).body)).toBe(md5(body));
  for (const { index } of slowed.slice(0, 20)) expect((await stand.get(`crowd-${index}`)).status).toBe(404);
  await expectService(stand);
  stand.expectNoFailure();
});

/** 10,000, or what this machine lets a process have of descriptors. */
async function manyConnections(): Promise<number> {
  const limits = await readFile('/proc/self/limits', 'utf8');
  const descriptors = Number(/^Max open files +(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY);
  const count = Math.min(10_000, Math.floor((descriptors - 400) / 100) * 100);
  if (count < 10_000)
    console.error(`only ${count} connections: a process may have ${descriptors} descriptors here`);
  return count;
}

test('10,000 connections that do nothing', async () => {
  const count = await manyConnections();
  stand = await startTarget({ PARTWAY_LIMITS_MAX_CONNECTIONS: '12000' });
  await expectService(stand);
  const descriptors = async (): Promise<number> => (await readdir(`/proc/${stand.gateway.pid}/fd`)).length;
  const before = { memory: await stand.memory(), descriptors: await descriptors() };
  const sockets: Socket[] = [];
  for (let index = 0; index < count; index += 100)
    sockets.push(...(await Promise.all(Array.from({ length: 100 }, () => open(stand)))));
  await expect.poll(descriptors, { timeout: 60_000 }).toBeGreaterThan(before.descriptors + count - 100);
  await expectService(stand);
  const each = ((await stand.memory()) - before.memory) / sockets.length;
  expect(each).toBeLessThan(24 * 1024);
  for (const socket of sockets) socket.destroy();
  await expect.poll(descriptors, { timeout: 60_000 }).toBeLessThan(before.descriptors + 20);
  await expectService(stand);
  stand.expectNoFailure();
});

test('one connection cannot have more under way than it may', async () => {
  stand = await startTarget({ PARTWAY_LIMITS_MAX_REQUESTS_PER_CONNECTION: '8' });
  const host = `127.0.0.1:${stand.gateway.port}`;
  const draft = { action: '', method: 'GET', path: `/${stand.bucket}`, headers: [], body: Buffer.of() };
  const get = { method: 'GET', last: false, bytes: toWire({ ...draft, query: [], auth: 'header' }, host) };
  const { answers, complaint } = await exchange(
    stand.gateway.port,
    Array.from({ length: 50 }, () => get),
  );
  expect(complaint).toBeUndefined();
  const statuses = answers.map(({ status }) => status);
  expect(statuses.slice(0, 8)).toEqual(Array(8).fill(200));
  expect(statuses.slice(8)).toEqual([503]);
  await expectService(stand);
});

test('one identity cannot take the place of others', async () => {
  stand = await startTarget({ PARTWAY_LIMITS_MAX_REQUESTS_PER_IDENTITY: '20' });
  const body = randomBytes(1000);
  const sockets = await Promise.all(
    Array.from({ length: 20 }, async (_, index) => {
      const socket = await open(stand);
      socket.write(signedPut(stand, `held-${index}`, body).head);
      return socket;
    }),
  );
  await expect
    .poll(async () => (await stand.get('anything')).element('Code'), { timeout: 10_000 })
    .toBe('SlowDown');
  const refused = await stand.get('anything');
  expect([refused.status, refused.headers['retry-after']]).toEqual([503, '1']);
  // Health is nobody's.
  expect((await fetch(`${stand.gateway.endpoint}/-/healthz`)).status).toBe(200);
  for (const socket of sockets) socket.write(body);
  await expect.poll(async () => (await stand.get('held-0')).status, { timeout: 10_000 }).toBe(200);
  for (const socket of sockets) socket.destroy();
  await expectService(stand);
  expect(stand.gateway.output()).not.toContain(credentials.secretAccessKey);
});

test('a part that dribbles in beside many small requests: neither fails', async () => {
  stand = await startTarget();
  const small = randomBytes(1024);
  await stand.put('small', small);
  // 1 MiB a second. Long: 5 GiB beside 1,000 requests a second.
  const seconds = long ? 5 * 1024 : 12;
  const rate = long ? 1_000 : 100;
  const piece = randomBytes(mib / 4);
  const at = { host: '127.0.0.1', port: stand.gateway.port } as const;
  // Its URLs say nothing of a checksum of the body that is to come.
  const client = newClient(stand.gateway.endpoint, { requestChecksumCalculation: 'WHEN_REQUIRED' });
  const begun = await stand.createUpload('dribble');
  const uploadId = begun.element('UploadId') ?? '';
  const lasting = { expiresIn: 6 * 24 * 3600 };
  const address = { Bucket: stand.bucket, Key: 'dribble', UploadId: uploadId, PartNumber: 1 };
  const partUrl = new URL(await getSignedUrl(client, new UploadPartCommand(address), lasting));
  const get = new GetObjectCommand({ Bucket: stand.bucket, Key: 'small' });
  const getUrl = new URL(await getSignedUrl(client, get, lasting));

  const part = new Promise<number | undefined>((resolve, reject) => {
    const outgoing = request(
      {
        ...at,
        method: 'PUT',
        path: partUrl.pathname + partUrl.search,
        headers: { 'content-length': seconds * mib },
      },
      (incoming) => {
        incoming.resume();
        resolve(incoming.statusCode);
      },
    );
    outgoing.once('error', reject);
    void (async () => {
      for (let quarter = 0; quarter < seconds * 4; quarter++) {
        outgoing.write(piece);
        await sleep(250);
      }
      outgoing.end();
    })();
  });
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const ask = (): Promise<boolean> =>
    new Promise((resolve) => {
      request({ ...at, agent, path: getUrl.pathname + getUrl.search }, async (incoming) => {
        const chunks: Buffer[] = [];
        for await (const chunk of incoming) chunks.push(chunk as Buffer);
        resolve(incoming.statusCode === 200 && Buffer.concat(chunks).equals(small));
      })
        .once('error', () => resolve(false))
        .end();
    });
  let over = false;
  const asked: Promise<boolean>[] = [];
  let failed = 0;
  let count = 0;
  const begunAt = performance.now();
  const load = (async () => {
    while (!over) {
      // What could not be asked in time on a busy machine is not made up for by thousands at once.
      const due = Math.min(((performance.now() - begunAt) / 1000) * rate, count + rate / 10);
      for (; count < due; count++) asked.push(ask());
      await sleep(20);
      // What is answered is forgotten, so that hours do not fill our own memory.
      if (asked.length > rate) failed += (await Promise.all(asked.splice(0))).filter((ok) => !ok).length;
    }
  })();
  // Flat once the load has brought the heap to the size that it needs.
  await sleep(seconds * 10);
  let fault: unknown;
  await stand
    .expectFlatMemory(
      part.then((status) => expect(status).toBe(200)),
      // V8 lets its heap grow under such a load, once; 5 GiB and five million requests would leave more.
      long ? 256 * mib : undefined,
    )
    .catch((error: unknown) => {
      fault = error;
    });
  over = true;
  await load;
  failed += (await Promise.all(asked)).filter((ok) => !ok).length;
  agent.destroy();
  client.destroy();
  const took = Math.round((performance.now() - begunAt) / 1000);
  console.info(`${count} small requests beside a part of ${seconds} MiB in ${took} s, ${failed} failed`);
  expect(failed).toBe(0);
  expect(fault).toBeUndefined();
  stand.expectNoFailure();
});
