/** A TCP proxy in front of Redis that loses what a test tells it to lose. */
import { once } from 'node:events';
import { createServer, connect as dial, type Socket } from 'node:net';

export interface CutProxy {
  readonly port: number;
  /** The next reply to a script, or to a change of an index, is thrown away, and its connection with it. Resolves when that has happened. */
  cutNextReply(to: 'script' | 'index'): Promise<void>;
  /** While `true`, new connections are closed at once. */
  refuse(value: boolean): void;
  close(): Promise<void>;
}

export async function startCutProxy(target: number): Promise<CutProxy> {
  const sockets = new Set<Socket>();
  let refusing = false;
  let cut: { readonly command: RegExp; readonly done: () => void } | undefined;

  const server = createServer((client) => {
    if (refusing) {
      client.destroy();
      return;
    }
    const redis = dial(target, '127.0.0.1');
    let armed = false;
    for (const socket of [client, redis]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        redis.destroy();
      });
    }
    client.on('data', (bytes) => {
      armed = cut?.command.test(bytes.toString('latin1')) ?? false;
      redis.write(bytes);
    });
    redis.on('data', (bytes) => {
      // A script that is not loaded is sent again in full.
      if (!armed || cut === undefined || bytes.toString('latin1').includes('NOSCRIPT')) {
        client.write(bytes);
        return;
      }
      const { done } = cut;
      cut = undefined;
      client.destroy();
      done();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP address');
  return {
    port: address.port,
    cutNextReply: (to) =>
      new Promise((done) => {
        cut = { command: to === 'script' ? /eval/i : /zadd|zrem/i, done };
      }),
    refuse(value) {
      refusing = value;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
