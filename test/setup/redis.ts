/**
 * A real Redis for the tests: `redis-server` from PATH, else installed by apt on a Debian machine where we are root.
 * {@link startRedisServer} is also used by tests that need a server of their own to stop, hang or fill.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../kit/free-port.ts';
import { provide } from './apt.ts';
import type { Service, Unavailable } from './service.ts';

export async function start(): Promise<Service | Unavailable> {
  const missing = await provide('redis-server', 'redis-server', '6.2 or newer; Valkey will do');
  if (missing !== undefined) return missing;
  const dir = await mkdtemp(join(tmpdir(), 'partway-redis-'));
  const server = await startRedisServer({ dir, args: ['--appendonly', 'yes', '--appendfsync', 'everysec'] });
  return {
    env: { TEST_REDIS_URL: server.url },
    async stop() {
      await server.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

export interface RedisServer {
  readonly port: number;
  readonly url: string;
  readonly process: ChildProcess;
  /** SIGKILL, for tests that crash it; resolves once it has ended. */
  kill(): Promise<void>;
  /** SIGTERM: Redis writes what it must and ends. SIGKILL after five seconds. */
  stop(): Promise<void>;
}

/**
 * Starts `redis-server` on a loopback port (a free one unless `port` is given) and resolves once it answers.
 * `args` come after our own, so that they win. A port lost to another process between choosing and binding is chosen again.
 */
export async function startRedisServer(options: {
  readonly dir: string;
  readonly port?: number;
  /** A configuration file, which Redis wants first. */
  readonly before?: readonly string[];
  readonly args?: readonly string[];
}): Promise<RedisServer> {
  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await freePort());
    const child = spawn(
      'redis-server',
      [
        ...(options.before ?? []),
        '--bind',
        '127.0.0.1',
        '--port',
        String(port),
        '--dir',
        options.dir,
        '--save',
        '',
        ...(options.args ?? []),
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const output: string[] = [];
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk.toString()));
    const ended = once(child, 'exit');
    // A test run that is broken off leaves no server behind.
    const killAtExit = (): boolean => child.kill('SIGKILL');
    process.once('exit', killAtExit);
    void ended.then(() => process.off('exit', killAtExit));
    const ready = await Promise.race([ended.then(() => false), accepts(output, child)]);
    if (!ready) {
      const text = output.join('');
      if (options.port === undefined && attempt < 5 && text.includes('Address already in use')) continue;
      throw new Error(`redis-server ended at start:\n${text}`);
    }
    const end = async (signal: NodeJS.Signals): Promise<void> => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGCONT');
      child.kill(signal);
      await Promise.race([ended, sleep(5_000, undefined, { ref: false })]);
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      await ended;
    };
    return {
      port,
      url: `redis://127.0.0.1:${port}`,
      process: child,
      kill: () => end('SIGKILL'),
      stop: () => end('SIGTERM'),
    };
  }
}

/** A server is ready once its append-only file is loaded, a sentinel once it has its ID. */
async function accepts(output: readonly string[], child: ChildProcess): Promise<boolean> {
  const deadline = Date.now() + 60_000;
  while (!output.some((text) => /[Rr]eady to accept connections|Sentinel ID is/.test(text))) {
    if (child.exitCode !== null || child.signalCode !== null) return false;
    if (Date.now() > deadline) {
      child.kill('SIGKILL');
      return false;
    }
    await sleep(10);
  }
  return true;
}
