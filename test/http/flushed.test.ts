/** Memory of a download is used again only once its bytes are out. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { getRequestListener } from '@hono/node-server';
import { expect, it } from 'vitest';
import { isFlushed } from '../../src/http/flushed.ts';
import { type AnswerContext, answer } from '../../src/s3/answer.ts';

/** Bytes that a connection holds before it asks for a rest, as the gateway has it. */
const highWaterMark = 256 * 1024;

/** Chunks that are all there before the first is asked for. */
class Ready extends Readable {
  returned = 0;

  constructor(chunks: readonly Buffer[]) {
    super({ objectMode: true, highWaterMark: chunks.length + 1, read() {} });
    for (const chunk of chunks) this.push(chunk);
    this.push(null);
  }

  recycle(chunk: Buffer): void {
    this.returned += 1;
    chunk.fill(0);
  }
}

/** What a client gets of the stream. */
async function sent(
  stream: Ready,
  size: number,
  flushed: (outgoing: never) => boolean = isFlushed,
): Promise<Buffer> {
  const listener = getRequestListener(
    async (_, { incoming, outgoing }) => {
      await once(stream, 'readable');
      const exchange = { incoming, isFlushed: () => flushed(outgoing as never) };
      const headers = { 'content-length': String(size) };
      return answer({ status: 200, headers, stream }, { requestId: 'ID', exchange } as AnswerContext);
    },
    { overrideGlobalObjects: false },
  );
  const server = createServer({ highWaterMark }, (incoming, outgoing) => void listener(incoming, outgoing));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const [incoming] = (await once(get({ port, host: '127.0.0.1' }), 'response')) as [IncomingMessage];
  const bytes = await buffer(incoming);
  server.closeAllConnections();
  server.close();
  return bytes;
}

function pieces(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: bytes.length / size }, (_, i) =>
    Buffer.from(bytes.subarray(i * size, (i + 1) * size)),
  );
}

it('also when it was ready before the head of the answer', async () => {
  const bytes = randomBytes(400_000);
  expect((await sent(new Ready(pieces(bytes, 100_000)), bytes.length)).equals(bytes)).toBe(true);
});

it('also when the next chunk is asked for before they are out', async () => {
  const bytes = randomBytes(40 * 100_000);
  const stream = new Ready(pieces(bytes, 100_000));
  expect((await sent(stream, bytes.length)).equals(bytes)).toBe(true);
  // What the last few of them wait for is the end.
  expect(stream.returned).toBeGreaterThan(40 - 2 * Math.ceil(highWaterMark / 100_000));
});

it('and is not piled up by a connection that always has some left to send', async () => {
  const stream = new Ready(pieces(randomBytes(200 * 1000), 1000));
  // As if the last bytes were the first moment without any left.
  let looks = 0;
  await sent(stream, 200 * 1000, () => ++looks > 200);
  expect(looks).toBe(201);
  expect(stream.returned).toBe(16);
});
