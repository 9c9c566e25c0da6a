/** A policy lies in the backend: what one replica takes, the others see when what they remember has grown old. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  CreateBucketCommand,
  DeleteBucketPolicyCommand,
  GetObjectCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  type Deployment,
  haveServices,
  newClient,
  newDeployment,
  type RunningGateway,
  removeDeployment,
  startGateway,
} from '../kit/gateway.ts';
import { accountId, arnOf, denied, identitiesYaml, keyOf, outcome } from './kit.ts';

const haveRedis = haveServices({ store: 'redis' });
let deployment: Deployment;
let replicas: RunningGateway[] = [];
const clients: S3Client[] = [];

beforeAll(async () => {
  if (!haveRedis) return;
  deployment = await newDeployment();
  const file = join(deployment.dir, 'identities.yaml');
  await writeFile(file, identitiesYaml);
  replicas = await Promise.all(
    [0, 1].map((index) =>
      startGateway({
        deployment,
        store: 'redis',
        env: {
          PARTWAY_IDENTITIES_FILE: file,
          PARTWAY_ACCOUNT_ID: accountId,
          PARTWAY_STATE_DIR: join(deployment.dir, `state-${index}`),
        },
      }),
    ),
  );
});
afterAll(async () => {
  for (const client of clients) client.destroy();
  await Promise.all(replicas.map((gateway) => gateway.stop()));
  if (haveRedis) await removeDeployment(deployment);
});

it.skipIf(!haveRedis)(
  'a change of a policy counts at once where it was made, and soon everywhere',
  async () => {
    const [here, there] = replicas;
    if (here === undefined || there === undefined) throw new Error('no replicas');
    const Bucket = 'private-replicated';
    await here.client.send(new CreateBucketCommand({ Bucket }));
    await here.client.send(new PutObjectCommand({ Bucket, Key: 'key', Body: 'content' }));
    const [carolHere, carolThere] = [here, there].map(({ endpoint }) => {
      const client = newClient(endpoint, { credentials: keyOf('carol') });
      clients.push(client);
      return () => outcome(client.send(new GetObjectCommand({ Bucket, Key: 'key' })));
    });
    if (carolHere === undefined || carolThere === undefined) throw new Error('no clients');
    expect([await carolHere(), await carolThere()]).toEqual([denied, denied]);

    const Policy = JSON.stringify({
      Statement: {
        Effect: 'Allow',
        Principal: { AWS: arnOf('carol') },
        Action: 's3:GetObject',
        Resource: `arn:aws:s3:::${Bucket}/*`,
      },
    });
    await here.client.send(new PutBucketPolicyCommand({ Bucket, Policy }));
    expect(await carolHere()).toBe('ok');
    await expect.poll(carolThere, { timeout: 60_000, interval: 50 }).toBe('ok');

    await there.client.send(new DeleteBucketPolicyCommand({ Bucket }));
    expect(await carolThere()).toBe(denied);
    await expect.poll(carolHere, { timeout: 60_000, interval: 50 }).toBe(denied);
  },
);
