/** `partway verify` on a local directory, with damage done behind the gateway's back. */
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { segmentSize } from '../../src/s3/encryption/format.ts';
import { runningGateway } from '../encryption/suite.ts';
import { bytes, put } from '../upload-path/kit.ts';
import { type CommandResult, reportOf, runCommand, startCommand } from './kit.ts';
import { comparable, writeEveryKind } from './objects.ts';

interface VerifyReport {
  readonly complete: boolean;
  readonly counts: Readonly<Record<string, number>>;
  readonly findings: ReadonlyArray<{
    readonly bucket: string;
    readonly key?: string;
    readonly outcome: string;
    readonly problems: readonly string[];
  }>;
}

const subject = runningGateway({});

function verify(...args: string[]): Promise<CommandResult & { readonly report: VerifyReport }> {
  return reportOf<VerifyReport>(['verify', ...args], { deployment: subject.gateway().deployment });
}

function fileOf(bucket: string, key: string): string {
  return join(subject.gateway().deployment.dir, 'data', bucket, key);
}

/** As a fault of the disk does: the time of modification stays what it was. */
function flip(file: string, at: number): void {
  const before = join(subject.gateway().deployment.dir, 'before');
  execFileSync('touch', ['-r', file, before]);
  const fd = openSync(file, 'r+');
  const byte = Buffer.alloc(1);
  readSync(fd, byte, 0, 1, at);
  byte[0] = (byte[0] ?? 0) ^ 1;
  writeSync(fd, byte, 0, 1, at);
  closeSync(fd);
  execFileSync('touch', ['-r', before, file]);
}

/** By read(2) and its like, as `/proc` counts. */
function bytesReadBy(pid: number): number {
  return Number(/^rchar: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1]);
}

describe('partway verify', { timeout: 120_000 }, () => {
  it('finds everything as it was stored', async () => {
    const bucket = await subject.bucket();
    await writeEveryKind(subject, bucket);
    writeFileSync(fileOf(bucket, 'of another program'), 'text');
    const { err, out, report, status } = await verify(bucket);
    expect(report.findings).toEqual([]);
    expect(report.counts).toMatchObject({
      objects: 13,
      fine: comparable.length + 1,
      sealed: 2,
      foreign: 1,
      damaged: 0,
      unchecked: 0,
    });
    expect(status, err).toBe(0);
    expect(out).toContain('13 objects');
    expect(out).toContain('under keys of customers');
  });

  it('finds one changed bit, whatever the object is, and only there', async () => {
    const bucket = await subject.bucket();
    await writeEveryKind(subject, bucket);
    for (const key of comparable) flip(fileOf(bucket, key), 600_000);
    // Of what is sealed with a key that is not here, the layout only.
    flip(fileOf(bucket, 'customer'), 3);
    const { out, report, status } = await verify(bucket);
    expect(status).toBe(1);
    expect(report.findings.map(({ key }) => key).sort()).toEqual([...comparable, 'customer'].sort());
    for (const { key = '', outcome, problems } of report.findings) {
      expect(outcome).toBe('damaged');
      expect(out).toContain(`${bucket}/${key}: ${problems[0]}`);
    }
    const of = (key: string): string =>
      report.findings.find((finding) => finding.key === key)?.problems.join() ?? '';
    expect(of('plain')).toContain('ETag');
    expect(of('with-crc32c')).toContain('CRC32C');
    expect(of('composite/parts')).toContain('part 2 does not have its SHA256');
    expect(of('full-object/parts')).toContain('CRC32');
    expect(of('managed')).toContain('a segment does not have the bytes');
  });

  it('finds a bit in any part and segment', async () => {
    const bucket = await subject.bucket();
    await writeEveryKind(subject, bucket);
    const last = (key: string): number => readFileSync(fileOf(bucket, key)).length - 1;
    flip(fileOf(bucket, 'parts'), last('parts'));
    flip(fileOf(bucket, 'composite/parts'), last('composite/parts'));
    flip(fileOf(bucket, 'managed'), segmentSize + 100);
    flip(fileOf(bucket, 'managed parts'), last('managed parts'));
    const { report } = await verify(bucket);
    expect(report.findings).toHaveLength(4);
    const composite = report.findings.find(({ key }) => key === 'composite/parts');
    expect(composite?.problems.join()).toContain('part 9 does not have its SHA256');
  });

  it('calls a file that was changed since one of another program, and what is gone, gone', async () => {
    const bucket = await subject.bucket();
    await put(subject, bucket, 'changed', bytes(1000));
    writeFileSync(fileOf(bucket, 'changed'), 'by an editor');
    const { report, status } = await verify(bucket);
    expect(status).toBe(0);
    expect(report.counts).toMatchObject({ objects: 1, foreign: 1 });
  });

  it('finds sealed bytes that have lost what they were sealed with', async () => {
    const bucket = await subject.bucket();
    await writeEveryKind(subject, bucket);
    execFileSync('touch', [fileOf(bucket, 'managed')]);
    const { report, status } = await verify(`${bucket}/mana`);
    expect(status).toBe(1);
    expect(report.findings.map(({ key }) => key)).toEqual(['managed']);
    expect(report.findings[0]?.problems[0]).toContain('what it was encrypted with is lost');
  });

  it('cannot check what is under a master key that it is not given', async () => {
    const bucket = await subject.bucket();
    await writeEveryKind(subject, bucket);
    const { deployment } = subject.gateway();
    const { report, status } = await reportOf<VerifyReport>(['verify', bucket], {
      deployment,
      env: { PARTWAY_STATE_DIR: join(deployment.dir, 'other-state') },
    });
    expect(status).toBe(2);
    expect(report.findings.map(({ key, outcome }) => `${outcome} ${key}`)).toEqual([
      'unchecked managed',
      'unchecked managed parts',
    ]);
    expect(report.findings[0]?.problems[0]).toContain('which is not configured');
    // It only reads: no key is made.
    expect(existsSync(join(deployment.dir, 'other-state'))).toBe(false);
  });

  it('looks at one prefix, or at all buckets', async () => {
    const [one, two] = [await subject.bucket(), await subject.bucket()];
    for (const key of ['a/1', 'a/2', 'b/1']) await put(subject, one, key, bytes(10));
    await put(subject, two, 'c', bytes(10));
    expect((await verify(`${one}/a/`)).report.counts).toMatchObject({ objects: 2 });
    expect((await verify(`${one}/nothing`)).report.counts).toMatchObject({ objects: 0 });
    const all = await verify();
    expect(all.report.counts['objects']).toBeGreaterThanOrEqual(4);
  });

  it('goes on where it was interrupted', async () => {
    const bucket = await subject.bucket();
    const { deployment } = subject.gateway();
    for (let i = 10; i < 60; i++) await put(subject, bucket, `key ${i}`, bytes(1000));
    flip(fileOf(bucket, 'key 11'), 1);
    flip(fileOf(bucket, 'key 55'), 1);
    const state = join(deployment.dir, 'progress.json');
    const kept = {
      format: 1,
      target: bucket,
      startedAt: '2026-01-02T03:04:05.000Z',
      position: { bucket, key: 'key 30' },
      counts: {
        objects: 21,
        bytes: 21_000,
        fine: 20,
        sealed: 0,
        foreign: 0,
        damaged: 1,
        unchecked: 0,
        gone: 0,
      },
      findings: [{ bucket, key: 'key 11', outcome: 'damaged', problems: ['as found before'] }],
      findingsLeftOut: 0,
    };
    writeFileSync(state, JSON.stringify(kept));
    const { report, status } = await verify(bucket, '--resume', state);
    expect(status).toBe(1);
    expect(report.counts).toMatchObject({ objects: 50, bytes: 50_000, fine: 48, damaged: 2 });
    expect(report.findings.map(({ key }) => key)).toEqual(['key 11', 'key 55']);
    expect(report.findings[0]?.problems).toEqual(['as found before']);
    expect(existsSync(state)).toBe(false);

    writeFileSync(state, JSON.stringify({ ...kept, target: 'other' }));
    const other = await runCommand(['verify', bucket, '--resume', state], { deployment });
    expect(other).toMatchObject({ status: 2 });
    expect(other.err).toContain('is of another run');
    writeFileSync(state, 'text');
    const bad = await runCommand(['verify', bucket, '--resume', state], { deployment });
    expect(bad).toMatchObject({ status: 2 });
    expect(readFileSync(state, 'utf8')).toBe('text');
    rmSync(state);
  });

  it('keeps what it has when it is interrupted', async () => {
    const bucket = await subject.bucket();
    const { deployment } = subject.gateway();
    await put(subject, bucket, 'a', bytes(1000));
    // Sparse: takes no space, and longer to read than anybody waits.
    const huge = fileOf(bucket, 'b');
    writeFileSync(huge, '');
    truncateSync(huge, 2 ** 40);
    const state = join(deployment.dir, 'interrupted.json');
    const { process: child, result } = startCommand(['verify', bucket, '--resume', state], { deployment });
    await expect
      .poll(() => bytesReadBy(child.pid ?? 0), { timeout: 60_000 })
      .toBeGreaterThan(256 * 1024 * 1024);
    child.kill('SIGINT');
    const { err, status } = await result;
    expect(status).toBe(2);
    expect(err).toContain(`--resume ${state}`);
    truncateSync(huge, 10);
    const again = await verify(bucket, '--resume', state);
    expect(again.report).toMatchObject({ complete: true, counts: { objects: 2, fine: 1, foreign: 1 } });
    expect(again.status).toBe(0);
  });

  it.each([
    [['verify', 'a', 'b'], 'one word too many'],
    [['verify', '/prefix'], 'does not begin with a bucket'],
    [['verify', '--concurrency', '0'], 'whole number'],
    [['verify', '--fix'], "Unknown option '--fix'"],
    [['verify', 'no-such-bucket'], 'no-such-bucket'],
  ])('says what is wrong with %j', async (args, text) => {
    const { err, status } = await runCommand(args, { deployment: subject.gateway().deployment });
    expect(status).toBe(2);
    expect(err).toContain(text);
  });

  it('takes nothing that breaks it for damage', async () => {
    const bucket = await subject.bucket();
    await put(subject, bucket, 'key', bytes(10));
    const { deployment } = subject.gateway();
    const nowhere = join(deployment.dir, 'no/such/directory/report.json');
    for (const command of [['verify', bucket], ['doctor']]) {
      const { err, status } = await runCommand([...command, '--report', nowhere], { deployment });
      expect(status).toBe(2);
      expect(err).toContain('ENOENT');
    }
    const file = join(deployment.dir, 'a-file');
    writeFileSync(file, '');
    const broken = await runCommand(['doctor'], { deployment, env: { PARTWAY_STATE_DIR: file } });
    expect(broken.status).toBe(2);
  });

  it('has help of its own', async () => {
    const { deployment } = subject.gateway();
    for (const command of ['verify', 'doctor']) {
      const { out, status } = await runCommand([command, '--help'], { deployment });
      expect(status).toBe(0);
      expect(out).toContain(`Usage: partway ${command}`);
      expect(out).toContain('Exit status: 0');
    }
  });
});
