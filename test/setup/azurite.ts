/**
 * Azurite, Microsoft's emulator of Azure Storage, from node_modules: the blob service only, with its files in a
 * directory that goes with it. {@link startAzuriteServer} is also used by tests that need one to crash or restart.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Service, Unavailable } from './service.ts';

const program = join(import.meta.dirname, '../../node_modules/azurite/dist/src/blob/main.js');

/** The well-known account of every emulator, as in "Use the Azurite emulator for local Azure Storage development". */
export const devAccount = {
  name: 'devstoreaccount1',
  key: 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==',
} as const;

/** Connection string of the well-known account at a server such as `http://127.0.0.1:10000`. */
export function devConnectionString(origin: string): string {
  return [
    `DefaultEndpointsProtocol=${new URL(origin).protocol.slice(0, -1)}`,
    `AccountName=${devAccount.name}`,
    `AccountKey=${devAccount.key}`,
    `BlobEndpoint=${origin}/${devAccount.name};`,
  ].join(';');
}

export async function start(): Promise<Service | Unavailable> {
  const dir = await mkdtemp(join(tmpdir(), 'partway-azurite-'));
  // A test run that is broken off leaves no files behind either.
  const remove = (): void => rmSync(dir, { recursive: true, force: true });
  process.once('exit', remove);
  const server = await startAzuriteServer({ dir });
  return {
    env: { TEST_AZURITE_CONNECTION_STRING: devConnectionString(server.origin) },
    async stop() {
      await server.stop();
      process.off('exit', remove);
      remove();
    },
  };
}

export interface AzuriteServer {
  readonly port: number;
  /** `http://127.0.0.1:<port>` */
  readonly origin: string;
  readonly process: ChildProcess;
  /** SIGKILL, for tests that crash it; resolves once it has ended. */
  kill(): Promise<void>;
  /** SIGTERM: it writes its tables and ends. SIGKILL after half a minute. */
  stop(): Promise<void>;
}

/** Starts the blob service over the files in `dir`, on a free loopback port unless `port` is given. */
export async function startAzuriteServer(options: {
  readonly dir: string;
  readonly port?: number;
}): Promise<AzuriteServer> {
  const child = spawn(
    process.execPath,
    [
      program,
      ...['--blobHost', '127.0.0.1', '--blobPort', String(options.port ?? 0)],
      ...['--location', options.dir, '--silent', '--disableTelemetry'],
      // The SDK speaks a newer service version than the emulator knows by name.
      '--skipApiVersionCheck',
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], env: withoutNodeOptions(), cwd: options.dir },
  );
  const output: string[] = [];
  const keep = (chunk: Buffer): void => {
    if (output.length < 100) output.push(chunk.toString());
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const ended = once(child, 'exit');
  // A test run that is broken off leaves no server behind.
  const killAtExit = (): boolean => child.kill('SIGKILL');
  process.once('exit', killAtExit);
  void ended.then(() => process.off('exit', killAtExit));
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGCONT');
    child.kill(signal);
    await Promise.race([ended, sleep(30_000, undefined, { ref: false })]);
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await ended;
  };
  const origin = await listening(output, child);
  if (origin === undefined) {
    await end('SIGKILL');
    throw new Error(`Azurite did not start:\n${output.join('')}`);
  }
  return {
    port: Number(new URL(origin).port),
    origin,
    process: child,
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
  };
}

async function listening(output: readonly string[], child: ChildProcess): Promise<string | undefined> {
  const deadline = Date.now() + 120_000;
  while (child.exitCode === null && child.signalCode === null && Date.now() < deadline) {
    const origin = /successfully listens on (http:\/\/\S+)/.exec(output.join(''))?.[1];
    if (origin !== undefined) return origin;
    await sleep(10);
  }
  return undefined;
}

/** The test runner's own flags are not the emulator's. */
function withoutNodeOptions(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _, ...env } = process.env;
  return env;
}
