/** Runs a client as its users do, as a process of its own, and leaves none behind. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createReadStream, createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';

export interface RunOptions {
  readonly cwd?: string;
  /** Added to a bare environment: the settings of the person at the machine must not leak into a client. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** A file that is piped into the process's standard input. */
  readonly stdinFile?: string;
  readonly stdin?: string;
  /** A file that standard output is written into as it is; `stdout` is empty then. */
  readonly stdoutFile?: string;
  /** Milliseconds until the whole process group is ended. */
  readonly timeout?: number;
  /** Exit statuses that are no failure. */
  readonly accept?: readonly number[];
}

export interface RunResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Standard output and error together, for clients that report on either. */
  readonly output: string;
}

const running = new Set<ChildProcess>();

function endGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

process.on('exit', () => {
  for (const child of running) endGroup(child, 'SIGKILL');
});

/** The environment that every client starts from; `HOME` points nowhere unless the caller names a directory. */
export function bareEnvironment(extra: RunOptions['env'] = {}): Record<string, string> {
  const env: Record<string, string> = {
    PATH: process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin',
    HOME: '/nonexistent',
    LANG: 'C.UTF-8',
    LC_ALL: 'C.UTF-8',
    TMPDIR: process.env['TMPDIR'] ?? '/tmp',
  };
  for (const [name, value] of Object.entries(extra)) if (value !== undefined) env[name] = value;
  return env;
}

function tail(text: string, length = 4000): string {
  return text.length > length ? `…${text.slice(-length)}` : text;
}

/** Runs to the end. An exit status that is not accepted, a signal or a time-out is an Error that carries the output. */
export async function run(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const { accept = [0], timeout = 900_000 } = options;
  const child = spawn(command, args, {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: bareEnvironment(options.env),
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  });
  running.add(child);
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  const both: Buffer[] = [];
  const file = options.stdoutFile === undefined ? undefined : createWriteStream(options.stdoutFile);
  const written = file === undefined ? undefined : pipeline(child.stdout, file);
  // Awaited below; a rejection before that is not an unhandled one.
  written?.catch(() => undefined);
  if (file === undefined) {
    child.stdout.on('data', (data: Buffer) => {
      out.push(data);
      both.push(data);
    });
  }
  child.stderr.on('data', (data: Buffer) => {
    err.push(data);
    both.push(data);
  });
  child.stdin.on('error', () => {
    // A client that ended early reports so by its exit status.
  });
  if (options.stdinFile === undefined) child.stdin.end(options.stdin);
  else pipeline(createReadStream(options.stdinFile), child.stdin).catch(() => undefined);
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    endGroup(child, 'SIGKILL');
  }, timeout);
  try {
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (status, by) => resolve([status, by]));
    });
    await written;
    const result: RunResult = {
      status: code ?? -1,
      stdout: Buffer.concat(out).toString('utf8'),
      stderr: Buffer.concat(err).toString('utf8'),
      output: Buffer.concat(both).toString('utf8'),
    };
    if (code === null || !accept.includes(code)) {
      const how = timedOut ? `did not end within ${timeout / 1000} s` : `ended with ${code ?? signal}`;
      throw new Error(`${[command, ...args].join(' ')}\n${how}:\n${tail(result.output)}`);
    }
    return result;
  } finally {
    clearTimeout(timer);
    running.delete(child);
  }
}

/** Whether a program of that name can be run, and where it is. */
export async function which(program: string): Promise<string | undefined> {
  const found = await run('sh', ['-c', `command -v "$0"`, program], { accept: [0, 1, 127] });
  return found.status === 0 ? found.stdout.trim() : undefined;
}
