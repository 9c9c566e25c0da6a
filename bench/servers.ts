/** The servers under test: Partway, and its neighbours where they are installed. Each is one process tree of ours. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { homedir } from 'node:os';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { GatewayService } from '../test/clients/kit/services.ts';
import type { Endpoint } from './jobs.ts';
import type { Options } from './options.ts';

const repository = path.resolve(import.meta.dirname, '..');
const accessKeyId = 'BENCHBENCHBENCHBENCH';
const secretAccessKey = 'benchbenchbenchbenchbenchbenchbenchbench';

export interface Server {
  readonly name: string;
  readonly pid: number;
  readonly endpoint: Endpoint;
  /** Where objects lie as ordinary files, `<root>/<bucket>/<key>`; undefined if they do not. */
  readonly root: string | undefined;
  /** Milliseconds from the start of the process to its first answer. */
  readonly startTime: number;
  stop(): Promise<void>;
}

interface Recipe {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly root: string | undefined;
}

export function goProgram(name: string): string | undefined {
  const directories = [
    process.env['GOBIN'],
    path.join(homedir(), 'go/bin'),
    ...(process.env['PATH'] ?? '').split(':'),
  ];
  return directories
    .filter((directory): directory is string => directory !== undefined && directory !== '')
    .map((directory) => path.join(directory, name))
    .find((file) => existsSync(file));
}

export function serverNames(options: Options): string[] {
  if (options.servers !== undefined) return [...options.servers];
  if (options.backend !== 'local') return ['partway'];
  const neighbours = ['versitygw', 'rclone'].filter((name) => goProgram(name) !== undefined);
  return neighbours.length === 0 ? ['partway'] : ['partway', 'partway-os', ...neighbours];
}

function recipe(
  name: string,
  port: number,
  directory: string,
  options: Options,
  backend: GatewayService | undefined,
): Recipe {
  const root = path.join(directory, 'root');
  const listen = `127.0.0.1:${port}`;
  const program = (): string => {
    const found = goProgram(name);
    if (found === undefined) throw new Error(`${name} is not on PATH: go install it`);
    return found;
  };
  switch (name) {
    case 'partway':
    case 'partway-os':
      return {
        command: process.execPath,
        args: [path.join(repository, 'src/main.ts')],
        env: {
          PARTWAY_LISTEN: listen,
          PARTWAY_BACKEND: options.backend,
          PARTWAY_FS_ROOT: root,
          PARTWAY_STATE_DIR: path.join(directory, 'state'),
          PARTWAY_ACCESS_KEY_ID: accessKeyId,
          PARTWAY_SECRET_ACCESS_KEY: secretAccessKey,
          PARTWAY_DURABILITY: name === 'partway-os' ? 'os' : 'full',
          PARTWAY_WORKERS: String(options.workers),
          PARTWAY_ALLOW_SSE_C_OVER_HTTP: 'true',
          // As `npm start` does.
          NODE_COMPILE_CACHE: path.join(repository, 'node_modules/.cache/compile'),
          ...backend?.settings,
        },
        root: options.backend === 'local' ? root : undefined,
      };
    case 'versitygw':
      return {
        command: program(),
        args: ['--quiet', '--keep-alive', '--port', listen, 'posix', root],
        env: { ROOT_ACCESS_KEY: accessKeyId, ROOT_SECRET_KEY: secretAccessKey },
        root,
      };
    case 'rclone':
      return {
        command: program(),
        args: ['serve', 's3', '--addr', listen, '--auth-key', `${accessKeyId},${secretAccessKey}`, root],
        env: { RCLONE_CONFIG: path.join(directory, 'rclone.conf') },
        root,
      };
    default:
      throw new Error(`--servers: ${name} is none of partway, partway-os, versitygw, rclone`);
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** On these cores only, where that is asked for. */
export function pinned(
  cores: string | undefined,
  command: string,
  args: readonly string[],
): { command: string; args: string[] } {
  return cores === undefined
    ? { command, args: [...args] }
    : { command: 'taskset', args: ['-c', cores, command, ...args] };
}

/** Starts a server in a directory of its own; `keep` starts it again over what is there. */
export async function startServer(
  name: string,
  directory: string,
  options: Options,
  backend: GatewayService | undefined,
): Promise<Server> {
  const port = await freePort();
  const { command, args, env, root } = recipe(name, port, directory, options, backend);
  await mkdir(path.join(directory, 'root'), { recursive: true });
  const launch = pinned(options.pin ? '0' : undefined, command, args);
  const output: Buffer[] = [];
  const started = performance.now();
  const child = spawn(launch.command, launch.args, {
    cwd: directory,
    env: { PATH: process.env['PATH'] ?? '', HOME: directory, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const endAtExit = (): boolean => child.kill('SIGKILL');
  process.once('exit', endAtExit);
  child.once('exit', () => process.off('exit', endAtExit));
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => {
      if (output.length < 50) output.push(data);
    });
  }
  for (;;) {
    if (child.exitCode !== null || performance.now() - started > 60_000) {
      await end(child);
      throw new Error(`${name} did not start:\n${Buffer.concat(output).toString()}`);
    }
    const answer = await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer !== undefined) break;
    await sleep(5);
  }
  const startTime = performance.now() - started;
  if (child.pid === undefined) throw new Error(`${name} has no process id`);
  return {
    name,
    pid: child.pid,
    endpoint: { host: '127.0.0.1', port, accessKeyId, secretAccessKey, region: 'us-east-1' },
    root,
    startTime,
    stop: () => end(child),
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
  await exit;
  clearTimeout(timer);
}

/** Writes what a cell left in memory to disk, so that the next cell does not pay for it. */
export async function settle(directory: string): Promise<void> {
  await promisify(execFile)('sync', ['-f', directory]);
}

export async function removeDirectory(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true });
}
