/** Uploads COUNT streams of SIZE bytes, IN_FLIGHT at once. Run as: node sdk.ts azure|gcs|gcs-validated SIZE COUNT IN_FLIGHT */
import { performance } from 'node:perf_hooks';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { randomBytes } from './payload.ts';
import type { SdkOutcome } from './sdk-cases.ts';

type Send = (i: number, body: () => Readable, size: number) => Promise<void>;

async function azure(): Promise<Send> {
  const { BlobServiceClient } = await import('@azure/storage-blob');
  const service = BlobServiceClient.fromConnectionString(process.env['TEST_AZURITE_CONNECTION_STRING'] ?? '');
  const container = service.getContainerClient('bench-sdk');
  await container.createIfNotExists();
  const blob = container.getBlockBlobClient('blob');
  return async (i, body, size) => {
    const id = Buffer.from(String(i).padStart(8, '0')).toString('base64');
    await blob.stageBlock(id, body, size);
  };
}

/** What the SDK does by itself is to compute the CRC32C and hold it against the service's, which `validation: false` leaves out. */
async function gcs(options: { readonly validation?: false }): Promise<Send> {
  const { Storage } = await import('@google-cloud/storage');
  const storage = new Storage({
    apiEndpoint: process.env['TEST_GCS_ENDPOINT'] ?? '',
    projectId: 'partway-test',
  });
  const bucket = storage.bucket('bench-sdk');
  const [exists] = await bucket.exists();
  if (!exists) await storage.createBucket('bench-sdk');
  return async (i, body) => {
    await pipeline(body(), bucket.file(`part-${i}`).createWriteStream({ resumable: false, ...options }));
  };
}

async function main(backend: string, size: number, count: number, inFlight: number): Promise<SdkOutcome> {
  const send = await (backend === 'azure'
    ? azure()
    : gcs(backend === 'gcs-validated' ? {} : { validation: false }));
  const bytes = randomBytes(size);
  const body = (): Readable => {
    let at = 0;
    return new Readable({
      highWaterMark: 1 << 18,
      read() {
        this.push(at < size ? bytes.subarray(at, at + 65_536) : null);
        at += 65_536;
      },
    });
  };
  let next = 0;
  const cpu = process.cpuUsage();
  const started = performance.now();
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      for (let i = next++; i < count; i = next++) await send(i, body, size);
    }),
  );
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const peakMib = process.resourceUsage().maxRSS / 1024;
  return { seconds, bytes: size * count, cpuSeconds: (user + system) / 1e6, peakMib };
}

const [backend = '', size, count, inFlight] = process.argv.slice(2);
process.stdout.write(JSON.stringify(await main(backend, Number(size), Number(count), Number(inFlight))));
