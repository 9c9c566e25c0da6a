/** What the fuzzed gateway takes of its machine, and what it may take. */
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunningGateway } from '../kit/gateway.ts';

const MiB = 1024 * 1024;

export interface Vitals {
  /** Bytes that are resident, garbage and all. */
  readonly memory: number;
  readonly descriptors: number;
}

/** Bytes once all garbage is collected. */
export interface Kept {
  /** In use, in the JavaScript heap and in buffers beside it. */
  readonly live: number;
  /** Resident: what the allocators hold on to is a leak as well when it grows. */
  readonly rss: number;
}

/**
 * Memory is compared without its garbage: V8 lets up to 100 MiB of that gather in the old generation before it collects (the less
 * often, the more memory the machine has), so that what is resident between two collections says nothing about growth.
 */
export const mayGrow = { live: 16 * MiB, rss: 64 * MiB, descriptors: 32 } as const;
/** Resident with garbage, at any time: what docs/deployment.md promises of a worker process. */
const memoryAtMost = 512 * MiB;

/** The gateway's environment, for {@link keptBy}. */
export const probed = {
  NODE_OPTIONS: `--expose-gc --import ${JSON.stringify(new URL('./probe.ts', import.meta.url).href)}`,
} as const;

export async function vitalsOf({ pid }: RunningGateway): Promise<Vitals> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const memory = Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
  return { memory, descriptors: (await readdir(`/proc/${pid}/fd`)).length };
}

/** Has the gateway collect its garbage. */
export async function keptBy(gateway: RunningGateway): Promise<Kept> {
  const told = (): string[] => gateway.output().match(/^\{"probe":.*\}$/gm) ?? [];
  const before = told().length;
  process.kill(gateway.pid, 'SIGUSR2');
  for (let attempt = 0; attempt < 1_200; attempt++) {
    await sleep(50);
    const line = told()[before];
    if (line !== undefined) return (JSON.parse(line) as { probe: Kept }).probe;
  }
  throw new Error('the gateway does not say what memory it keeps');
}

export function faultsOf(vitals: Vitals, baseline: Vitals | undefined): string[] {
  const faults: string[] = [];
  if (vitals.memory > memoryAtMost) faults.push(`memory is ${mib(vitals.memory)} MiB`);
  if (baseline !== undefined && vitals.descriptors > baseline.descriptors + mayGrow.descriptors)
    faults.push(`descriptors grew from ${baseline.descriptors} to ${vitals.descriptors}`);
  return faults;
}

export function growthOf(kept: Kept, baseline: Kept): string[] {
  return (['live', 'rss'] as const)
    .filter((name) => kept[name] > baseline[name] + mayGrow[name])
    .map((name) => `${name} memory grew from ${mib(baseline[name])} to ${mib(kept[name])} MiB`);
}

export function mib(bytes: number): number {
  return Math.round(bytes / MiB);
}
