/** `node bench/verify.ts`: how fast `partway verify` reads objects, beside a client that GETs the same ones from a gateway. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, get } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { cpuSeconds, endedChildrenCpuSeconds } from './processes.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;

interface Shape {
  readonly what: string;
  readonly count: number;
  readonly size: number;
  /** Written in parts of this many bytes. */
  readonly partSize?: number;
  readonly encrypted?: boolean;
}

const shapes: readonly Shape[] = [
  { what: '16 × 64 MiB', count: 16, size: 64 * MiB },
  { what: '16 × 64 MiB, encrypted', count: 16, size: 64 * MiB, encrypted: true },
  { what: '16 × 64 MiB in parts of 8 MiB', count: 16, size: 64 * MiB, partSize: 8 * MiB },
  { what: '500 × 1 MiB', count: 500, size: MiB },
  { what: '5000 × 4 KiB', count: 5000, size: 4 * KiB },
];
/** Of the client. */
const inFlight = 4;
/** Each is measured as often, in turns; the fastest of each counts. */
const rounds = Number(process.argv[2] ?? 3);
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
  for (const [index, shape] of shapes.entries()) {
    const bucket = `shape-${index}`;
    await fetch(await getSignedUrl(client, new CreateBucketCommand({ Bucket: bucket })), { method: 'PUT' });
    const keys = Array.from({ length: shape.count }, (_, i) => `object-${String(i).padStart(5, '0')}`);
    await inParallel(keys, (key) => write(client, bucket, key, shape));
    const gets: Spent[] = [];
    const verifications: Spent[] = [];
    for (let round = 0; round < rounds; round++) {
      const urls = await Promise.all(
        keys.map((Key) => getSignedUrl(client, new GetObjectCommand({ Bucket: bucket, Key }))),
      );
      const agent = new Agent({ keepAlive: true, maxSockets: inFlight });
      gets.push(
        await spent(
          () => inParallel(urls, (url) => drain(url, agent)),
          () => cpuSeconds(gateway.pid ?? 0),
        ),
      );
      agent.destroy();
      verifications.push(await spent(() => verification(bucket), endedChildrenCpuSeconds));
    }
    report(shape, fastest(gets), fastest(verifications));
  }
} finally {
  gateway.kill();
  await once(gateway, 'exit');
  await rm(dir, { recursive: true, force: true });
}

async function write(client: S3Client, Bucket: string, Key: string, shape: Shape): Promise<void> {
  const { encrypted, partSize, size } = shape;
  const at = { Bucket, Key };
  const how = {
    ChecksumAlgorithm: 'CRC32' as const,
    ...(encrypted === true && { ServerSideEncryption: 'AES256' as const }),
  };
  if (partSize === undefined) {
    await client.send(new PutObjectCommand({ ...at, ...how, Body: Buffer.alloc(size, 'partway ') }));
    return;
  }
  const { UploadId } = await client.send(new CreateMultipartUploadCommand({ ...at, ...how }));
  const Parts = [];
  for (let PartNumber = 1; PartNumber <= size / partSize; PartNumber++) {
    const Body = Buffer.alloc(partSize, 'partway ');
    const part = { ...at, UploadId, PartNumber, Body, ChecksumAlgorithm: 'CRC32' } as const;
    const { ChecksumCRC32, ETag } = await client.send(new UploadPartCommand(part));
    Parts.push({ PartNumber, ETag, ChecksumCRC32 });
  }
  await client.send(new CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload: { Parts } }));
}

async function verification(bucket: string): Promise<void> {
  const child = spawn(process.execPath, [main, 'verify', bucket], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [status] = await once(child, 'exit');
  if (status !== 0) throw new Error(`verify ended with ${status}`);
}

interface Spent {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

async function spent(work: () => Promise<void>, cpu: () => number): Promise<Spent> {
  const cpuBefore = cpu();
  const start = performance.now();
  await work();
  return { seconds: (performance.now() - start) / 1000, cpuSeconds: cpu() - cpuBefore };
}

/** By wall time and by CPU, each for itself. */
function fastest(all: readonly Spent[]): Spent {
  return {
    seconds: Math.min(...all.map(({ seconds }) => seconds)),
    cpuSeconds: Math.min(...all.map((one) => one.cpuSeconds)),
  };
}

function report({ count, size, what }: Shape, get: Spent, verify: Spent): void {
  const large = size >= MiB;
  const speed = ({ seconds }: Spent): string =>
    large
      ? `${((count * size) / MiB / seconds).toFixed(0)} MiB/s`
      : `${(count / seconds).toFixed(0)} objects/s`;
  const cost = ({ cpuSeconds: cpu }: Spent): string =>
    large
      ? `${(cpu / ((count * size) / GiB)).toFixed(2)} CPU s/GiB`
      : `${((cpu * 1000) / count).toFixed(2)} CPU ms/object`;
  console.log(
    [
      what.padEnd(30),
      `GET ${speed(get)}, ${cost(get)} of the gateway`,
      `verify with its start ${speed(verify)}, ${cost(verify)}`,
      `speed × ${(get.seconds / verify.seconds).toFixed(2)}`,
      `CPU × ${(verify.cpuSeconds / get.cpuSeconds).toFixed(2)}`,
    ].join('; '),
  );
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
