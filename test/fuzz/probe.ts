/**
 * Loaded into the gateway that is fuzzed: on SIGUSR2 it collects all garbage and tells, in one line on standard error, what memory is left.
 * Needs --expose-gc.
 */
import { writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const { gc } = globalThis;
if (gc === undefined) throw new Error('run with --expose-gc');

process.on('SIGUSR2', () => void tell());

/** Twice: what waits for the end of an object (file handles, buffers out of the heap) goes only with the next collection. */
async function tell(): Promise<void> {
  collect();
  await sleep(100);
  collect();
  const { external, heapUsed, rss } = process.memoryUsage();
  writeSync(2, `${JSON.stringify({ probe: { live: heapUsed + external, rss } })}\n`);
}

/** As V8 does when it is short of memory: pages that are empty go back to the system, which it else keeps for later. */
function collect(): void {
  gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}
