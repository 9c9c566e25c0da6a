/** What encryption at the gateway costs: UploadPart and GetObject in the clear, under its own keys, and under a customer's, in turns. */
import { createCipheriv, createDecipheriv, createHash, createSecretKey, randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { discardBytes } from '../src/http/slabs.ts';
import { cipherName, segmentSize, tagSize } from '../src/s3/encryption/format.ts';
import type { Row } from './report.ts';
import { columnsOf, type Measured, type Session } from './session.ts';

const MiB = 1024 * 1024;
const GiB = 1024 * MiB;
const partSize = 8 * MiB;
const objectSize = 64 * MiB;
const inFlight = 4;

interface Mode {
  readonly name: string;
  /** Of Create, and of puts. */
  readonly write: Readonly<Record<string, string>>;
  /** Of parts and of reads. */
  readonly use: Readonly<Record<string, string>>;
}

function modes(): readonly Mode[] {
  const key = randomBytes(32);
  const prefix = 'x-amz-server-side-encryption';
  const customer = {
    [`${prefix}-customer-algorithm`]: 'AES256',
    [`${prefix}-customer-key`]: key.toString('base64'),
    [`${prefix}-customer-key-md5`]: createHash('md5').update(key).digest('base64'),
  };
  return [
    { name: 'in the clear', write: {}, use: {} },
    { name: 'AES256', write: { [prefix]: 'AES256' }, use: {} },
    { name: 'SSE-C', write: customer, use: customer },
  ];
}

/** What the cipher costs at least: the same segments in memory, nothing read, written or sent. */
function cipherAlone(bytes: number): Row[] {
  const key = createSecretKey(randomBytes(32));
  const options = { authTagLength: tagSize };
  return (['seal', 'open'] as const).map((what) => {
    const segment = randomBytes(segmentSize);
    const begun = performance.now();
    const cpu = process.cpuUsage();
    for (let done = 0; done < bytes; done += segmentSize) {
      const nonce = Buffer.alloc(12);
      if (what === 'open') {
        discardBytes(createDecipheriv(cipherName, key, nonce, options).update(segment));
        continue;
      }
      const cipher = createCipheriv(cipherName, key, nonce, options);
      discardBytes(cipher.update(segment));
      cipher.final();
    }
    const { system, user } = process.cpuUsage(cpu);
    return {
      group: 'sse',
      what: `AES-256-GCM alone, ${what}`,
      server: 'bare Node.js',
      mibPerSecond: bytes / MiB / ((performance.now() - begun) / 1e3),
      cpuSecondsPerGib: (user + system) / 1e6 / (bytes / GiB),
    };
  });
}

function cpuOf({ bytes, cpuSeconds }: Measured): number {
  return cpuSeconds / (bytes / GiB);
}

export async function encryption(session: Session): Promise<Row[]> {
  const { server } = session;
  if (!server.name.startsWith('partway')) return [];
  const { quick, repeat } = session.options;
  const bytes = quick ? GiB / 4 : GiB;
  const kinds = modes();

  const upload = async ({ use, write }: Mode): Promise<Measured> => {
    const key = 'sse-upload';
    const uploadId = await session.createUpload(key, write);
    const count = bytes / partSize;
    const form = 'streaming-unsigned-crc64nvme';
    const task = { op: 'upload-part', inFlight, key, uploadId, form, size: partSize, count } as const;
    try {
      return await session.measure({ ...task, headers: use });
    } finally {
      await session.request('DELETE', key, { uploadId });
    }
  };
  const objects = 4;
  for (const [index, { write }] of kinds.entries()) {
    const task = { op: 'put', inFlight, prefix: `sse-${index}/`, form: 'unsigned' } as const;
    await session.run({ ...task, size: objectSize, count: objects, headers: write });
  }
  const read = ({ use }: Mode, index: number): Promise<Measured> => {
    const task = { op: 'get', inFlight, prefix: `sse-${index}/`, objects } as const;
    return session.measure({ ...task, count: bytes / objectSize, headers: use });
  };

  const rows = cipherAlone(bytes);
  for (const [what, measure] of [
    ['UploadPart 8 MiB × 4, streaming-unsigned-crc64nvme', upload],
    ['GetObject 64 MiB × 4', read],
  ] as const) {
    const tries: Measured[][] = kinds.map(() => []);
    // In turns: what else the machine does meanwhile goes to all of them.
    for (let round = 0; round < repeat; round++) {
      for (const [index, mode] of kinds.entries()) tries[index]?.push(await measure(mode, index));
    }
    const best = tries.map((own) => own.toSorted((a, b) => cpuOf(a) - cpuOf(b))[0]);
    const [clear] = best;
    for (const [index, { name }] of kinds.entries()) {
      const measured = best[index];
      if (measured === undefined || clear === undefined) continue;
      const more = Math.round((cpuOf(measured) / cpuOf(clear) - 1) * 100);
      const note = index === 0 ? '' : `${more < 0 ? '' : '+'}${more} % CPU`;
      rows.push({
        group: 'sse',
        what: `${what}, ${name}`,
        server: server.name,
        ...columnsOf(measured),
        note,
      });
    }
  }
  return rows;
}
