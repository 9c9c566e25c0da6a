/** `partway verify` */
import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { isAdapterError } from '../../adapters/errors.ts';
import { buildBackends } from '../backends.ts';
import { loadMasterKeys } from '../config/load-master-keys.ts';
import type { Config } from '../config.ts';
import { begin, forget, load, type Progress, save } from '../integrity/progress.ts';
import { startReaders } from '../integrity/readers.ts';
import { verify } from '../integrity/verify.ts';
import { createStorage } from '../storage.ts';
import { type Arguments, UsageError } from './arguments.ts';
import type { Surroundings } from './main.ts';
import { binarySize, count, printable } from './text.ts';
import { startTicker } from './ticker.ts';

const saveEveryMs = 2_000;
const maxThreads = 8;

/** @returns 0 all is as it was stored, 1 something is damaged, 2 something could not be checked */
export async function runVerify(config: Config, args: Arguments, around: Surroundings): Promise<number> {
  const wanted = readWanted(args, around);
  const from = await startingPoint(wanted);
  const { backends, routes } = await buildBackends(config);
  const storage = createStorage(backends, routes);
  const { keys } = loadMasterKeys(config, { make: false });
  const stop = stopSignal();
  const readers = startReaders(config, keys, Math.min(availableParallelism(), maxThreads, wanted.inFlight));
  let progress = from;
  const keep = keeper(wanted.resume);
  const startedMs = performance.now();
  const ticker = startTicker({
    terminal: around.terminal,
    write: around.err,
    line: () => progressLine(progress, readers.bytesRead(), performance.now() - startedMs),
  });
  try {
    if (wanted.bucket !== undefined) await storage.for(wanted.bucket).headBucket({ bucket: wanted.bucket });
    progress = await verify({
      storage,
      check: (name) => readers.check(name),
      ...(wanted.bucket !== undefined && { bucket: wanted.bucket }),
      ...(wanted.prefix !== undefined && { prefix: wanted.prefix }),
      inFlight: wanted.inFlight,
      from,
      onProgress(next) {
        progress = next;
        keep.now(next);
      },
      signal: stop.signal,
    });
  } catch (error) {
    if (!isAdapterError(error)) throw error;
    around.err(`partway: cannot verify: ${error.message}\n`);
    return 2;
  } finally {
    ticker.stop();
    await keep.settled(progress);
    await Promise.all([readers.close(), storage.close()]);
  }
  const complete = !stop.signal.aborted;
  if (complete && wanted.resume !== undefined) await forget(wanted.resume);
  around.out(textReport(progress));
  if (!complete) around.err(interrupted(wanted.resume));
  if (wanted.report !== undefined) await writeFile(wanted.report, jsonReport(progress, complete));
  if (progress.counts.damaged > 0) return 1;
  return complete && progress.counts.unchecked === 0 ? 0 : 2;
}

interface Wanted {
  readonly target: string;
  readonly bucket: string | undefined;
  readonly prefix: string | undefined;
  readonly inFlight: number;
  readonly resume: string | undefined;
  readonly report: string | undefined;
}

function readWanted({ operands, options }: Arguments, { cwd }: Surroundings): Wanted {
  const target = operands[0] ?? '';
  const slash = target.indexOf('/');
  const bucket = slash < 0 ? target : target.slice(0, slash);
  if (target !== '' && bucket === '') throw new UsageError(`'${target}' does not begin with a bucket`);
  const prefix = slash < 0 ? '' : target.slice(slash + 1);
  const file = (name: string): string | undefined => {
    const value = options[name];
    return typeof value === 'string' ? resolve(cwd, value) : undefined;
  };
  const concurrency = String(options['concurrency'] ?? '16');
  if (!/^[1-9]\d{0,2}$/.test(concurrency)) {
    throw new UsageError(`--concurrency is '${concurrency}': use a whole number from 1 to 999`);
  }
  return {
    target,
    bucket: bucket === '' ? undefined : bucket,
    prefix: prefix === '' ? undefined : prefix,
    inFlight: Number(concurrency),
    resume: file('resume'),
    report: file('report'),
  };
}

async function startingPoint({ resume, target }: Wanted): Promise<Progress> {
  const kept = resume === undefined ? undefined : await loadKept(resume);
  if (kept === undefined) return begin(target);
  if (kept.target !== target) {
    throw new UsageError(
      `${resume} is of another run: of ${kept.target === '' ? 'all buckets' : kept.target}`,
    );
  }
  return kept;
}

async function loadKept(file: string): Promise<Progress | undefined> {
  try {
    return await load(file);
  } catch (error) {
    throw new UsageError(`--resume: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Ctrl-C ends it in order; pressed again, at once. */
function stopSignal(): AbortController {
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => stop.abort());
  }
  return stop;
}

interface Keeper {
  now(progress: Progress): void;
  settled(progress: Progress): Promise<void>;
}

/** Writes the progress down now and then, one write at a time. */
function keeper(file: string | undefined): Keeper {
  let writing: Promise<void> = Promise.resolve();
  let lastMs = performance.now();
  return {
    now(progress) {
      if (file === undefined || performance.now() - lastMs < saveEveryMs) return;
      lastMs = performance.now();
      writing = writing.then(() => save(file, progress));
      // Told by `settled`.
      writing.catch(() => undefined);
    },
    async settled(progress) {
      await writing;
      if (file !== undefined) await save(file, progress);
    },
  };
}

function progressLine({ counts, position }: Progress, bytesRead: number, ms: number): string {
  const speed = binarySize(ms > 0 ? (bytesRead * 1000) / ms : 0);
  const bad = counts.damaged + counts.unchecked;
  const found = bad === 0 ? '' : `, ${count(bad, 'finding')}`;
  const where = position === undefined ? '' : `  ${position.bucket}/${position.key}`;
  return `${count(counts.objects, 'object')}, ${binarySize(bytesRead)} read, ${speed}/s${found}${printable(where)}`;
}

function textReport({ counts, findings, findingsLeftOut }: Progress): string {
  const lines = findings.map(
    ({ bucket, key, outcome, problems }) =>
      `${outcome.padEnd(9)}  ${printable(key === undefined ? bucket : `${bucket}/${key}`)}: ${printable(problems.join('; '))}`,
  );
  if (findingsLeftOut > 0) lines.push(`and ${findingsLeftOut} more`);
  if (lines.length > 0) lines.push('');
  const rows: ReadonlyArray<readonly [number, string]> = [
    [counts.fine, 'as they were stored'],
    [
      counts.sealed,
      'under keys of customers: size and layout are right, the rest cannot be told without the key',
    ],
    [counts.foreign, 'written by other programs: readable, nothing to compare with'],
    [counts.gone, 'removed meanwhile'],
    [counts.damaged, 'damaged'],
    [counts.unchecked, 'could not be checked'],
  ];
  lines.push(`${count(counts.objects, 'object')}, ${binarySize(counts.bytes)}`);
  for (const [number, what] of rows) {
    if (number > 0) lines.push(`  ${number.toLocaleString('en-US').padStart(12)}  ${what}`);
  }
  return `${lines.join('\n')}\n`;
}

function jsonReport({ counts, findings, findingsLeftOut, startedAt, target }: Progress, complete: boolean) {
  const report = { target, startedAt, finishedAt: new Date().toISOString(), complete, counts, findings };
  return `${JSON.stringify({ ...report, findingsLeftOut }, null, 2)}\n`;
}

function interrupted(resume: string | undefined): string {
  return resume === undefined
    ? 'partway: interrupted. With --resume FILE it could go on from here.\n'
    : `partway: interrupted. Go on with --resume ${resume}\n`;
}
