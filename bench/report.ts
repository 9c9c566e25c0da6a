/** What was measured, as a table for people and JSON for programs. */
import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import path from 'node:path';

export interface Row {
  readonly group: string;
  readonly what: string;
  readonly server: string;
  readonly mibPerSecond?: number;
  readonly requestsPerSecond?: number;
  readonly cpuSecondsPerGib?: number;
  /** CPU per GiB as a multiple of the floor's, where a floor was measured. */
  readonly timesFloor?: number;
  /** Peak resident memory in MiB: the largest process. */
  readonly peakMib?: number;
  readonly medianMs?: number;
  readonly p99Ms?: number;
  readonly seconds?: number;
  readonly note?: string;
}

const columns: readonly [title: string, cell: (row: Row) => string][] = [
  ['what', (row) => row.what],
  ['server', (row) => row.server],
  ['MiB/s', (row) => number(row.mibPerSecond, 0)],
  ['req/s', (row) => number(row.requestsPerSecond, 0)],
  ['CPU s/GiB', (row) => number(row.cpuSecondsPerGib, 2)],
  ['× floor', (row) => number(row.timesFloor, 2)],
  ['p50 ms', (row) => number(row.medianMs, 2)],
  ['p99 ms', (row) => number(row.p99Ms, 2)],
  ['total s', (row) => number(row.seconds, 3)],
  ['peak MiB', (row) => number(row.peakMib, 0)],
  ['', (row) => row.note ?? ''],
];

function number(value: number | undefined, digits: number): string {
  return value === undefined || !Number.isFinite(value) ? '' : value.toFixed(digits);
}

/** Prints the rows of one group; columns that none of them fills are left out. */
export function printTable(title: string, rows: readonly Row[]): void {
  const cells = columns
    .map(([name, cell]) => [name, ...rows.map(cell)])
    .filter(([, ...values]) => values.some((value) => value !== ''));
  const widths = cells.map((column) => Math.max(...column.map((value) => value.length)));
  const texts = new Set(['what', 'server', '']);
  process.stdout.write(`\n${title}\n`);
  for (let line = 0; line <= rows.length; line++) {
    const parts = cells.map((column, i) => {
      const value = column[line] ?? '';
      const width = widths[i] ?? 0;
      return texts.has(column[0] ?? '') ? value.padEnd(width) : value.padStart(width);
    });
    process.stdout.write(`  ${parts.join('  ').trimEnd()}\n`);
  }
}

export async function writeResults(rows: readonly Row[], args: readonly string[]): Promise<string> {
  const directory = path.join(import.meta.dirname, 'results');
  await mkdir(directory, { recursive: true });
  const measured = new Date().toISOString();
  const file = path.join(directory, `${measured.replace(/[:.]/g, '-')}.json`);
  const machine = {
    cpus: cpus().length,
    model: cpus()[0]?.model,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    node: process.version,
  };
  // Outside of a repository there is none.
  const git = spawnSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: directory, encoding: 'utf8' });
  const revision = git.status === 0 ? git.stdout.trim() : undefined;
  await writeFile(file, `${JSON.stringify({ measured, revision, args, machine, rows }, null, 2)}\n`);
  return file;
}
