/**
 * Makes the data, starts a gateway per backend, fills the bucket that listings read, and takes all of it away again.
 *
 * PARTWAY_CLIENTS_BACKEND   comma-separated: local, azure, gcs. Default: all three
 * PARTWAY_CLIENTS_STORE     embedded (default) or redis
 * PARTWAY_CLIENTS_WORKERS   worker processes of each gateway. Default: the gateway's own
 * PARTWAY_CLIENTS_ENDPOINT  an S3 endpoint that runs already, with PARTWAY_CLIENTS_ACCESS_KEY_ID and
 *                           PARTWAY_CLIENTS_SECRET_ACCESS_KEY; nothing is started then
 */
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectsCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import type { TestProject } from 'vitest/node';
import { makeData } from './kit/data.ts';
import { type GatewayService, type ServiceName, startService } from './kit/services.ts';
import { listingKeys } from './kit/suite.ts';
import {
  type Backend,
  externalTarget,
  type RunningTarget,
  sdkClient,
  startPartway,
  type Target,
} from './kit/target.ts';

const backends: readonly Backend[] = ['local', 'azure', 'gcs'];
const listing = { bucket: `listing-${randomBytes(4).toString('hex')}`, count: 2500 };

function wantedBackends(): Backend[] {
  const names = (process.env['PARTWAY_CLIENTS_BACKEND'] ?? backends.join(','))
    .split(',')
    .map((name) => name.trim());
  return names.map((name) => {
    const backend = backends.find((known) => known === name);
    if (backend === undefined)
      throw new Error(`PARTWAY_CLIENTS_BACKEND: ${name} is none of ${backends.join(', ')}`);
    return backend;
  });
}

function wantedStore(): 'embedded' | 'redis' {
  const store = process.env['PARTWAY_CLIENTS_STORE'] ?? 'embedded';
  if (store !== 'embedded' && store !== 'redis')
    throw new Error(`PARTWAY_CLIENTS_STORE: ${store} is neither embedded nor redis`);
  return store;
}

/** Services of the test set-up under their own names; one that is missing is said loudly, and fails under CI=true. */
async function serve(name: ServiceName, services: Map<string, GatewayService>): Promise<boolean> {
  const service = await startService(name);
  if ('unavailable' in service) {
    const line = `no client tests on ${name}: ${service.unavailable}`;
    process.stderr.write(`\n!!! ${line}\n\n`);
    if (process.env['CI'] === 'true') throw new Error(line);
    return false;
  }
  services.set(name, service);
  return true;
}

async function fillListing(target: Target): Promise<void> {
  const client = sdkClient(target);
  try {
    await client.send(new CreateBucketCommand({ Bucket: listing.bucket }));
    const keys = listingKeys(listing.count);
    const writer = async (): Promise<void> => {
      for (let Key = keys.pop(); Key !== undefined; Key = keys.pop())
        await client.send(new PutObjectCommand({ Bucket: listing.bucket, Key, Body: Key }));
    };
    await Promise.all(Array.from({ length: 16 }, writer));
  } finally {
    client.destroy();
  }
}

/** Only an endpoint that was there before needs this: what a gateway of ours held goes with its directory. */
async function removeListing(target: Target): Promise<void> {
  const client = sdkClient(target);
  try {
    for (const keys = listingKeys(listing.count); keys.length > 0; ) {
      const Objects = keys.splice(0, 1000).map((Key) => ({ Key }));
      await client.send(
        new DeleteObjectsCommand({ Bucket: listing.bucket, Delete: { Objects, Quiet: true } }),
      );
    }
    await client.send(new DeleteBucketCommand({ Bucket: listing.bucket }));
  } finally {
    client.destroy();
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const work = await mkdtemp(path.join(tmpdir(), 'partway-clients-'));
  // A run that is cut off by a signal never gets to its teardown.
  const removeAtExit = (): void => rmSync(work, { recursive: true, force: true, maxRetries: 5 });
  process.once('exit', removeAtExit);
  const services = new Map<string, GatewayService>();
  const gateways: RunningTarget[] = [];
  const external = externalTarget();
  const teardown = async (): Promise<void> => {
    if (external !== undefined) await removeListing(external);
    const complaints = (await Promise.all(gateways.map((gateway) => gateway.stop()))).flat();
    await Promise.all([...services.values()].map((service) => service.stop()));
    await rm(work, { recursive: true, force: true });
    process.off('exit', removeAtExit);
    if (complaints.length > 0) throw new Error(complaints.join('\n'));
  };
  try {
    if (external === undefined) await startGateways(work, services, gateways);
    const targets = external === undefined ? gateways.map(plain) : [external];
    const [data] = await Promise.all([makeData(path.join(work, 'data')), ...targets.map(fillListing)]);
    project.provide('data', data);
    project.provide('targets', Object.fromEntries(targets.map((target) => [target.name, target])));
    project.provide('listing', listing);
  } catch (error) {
    await teardown();
    throw error;
  }
  return teardown;
}

async function startGateways(
  work: string,
  services: Map<string, GatewayService>,
  gateways: RunningTarget[],
): Promise<void> {
  const store = wantedStore();
  if (store === 'redis' && !(await serve(store, services))) throw new Error('the redis store was asked for');
  for (const backend of wantedBackends()) {
    if (backend !== 'local' && !(await serve(backend, services))) continue;
    const settings = gatewaySettings(services.get(store), services.get(backend));
    gateways.push(await startPartway(backend, settings, path.join(work, `gateway-${backend}`)));
  }
}

/** Without its method, which cannot cross to the test processes. */
function plain({ name, endpoint, region, accessKeyId, secretAccessKey }: Target): Target {
  return { name, endpoint, region, accessKeyId, secretAccessKey };
}

/** What the gateway is told about the services it uses. */
function gatewaySettings(...services: readonly (GatewayService | undefined)[]): Record<string, string> {
  const workers = process.env['PARTWAY_CLIENTS_WORKERS'];
  return Object.assign(
    workers === undefined ? {} : { PARTWAY_WORKERS: workers },
    ...services.map((service) => service?.settings),
  );
}
