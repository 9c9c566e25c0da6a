/**
 * Looks for a Docker engine and a Compose to drive it (`docker compose` or `docker-compose`), and builds the images once.
 *
 * PARTWAY_REQUIRE_DOCKER=true   fail when there is none; otherwise that is said loudly, and nothing runs
 * NODE_IMAGE, REDIS_IMAGE, AZURITE_IMAGE, FAKE_GCS_IMAGE, CADDY_IMAGE   other images than the compose files name
 */
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { run } from '../clients/kit/run.ts';
import { type Engine, findEngine, succeeds } from './engine.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    readonly engine: Engine | undefined;
  }
}

const here = import.meta.dirname;
const gatewayImage = 'partway-test';
const minutes = 60_000;

/** What the compose files and the Dockerfile name. */
const images = {
  NODE_IMAGE: 'node:24-bookworm-slim',
  REDIS_IMAGE: 'redis:8-bookworm',
  AZURITE_IMAGE: 'mcr.microsoft.com/azure-storage/azurite:3.37.0',
  FAKE_GCS_IMAGE: 'fsouza/fake-gcs-server:1.56.1',
} as const;

function nodeImage(): string {
  return process.env['NODE_IMAGE'] ?? images.NODE_IMAGE;
}

async function soon(attempt: () => Promise<boolean>): Promise<boolean> {
  for (let tries = 0; tries < 3; tries++) if (await attempt()) return true;
  return false;
}

/** An engine that has the images, or can get them, and whose containers can get packages. @returns why not, when there is none */
async function findEquippedEngine(): Promise<Engine | string> {
  const found = await findEngine();
  if (typeof found === 'string') return found;
  for (const [setting, usual] of Object.entries(images)) {
    const image = process.env[setting] ?? usual;
    if (await succeeds('docker', ['image', 'inspect', image], found.env)) continue;
    if (!(await soon(() => succeeds('docker', ['pull', image], found.env))))
      return `the Docker engine has no image ${image} and cannot pull it (another one: ${setting})`;
  }
  const view = ['run', '--rm', nodeImage(), 'npm', 'view', 'hono', 'version'];
  if (!(await soon(() => succeeds('docker', view, found.env))))
    return 'containers on this Docker engine reach no npm registry, which building the image needs';
  return found;
}

export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const found = await findEquippedEngine();
  if (typeof found === 'string') {
    if (process.env['PARTWAY_REQUIRE_DOCKER'] === 'true') throw new Error(found);
    process.stderr.write(`\n!!! THE TESTS OF THE CONTAINERS DO NOT RUN: ${found}\n\n`);
    project.provide('engine', undefined);
    return undefined;
  }
  const base = nodeImage();
  await run(
    'docker',
    ['build', '--tag', gatewayImage, '--build-arg', `NODE_IMAGE=${base}`, join(here, '../..')],
    { env: found.env, timeout: 15 * minutes },
  );
  const balancerImage = await balancer(found, base);
  const env = { ...found.env, GATEWAY_IMAGE: gatewayImage, CADDY_IMAGE: balancerImage };
  project.provide('engine', { ...found, env });
  return async () => {
    await run('docker', ['image', 'rm', gatewayImage], { env });
  };
}

/** The image that the example names, or where it cannot be pulled, one with Debian's Caddy in it. */
async function balancer({ env }: Engine, nodeImage: string): Promise<string> {
  const image = process.env['CADDY_IMAGE'] ?? 'caddy:2';
  if (await succeeds('docker', ['image', 'inspect', image], env)) return image;
  if (await succeeds('docker', ['pull', image], env)) return image;
  const own = 'partway-test-caddy';
  await run('docker', ['build', '--tag', own, '--build-arg', `BASE=${nodeImage}`, join(here, 'caddy')], {
    env,
    timeout: 15 * minutes,
  });
  return own;
}
