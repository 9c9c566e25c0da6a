/** What the clients talk to: a gateway started here for each backend, or an S3 endpoint that runs already. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { S3Client } from '@aws-sdk/client-s3';
import { freePort } from '../../kit/free-port.ts';
import { bareEnvironment } from './run.ts';

export type Backend = 'local' | 'azure' | 'gcs';

export interface Target {
  /** The backend's name, or `external`. */
  readonly name: string;
  /** Scheme, host and port, without a slash at the end. */
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface RunningTarget extends Target {
  /** Ends the gateway and answers what it did wrong on the way: an exit status, an internal error in its log. */
  stop(): Promise<string[]>;
}

const repository = path.resolve(import.meta.dirname, '../../..');

/** The SDK's client for what a command line can't ask, one try per request. */
export function sdkClient({ endpoint, region, accessKeyId, secretAccessKey }: Target): S3Client {
  const credentials = { accessKeyId, secretAccessKey };
  return new S3Client({ endpoint, region, credentials, forcePathStyle: true, maxAttempts: 1 });
}

/** An endpoint named by the environment: other servers, a deployed gateway. */
export function externalTarget(): Target | undefined {
  const endpoint = process.env['PARTWAY_CLIENTS_ENDPOINT'];
  if (endpoint === undefined || endpoint === '') return undefined;
  return {
    name: 'external',
    endpoint: endpoint.replace(/\/$/, ''),
    region: process.env['PARTWAY_CLIENTS_REGION'] ?? 'us-east-1',
    accessKeyId: process.env['PARTWAY_CLIENTS_ACCESS_KEY_ID'] ?? '',
    secretAccessKey: process.env['PARTWAY_CLIENTS_SECRET_ACCESS_KEY'] ?? '',
  };
}

export async function startPartway(
  backend: Backend,
  settings: Readonly<Record<string, string>>,
  directory: string,
): Promise<RunningTarget> {
  await mkdir(path.join(directory, 'root'), { recursive: true });
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const accessKeyId = `PARTWAY${randomBytes(6).toString('hex').toUpperCase()}`;
  const secretAccessKey = randomBytes(24).toString('base64url');
  const logFile = path.join(directory, 'gateway.log');
  const log = openSync(logFile, 'a');
  const child = spawn(process.execPath, [path.join(repository, 'src/main.ts')], {
    cwd: directory,
    env: bareEnvironment({
      PARTWAY_LISTEN: `127.0.0.1:${port}`,
      PARTWAY_BACKEND: backend,
      PARTWAY_FS_ROOT: path.join(directory, 'root'),
      PARTWAY_STATE_DIR: path.join(directory, 'state'),
      PARTWAY_ACCESS_KEY_ID: accessKeyId,
      PARTWAY_SECRET_ACCESS_KEY: secretAccessKey,
      ...settings,
    }),
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  // A run that is cut off by a signal never gets to its teardown.
  const endAtExit = (): boolean => child.kill('SIGKILL');
  process.once('exit', endAtExit);
  child.once('exit', () => process.off('exit', endAtExit));
  const stop = async (): Promise<string[]> => {
    const complaints: string[] = [];
    const ended = await end(child);
    if (ended !== 0) complaints.push(`the ${backend} gateway ended with ${ended}, not with 0`);
    const lines = (await readFile(logFile, 'utf8')).split('\n');
    const internal = lines.filter((line) => /"status":500\b|InternalError|uncaught|unhandled/i.test(line));
    for (const line of internal.slice(0, 20))
      complaints.push(`the ${backend} gateway logged: ${line.slice(0, 2000)}`);
    return complaints;
  };
  for (let tries = 0; ; tries++) {
    if (child.exitCode !== null || tries > 600) {
      await end(child);
      throw new Error(`the ${backend} gateway did not start:\n${await readFile(logFile, 'utf8')}`);
    }
    const ready = await fetch(`${endpoint}/-/readyz`).catch(() => undefined);
    await ready?.body?.cancel();
    if (ready?.status === 200) break;
    await sleep(100);
  }
  return { name: backend, endpoint, region: 'us-east-1', accessKeyId, secretAccessKey, stop };
}

/** Ends a process by its id: gently first, for good after half a minute. Answers its exit status or its signal. */
async function end(child: ChildProcess): Promise<number | string | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode ?? child.signalCode;
  const exit = new Promise<number | string | null>((resolve) => {
    child.once('exit', (code, signal) => resolve(code ?? signal));
  });
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 30_000);
  try {
    return await exit;
  } finally {
    clearTimeout(timer);
  }
}
