/** What a server costs, read from /proc: CPU seconds and peak memory of a process and all of its children. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

/** Clock ticks per second of /proc/<pid>/stat; 100 on every Linux that Node.js runs on. */
const ticks = 100;

interface Stat {
  readonly parent: number;
  /** Ticks in user and system mode, of the process and of its children that ended. */
  readonly cpu: number;
}

function stat(pid: number): Stat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined; // It ended in between.
  }
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { parent: Number(fields[1]), cpu: [11, 12, 13, 14].reduce((sum, i) => sum + Number(fields[i]), 0) };
}

/** A process and its descendants. */
export function tree(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    const parent = Number.isInteger(pid) ? stat(pid)?.parent : undefined;
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  const all = [root];
  for (const pid of all) all.push(...(children.get(pid) ?? []));
  return all;
}

export function cpuSeconds(root: number): number {
  return tree(root).reduce((sum, pid) => sum + (stat(pid)?.cpu ?? 0), 0) / ticks;
}

/** Of children of this process that have ended, and of theirs. */
export function endedChildrenCpuSeconds(): number {
  const text = readFileSync('/proc/self/stat', 'latin1');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[13]) + Number(fields[14])) / ticks;
}

/** Lets peak memory start anew. */
export function resetPeak(root: number): void {
  for (const pid of tree(root)) {
    try {
      writeFileSync(`/proc/${pid}/clear_refs`, '5');
    } catch {
      // Not allowed in some containers: the peak since the start is reported then.
    }
  }
}

/** Peak resident memory since the last reset, in MiB: of the largest process, and of all together. */
export function peakMemory(root: number): { largest: number; sum: number } {
  const peaks = tree(root).map((pid) => {
    try {
      const match = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
      return Number(match?.[1] ?? 0) / 1024;
    } catch {
      return 0; // It ended in between.
    }
  });
  return { largest: Math.max(...peaks), sum: peaks.reduce((sum, peak) => sum + peak, 0) };
}
