/**
 * Loaded into the gateway that is fuzzed: on SIGUSR2 it collects all garbage and tells, in one line on standard error, what memory is left.
 * Needs --expose-gc.
 */
import { writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const { gc } = globalThis;
if (gc === undefined) throw new Error('run with --expose-gc');

process.on('SIGUSR2', () => void tell());

async function tell(): Promise<void> {
  gc?.();
  // What waits for the end of an object (file handles, buffers out of the heap) goes only with the next collection.
  await sleep(100);
  gc?.();
  const { external, heapUsed, rss } = process.memoryUsage();
  writeSync(2, `${JSON.stringify({ probe: { live: heapUsed + external, rss } })}\n`);
}
