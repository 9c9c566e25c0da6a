/** The gateway as people run it: a process of its own, in a directory that is thrown away. */
import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { logLines } from './kit.ts';

const repository = join(import.meta.dirname, '../..');

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface GatewayProcess extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly pid: number;
  stdout(): string;
  stderr(): string;
  /** Lines of the log with this message, parsed. */
  logged(message: string): Record<string, unknown>[];
  readonly ended: Promise<Ended>;
  /** Resolves with the endpoint once it listens; rejects when it ends before. */
  listening(): Promise<string>;
}

export interface Directory extends Disposable {
  readonly path: string;
}

export function directory(): Directory {
  const path = mkdtempSync(join(tmpdir(), 'partway-process-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

export function run(
  cwd: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): GatewayProcess {
  return watch(
    spawn(process.execPath, [join(repository, 'src/main.ts'), ...args], {
      cwd,
      env: {
        PATH: process.env['PATH'],
        NODE_COMPILE_CACHE: join(repository, 'node_modules/.cache/compile'),
        PARTWAY_LISTEN: '127.0.0.1:0',
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
  );
}

/** `npm start`, as in the quick start, with its data in `cwd`. */
export function npmStart(cwd: string): GatewayProcess {
  return watch(
    spawn('npm', ['start'], {
      cwd: repository,
      env: {
        ...withoutSettings(process.env),
        PARTWAY_LISTEN: '127.0.0.1:0',
        PARTWAY_FS_ROOT: join(cwd, 'data'),
        PARTWAY_STATE_DIR: join(cwd, 'state'),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
  );
}

function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('PARTWAY_')));
}

function watch(child: ChildProcessByStdio<null, Readable, Readable>): GatewayProcess {
  let stdout = '';
  let stderr = '';
  let wake: (() => void)[] = [];
  const changed = (): void => {
    for (const each of wake.splice(0)) each();
  };
  child.stdout.on('data', (data: Buffer) => {
    stdout += data.toString();
    changed();
  });
  child.stderr.on('data', (data: Buffer) => {
    stderr += data.toString();
    changed();
  });
  let over = false;
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code, signal) => {
      over = true;
      changed();
      resolve({ code, signal });
    });
  });
  return {
    child,
    pid: child.pid ?? 0,
    stdout: () => stdout,
    stderr: () => stderr,
    logged: (message) =>
      logLines(
        stderr
          .split('\n')
          .slice(0, -1)
          .filter((line) => line.startsWith('{')),
      ).filter((line) => line['message'] === message),
    ended,
    async listening() {
      for (;;) {
        const endpoint = /serves S3 on (\S+)\s/.exec(stdout)?.[1];
        if (endpoint !== undefined) return endpoint;
        if (over) throw new Error(`it ended: ${stderr}`);
        await new Promise<void>((resolve) => wake.push(resolve));
      }
    },
    async [Symbol.asyncDispose]() {
      wake = [];
      if (!over) child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
      await ended;
      clearTimeout(timer);
    },
  };
}
