/** The Docker engine of this machine, and stacks of containers that are brought up on it and taken away again. */
import { randomBytes } from 'node:crypto';
import { dirname, join, resolve } from 'node:path';
import { run } from '../clients/kit/run.ts';
import { freePort } from '../kit/free-port.ts';

export const repository = resolve(import.meta.dirname, '../..');

export interface Engine {
  /** How Compose is called. */
  readonly compose: readonly [command: string, ...args: string[]];
  readonly env: Readonly<Record<string, string>>;
}

/** @returns why not, when there is none */
export async function findEngine(): Promise<Engine | string> {
  // Which engine, whose registry, and which images: what the person has set is theirs to set.
  const own = /^(DOCKER_|COMPOSE_|HOME$|XDG_|.*_proxy$|.*_PROXY$|(NODE|REDIS|AZURITE|FAKE_GCS|CADDY)_IMAGE$)/;
  const env = Object.fromEntries(
    Object.entries(process.env).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && own.test(entry[0]),
    ),
  );
  if (!(await succeeds('docker', ['info'], env))) return 'no Docker engine answers to `docker info`';
  for (const compose of [['docker', 'compose'], ['docker-compose']] as const) {
    const [command, ...args] = compose;
    if (await succeeds(command, [...args, 'version'], env)) return { compose: [command, ...args], env };
  }
  return 'there is a Docker engine, but neither `docker compose` nor `docker-compose`';
}

export async function succeeds(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<boolean> {
  try {
    return (await run(command, args, { env, accept: [0] })).status === 0;
  } catch {
    return false;
  }
}

export const keys = {
  accessKeyId: 'PARTWAYTESTKEY000001',
  secretAccessKey: `partway-test-${randomBytes(12).toString('hex')}`,
};

export interface Stack {
  /** Its name. */
  readonly project: string;
  /** Endpoints by the name of the setting for their port. */
  readonly endpoints: Readonly<Record<string, string>>;
  /** Runs Compose on this stack. @returns standard output */
  compose(...args: readonly string[]): Promise<string>;
  /** Runs docker on the container of a service. @returns standard output */
  docker(service: string, ...args: readonly string[]): Promise<string>;
  /** `docker inspect` of the container of a service. */
  inspect(service: string): Promise<Inspected>;
  /** Removes containers, networks and volumes. */
  down(): Promise<void>;
}

export interface Inspected {
  readonly State: {
    readonly ExitCode: number;
    readonly Running: boolean;
    readonly Health?: { readonly Status: string };
  };
  readonly HostConfig: {
    readonly ReadonlyRootfs: boolean;
    readonly CapDrop: readonly string[] | null;
    readonly SecurityOpt: readonly string[] | null;
  };
}

/** Brings a compose file up under a name of its own, published on free ports. `ports` are the settings that choose them. */
export async function up(
  engine: Engine,
  file: string,
  ports: readonly string[],
  profiles: readonly string[] = [],
): Promise<Stack> {
  const project = `partway-test-${randomBytes(4).toString('hex')}`;
  const numbers = await Promise.all(ports.map(() => freePort()));
  const env: Record<string, string> = {
    ...engine.env,
    ...Object.fromEntries(ports.map((name, index) => [name, String(numbers[index])])),
    PARTWAY_ACCESS_KEY_ID: keys.accessKeyId,
    PARTWAY_SECRET_ACCESS_KEY: keys.secretAccessKey,
  };
  const path = join(repository, file);
  const [command, ...first] = engine.compose;
  const common = [...first, '-p', project, '-f', path, ...profiles.flatMap((name) => ['--profile', name])];
  const cwd = dirname(path);
  const compose = async (...args: readonly string[]): Promise<string> =>
    (await run(command, [...common, ...args], { cwd, env })).stdout;
  const container = async (service: string): Promise<string> => {
    const labels = { 'com.docker.compose.project': project, 'com.docker.compose.service': service };
    const filters = Object.entries(labels).flatMap(([name, value]) => ['--filter', `label=${name}=${value}`]);
    const id = (await run('docker', ['ps', '--all', '--quiet', ...filters], { env })).stdout.trim();
    if (id === '') throw new Error(`there is no container of ${service}`);
    return id;
  };
  const docker = async (service: string, ...args: readonly string[]): Promise<string> =>
    (await run('docker', [...args, await container(service)], { env })).stdout;
  const down = async (): Promise<void> => {
    await compose('down', '--volumes', '--remove-orphans', '--timeout', '10');
  };
  try {
    await compose('up', '--detach', '--no-build');
  } catch (error) {
    await down();
    throw error;
  }
  return {
    project,
    endpoints: Object.fromEntries(ports.map((name, index) => [name, `http://127.0.0.1:${numbers[index]}`])),
    compose,
    docker,
    inspect: async (service) => (JSON.parse(await docker(service, 'inspect')) as [Inspected])[0],
    down,
  };
}

/** What the engine still has of a stack: containers, networks and volumes. */
export async function leftovers(engine: Engine, project: string): Promise<string> {
  const filter = ['--quiet', '--filter', `label=com.docker.compose.project=${project}`];
  const lists = await Promise.all(
    [
      ['ps', '--all'],
      ['network', 'ls'],
      ['volume', 'ls'],
    ].map((list) => run('docker', [...list, ...filter], { env: engine.env })),
  );
  return lists.map(({ stdout }) => stdout).join('');
}
