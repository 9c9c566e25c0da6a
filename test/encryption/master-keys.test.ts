/** Where master keys come from, how they are replaced, and what is answered without them. */
import { randomBytes } from 'node:crypto';
import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CreateBucketCommand, UploadPartCommand } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type Deployment,
  type GatewayOptions,
  haveServices,
  newDeployment,
  type RunningGateway,
  removeDeployment,
  startGateway,
} from '../kit/gateway.ts';
import { begin, bytes, expectFailure } from '../upload-path/kit.ts';
import type { Subject } from '../upload-path/suite.ts';
import { expectLogged, getWith, headStatus, putWith, ssec } from './requests.ts';

const aes = { ServerSideEncryption: 'AES256' } as const;
const bucket = 'master-keys';
const newKey = (id: string): string => `${id}:${randomBytes(32).toString('base64')}`;

let deployment: Deployment;
let running: RunningGateway[] = [];
beforeEach(async () => {
  deployment = await newDeployment();
});
afterEach(async () => {
  await Promise.all(running.map((gateway) => gateway.stop()));
  running = [];
  await removeDeployment(deployment);
});

type Started = Subject & { readonly gateway: RunningGateway; end(): Promise<void> };

async function start(env: Record<string, string>, options: GatewayOptions = {}): Promise<Started> {
  const gateway = await startGateway({ ...options, deployment, env });
  running.push(gateway);
  const { client, endpoint } = gateway;
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  return {
    gateway,
    client,
    endpoint,
    bucket: async () => bucket,
    async end() {
      running = running.filter((other) => other !== gateway);
      await gateway.stop();
    },
  };
}

const keys = (...list: readonly string[]) => ({ PARTWAY_ENCRYPTION_KEYS: list.join(',') });

describe('configured master keys', () => {
  it('are replaced in two steps: the old one goes on opening what it encrypted', async () => {
    const [old, fresh] = [newKey('2025'), newKey('2026')];
    const [before, after] = [bytes(100), bytes(200)];
    const first = await start(keys(old));
    await putWith(first, bucket, 'before', before, aes);
    await first.end();

    const both = await start(keys(fresh, old));
    await putWith(both, bucket, 'after', after, aes);
    expect((await getWith(both, bucket, 'before')).data.equals(before)).toBe(true);
    expect((await getWith(both, bucket, 'after')).data.equals(after)).toBe(true);
    await both.end();

    const without = await start(keys(fresh));
    expect((await getWith(without, bucket, 'after')).data.equals(after)).toBe(true);
    await expectFailure(getWith(without, bucket, 'before'), 'InternalError', 500);
    await expectFailure(getWith(without, bucket, 'before', { Range: 'bytes=0-1' }), 'InternalError', 500);
    await expectLogged(
      without.gateway,
      "master-keys/before is encrypted under the master key '2025', which is not configured: add it to encryption.keys",
    );
    // What needs no key is still to be had.
    expect(await headStatus(without, bucket, 'before')).toBe(200);
  });

  it('of the same ID but other bytes open nothing', async () => {
    const first = await start(keys(newKey('same')));
    await putWith(first, bucket, 'key', bytes(100), aes);
    await first.end();
    const other = await start(keys(newKey('same')));
    await expectFailure(getWith(other, bucket, 'key'), 'InternalError', 500);
    await expectLogged(other.gateway, "its key cannot be unwrapped with the master key 'same'");
  });

  it.skipIf(!haveServices({ store: 'redis' }))(
    'serve replicas: an upload may begin at one and go on at another',
    async () => {
      const shared = keys(newKey('shared'));
      const [one, two] = [await start(shared, { store: 'redis' }), await start(shared, { store: 'redis' })];
      const upload = await begin(one, bucket, 'key', aes);
      const body = bytes(100);
      const part = new UploadPartCommand({ ...upload.address, PartNumber: 1, Body: body });
      const { ETag } = await two.client.send(part);
      await upload.complete([{ PartNumber: 1, ETag }]);
      expect((await getWith(two, bucket, 'key')).data.equals(body)).toBe(true);
    },
  );
});

describe('a generated master key', () => {
  const file = () => join(deployment.dir, 'state', 'master-key');

  it('is kept for its owner only, and found again', async () => {
    const body = bytes(100);
    const first = await start({}, { workers: 2 });
    await putWith(first, bucket, 'key', body, aes);
    await first.end();
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    const again = await start({});
    expect((await getWith(again, bucket, 'key')).data.equals(body)).toBe(true);
  });

  it('goes on opening what it encrypted when keys are configured', async () => {
    const body = bytes(100);
    const first = await start({});
    await putWith(first, bucket, 'key', body, aes);
    await first.end();
    const configured = await start(keys(newKey('a')));
    expect((await getWith(configured, bucket, 'key')).data.equals(body)).toBe(true);
    await putWith(configured, bucket, 'new', body, aes);
    await configured.end();
    rmSync(file());
    const without = await start(keys(newKey('b')));
    await expectFailure(getWith(without, bucket, 'key'), 'InternalError', 500);
    await expectLogged(without.gateway, /master key 'generated-[0-9a-f]{12}', which is not configured/);
  });
});

describe.skipIf(!haveServices({ store: 'redis' }))('gateways that share Redis and have no master key', () => {
  it('refuse AES256 and say why, and take keys of customers', async () => {
    const subject = await start({ PARTWAY_ALLOW_SSE_C_OVER_HTTP: 'true' }, { store: 'redis' });
    const refused = await expectFailure(
      putWith(subject, bucket, 'key', bytes(10), aes),
      'NotImplemented',
      501,
    );
    expect(refused.message).toContain('encryption.keys');
    await expectFailure(begin(subject, bucket, 'key', aes), 'NotImplemented', 501);
    expect(await headStatus(subject, bucket, 'key')).toBe(404);
    await expectLogged(subject.gateway, 'AES256 is not offered');
    const key = ssec();
    await putWith(subject, bucket, 'key', bytes(10), key);
    expect((await getWith(subject, bucket, 'key', key)).data).toHaveLength(10);
  });
});

describe('encryption.kms: AES256', () => {
  it('takes aws:kms for AES256, and says so', async () => {
    const subject = await start({ PARTWAY_ENCRYPTION_KMS: 'AES256' });
    for (const ServerSideEncryption of ['aws:kms', 'aws:kms:dsse'] as const) {
      const kms = { ServerSideEncryption, SSEKMSKeyId: 'alias/x' };
      const put = await putWith(subject, bucket, 'key', bytes(10), kms);
      expect([put.ServerSideEncryption, put.SSEKMSKeyId]).toEqual(['AES256', undefined]);
      expect((await getWith(subject, bucket, 'key')).ServerSideEncryption).toBe('AES256');
    }
  });
});

describe('without allowSseCOverHttp', () => {
  it('customer keys are refused on plain HTTP, wherever they stand', async () => {
    const subject = await start({});
    await putWith(subject, bucket, 'plain', bytes(10), {});
    const upload = await begin(subject, bucket, 'upload');
    const part = { ...upload.address, PartNumber: 1, Body: 'x', ...ssec() };
    for (const call of [
      () => putWith(subject, bucket, 'key', bytes(10), ssec()),
      () => getWith(subject, bucket, 'plain', ssec()),
      () => begin(subject, bucket, 'key', ssec()),
      () => subject.client.send(new UploadPartCommand(part)),
    ]) {
      const refused = await expectFailure(call(), 'InvalidRequest', 400);
      expect(refused.message).toBe(
        'Requests specifying Server Side Encryption with Customer provided keys must be made over a secure connection.',
      );
    }
    expect(await headStatus(subject, bucket, 'key')).toBe(404);
  });
});
