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

/** Chunks that are all there before the first is asked for. */
class Ready extends Readable {
  constructor(chunks: readonly Buffer[]) {
    super({ objectMode: true, highWaterMark: chunks.length + 1, read() {} });
    for (const chunk of chunks) this.push(chunk);
    this.push(null);
  }

  recycle(chunk: Buffer): void {
    chunk.fill(0);
  }
}

it('also when it was ready before the head of the answer', async () => {
  const bytes = randomBytes(400_000);
  const pieces = [0, 1, 2, 3].map((i) => Buffer.from(bytes.subarray(i * 100_000, (i + 1) * 100_000)));
  const listener = getRequestListener(
    async (_, { incoming, outgoing }) => {
      const stream = new Ready(pieces);
      await once(stream, 'readable');
      const exchange = { incoming, isFlushed: () => isFlushed(outgoing as never) };
      const headers = { 'content-length': String(bytes.length) };
      return answer({ status: 200, headers, stream }, { requestId: 'ID', exchange } as AnswerContext);
    },
    { overrideGlobalObjects: false },
  );
  const server = createServer((incoming, outgoing) => void listener(incoming, outgoing)).listen(
    0,
    '127.0.0.1',
  );
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const [incoming] = (await once(get({ port, host: '127.0.0.1' }), 'response')) as [IncomingMessage];
  expect((await buffer(incoming)).equals(bytes)).toBe(true);
  server.closeAllConnections();
  server.close();
});
