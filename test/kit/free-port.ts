import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below the ports that systems give to outgoing connections (RFC 6335's dynamic ones, and Linux' from 32768), and by chance: one that the
 * system picked may be picked for somebody else, or for a connection, before its server listens, or while it is being restarted.
 * Never one that this process or a test file beside it was given: each worker of the test runner picks from a range of its own.
 */
const rangeSize = 5_500;
const firstPort = 10_000 + (Number(process.env['VITEST_POOL_ID'] ?? 0) % 4) * rangeSize;
const given = new Set<number>();

export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 1_000; attempt++) {
    const port = randomInt(firstPort, firstPort + rangeSize);
    if (given.has(port)) continue;
    given.add(port);
    const server = createServer();
    try {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
    } catch {
      continue;
    }
    server.close();
    await once(server, 'close');
    return port;
  }
  throw new Error('no free port');
}
