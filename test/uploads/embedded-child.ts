/**
 * A process that writes to an embedded store until it is killed, or refused: `node embedded-child.ts dir uploadId first step`. It records
 * parts first, first + step, … several at once, beyond 10,000 from 1 on again, and tells of each acknowledged one by a line on standard
 * output, of an outage by `unavailable`.
 */
import { createEmbeddedStore } from '../../src/uploads/embedded/index.ts';
import { UploadStoreUnavailable } from '../../src/uploads/types.ts';
import { part, patienceMs } from './fixtures.ts';

const [dir = '', uploadId = '', first, step] = process.argv.slice(2);
const store = createEmbeddedStore({ dir, writeTimeoutMs: patienceMs });
let next = Number(first);

async function writer(): Promise<void> {
  for (;;) {
    const number = ((next - 1) % 10_000) + 1;
    next += Number(step);
    try {
      const outcome = await store.recordPart(uploadId, part(number, { token: number }));
      if (!outcome.recorded) return;
      process.stdout.write(`${number}\n`);
    } catch (error) {
      if (!(error instanceof UploadStoreUnavailable)) throw error;
      process.stdout.write('unavailable\n');
      return;
    }
  }
}

await Promise.all(Array.from({ length: 8 }, writer));
await store.close();
