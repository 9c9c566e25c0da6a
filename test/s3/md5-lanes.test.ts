import { createHash, randomFillSync } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Md5 } from '../../src/s3/checksums/md5-lanes.ts';

const KiB = 1024;
const bytes = randomFillSync(Buffer.alloc(2048 * KiB));

function md5(data: Uint8Array): string {
  return createHash('md5').update(data).digest('hex');
}

/** Feeds a body as a socket would: while the hash is not behind, else once a chunk came back. */
function hash(data: Buffer, chunkBytes: number): Promise<{ digest: string; returned: Buffer[] }> {
  return new Promise((resolve) => {
    const returned: Buffer[] = [];
    let at = 0;
    let ended = false;
    const feed = (): void => {
      while (at < data.length && !running.isBehind) {
        running.update(data.subarray(at, at + chunkBytes));
        at += chunkBytes;
      }
      if (at < data.length || ended) return;
      ended = true;
      running.finish((raw) => resolve({ digest: raw.toString('hex'), returned }));
    };
    const running = new Md5((chunk) => {
      returned.push(chunk);
      feed();
    });
    feed();
  });
}

describe('MD5 of bodies that arrive together', () => {
  it.each([1, 2, 3, 4, 5, 8, 9, 20])('is that of each of %i bodies', async (count) => {
    const bodies = Array.from({ length: count }, (_, i) =>
      bytes.subarray(i * 1111, i * 1111 + (i % 3 === 0 ? 900 : 300) * KiB + 7 * i),
    );
    const results = await Promise.all(bodies.map((body, i) => hash(body, i % 2 === 0 ? 256 * KiB : 65_001)));
    expect(results.map(({ digest }) => digest)).toEqual(bodies.map(md5));
    for (const [i, { returned }] of results.entries()) {
      expect(Buffer.concat(returned).equals(bodies[i] ?? Buffer.alloc(0))).toBe(true);
    }
  });

  it.each([0, 1, 54, 55, 56, 63, 64, 65, 119, 120, 128])('pads %i bytes', async (size) => {
    const body = bytes.subarray(0, size);
    expect((await hash(body, 40)).digest).toBe(md5(body));
  });

  it('goes on when all that wait have to, however little of one is hashed with the others', async () => {
    const odd = bytes.subarray(0, 1024 * KiB + 64);
    const results = await Promise.all([hash(odd, 64 * KiB + 64), hash(bytes, 512 * KiB), hash(bytes, 64)]);
    expect(results.map(({ digest }) => digest)).toEqual([md5(odd), md5(bytes), md5(bytes)]);
  });

  it('does not let a body wait for one that sends nothing', async () => {
    const silent = new Md5(() => undefined);
    silent.update(bytes.subarray(0, 100));
    expect((await hash(bytes, 256 * KiB)).digest).toBe(md5(bytes));
    silent.abandon();
  });

  it('gives a chunk that hurries back at once, and nothing of a body that was abandoned', async () => {
    const returned: string[] = [];
    const slow = new Md5(() => returned.push('slow'));
    const gone = new Md5(() => returned.push('gone'));
    slow.update(bytes.subarray(0, 128), true);
    gone.update(bytes.subarray(0, 128), true);
    gone.finish(() => returned.push('digest'));
    gone.abandon();
    await turn();
    await turn();
    expect(returned).toEqual(['slow']);
    slow.abandon();
  });
});
