/** An open upload that is kept busy while things break, and the record of what was acknowledged. */
import { createHash, randomFillSync } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  ListPartsCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { keys } from './engine.ts';

const MiB = 1024 * 1024;

export function s3(endpoint: string): S3Client {
  return new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: keys,
    maxAttempts: 5,
  });
}

/** Resolves once the gateway, its backend and Redis answer. */
export async function ready(endpoint: string, deadlineMs = 120_000): Promise<void> {
  const deadline = Date.now() + deadlineMs;
  for (;;) {
    const answer = await fetch(`${endpoint}/-/readyz`).catch((error: unknown) => error);
    if (answer instanceof Response) await answer.body?.cancel();
    if (answer instanceof Response && answer.ok) return;
    if (Date.now() > deadline)
      throw new Error(`${endpoint} is not ready: ${answer instanceof Response ? answer.status : answer}`);
    await sleep(200);
  }
}

interface Acknowledged {
  readonly etag: string;
  readonly body: Buffer;
}

export interface BusyUpload {
  /** Resolves when this many more parts were acknowledged. */
  progress(parts: number): Promise<void>;
  /** How many attempts failed and were made again. */
  failures(): number;
  /** Ends the load; every part was acknowledged at least once. */
  stop(): Promise<void>;
  /** Parts that the gateway does not list as it acknowledged them. */
  lost(): Promise<readonly number[]>;
  /** Completes, reads back and compares. @returns what differs, nothing when all is well */
  completeAndCompare(): Promise<string | undefined>;
}

/** Uploads parts 1 to `count` over and over, each time with other bytes, until it is stopped. An attempt that fails is made again. */
export async function startUpload(client: S3Client, bucket: string, count = 13): Promise<BusyUpload> {
  const object = { Bucket: bucket, Key: 'under load' };
  await client.send(new CreateBucketCommand({ Bucket: bucket })).catch(unlessOwned);
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(object));
  const upload = { ...object, UploadId };
  const acknowledged = new Map<number, Acknowledged>();
  const watchers = new Set<() => void>();
  let total = 0;
  let failed = 0;
  let stopping = false;

  const send = async (partNumber: number): Promise<void> => {
    const body = randomFillSync(Buffer.allocUnsafe(partNumber === count ? MiB + 1 : 5 * MiB));
    const deadline = Date.now() + 120_000;
    for (;;) {
      try {
        const { ETag = '' } = await client.send(
          new UploadPartCommand({ ...upload, PartNumber: partNumber, Body: body }),
        );
        acknowledged.set(partNumber, { etag: ETag, body });
        total += 1;
        for (const watch of watchers) watch();
        return;
      } catch (error) {
        failed += 1;
        const lost = error instanceof Error && error.name === 'NoSuchUpload';
        if (lost || Date.now() > deadline) throw error;
        await sleep(200);
      }
    }
  };
  /** Each part number belongs to one worker, so that its last acknowledgement is the one that counts. */
  const worker = async (numbers: readonly number[]): Promise<void> => {
    for (let round = 0; !stopping || round === 0; round++) {
      for (const number of numbers) {
        if (stopping && round > 0) return;
        await send(number);
        await sleep(50);
      }
    }
  };
  const all = Array.from({ length: count }, (_, index) => index + 1);
  const workers = Promise.all([0, 1, 2].map((rest) => worker(all.filter((number) => number % 3 === rest))));
  workers.catch(() => {
    // Told by whoever waits for progress or the end.
  });

  return {
    progress: (parts) => {
      const goal = total + parts;
      return Promise.race([
        workers.then(() => {}),
        new Promise<void>((resolve) => {
          const watch = (): void => {
            if (total < goal) return;
            watchers.delete(watch);
            resolve();
          };
          watchers.add(watch);
        }),
      ]);
    },
    failures: () => failed,
    async stop() {
      stopping = true;
      await workers;
    },
    async lost() {
      const { Parts = [] } = await client.send(new ListPartsCommand(upload));
      const listed = new Map(Parts.map(({ PartNumber, ETag }) => [PartNumber, ETag]));
      return all.filter((number) => listed.get(number) !== acknowledged.get(number)?.etag);
    },
    async completeAndCompare() {
      const parts = all.map((number) => ({ PartNumber: number, ETag: acknowledged.get(number)?.etag }));
      await client.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts: parts } }));
      const { Body, ETag } = await client.send(new GetObjectCommand(object));
      const got = createHash('sha256');
      for await (const chunk of Body as AsyncIterable<Buffer>) got.update(chunk);
      const wanted = createHash('sha256');
      const etags = createHash('md5');
      for (const number of all) {
        const { body } = acknowledged.get(number) ?? { body: Buffer.alloc(0) };
        wanted.update(body);
        etags.update(createHash('md5').update(body).digest());
      }
      if (got.digest('hex') !== wanted.digest('hex')) return 'the bytes differ';
      const etag = `"${etags.digest('hex')}-${count}"`;
      return ETag === etag ? undefined : `ETag is ${ETag}, not ${etag}`;
    },
  };
}

function unlessOwned(error: unknown): void {
  if (!(error instanceof Error && error.name === 'BucketAlreadyOwnedByYou')) throw error;
}
