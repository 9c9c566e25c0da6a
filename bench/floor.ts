/**
 * The floor: what one thread of bare Node.js needs to hash bytes with MD5 and write them to files, N files at once.
 * No socket, no protocol, no second digest. Run as: node floor.ts DIRECTORY SIZE COUNT IN_FLIGHT SYNC
 */
import { createHash } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { randomBytes } from './payload.ts';

export interface Floor {
  readonly seconds: number;
  readonly bytes: number;
  readonly cpuSeconds: number;
}

const step = 1 << 20;

async function writeOne(file: string, body: Buffer, sync: boolean): Promise<void> {
  const handle = await open(file, 'w');
  const md5 = createHash('md5');
  for (let at = 0; at < body.length; at += step) {
    const piece = body.subarray(at, at + step);
    // The write is under way in the thread pool while this thread hashes.
    const written = handle.write(piece, 0, piece.length, at);
    md5.update(piece);
    await written;
  }
  md5.digest('hex');
  if (sync) await handle.datasync();
  await handle.close();
}

async function main(
  directory: string,
  size: number,
  count: number,
  inFlight: number,
  sync: boolean,
): Promise<Floor> {
  const body = randomBytes(size);
  const file = (i: number): string => path.join(directory, `floor-${i}`);
  let next = 0;
  const cpu = process.cpuUsage();
  const started = performance.now();
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      for (let i = next++; i < count; i = next++) await writeOne(file(i), body, sync);
    }),
  );
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  await Promise.all(Array.from({ length: count }, (_, i) => rm(file(i), { force: true })));
  return { seconds, bytes: size * count, cpuSeconds: (user + system) / 1e6 };
}

const [directory = '.', size, count, inFlight, sync] = process.argv.slice(2);
process.stdout.write(
  JSON.stringify(await main(directory, Number(size), Number(count), Number(inFlight), sync === 'true')),
);
