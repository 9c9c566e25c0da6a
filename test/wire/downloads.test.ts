/** Downloads at the same time, of readers of different speed, half of them of encrypted objects: the gateway uses memory of one for the next. */
import { createHash, randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type RunningGateway, startGateway } from '../kit/gateway.ts';
import { send } from '../kit/raw-request.ts';

const Bucket = `b-${randomBytes(4).toString('hex')}`;
const bodies = [5_000_001, 3_000_000, 8_388_608, 700_000].map((size) => randomBytes(size));
let gateway: RunningGateway;

beforeAll(async () => {
  gateway = await startGateway();
  await send(gateway.endpoint, { method: 'PUT', path: `/${Bucket}` });
  await Promise.all(
    bodies.map((Body, i) => {
      const sse = i % 2 === 0 ? {} : ({ ServerSideEncryption: 'AES256' } as const);
      return gateway.client.send(new PutObjectCommand({ Bucket, Key: `${i}`, Body, ...sse }));
    }),
  );
});
afterAll(() => gateway.stop());

async function download(Key: string, pauseMs: number): Promise<string> {
  const { Body } = await gateway.client.send(new GetObjectCommand({ Bucket, Key }));
  const sha1 = createHash('sha1');
  let chunks = 0;
  for await (const chunk of Body as Readable) {
    sha1.update(chunk as Buffer);
    if (pauseMs > 0 && chunks++ % 8 === 0) await sleep(pauseMs);
  }
  return sha1.digest('hex');
}

it('gives every reader the bytes of its own object', async () => {
  const readers = Array.from({ length: 24 }, (_, i) => i);
  const digests = await Promise.all(
    readers.map((i) => download(`${i % bodies.length}`, i % 3 === 0 ? 3 : 0)),
  );
  const expected = bodies.map((body) => createHash('sha1').update(body).digest('hex'));
  expect(digests).toEqual(readers.map((i) => expected[i % bodies.length]));
});
