/** `node bench/verify.ts`: how fast `partway verify` reads objects, beside a client that GETs the same ones from a gateway. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, get } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';

const MiB = 1024 * 1024;
const shapes = [
  { what: '16 × 64 MiB', count: 16, size: 64 * MiB },
  { what: '256 × 1 MiB', count: 256, size: MiB },
  { what: '2000 × 16 KiB', count: 2000, size: 16 * 1024 },
];
const inFlight = 8;
const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const credentials = {
  accessKeyId: 'PARTWAYBENCHKEY00001',
  secretAccessKey: 'partway/bench/0123456789abcdefghijklmno',
};

const dir = await mkdtemp(join(tmpdir(), 'partway-bench-verify-'));
const port = await freePort();
const env = {
  PATH: process.env['PATH'],
  PARTWAY_LISTEN: `127.0.0.1:${port}`,
  PARTWAY_FS_ROOT: join(dir, 'data'),
  PARTWAY_STATE_DIR: join(dir, 'state'),
  PARTWAY_ACCESS_KEY_ID: credentials.accessKeyId,
  PARTWAY_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  PARTWAY_DURABILITY: 'os',
  PARTWAY_LOG_LEVEL: 'warn',
};
const gateway = spawn(process.execPath, [main], { env, stdio: ['ignore', 'ignore', 'inherit'] });
try {
  const endpoint = `http://127.0.0.1:${port}`;
  while (
    !(await fetch(`${endpoint}/-/readyz`).then(
      ({ ok }) => ok,
      () => false,
    ))
  )
    await pause();
  const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials });
  for (const [index, { count, size, what }] of shapes.entries()) {
    const bucket = `shape-${index}`;
    await fetch(await presigned(client, bucket), { method: 'PUT' });
    const keys = Array.from({ length: count }, (_, i) => `object-${String(i).padStart(5, '0')}`);
    const body = Buffer.alloc(size, 'partway ');
    await inParallel(keys, (Key) =>
      client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: body, ChecksumAlgorithm: 'CRC32' })),
    );
    const urls = await Promise.all(
      keys.map((Key) => getSignedUrl(client, new GetObjectCommand({ Bucket: bucket, Key }))),
    );
    const agent = new Agent({ keepAlive: true, maxSockets: inFlight });
    const getMs = await timed(() => inParallel(urls, (url) => drain(url, agent)));
    agent.destroy();
    const verifyMs = await timed(async () => {
      const child = spawn(process.execPath, [main, 'verify', bucket], {
        env,
        stdio: ['ignore', 'ignore', 'inherit'],
      });
      const [status] = await once(child, 'exit');
      if (status !== 0) throw new Error(`verify ended with ${status}`);
    });
    const speed = (ms: number): string => `${Math.round(((count * size) / MiB / ms) * 1000)} MiB/s`;
    console.log(
      `${what.padEnd(14)}  GET ${speed(getMs)}, verify ${speed(verifyMs)} with its start: ${(getMs / verifyMs).toFixed(2)} ×`,
    );
  }
} finally {
  gateway.kill();
  await once(gateway, 'exit');
  await rm(dir, { recursive: true, force: true });
}

async function presigned(client: S3Client, bucket: string): Promise<string> {
  const { CreateBucketCommand } = await import('@aws-sdk/client-s3');
  return getSignedUrl(client, new CreateBucketCommand({ Bucket: bucket }));
}

async function drain(url: string, agent: Agent): Promise<void> {
  const request = get(url, { agent });
  const [response] = (await once(request, 'response')) as [import('node:http').IncomingMessage];
  if (response.statusCode !== 200) throw new Error(`GET: ${response.statusCode}`);
  response.resume();
  await once(response, 'end');
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const rest = items.values();
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      for (const item of rest) await work(item);
    }),
  );
}

async function timed(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 50));
}
