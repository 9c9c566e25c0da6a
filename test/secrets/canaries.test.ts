/**
 * Secrets must be nowhere once they were used: not in logs, answers, command lines, Redis, state or data, whether requests are good or bad and
 * services are up, down or refuse. Keys of encryption have a test of their own (test/encryption/canary.test.ts).
 */
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runCommand } from '../integrity/kit.ts';
import {
  credentials,
  haveServices,
  newDeployment,
  type RunningGateway,
  removeDeployment,
  startGateway,
} from '../kit/gateway.ts';
import { send } from '../kit/raw-request.ts';
import { type AzuriteServer, startAzuriteServer } from '../setup/azurite.ts';
import { type RedisServer, startRedisServer } from '../setup/redis.ts';
import { begin, bytes } from '../upload-path/kit.ts';

const word = (): string => randomBytes(15).toString('base64url');

/** Fresh for each run, so that nothing can hold one by chance. */
const secrets = {
  'the secret key': credentials.secretAccessKey,
  'the Redis password': word(),
  'the Azure account key': randomBytes(64).toString('base64'),
  'the master key': randomBytes(32).toString('base64'),
  "the customer's key": randomBytes(32).toString('base64'),
  'the session token': word(),
  'the wrong secret key': word(),
  "an identity's secret key": word() + word(),
  "an identity's session token": word() + word(),
  "an identity's next secret key": word() + word(),
} as const;

/** The forms in which a secret may turn up. */
function formsOf(secret: string): readonly Buffer[] {
  const forms = [
    secret,
    encodeURIComponent(secret),
    JSON.stringify(secret).slice(1, -1),
    Buffer.from(secret).toString('base64').replace(/=+$/, ''),
    Buffer.from(secret).toString('hex'),
  ];
  const raw = /^[A-Za-z0-9+/]{43,}={0,2}$/.test(secret) ? [Buffer.from(secret, 'base64')] : [];
  return [
    ...forms.map((form) => Buffer.from(form)),
    ...raw,
    ...raw.map((bytes) => Buffer.from(bytes.toString('hex'))),
  ];
}

const canaries = Object.entries(secrets).map(([name, secret]) => ({ name, forms: formsOf(secret) }));

function expectClean(
  where: string,
  data: Buffer | string,
  more: Readonly<Record<string, string>> = {},
): void {
  const bytes = Buffer.from(data);
  const all = [...canaries, ...Object.entries(more).map(([name, text]) => ({ name, forms: formsOf(text) }))];
  const found = all.filter(({ forms }) => forms.some((form) => bytes.includes(form))).map(({ name }) => name);
  expect({ where, found }).toEqual({ where, found: [] });
}

/** Command lines of a process and all below it; `/proc` shows what `ps` shows, titles too. */
function commandLines(pid: number): readonly string[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  const below = children === '' ? [] : children.split(' ').map(Number);
  const own = [readFileSync(`/proc/${pid}/cmdline`, 'latin1'), readFileSync(`/proc/${pid}/comm`, 'latin1')];
  return [...own, ...below.flatMap(commandLines)];
}

function filesBelow(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

async function everythingIn(redisUrl: string): Promise<string> {
  const redis = new Redis(redisUrl);
  try {
    const pieces: string[] = [];
    for (const name of await redis.keys('*')) {
      const dump = await redis.dumpBuffer(name);
      pieces.push(name, dump?.toString('latin1') ?? '');
    }
    return pieces.join('\n');
  } finally {
    redis.disconnect();
  }
}

/** Requests that are right, wrong, and meant to have a secret told back. */
async function drive(gateway: RunningGateway, bucket: string): Promise<Readonly<Record<string, string>>> {
  const { client, endpoint } = gateway;
  const path = `/${bucket}/key`;
  const answers: string[] = [];
  const raw = async (call: Parameters<typeof send>[1]): Promise<number> => {
    const { body, headers, status } = await send(endpoint, call);
    answers.push(`${JSON.stringify(headers)}\n${body.toString('latin1')}`);
    return status;
  };
  const key = Buffer.from(secrets["the customer's key"], 'base64');
  const customer = {
    'x-amz-server-side-encryption-customer-algorithm': 'AES256',
    'x-amz-server-side-encryption-customer-key': secrets["the customer's key"],
    'x-amz-server-side-encryption-customer-key-md5': createHash('md5').update(key).digest('base64'),
  };
  expect(await raw({ method: 'PUT', path: `/${bucket}` })).toBe(200);
  expect(await raw({ method: 'PUT', path, body: 'text', headers: customer })).toBe(200);
  expect(await raw({ method: 'GET', path, headers: customer })).toBe(200);
  expect(await raw({ method: 'GET', path })).toBe(400);
  expect(
    await raw({
      method: 'PUT',
      path,
      body: 'text',
      headers: { ...customer, 'x-amz-server-side-encryption-customer-key-md5': 'AAAA' },
    }),
  ).toBe(400);
  expect(
    await raw({ method: 'PUT', path, body: 'text', headers: { 'x-amz-server-side-encryption': 'AES256' } }),
  ).toBe(200);
  expect(await raw({ method: 'PUT', path: `/${bucket}/plain`, body: 'text' })).toBe(200);
  // A session token that nobody issued, in the header and in a presigned URL.
  expect(
    await raw({ method: 'GET', path, headers: { 'x-amz-security-token': secrets['the session token'] } }),
  ).toBeGreaterThanOrEqual(400);
  const stranger = new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: {
      accessKeyId: credentials.accessKeyId,
      secretAccessKey: secrets['the wrong secret key'],
      sessionToken: secrets['the session token'],
    },
  });
  for (const who of [client, stranger]) {
    const url = await getSignedUrl(who, new GetObjectCommand({ Bucket: bucket, Key: 'key' }));
    const answer = await fetch(url);
    answers.push(`${JSON.stringify([...answer.headers])}\n${await answer.text()}`);
    expect(answer.status).toBeGreaterThanOrEqual(200);
  }
  await expect(
    stranger.send(new PutObjectCommand({ Bucket: bucket, Key: 'k', Body: 'x' })),
  ).rejects.toThrow();
  // Where somebody put a secret by mistake: a key pair as user name and password, a key in a path that is refused.
  const basic = Buffer.from(`${credentials.accessKeyId}:${credentials.secretAccessKey}`).toString('base64');
  expect(
    await raw({ method: 'GET', path, anonymous: true, headers: { authorization: `Basic ${basic}` } }),
  ).toBeGreaterThanOrEqual(400);
  const upload = await begin({ client, endpoint, bucket: async () => bucket }, bucket, 'parts');
  await upload.part(1, bytes(1000));
  const signed = new URL(
    await getSignedUrl(client, new GetObjectCommand({ Bucket: bucket, Key: 'replayed' })),
  );
  await fetch(signed).then((answer) => answer.arrayBuffer());
  // An access key ID is no secret, and a stranger's secret must not come back.
  for (const answer of answers) expectClean('an answer', answer);
  return { 'the signature of a URL that is still good': signed.searchParams.get('X-Amz-Signature') ?? '' };
}

const identitiesWith = (secret: string): string =>
  [
    'identities:',
    '  - name: canary',
    '    keys:',
    '      - accessKeyId: CANARYIDENTITY',
    `        secretAccessKey: '${secret}'`,
    `        sessionToken: '${secrets["an identity's session token"]}'`,
    `        expiresAt: ${new Date(Date.now() + 3_600_000).toISOString()}`,
    '    grants:',
    '      - { buckets: ["canary-*"], actions: [list, read] }',
    '',
  ].join('\n');

/** Status of a request of the identity. */
async function readAs(
  { endpoint }: RunningGateway,
  bucket: string,
  secretAccessKey: string,
): Promise<number> {
  const client = new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: {
      accessKeyId: 'CANARYIDENTITY',
      secretAccessKey,
      sessionToken: secrets["an identity's session token"],
    },
  });
  const url = await getSignedUrl(client, new GetObjectCommand({ Bucket: bucket, Key: 'plain' }));
  client.destroy();
  const answer = await fetch(url);
  // As on AWS, a wrong signature is answered with what should have been signed: the requester's own URL.
  expectClean(
    'an answer to the identity',
    (await answer.text()).replaceAll(/<(CanonicalRequest\w*)>[^<]*</g, '<$1><'),
  );
  return answer.status;
}

describe.skipIf(!haveServices({ backend: 'azure', store: 'redis' }))(
  'with Azure and Redis',
  { timeout: 600_000 },
  () => {
    let dir: string;
    let azurite: AzuriteServer;
    let redis: RedisServer;

    beforeEach(async () => {
      dir = await mkdtemp(join(tmpdir(), 'partway-secrets-'));
      for (const name of ['azurite', 'redis']) mkdirSync(join(dir, name));
      vi.stubEnv('AZURITE_ACCOUNTS', `canary:${secrets['the Azure account key']}`);
      [azurite, redis] = await Promise.all([
        startAzuriteServer({ dir: join(dir, 'azurite') }),
        startRedisServer({
          dir: join(dir, 'redis'),
          args: ['--requirepass', secrets['the Redis password'], '--appendonly', 'yes'],
        }),
      ]);
    });

    afterEach(async () => {
      vi.unstubAllEnvs();
      await Promise.all([azurite?.stop(), redis?.stop()]);
      await rm(dir, { recursive: true, force: true });
    });

    const settings = () => {
      const url = `redis://:${secrets['the Redis password']}@127.0.0.1:${redis.port}`;
      return {
        PARTWAY_BACKEND: 'azure',
        PARTWAY_AZURE_ACCOUNT: 'canary',
        PARTWAY_AZURE_ACCOUNT_KEY: secrets['the Azure account key'],
        PARTWAY_AZURE_ENDPOINT: `${azurite.origin}/canary`,
        PARTWAY_REDIS_URL: url,
        PARTWAY_ALLOW_SSE_C_OVER_HTTP: 'true',
        PARTWAY_ENCRYPTION_KEYS: `canary:${secrets['the master key']}`,
        PARTWAY_LOG_LEVEL: 'debug',
        PARTWAY_WORKERS: '2',
      };
    };

    it('keeps every secret to itself, in good days and bad', async () => {
      const deployment = await newDeployment();
      let started: RunningGateway | undefined;
      try {
        const identities = join(dir, 'identities.yaml');
        const identify = (secret: string): void =>
          writeFileSync(identities, identitiesWith(secret), { mode: 0o600 });
        identify(secrets["an identity's secret key"]);
        const env = { ...settings(), PARTWAY_IDENTITIES_FILE: identities };
        const gateway = await startGateway({ backend: 'configured', deployment, env });
        started = gateway;
        const bucket = `canary-${randomBytes(4).toString('hex')}`;
        const signatures = await drive(gateway, bucket);
        await readAs(gateway, bucket, secrets["an identity's secret key"]);
        identify(secrets["an identity's next secret key"]);
        process.kill(gateway.pid, 'SIGHUP');
        await expect
          .poll(() => readAs(gateway, bucket, secrets["an identity's next secret key"]), { timeout: 60_000 })
          .toBe(200);
        // The other worker process may be a moment later.
        await expect
          .poll(() => readAs(gateway, bucket, secrets["an identity's secret key"]), { timeout: 60_000 })
          .toBe(403);
        for (const line of commandLines(gateway.pid)) expectClean('a command line', line, signatures);
        expect(commandLines(gateway.pid).length).toBeGreaterThanOrEqual(6);

        const content = await everythingIn(env.PARTWAY_REDIS_URL);
        expect(content).toContain('partway');
        expectClean('Redis', Buffer.from(content, 'latin1'));
        for (const command of [['check-config'], ['verify'], ['doctor']]) {
          const { err, out } = await runCommand(command, { backend: 'configured', deployment, env });
          expectClean(`partway ${command}`, out + err);
        }

        // Services that are away, and that refuse what they are given.
        await Promise.all([redis.kill(), azurite.kill()]);
        for (const method of ['PUT', 'GET']) await send(gateway.endpoint, { method, path: `/${bucket}/key` });
        for (const command of [['check-config'], ['verify', bucket], ['doctor']]) {
          const { err, out, status } = await runCommand(command, { backend: 'configured', deployment, env });
          expect(status).not.toBe(0);
          expectClean(`partway ${command} without services`, out + err);
        }
        await gateway.stop();
        expect(gateway.output()).toContain('"operation":"PutObject"');
        expectClean('the log', gateway.output(), signatures);
        for (const file of filesBelow(deployment.dir)) expectClean(file, readFileSync(file), signatures);
      } finally {
        await started?.kill();
        await removeDeployment(deployment);
      }
    });

    it('says that it is refused without saying what it had offered', async () => {
      const deployment = await newDeployment();
      try {
        const wrong = { ...settings(), PARTWAY_WORKERS: '1' };
        const cases: Readonly<Record<string, string>>[] = [
          {
            ...wrong,
            PARTWAY_REDIS_URL: `redis://:${secrets['the wrong secret key']}@127.0.0.1:${redis.port}`,
          },
          {
            ...wrong,
            PARTWAY_AZURE_ACCOUNT_KEY: Buffer.from(secrets['the wrong secret key']).toString('base64'),
          },
          { ...wrong, PARTWAY_AZURE_ACCOUNT_KEY: `${secrets['the wrong secret key']}=not base64` },
          { ...wrong, PARTWAY_ENCRYPTION_KEYS: `canary:${secrets['the master key'].slice(0, -4)}` },
          { ...wrong, PARTWAY_ENCRYPTION_KEYS: secrets['the master key'] },
          { ...wrong, PARTWAY_REDIS_URL: `redis://:${secrets['the Redis password']}@127.0.0.1:notaport` },
          { ...wrong, PARTWAY_REDIS_URL: `rediss//:${secrets['the Redis password']}@127.0.0.1` },
          { ...wrong, PARTWAY_SECRET_ACCESS_KEY: 'short' },
          {
            ...wrong,
            PARTWAY_AZURE_ENDPOINT: '',
            PARTWAY_AZURE_ACCOUNT: '',
            PARTWAY_AZURE_ACCOUNT_KEY: '',
            PARTWAY_AZURE_CONNECTION_STRING: `AccountName=canary;AccountKey=${secrets['the Azure account key']};BlobEndpoint=nowhere`,
          },
        ];
        for (const [index, env] of cases.entries()) {
          const { err, out, status } = await runCommand(['check-config'], {
            backend: 'configured',
            deployment,
            env,
          });
          expect(status, `case ${index}: ${out}`).not.toBe(0);
          expectClean(`check-config of case ${index}`, out + err);
          // What is half of a secret is too much already.
          expect(out + err, `case ${index}`).not.toContain(secrets['the master key'].slice(0, 20));
        }
      } finally {
        await removeDeployment(deployment);
      }
    });
  },
);

describe('with a service account of Google Cloud', () => {
  it('does not tell the private key when it is of no use', { timeout: 300_000 }, async () => {
    const deployment = await newDeployment();
    try {
      const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
      const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
      const keyFile = join(deployment.dir, 'key.json');
      writeFileSync(
        keyFile,
        JSON.stringify({
          type: 'service_account',
          project_id: 'canary',
          private_key_id: 'canary',
          private_key: pem,
          client_email: 'canary@canary.iam.gserviceaccount.com',
          client_id: '1',
          token_uri: 'http://127.0.0.1:9/token',
        }),
        { mode: 0o600 },
      );
      const env = {
        PARTWAY_BACKEND: 'gcs',
        PARTWAY_GCS_PROJECT_ID: 'canary',
        PARTWAY_GCS_KEY_FILE: keyFile,
        PARTWAY_LOG_LEVEL: 'debug',
      };
      const { err, out, status } = await runCommand(['check-config'], {
        backend: 'configured',
        deployment,
        env,
      });
      expect(status).not.toBe(0);
      const lines = pem.split('\n').slice(1, -2);
      expect(lines.length).toBeGreaterThan(10);
      for (const line of lines) expect(out + err).not.toContain(line);
      expect(existsSync(join(deployment.dir, 'state/credentials'))).toBe(false);
    } finally {
      await removeDeployment(deployment);
    }
  });
});
