/** Keys must be nowhere once they were used: not in the data, the state, Redis or the log. Nor must what they protect. */
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CopyObjectCommand, CreateBucketCommand, UploadPartCommand } from '@aws-sdk/client-s3';
import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import {
  type GatewayOptions,
  haveServices,
  newDeployment,
  removeDeployment,
  startGateway,
} from '../kit/gateway.ts';
import { begin, bytes } from '../upload-path/kit.ts';
import type { Subject } from '../upload-path/suite.ts';
import { asSource, getWith, headStatus, keyMd5, putWith, ssec } from './requests.ts';

const key = randomBytes(32);
const customer = ssec(key);
const masterKey = randomBytes(32);
const plaintext = Buffer.from(`what nobody may find: ${randomBytes(24).toString('hex')}`);
/** Stored as it is, to show that the search finds what is there. */
const control = Buffer.from(`what anybody may find: ${randomBytes(24).toString('hex')}`);
/** Long enough for a segment's edge to come between. */
const body = Buffer.concat([plaintext, bytes(300 * 1024), plaintext]);

/** What must not be found, by the name of its form. */
function canaries(): ReadonlyMap<string, Buffer> {
  const forms = new Map<string, Buffer>([
    ['plaintext', plaintext],
    ["MD5 of the customer's key", Buffer.from(keyMd5(customer))],
  ]);
  for (const [name, secret] of [
    ["the customer's key", key],
    ['the master key', masterKey],
  ] as const) {
    forms.set(`${name}, raw`, secret);
    for (const encoding of ['hex', 'base64', 'base64url', 'latin1'] as const) {
      forms.set(`${name}, ${encoding}`, Buffer.from(secret.toString(encoding)));
    }
    forms.set(`${name}, as JSON bytes`, Buffer.from([...secret].join(',')));
    // Part of it is too much already.
    forms.set(`${name}, half`, secret.subarray(0, 16));
  }
  return forms;
}

function expectClean(where: string, data: Buffer): void {
  const found = [...canaries()].filter(([, canary]) => data.includes(canary)).map(([name]) => name);
  expect({ where, found }).toEqual({ where, found: [] });
}

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

async function redisContent(prefix: string): Promise<Buffer> {
  const redis = new Redis(process.env['TEST_REDIS_URL'] ?? '');
  try {
    const pieces: string[] = [];
    for (const name of await redis.keys(`${prefix}*`)) {
      pieces.push(name);
      const type = await redis.type(name);
      if (type === 'string') pieces.push((await redis.get(name)) ?? '');
      else if (type === 'hash') pieces.push(...Object.entries(await redis.hgetall(name)).flat());
      else if (type === 'zset') pieces.push(...(await redis.zrange(name, '0', '-1')));
      else if (type === 'set') pieces.push(...(await redis.smembers(name)));
      else if (type === 'list') pieces.push(...(await redis.lrange(name, 0, -1)));
      else throw new Error(`what is a ${type}?`);
    }
    expect(pieces.join()).toContain('upload-true-false');
    return Buffer.from(pieces.join('\n'), 'utf8');
  } finally {
    redis.disconnect();
  }
}

/** Every way that keys take, the failing ones too. */
async function useKeys(subject: Subject): Promise<void> {
  const bucket = await subject.bucket();
  await putWith(subject, bucket, 'plain', control, {});
  await putWith(subject, bucket, 'customer', body, customer);
  await putWith(subject, bucket, 'managed', body, { ServerSideEncryption: 'AES256' });
  expect((await getWith(subject, bucket, 'customer', customer)).data.equals(body)).toBe(true);
  expect((await getWith(subject, bucket, 'managed', { Range: 'bytes=3-9' })).data).toHaveLength(7);
  await headStatus(subject, bucket, 'customer', customer);
  const failing = [
    getWith(subject, bucket, 'managed', customer),
    getWith(subject, bucket, 'missing', customer),
    putWith(subject, bucket, 'x', body, { ...customer, ServerSideEncryption: 'AES256' }),
    putWith(subject, bucket, 'x', body, { ...customer, ContentMD5: 'AAAAAAAAAAAAAAAAAAAAAA==' }),
  ];
  const outcomes = await Promise.allSettled(failing);
  expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true);
  await subject.client.send(
    new CopyObjectCommand({
      Bucket: bucket,
      Key: 'copy',
      CopySource: `${bucket}/customer`,
      ...asSource(customer),
      ...customer,
    }),
  );
  for (const encryption of [customer, { ServerSideEncryption: 'AES256' } as const]) {
    const isCustomer = 'SSECustomerKey' in encryption;
    for (const finish of [true, false]) {
      const upload = await begin(subject, bucket, `upload-${isCustomer}-${finish}`, encryption);
      const part = { ...upload.address, PartNumber: 1, Body: body, ...(isCustomer && encryption) };
      const { ETag } = await subject.client.send(new UploadPartCommand(part));
      if (finish) await upload.complete([{ PartNumber: 1, ETag }], isCustomer ? encryption : {});
    }
  }
}

const stores = (
  [
    ['the embedded store', {}],
    ['Redis', { store: 'redis' }],
  ] satisfies [string, GatewayOptions][]
).filter(([, options]) => haveServices(options));

describe.each(stores)('a run with %s', (_, options) => {
  it('leaves no key and no plaintext behind', async () => {
    const deployment = await newDeployment();
    try {
      const gateway = await startGateway({
        ...options,
        deployment,
        env: {
          PARTWAY_ALLOW_SSE_C_OVER_HTTP: 'true',
          PARTWAY_ENCRYPTION_KEYS: `canary:${masterKey.toString('base64')}`,
          PARTWAY_LOG_LEVEL: 'debug',
        },
      });
      const bucket = `bucket-${randomBytes(6).toString('hex')}`;
      const { client, endpoint } = gateway;
      await client.send(new CreateBucketCommand({ Bucket: bucket }));
      try {
        await useKeys({ client, endpoint, bucket: async () => bucket });
      } finally {
        await gateway.stop();
      }

      expectClean('the log', Buffer.from(gateway.output()));
      expect(gateway.output()).toContain('"operation":"PutObject"');
      const files = filesBelow(deployment.dir);
      expect(files.filter((file) => readFileSync(file).includes(control))).toHaveLength(1);
      for (const file of files) {
        expectClean(file, readFileSync(file));
        expectClean(`the name of ${file}`, Buffer.from(file));
      }
      if ('store' in options) {
        expectClean('Redis', await redisContent(`partway-test-${deployment.name}:`));
      }
    } finally {
      await removeDeployment(deployment);
    }
  });
});
