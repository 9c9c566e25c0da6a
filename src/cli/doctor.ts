/** `partway doctor` */
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { buildBackends } from '../backends.ts';
import { BadValue, duration } from '../config/values.ts';
import type { Config } from '../config.ts';
import { openStore } from '../gateway.ts';
import { examine } from '../integrity/doctor.ts';
import { type Finding, findingKinds, type Report } from '../integrity/findings.ts';
import { createStorage } from '../storage.ts';
import { type Arguments, UsageError } from './arguments.ts';
import type { Surroundings } from './main.ts';
import { createProcessLog } from './process-log.ts';
import { binarySize, count, printable } from './text.ts';
import { startTicker } from './ticker.ts';

/** Writes may be under way for so long. */
const leastAge = '1h';

/** @returns 0 nothing is left, 1 something is left to do, 2 something could not be looked at */
export async function runDoctor(
  config: Config,
  { options }: Arguments,
  around: Surroundings,
): Promise<number> {
  const fix = options['fix'] === true;
  const ageMs = readAge(options['older-than']) ?? config.uploads.maxAgeMs;
  const reportFile = options['report'];
  const { backends, routes } = await buildBackends(config);
  const storage = createStorage(backends, routes);
  const log = createProcessLog({ ...config, log: { level: 'warn', format: 'pretty' } }, config.credentials);
  const store = await openStore(config, log);
  let step = '';
  const ticker = startTicker({
    terminal: around.terminal,
    write: around.err,
    line: () => printable(step),
  });
  let report: Report;
  try {
    report = await examine({
      storage,
      store,
      fix,
      olderThan: new Date(Date.now() - ageMs),
      onStep(what) {
        step = what;
      },
    });
  } finally {
    ticker.stop();
    await Promise.all([store.close(), storage.close()]);
    await log.flush();
  }
  around.out(textReport(report, fix));
  if (typeof reportFile === 'string') {
    await writeFile(resolve(around.cwd, reportFile), `${JSON.stringify({ fix, ...report }, null, 2)}\n`);
  }
  if (report.problems.length > 0) return 2;
  return report.left > 0 ? 1 : 0;
}

function readAge(value: string | boolean | undefined): number | undefined {
  if (typeof value !== 'string') return undefined;
  try {
    return duration(leastAge, '3650d').parse(value, '');
  } catch (error) {
    if (!(error instanceof BadValue)) throw error;
    throw new UsageError(`--older-than: ${error.message}; ${error.fix}`);
  }
}

function textReport(report: Report, fix: boolean): string {
  const lines = report.findings.map(
    (finding) => `${finding.mended ? 'mended' : 'found '}  ${describe(finding)}`,
  );
  if (report.findingsLeftOut > 0) lines.push(`and ${report.findingsLeftOut} more`);
  lines.push(...report.problems.map((problem) => `failed  ${printable(problem)}`));
  if (lines.length > 0) lines.push('');
  lines.push(
    `${count(report.uploadsKnown, 'upload')} known to the store; ${count(report.mended, 'thing')} mended, ${report.left} left, ${binarySize(report.bytes)}`,
    ...advice(report, fix),
  );
  return `${lines.join('\n')}\n`;
}

function describe({ bucket, bytes, key, kind, parts, place, uploadId }: Finding): string {
  const where = key === undefined ? place : `${bucket}/${key}`;
  const details = [
    uploadId === undefined ? undefined : `upload ${uploadId}`,
    parts === undefined
      ? undefined
      : `parts ${parts.slice(0, 20).join(', ')}${parts.length > 20 ? ' …' : ''}`,
    bytes === undefined ? undefined : binarySize(bytes),
  ].filter((detail) => detail !== undefined);
  return `${findingKinds[kind]}: ${printable([where, ...details].join(', '))}`;
}

function advice(report: Report, fix: boolean): readonly string[] {
  const has = (kind: Finding['kind']): boolean => report.findings.some((finding) => finding.kind === kind);
  const lines: string[] = [];
  if (!fix && report.left > 0) lines.push('Nothing was changed: --fix cleans up.');
  if (!fix && report.uploadsKnown === 0 && has('orphaned-upload')) {
    lines.push(
      'The store knows no upload at all. Before --fix, make sure that this is the configuration that the gateway runs with.',
    );
  }
  if (fix && has('upload-without-bytes') && report.left > 0) {
    lines.push(
      'Open uploads that have lost parts are ended once they are older than the age limit. Their clients can send those parts again, or abort.',
    );
  }
  return lines;
}
