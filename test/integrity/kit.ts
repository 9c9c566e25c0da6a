/** Partway's commands beside a gateway that serves, as people run them: a process of their own with the gateway's settings. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Deployment, type GatewayOptions, settingsOf } from '../kit/gateway.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

export interface CommandResult {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

export interface RunningCommand {
  readonly process: ChildProcess;
  readonly result: Promise<CommandResult>;
}

export function startCommand(
  args: readonly string[],
  options: GatewayOptions & { readonly deployment: Deployment },
): RunningCommand {
  const child = spawn(process.execPath, [main, ...args], {
    cwd: options.deployment.dir,
    env: { PATH: process.env['PATH'], ...settingsOf(options, options.deployment, 9), ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const texts = { out: '', err: '' };
  child.stdout.on('data', (data: Buffer) => {
    texts.out += data.toString();
  });
  child.stderr.on('data', (data: Buffer) => {
    texts.err += data.toString();
  });
  const result = once(child, 'close').then(() => ({ status: child.exitCode, ...texts }));
  return { process: child, result };
}

export function runCommand(
  args: readonly string[],
  options: GatewayOptions & { readonly deployment: Deployment },
): Promise<CommandResult> {
  return startCommand(args, options).result;
}

/** Runs a command with `--report`, and reads that. */
export async function reportOf<Report>(
  args: readonly string[],
  options: GatewayOptions & { readonly deployment: Deployment },
): Promise<CommandResult & { readonly report: Report }> {
  const dir = await mkdtemp(join(tmpdir(), 'partway-report-'));
  try {
    const file = join(dir, 'report.json');
    const result = await runCommand([...args, '--report', file], options);
    const text = await readFile(file, 'utf8').catch((error: unknown) => {
      throw new Error(`no report: ${result.err}${result.out}`, { cause: error });
    });
    return { ...result, report: JSON.parse(text) as Report };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
