/** A gateway that several people share, and what each of them gets of it. */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  CreateBucketCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
  type S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll } from 'vitest';
import {
  type BackendName,
  type Deployment,
  newClient,
  newDeployment,
  type RunningGateway,
  removeDeployment,
  startGateway,
} from '../kit/gateway.ts';
import { type RawAnswer, type RawRequest, send } from '../kit/raw-request.ts';

export const accountId = '123456789012';

export const people = ['alice', 'bob', 'carol', 'dora'] as const;
export type Person = (typeof people)[number];

export function keyOf(person: Person): { accessKeyId: string; secretAccessKey: string } {
  return { accessKeyId: `KEYOF${person.toUpperCase()}`, secretAccessKey: `secret-of-${person}-0123456789` };
}

export function arnOf(person: Person): string {
  return `arn:aws:iam::${accountId}:user/${person}`;
}

/** Alice works in the shared buckets, Bob below `bob/`, Carol has nothing, Dora is an administrator. */
export const identitiesYaml = `identities:
  - name: alice
    keys: [{ accessKeyId: KEYOFALICE, secretAccessKey: ${keyOf('alice').secretAccessKey} }]
    grants: [{ buckets: [shared-*], actions: [list, read, write] }]
  - name: bob
    keys: [{ accessKeyId: KEYOFBOB, secretAccessKey: ${keyOf('bob').secretAccessKey} }]
    grants: [{ buckets: [shared-*], prefix: bob/, actions: [list, read, write, delete] }]
  - name: carol
    keys:
      - { accessKeyId: KEYOFCAROL, secretAccessKey: ${keyOf('carol').secretAccessKey} }
      - { accessKeyId: CAROLSTEMP, secretAccessKey: temporary-secret-01, sessionToken: the+token/of=carol, expiresAt: '2999-01-01T00:00:00Z' }
      - { accessKeyId: CAROLSPAST, secretAccessKey: temporary-secret-02, sessionToken: past, expiresAt: '2020-01-01T00:00:00Z' }
  - name: dora
    administrator: true
    keys: [{ accessKeyId: KEYOFDORA, secretAccessKey: ${keyOf('dora').secretAccessKey} }]
anonymous:
  - { buckets: [open-*], actions: [read] }
`;

export interface SharedGateway {
  readonly gateway: () => RunningGateway;
  readonly deployment: () => Deployment;
  /** The account itself. */
  readonly root: S3Client;
  as(person: Person): S3Client;
  raw(call: RawRequest): Promise<RawAnswer>;
  /** Of the account; `shared-…` unless said otherwise. */
  bucket(kind?: string): Promise<string>;
  put(bucket: string, key: string, body?: string): Promise<void>;
  policy(bucket: string, ...statements: readonly object[]): Promise<void>;
}

/** A gateway while the tests around it run. */
export function sharedGateway(
  backend: BackendName = 'local',
  options: { readonly workers?: number; readonly env?: Readonly<Record<string, string>> } = {},
): SharedGateway {
  let running:
    | { gateway: RunningGateway; deployment: Deployment; clients: Map<Person, S3Client> }
    | undefined;
  const now = () => {
    if (running === undefined) throw new Error('the gateway runs only while tests do');
    return running;
  };
  beforeAll(async () => {
    const deployment = await newDeployment();
    const file = join(deployment.dir, 'identities.yaml');
    await writeFile(file, identitiesYaml);
    const gateway = await startGateway({
      backend,
      deployment,
      ...(options.workers !== undefined && { workers: options.workers }),
      env: { PARTWAY_IDENTITIES_FILE: file, PARTWAY_ACCOUNT_ID: accountId, ...options.env },
    });
    const clients = new Map(
      people.map((person) => [person, newClient(gateway.endpoint, { credentials: keyOf(person) })]),
    );
    running = { gateway, deployment, clients };
  });
  afterAll(async () => {
    if (running === undefined) return;
    for (const client of running.clients.values()) client.destroy();
    await running.gateway.stop();
    await removeDeployment(running.deployment);
  });

  return {
    gateway: () => now().gateway,
    deployment: () => now().deployment,
    get root() {
      return now().gateway.client;
    },
    as(person) {
      const client = now().clients.get(person);
      if (client === undefined) throw new Error(`nobody is called ${person}`);
      return client;
    },
    raw: (call) => send(now().gateway.endpoint, call),
    async bucket(kind = 'shared') {
      const bucket = `${kind}-${randomBytes(5).toString('hex')}`;
      await now().gateway.client.send(new CreateBucketCommand({ Bucket: bucket }));
      return bucket;
    },
    async put(bucket, key, body = 'content') {
      await now().gateway.client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body }));
    },
    async policy(bucket, ...statements) {
      const Policy = JSON.stringify({ Version: '2012-10-17', Statement: statements });
      await now().gateway.client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy }));
    },
  };
}

/** `ok`, or what the gateway said: `403 AccessDenied`. */
export async function outcome(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'ok';
  } catch (error) {
    if (!(error instanceof S3ServiceException)) throw error;
    return `${error.$metadata.httpStatusCode} ${error.name}`;
  }
}

/** What the gateway said to a refused call. */
export async function refusal(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    if (error instanceof S3ServiceException) return error.message;
    throw error;
  }
  throw new Error('it was allowed');
}

export const denied = '403 AccessDenied';
