/** Bodies of several slabs: they arrive together, share the work of hashing, and their memory is used again. */
import { createHash, randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { IncomingBody } from '../../src/http/body.ts';
import { slabBytes } from '../../src/http/slabs.ts';
import type { S3Error } from '../../src/s3/errors.ts';

const bytes = randomFillSync(Buffer.alloc(9 * slabBytes));

function digest(algorithm: string, data: Uint8Array): string {
  return createHash(algorithm).update(data).digest('hex');
}

let server: Server | undefined;

afterEach(() => {
  vi.restoreAllMocks();
  server?.closeAllConnections();
  server?.close();
  server = undefined;
});

/** What reading them gives, of several bodies sent at the same time. */
async function receive(
  bodies: readonly Buffer[],
  read: (body: IncomingBody) => Promise<string>,
): Promise<string[]> {
  const results = new Map<string, string>();
  const listening = createServer((incoming, outgoing) => {
    const size = Number(incoming.headers['content-length']);
    const body = new IncomingBody(incoming, { size, plan: {}, digests: ['CRC64NVME'] });
    read(body).then(
      (result) => {
        results.set(incoming.url ?? '', `${result} ${body.result().md5}`);
        outgoing.end();
      },
      (error: Error) => outgoing.destroy(error),
    );
  });
  server = listening;
  listening.listen(0, '127.0.0.1');
  await once(listening, 'listening');
  const { port } = listening.address() as AddressInfo;
  await Promise.all(
    bodies.map(async (body, i) => {
      const headers = { 'content-length': body.length };
      const sent = request({ port, host: '127.0.0.1', method: 'PUT', path: `/${i}`, headers });
      sent.end(body);
      const [answer] = (await once(sent, 'response')) as [Readable];
      await buffer(answer);
    }),
  );
  return bodies.map((_, i) => results.get(`/${i}`) ?? '');
}

describe('long bodies', () => {
  const bodies = [0, 1, 2, 3, 4, 5].map((i) => bytes.subarray(i * 1001, (i + 3) * slabBytes + i * i * 321));
  const expected = bodies.map((body) => `${digest('sha1', body)} ${digest('md5', body)}`);

  it('keep their bytes apart, also when their memory is given back while they are on their way', async () => {
    const read = async (body: IncomingBody): Promise<string> => {
      const sha1 = createHash('sha1');
      for await (const chunk of body) {
        await turn();
        sha1.update(chunk as Buffer);
        body.recycle(chunk as Buffer);
      }
      return sha1.digest('hex');
    };
    expect(await receive(bodies, read)).toEqual(expected);
    expect(await receive(bodies, read)).toEqual(expected);
  });

  it('stay what they are for a reader that keeps them', async () => {
    expect(await receive(bodies, async (body) => digest('sha1', await buffer(body)))).toEqual(expected);
  });

  it('go on when a reader that had stopped goes on', async () => {
    const read = (body: IncomingBody): Promise<string> =>
      new Promise((resolve, reject) => {
        const sha1 = createHash('sha1');
        body.on('error', reject);
        body.on('end', () => resolve(sha1.digest('hex')));
        body.on('data', (chunk: Buffer) => {
          sha1.update(chunk);
          body.pause();
          setTimeout(() => body.resume(), 5);
        });
      });
    expect(await receive(bodies, read)).toEqual(expected);
  });

  it('leave the bytes of a source that is no request alone', async () => {
    const source = Buffer.from(bytes.subarray(0, 2 * slabBytes));
    const body = new IncomingBody(Readable.from([source]), { size: source.length, plan: {} });
    expect((await buffer(body)).equals(bytes.subarray(0, 2 * slabBytes))).toBe(true);
    expect(source.equals(bytes.subarray(0, 2 * slabBytes))).toBe(true);
  });

  it('go on when far more comes at once than is hashed at once', async () => {
    const idle = new Readable({ read() {} });
    const other = new IncomingBody(idle, { size: 2 * slabBytes, plan: {} });
    other.resume();
    idle.push(bytes.subarray(0, slabBytes));
    await turn();
    const source = Readable.from([bytes, bytes, bytes.subarray(0, 77)]);
    const body = new IncomingBody(source, { size: 2 * bytes.length + 77, plan: {} });
    expect(await buffer(body)).toHaveLength(2 * bytes.length + 77);
    other.destroy();
  });

  it('fail when a digest does not agree, and when a byte is missing', async () => {
    const size = 2 * slabBytes + 1;
    const open = (length: number, sha256: string) =>
      new IncomingBody(Readable.from([bytes.subarray(0, length)]), { size, plan: {}, sha256 });
    const failure = (body: Readable): Promise<string> =>
      buffer(body).then(String, (error: S3Error) => error.code);
    const right = digest('sha256', bytes.subarray(0, size));
    expect(await failure(open(size, digest('sha256', bytes)))).toBe('XAmzContentSHA256Mismatch');
    expect(await failure(open(size - 1, right))).toBe('IncompleteBody');
    expect(await buffer(open(size, right))).toHaveLength(size);
  });

  it('hand on what a slow client has sent so far', async () => {
    const source = new Readable({ read() {} });
    const body = new IncomingBody(source, { size: 2 * slabBytes, plan: {} });
    const chunks: Buffer[] = [];
    body.on('data', (chunk: Buffer) => chunks.push(chunk));
    await turn();
    source.push(bytes.subarray(0, 640));
    await turn();
    await turn();
    expect(chunks).toEqual([]);
    const now = performance.now();
    vi.spyOn(performance, 'now').mockReturnValue(now + 60_000);
    source.push(bytes.subarray(640, 1280));
    await turn();
    await turn();
    await turn();
    expect(Buffer.concat(chunks).equals(bytes.subarray(0, 1280))).toBe(true);
    // Whoever stores them may hold thousands of them.
    expect(chunks.reduce((held, { buffer }) => held + buffer.byteLength, 0)).toBeLessThan(slabBytes);
    body.destroy();
  });
});
