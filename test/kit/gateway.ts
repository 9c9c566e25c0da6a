/** A gateway as people run it: its own process, its own directories, a free port; ended by process id. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { freePort } from './free-port.ts';

export type BackendName = 'local' | 'azure' | 'gcs';
export type StoreName = 'embedded' | 'redis';

export interface GatewayOptions {
  /** `configured`: a configuration file says. */
  readonly backend?: BackendName | 'configured';
  readonly store?: StoreName;
  readonly workers?: number;
  /** Wait until it is ready (the default), or only until it answers. */
  readonly ready?: 'ready' | 'alive';
  /** Shared by gateways that are replicas of one another. */
  readonly deployment?: Deployment;
  /** Further settings, `PARTWAY_…`. */
  readonly env?: Readonly<Record<string, string>>;
}

/** What replicas have in common: directories, key prefix, container prefix. */
export interface Deployment {
  readonly dir: string;
  readonly name: string;
}

export interface RunningGateway {
  readonly endpoint: string;
  readonly port: number;
  readonly pid: number;
  readonly deployment: Deployment;
  readonly client: S3Client;
  /** Everything that the process wrote to standard output and error. */
  output(): string;
  /** A graceful stop; resolves to the exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL; the deployment's directory stays. */
  kill(): Promise<void>;
}

export const credentials = {
  accessKeyId: 'PARTWAYTESTKEY000001',
  secretAccessKey: 'partway/test+secret/0123456789abcdefghij',
} as const;

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const startDeadlineMs = 90_000;

export async function newDeployment(): Promise<Deployment> {
  const dir = await mkdtemp(join(tmpdir(), 'partway-test-'));
  return {
    dir,
    name: dir
      .slice(-6)
      .toLowerCase()
      .replaceAll(/[^a-z0-9]/g, 'x'),
  };
}

export async function removeDeployment({ dir }: Deployment): Promise<void> {
  await rm(dir, { recursive: true, force: true, maxRetries: 5 });
}

export async function startGateway(options: GatewayOptions = {}): Promise<RunningGateway> {
  const deployment = options.deployment ?? (await newDeployment());
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOnce(options, deployment);
    } catch (error) {
      // Between choosing the port and listening on it somebody else took it.
      if (attempt === 5 || !/in use by another process/.test(String(error))) throw error;
    }
  }
}

async function startOnce(options: GatewayOptions, deployment: Deployment): Promise<RunningGateway> {
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const child = spawn(process.execPath, [main], {
    cwd: deployment.dir,
    env: { ...cleanEnvironment(), ...settingsOf(options, deployment, port), ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (data: Buffer) => {
    output += data.toString('utf8');
  });
  child.stderr.on('data', (data: Buffer) => {
    output += data.toString('utf8');
  });
  try {
    await untilReady(
      child,
      `${endpoint}/-/${options.ready === 'alive' ? 'healthz' : 'readyz'}`,
      () => output,
    );
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
  const client = newClient(endpoint);
  return {
    endpoint,
    port,
    pid: child.pid ?? 0,
    deployment,
    client,
    output: () => output,
    async stop() {
      client.destroy();
      const code = await end(child, 'SIGTERM');
      if (options.deployment === undefined) await removeDeployment(deployment);
      return code;
    },
    async kill() {
      client.destroy();
      await end(child, 'SIGKILL');
    },
  };
}

export function newClient(endpoint: string, config: Partial<S3ClientConfig> = {}): S3Client {
  return new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials,
    maxAttempts: 1,
    ...config,
  });
}

async function end(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) {
    const closed = once(child, 'close');
    child.kill(signal);
    await once(child, 'exit');
    // What it wrote last is still on its way; where another process holds its output open, not for long.
    await Promise.race([closed, sleep(2_000, undefined, { ref: false })]);
  }
  return child.exitCode;
}

/** The tests' own environment must not configure the gateway under test, nor send what it asks of servers on this machine elsewhere. */
function cleanEnvironment(): Record<string, string | undefined> {
  const foreign = /^(PARTWAY_|(https?|all)_proxy$)/i;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !foreign.test(name)));
}

/** What the process gets in its environment. */
export function settingsOf(
  options: GatewayOptions,
  deployment: Deployment,
  port: number,
): Record<string, string> {
  return {
    PARTWAY_LISTEN: `127.0.0.1:${port}`,
    PARTWAY_STATE_DIR: join(deployment.dir, 'state'),
    PARTWAY_ACCESS_KEY_ID: credentials.accessKeyId,
    PARTWAY_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    PARTWAY_WORKERS: String(options.workers ?? 1),
    PARTWAY_LOG_FORMAT: 'json',
    ...backendSettings(options.backend ?? 'local', deployment),
    ...(options.store === 'redis' && {
      PARTWAY_REDIS_URL: required('TEST_REDIS_URL'),
      PARTWAY_REDIS_KEY_PREFIX: `partway-test-${deployment.name}:`,
    }),
  };
}

function backendSettings(
  backend: BackendName | 'configured',
  deployment: Deployment,
): Record<string, string> {
  switch (backend) {
    case 'configured':
      return {};
    case 'local':
      return { PARTWAY_BACKEND: 'local', PARTWAY_FS_ROOT: join(deployment.dir, 'data') };
    case 'azure':
      return {
        PARTWAY_BACKEND: 'azure',
        PARTWAY_AZURE_CONNECTION_STRING: required('TEST_AZURITE_CONNECTION_STRING'),
        PARTWAY_AZURE_CONTAINER_PREFIX: `t${deployment.name}-`,
      };
    case 'gcs':
      return {
        PARTWAY_BACKEND: 'gcs',
        PARTWAY_GCS_PROJECT_ID: 'partway-test',
        PARTWAY_GCS_ENDPOINT: required('TEST_GCS_ENDPOINT'),
        PARTWAY_GCS_BUCKET_PREFIX: `t${deployment.name}-`,
      };
  }
}

/** Whether the set-up could start what a gateway with these options needs. It has said so loudly when it could not. */
export function haveServices({
  backend = 'local',
  store,
}: Pick<GatewayOptions, 'backend' | 'store'>): boolean {
  const needed = [
    ...(store === 'redis' ? ['TEST_REDIS_URL'] : []),
    ...(backend === 'azure' ? ['TEST_AZURITE_CONNECTION_STRING'] : []),
    ...(backend === 'gcs' ? ['TEST_GCS_ENDPOINT'] : []),
  ];
  return needed.every((name) => process.env[name] !== undefined);
}

function required(name: string): string {
  const value = process.env[name];
  if (value === undefined)
    throw new Error(`${name} is not set: the test set-up could not start that service`);
  return value;
}

async function untilReady(child: ChildProcess, url: string, output: () => string): Promise<void> {
  const deadline = Date.now() + startDeadlineMs;
  while (Date.now() < deadline) {
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`the gateway ended with ${child.exitCode ?? child.signalCode}:\n${output()}`);
    try {
      const response = await fetch(url);
      await response.arrayBuffer();
      if (response.ok) return;
    } catch {
      // Not listening yet.
    }
    await sleep(20);
  }
  throw new Error(`the gateway was not ready in time:\n${output()}`);
}
