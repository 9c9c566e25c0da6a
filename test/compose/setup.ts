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

export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const found = await findEngine();
  if (typeof found === 'string') {
    if (process.env['PARTWAY_REQUIRE_DOCKER'] === 'true') throw new Error(found);
    process.stderr.write(`\n!!! THE TESTS OF THE CONTAINERS DO NOT RUN: ${found}\n\n`);
    project.provide('engine', undefined);
    return undefined;
  }
  const nodeImage = process.env['NODE_IMAGE'] ?? 'node:24-bookworm-slim';
  await run(
    'docker',
    ['build', '--tag', gatewayImage, '--build-arg', `NODE_IMAGE=${nodeImage}`, join(here, '../..')],
    { env: found.env, timeout: 15 * minutes },
  );
  const balancerImage = await balancer(found, nodeImage);
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
