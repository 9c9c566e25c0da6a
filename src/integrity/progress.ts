/** How far `partway verify` has come: what is shown, reported, and kept in a file so that it can go on later. */
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import type { ObjectName, Verdict } from './check-object.ts';

export interface Counts {
  readonly objects: number;
  /** As clients see them. */
  readonly bytes: number;
  readonly fine: number;
  readonly sealed: number;
  readonly foreign: number;
  readonly damaged: number;
  readonly unchecked: number;
  readonly gone: number;
}

export interface Finding {
  readonly bucket: string;
  /** Absent when it is the whole bucket that could not be looked at. */
  readonly key?: string;
  readonly outcome: 'damaged' | 'unchecked';
  readonly problems: readonly string[];
}

export interface Progress {
  readonly format: 1;
  /** What was asked for: `bucket/prefix`, or nothing for everything. */
  readonly target: string;
  readonly startedAt: string;
  /** Everything up to this object, in the order of listings, is in the counts. */
  readonly position?: ObjectName;
  readonly counts: Counts;
  readonly findings: readonly Finding[];
  /** Findings beyond those that are kept. */
  readonly findingsLeftOut: number;
}

/** More than anybody reads; the counts have them all. */
const maxFindings = 10_000;

export function begin(target: string): Progress {
  return {
    format: 1,
    target,
    startedAt: new Date().toISOString(),
    counts: {
      objects: 0,
      bytes: 0,
      fine: 0,
      sealed: 0,
      foreign: 0,
      damaged: 0,
      unchecked: 0,
      gone: 0,
    },
    findings: [],
    findingsLeftOut: 0,
  };
}

/** With one more object judged. `size` as clients see it. */
export function withVerdict(progress: Progress, name: ObjectName, size: number, verdict: Verdict): Progress {
  const { counts } = progress;
  const next = {
    ...progress,
    position: name,
    counts: {
      ...counts,
      objects: counts.objects + 1,
      bytes: counts.bytes + size,
      [verdict.outcome]: counts[verdict.outcome] + 1,
    },
  };
  if (verdict.outcome === 'damaged') return withFinding(next, { ...name, ...verdict });
  if (verdict.outcome === 'unchecked') {
    return withFinding(next, { ...name, outcome: 'unchecked', problems: [verdict.problem] });
  }
  return next;
}

/** A bucket that cannot be listed, or not to its end. */
export function withUnlisted(progress: Progress, bucket: string, problem: string): Progress {
  const { counts } = progress;
  return withFinding(
    { ...progress, counts: { ...counts, unchecked: counts.unchecked + 1 } },
    { bucket, outcome: 'unchecked', problems: [problem] },
  );
}

function withFinding(progress: Progress, finding: Finding): Progress {
  if (progress.findings.length >= maxFindings) {
    return { ...progress, findingsLeftOut: progress.findingsLeftOut + 1 };
  }
  return { ...progress, findings: [...progress.findings, finding] };
}

/** `undefined` when there is no such file. @throws Error when it is not what {@link save} writes */
export async function load(file: string): Promise<Progress | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  const progress = parse(text);
  if (progress?.format !== 1 || typeof progress.target !== 'string' || progress.counts === undefined) {
    throw new Error(`${file} does not hold the progress of a verification`);
  }
  return progress as Progress;
}

function parse(text: string): Partial<Progress> | undefined {
  try {
    return JSON.parse(text) as Partial<Progress>;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Replaces the file in one step: cut off at any time, the one before is there. */
export async function save(file: string, progress: Progress): Promise<void> {
  const temporary = `${file}.tmp`;
  await writeFile(temporary, JSON.stringify(progress), { mode: 0o600, flush: true });
  await rename(temporary, file);
}

export async function forget(file: string): Promise<void> {
  await rm(file, { force: true });
}
