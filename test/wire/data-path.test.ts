/**
 * Many bodies at the same time through one process, over HTTP and HTTPS: of every size and payload form, some cut, damaged, stalled or read
 * slowly, some encrypted. Their memory is used again, so every byte and every ETag is compared. `DATA_PATH_SEED` repeats a run,
 * `DATA_PATH_ROUNDS` makes it longer.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Agent } from 'node:https';
import { connect, type Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { fileURLToPath } from 'node:url';
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { slabBytes } from '../../src/http/slabs.ts';
import { makeCertificate } from '../kit/certificate.ts';
import { type Deployment, newClient, newDeployment, removeDeployment } from '../kit/gateway.ts';
import { random } from '../kit/random.ts';
import { payloadKinds, type SignedUpload, signedUpload } from '../kit/signed-upload.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
const Bucket = 'data-path';
const seed = Number(process.env['DATA_PATH_SEED'] ?? randomInt(2 ** 31));
const rounds = Number(process.env['DATA_PATH_ROUNDS'] ?? 5);
const lanes = 24;
const pool = randomBytes(16 * MiB);
const oddSizes = [
  0,
  1,
  63,
  64,
  65,
  4096,
  slabBytes - 1,
  slabBytes,
  slabBytes + 1,
  2 * slabBytes,
  3 * slabBytes + 64,
];

const key = randomBytes(32);
const customer = { SSECustomerAlgorithm: 'AES256', SSECustomerKey: key.toString('base64') };
const customerHeaders = {
  'x-amz-server-side-encryption-customer-algorithm': 'AES256',
  'x-amz-server-side-encryption-customer-key': key.toString('base64'),
  'x-amz-server-side-encryption-customer-key-md5': createHash('md5').update(key).digest('base64'),
};

/** One way in. */
interface Door {
  readonly host: string;
  readonly client: S3Client;
  connect(): Socket;
}

interface Stored {
  readonly Key: string;
  readonly body: Buffer;
  readonly isSealed: boolean;
}

let deployment: Deployment;
let gateway: ChildProcess;
let doors: readonly [Door, Door];
const stored: Stored[] = [];
const refused: string[] = [];

beforeAll(async () => {
  deployment = await newDeployment();
  const { certFile, keyFile } = makeCertificate(deployment.dir);
  const script = fileURLToPath(new URL('both-doors.ts', import.meta.url));
  gateway = spawn(process.execPath, [script, deployment.dir, certFile, keyFile], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [line] = (await once(gateway.stdout as Readable, 'data')) as [Buffer];
  const [port = 0, tlsPort = 0] = line.toString().split(' ').map(Number);
  const ca = readFileSync(certFile);
  const httpsAgent = new Agent({ ca, keepAlive: true });
  doors = [
    {
      host: `127.0.0.1:${port}`,
      client: newClient(`http://127.0.0.1:${port}`),
      connect: () => connect(port, '127.0.0.1'),
    },
    {
      host: `127.0.0.1:${tlsPort}`,
      client: newClient(`https://127.0.0.1:${tlsPort}`, { requestHandler: { httpsAgent } }),
      connect: () => connectTls({ port: tlsPort, host: '127.0.0.1', ca }),
    },
  ];
  await doors[0].client.send(new CreateBucketCommand({ Bucket }));
});

afterAll(async () => {
  for (const { client } of doors) client.destroy();
  gateway.stdin?.end();
  if (gateway.exitCode === null) await once(gateway, 'exit');
  await removeDeployment(deployment);
});

/** What a lane does is decided by the seed and its number, whatever the others do meanwhile. */
class Lane {
  readonly #number: number;
  readonly #random: () => number;
  #keys = 0;

  constructor(number: number) {
    this.#number = number;
    this.#random = random(seed + number);
  }

  async round(): Promise<void> {
    const dice = this.#random();
    if (dice < 0.5 || stored.length < 4) await this.#put();
    else if (dice < 0.6) await this.#multipart();
    else if (dice < 0.66) await this.#copy();
    else await this.#get(this.#pick(stored));
  }

  async #put(): Promise<void> {
    const [door, isSealed] = this.#door();
    const Key = this.#key();
    const body = this.#body();
    const kind = this.#pick(payloadKinds);
    const upload: SignedUpload = {
      host: door.host,
      path: `/${Bucket}/${Key}`,
      body,
      kind,
      ...(isSealed && { headers: customerHeaders }),
    };
    const fate = this.#random();
    if (fate < 0.1 && body.length > 0) {
      await this.#send(door, signedUpload(upload), this.#random());
      refused.push(Key);
    } else if (fate < 0.2 && body.length > 100 && kind !== 'UNSIGNED-PAYLOAD') {
      const answer = await this.#send(door, signedUpload({ ...upload, change: { flipByte: 50 } }));
      expect(answer).not.toMatch(/^HTTP\/1.1 2/);
      refused.push(Key);
    } else {
      const answer = await this.#send(door, signedUpload(upload));
      expect(answer).toMatch(/^HTTP\/1.1 200 /);
      if (!isSealed) expect(answer).toContain(`etag: "${md5(body)}"`);
      stored.push({ Key, body, isSealed });
    }
  }

  async #multipart(): Promise<void> {
    const [door, isSealed] = this.#door();
    const at = { Bucket, Key: this.#key() };
    const sse = isSealed ? customer : {};
    const { UploadId = '' } = await door.client.send(new CreateMultipartUploadCommand({ ...at, ...sse }));
    const body = this.#slice(10 * MiB + this.#below(300 * KiB));
    const Parts = await Promise.all(
      [0, 1, 2].map(async (i) => {
        const part = body.subarray(i * 5 * MiB, (i + 1) * 5 * MiB);
        const answer = await this.#send(
          door,
          signedUpload({
            host: door.host,
            path: `/${Bucket}/${at.Key}`,
            query: `partNumber=${i + 1}&uploadId=${UploadId}`,
            body: part,
            kind: this.#pick(payloadKinds),
            ...(isSealed && { headers: customerHeaders }),
          }),
        );
        if (!isSealed) expect(answer).toContain(`etag: "${md5(part)}"`);
        return { PartNumber: i + 1, ETag: /^etag: (".*")/m.exec(answer)?.[1] };
      }),
    );
    await door.client.send(
      new CompleteMultipartUploadCommand({ ...at, ...sse, UploadId, MultipartUpload: { Parts } }),
    );
    stored.push({ ...at, body, isSealed });
  }

  async #copy(): Promise<void> {
    const source = this.#pick(stored);
    const [door, isSealed] = source.isSealed ? ([doors[1], true] as const) : this.#door();
    const Key = this.#key();
    const from = source.isSealed
      ? {
          CopySourceSSECustomerAlgorithm: 'AES256',
          CopySourceSSECustomerKey: customer.SSECustomerKey,
        }
      : {};
    const CopySource = `${Bucket}/${source.Key}`;
    await door.client.send(
      new CopyObjectCommand({ Bucket, Key, CopySource, ...from, ...(isSealed ? customer : {}) }),
    );
    stored.push({ Key, body: source.body, isSealed });
  }

  async #get({ Key, body, isSealed }: Stored): Promise<void> {
    const door = isSealed ? doors[1] : this.#pick(doors);
    const isPart = body.length > 0 && this.#random() < 0.4;
    const start = isPart ? this.#below(body.length) : 0;
    const end = isPart ? start + this.#below(body.length - start) : body.length - 1;
    const { Body } = await door.client.send(
      new GetObjectCommand({
        Bucket,
        Key,
        ...(isPart && { Range: `bytes=${start}-${end}` }),
        ...(isSealed && customer),
      }),
    );
    const leavesAt = this.#random() < 0.1 ? this.#below(body.length + 1) : undefined;
    const pauses = this.#random() < 0.3;
    let at = start;
    for await (const chunk of Body as AsyncIterable<Buffer>) {
      if (!body.subarray(at, at + chunk.length).equals(chunk)) {
        throw new Error(`${Key}: other bytes than were sent, from ${at} on`);
      }
      at += chunk.length;
      if (leavesAt !== undefined && at > leavesAt) return;
      if (pauses && this.#random() < 0.2) await sleep(this.#below(20));
    }
    expect(at).toBe(end + 1);
  }

  /** @returns the answer, of a request that is not cut off */
  async #send(door: Door, bytes: Buffer, cutAt?: number): Promise<string> {
    const socket = door.connect();
    socket.on('error', () => {});
    const answer: Buffer[] = [];
    socket.on('data', (data: Buffer) => answer.push(data));
    const closed = new Promise((resolve) => void socket.once('close', resolve));
    const answered = new Promise<void>((resolve) => {
      socket.on('data', () => {
        if (Buffer.concat(answer).includes('\r\n\r\n')) resolve();
      });
    });
    const end = cutAt === undefined ? bytes.length : Math.floor(bytes.length * cutAt);
    const stalls = this.#random() < 0.05;
    const steps = this.#pick([16 * KiB, 300 * KiB, 2 * MiB]);
    for (let at = 0; at < end && !socket.destroyed; ) {
      const size = Math.min(1 + this.#below(steps), end - at);
      if (!socket.write(bytes.subarray(at, at + size))) {
        await Promise.race([new Promise((resolve) => void socket.once('drain', resolve)), closed]);
      }
      at += size;
      if (this.#random() < 0.05) await sleep(this.#below(10));
      if (stalls && at > end / 2 && at - size <= end / 2) await sleep(2_100);
    }
    if (cutAt === undefined) await Promise.race([answered, closed]);
    socket.destroy();
    await closed;
    return Buffer.concat(answer).toString('latin1');
  }

  /** And whether what goes through it is encrypted. */
  #door(): readonly [Door, boolean] {
    const door = this.#pick(doors);
    return [door, door === doors[1] && this.#random() < 0.4];
  }

  #body(): Buffer {
    const dice = this.#random();
    if (dice < 0.3) return this.#slice(this.#pick(oddSizes));
    return this.#slice(this.#below(dice < 0.9 ? 2 * MiB : 6 * MiB));
  }

  #slice(size: number): Buffer {
    const start = this.#below(pool.length - size);
    return pool.subarray(start, start + size);
  }

  #key(): string {
    this.#keys += 1;
    return `lane-${this.#number}/${this.#keys}`;
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  #pick<T>(choices: readonly T[]): T {
    return choices[this.#below(choices.length)] as T;
  }
}

function md5(body: Buffer): string {
  return createHash('md5').update(body).digest('hex');
}

it('keeps every body apart from all others', { timeout: 120_000 + rounds * 40_000 }, async () => {
  try {
    await Promise.all(
      Array.from({ length: lanes }, async (_, number) => {
        const lane = new Lane(number);
        for (let round = 0; round < rounds; round += 1) await lane.round();
      }),
    );
    for (const Key of refused) {
      const head = doors[0].client.send(new HeadObjectCommand({ Bucket, Key }));
      await expect(head, Key).rejects.toMatchObject({ $metadata: { httpStatusCode: 404 } });
    }
    expect(gateway.exitCode).toBe(null);
  } catch (cause) {
    throw new Error(`seed ${seed}`, { cause });
  }
});
