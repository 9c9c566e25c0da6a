import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { describe, expect, test } from 'vitest';
import { directory, type GatewayProcess, npmStart, run } from './gateway-process.ts';
import { exchange } from './kit.ts';

const keys = { PARTWAY_ACCESS_KEY_ID: 'AKIDTEST', PARTWAY_SECRET_ACCESS_KEY: 'secret-canary-configured' };
/** Time for starts on a busy machine. */
const patience = { timeout: 60_000 };

function client(endpoint: string): S3Client {
  return new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    maxAttempts: 1,
    logger: { trace() {}, debug() {}, info() {}, warn() {}, error() {} },
    credentials: {
      accessKeyId: keys.PARTWAY_ACCESS_KEY_ID,
      secretAccessKey: keys.PARTWAY_SECRET_ACCESS_KEY,
    },
  });
}

/** A body whose first half is sent at once and whose second half when it is asked for. */
function halfBody(): { readonly body: Readable; finish(): void; readonly text: string } {
  const half = 'x'.repeat(4_000_000);
  let finish: () => void = () => {};
  const gate = new Promise<void>((resolve) => {
    finish = resolve;
  });
  async function* bytes(): AsyncGenerator<Buffer> {
    yield Buffer.from(half);
    await gate;
    yield Buffer.from(half);
  }
  return { body: Readable.from(bytes()), finish: () => finish(), text: half + half };
}

/** What lies in a directory tree: more than nothing once the gateway has begun to store an upload. */
function bytesBelow(directory: string): number {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return files.reduce(
    (sum, entry) =>
      sum + (statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0),
    0,
  );
}

function portOf(endpoint: string): number {
  return Number(new URL(endpoint).port);
}

describe('starting', () => {
  test('without credentials makes a pair, shows it once on standard output, never in the log', async () => {
    using dir = directory();
    let secret = '';
    {
      await using gateway = run(dir.path);
      await gateway.listening();
      await expect.poll(() => gateway.stdout(), patience).toContain('aws --endpoint-url http://127.0.0.1:');
      secret = /export AWS_SECRET_ACCESS_KEY=(\S+)\n/.exec(gateway.stdout())?.[1] ?? '';
      expect(secret).toHaveLength(40);
      expect(readFileSync(join(dir.path, '.partway/credentials.json'), 'utf8')).toContain(secret);
      gateway.child.kill('SIGTERM');
      expect(await gateway.ended).toEqual({ code: 0, signal: null });
      expect(gateway.stderr()).not.toContain(secret);
    }
    {
      await using again = run(dir.path);
      await again.listening();
      again.child.kill('SIGTERM');
      await again.ended;
      expect(again.stdout()).toContain('.partway/credentials.json');
      expect(again.stdout() + again.stderr()).not.toContain(secret);
    }
    await using shown = run(dir.path, ['credentials']);
    expect(await shown.ended).toEqual({ code: 0, signal: null });
    expect(shown.stdout()).toContain(`export AWS_SECRET_ACCESS_KEY=${secret}\n`);
  });

  test.each(['1', '2'])('on a port in use ends with 1 and says so (%s workers)', async (workers) => {
    using dir = directory();
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await using gateway = run(dir.path, [], {
      PARTWAY_LISTEN: `127.0.0.1:${port}`,
      PARTWAY_WORKERS: workers,
      PARTWAY_TIMEOUTS_DRAIN: '1s',
    });
    expect(await gateway.ended).toEqual({ code: 1, signal: null });
    expect(gateway.stderr()).toContain(`port ${port} on 127.0.0.1 is in use`);
    other.close();
  });

  test('with a wrong configuration ends with 2 and tells every problem', async () => {
    using dir = directory();
    writeFileSync(join(dir.path, 'partway.yaml'), 'regoin: x\nworkers: none\n');
    await using gateway = run(dir.path, [], { PARTWAY_LISTEN: '0.0.0.0:1' });
    expect(await gateway.ended).toEqual({ code: 2, signal: null });
    for (const text of ['3 problems', "did you mean 'region'", 'workers', 'PARTWAY_LISTEN'])
      expect(gateway.stderr()).toContain(text);
    expect(gateway.stdout()).toBe('');
  });

  test.each([
    [['--version'], 0, /^\d+\.\d+\.\d+\n$/],
    [['--help'], 0, /check-config[\s\S]*PARTWAY_REDIS_URL/],
    [['help', 'verify'], 0, /Usage: partway verify/],
    [['help', 'verfy'], 2, /did you mean 'verify'/],
    [['serv'], 2, /did you mean 'serve'/],
    [['--prot', '9'], 2, /Unknown option '--prot'/],
    [['serve', 'me'], 2, /one word too many/],
  ])('%j', async (args, code, text) => {
    using dir = directory();
    await using gateway = run(dir.path, args);
    expect(await gateway.ended).toEqual({ code, signal: null });
    expect(gateway.stdout() + gateway.stderr()).toMatch(text);
  });
});

test.each(['1', '2'])(
  'settings that a backend cannot use are told without a stack, %s workers',
  async (workers) => {
    using dir = directory();
    await using gateway = run(dir.path, [], {
      ...keys,
      PARTWAY_WORKERS: workers,
      PARTWAY_BACKEND: 'azure',
      PARTWAY_AZURE_CONNECTION_STRING: 'nonsense',
    });
    expect(await gateway.ended).toEqual({ code: 2, signal: null });
    const told = gateway
      .stderr()
      .split('\n')
      .filter((line) => !line.startsWith('{'))
      .join('\n');
    expect(told.match(/azure: the connection string names no account/g)).toHaveLength(1);
    expect(told).not.toContain('    at ');
  },
);

describe('check-config', () => {
  test('shows what is configured, without secrets, and what the backend answers', async () => {
    using dir = directory();
    await using gateway = run(dir.path, ['check-config'], keys);
    expect(await gateway.ended).toEqual({ code: 0, signal: null });
    expect(gateway.stdout()).toContain('AKIDTEST');
    expect(gateway.stdout()).toContain('Everything answers.');
    expect(gateway.stdout()).not.toContain('canary');
  });

  test('looks whether the state directory can be written to, and makes nothing', async () => {
    using dir = directory();
    writeFileSync(join(dir.path, 'file'), '');
    await using sound = run(dir.path, ['check-config'], { ...keys, PARTWAY_STATE_DIR: './a/b' });
    await using broken = run(dir.path, ['check-config'], { ...keys, PARTWAY_STATE_DIR: './file/state' });
    expect((await sound.ended).code).toBe(0);
    expect(existsSync(join(dir.path, 'a'))).toBe(false);
    expect((await broken.ended).code).toBe(1);
    expect(broken.stdout()).toMatch(/stateDir .*file cannot be written to: a part of the path is a file/);
  });

  test('ends with 1 when a service does not answer', async () => {
    using dir = directory();
    await using gateway = run(dir.path, ['check-config'], {
      ...keys,
      PARTWAY_REDIS_URL: 'redis://:redis-canary@127.0.0.1:1',
    });
    expect(await gateway.ended).toEqual({ code: 1, signal: null });
    expect(gateway.stdout()).toMatch(/redis\.url \(PARTWAY_REDIS_URL\): .*ECONNREFUSED/);
    expect(gateway.stdout() + gateway.stderr()).not.toContain('canary');
  });
});

test('a state directory that cannot be used is told without a stack', async () => {
  using dir = directory();
  writeFileSync(join(dir.path, 'file'), '');
  const key = randomBytes(32).toString('base64');
  const env = { ...keys, PARTWAY_STATE_DIR: './file/state', PARTWAY_ENCRYPTION_KEYS: `a:${key}` };
  for (const command of ['serve', 'doctor']) {
    await using gateway = run(dir.path, [command], env);
    expect((await gateway.ended).code).toBe(2);
    expect(gateway.stderr()).toMatch(
      /stateDir \(PARTWAY_STATE_DIR\): cannot keep .*a part of the path is a file/,
    );
    expect(gateway.stderr()).not.toContain('    at ');
  }
});

test.each(['1', '2'])(
  'a backend that cannot be used is told at the start, with %s workers',
  async (workers) => {
    using dir = directory();
    writeFileSync(join(dir.path, 'file'), '');
    await using gateway = run(dir.path, [], { ...keys, PARTWAY_WORKERS: workers, PARTWAY_FS_ROOT: './file' });
    await gateway.listening();
    const told = (): unknown => gateway.logged('a service does not answer: what needs it will fail');
    await expect
      .poll(told, patience)
      .toMatchObject([{ error: { message: expect.stringContaining('cannot be made one') } }]);
  },
);

describe.each(['1', '2'])('the end, with %s workers', (workers) => {
  test('SIGTERM: an upload under way is finished and kept, new connections are refused, the status is 0', async () => {
    using dir = directory();
    await using gateway = run(dir.path, [], {
      ...keys,
      PARTWAY_WORKERS: workers,
      PARTWAY_TIMEOUTS_DRAIN: '5m',
    });
    const endpoint = await gateway.listening();
    const s3 = client(endpoint);
    await s3.send(new CreateBucketCommand({ Bucket: 'bucket' }));
    const upload = halfBody();
    const put = s3.send(
      new PutObjectCommand({
        Bucket: 'bucket',
        Key: 'k',
        Body: upload.body,
        ContentLength: upload.text.length,
      }),
    );
    put.catch(() => {});
    await expect.poll(() => bytesBelow(join(dir.path, 'data')), patience).toBeGreaterThan(1_000_000);
    gateway.child.kill('SIGTERM');
    await expect.poll(() => gateway.logged('stopping'), patience).toHaveLength(1);
    // One that was under way to a process when that closed its door is let go of with the last process only (node:cluster).
    const ask = (): Promise<string> =>
      fetch(endpoint, { signal: AbortSignal.timeout(2_000) }).then(
        () => 'served',
        ({ name }: Error) => (name === 'TimeoutError' ? 'on its way' : 'refused'),
      );
    await expect.poll(ask, patience).toBe('refused');
    upload.finish();
    await put;
    expect(await gateway.ended).toEqual({ code: 0, signal: null });

    await using next = run(dir.path, [], keys);
    const read = await client(await next.listening()).send(
      new GetObjectCommand({ Bucket: 'bucket', Key: 'k' }),
    );
    expect(await read.Body?.transformToString()).toBe(upload.text);
  });

  test('an upload that does not end is cut after timeouts.drain', async () => {
    using dir = directory();
    await using gateway = run(dir.path, [], {
      ...keys,
      PARTWAY_WORKERS: workers,
      PARTWAY_TIMEOUTS_DRAIN: '300ms',
    });
    const { put } = await stuckUpload(gateway, dir.path);
    gateway.child.kill('SIGTERM');
    expect(await gateway.ended).toEqual({ code: 0, signal: null });
    await expect(put).rejects.toThrow();
    expect(gateway.stderr()).toContain('timeouts.drain');
  });

  test('a second signal ends it at once, but not the echo of the first', async () => {
    using dir = directory();
    await using gateway = run(dir.path, [], { ...keys, PARTWAY_WORKERS: workers });
    const { put } = await stuckUpload(gateway, dir.path);
    gateway.child.kill('SIGINT');
    gateway.child.kill('SIGINT');
    await expect.poll(() => gateway.logged('stopping'), patience).toHaveLength(1);
    await sleep(700);
    expect(gateway.child.exitCode).toBeNull();
    gateway.child.kill('SIGINT');
    expect(await gateway.ended).toEqual({ code: 130, signal: null });
    await expect(put).rejects.toThrow();
  });
});

test.each(['SIGTERM', 'SIGINT'] as const)(
  '%s to npm start reaches the gateway, and npm ends well',
  async (signal) => {
    using dir = directory();
    await using npm = npmStart(dir.path);
    const endpoint = await npm.listening();
    npm.child.kill(signal);
    expect(await npm.ended).toEqual({ code: 0, signal: null });
    expect(npm.logged('stopped')).toHaveLength(1);
    await expect(fetch(endpoint)).rejects.toThrow();
  },
);

/** An upload of which only half is ever sent. */
async function stuckUpload(
  gateway: GatewayProcess,
  cwd: string,
): Promise<{ readonly put: Promise<unknown> }> {
  const s3 = client(await gateway.listening());
  await s3.send(new CreateBucketCommand({ Bucket: 'bucket' }));
  const { body, text } = halfBody();
  const put = s3.send(
    new PutObjectCommand({ Bucket: 'bucket', Key: 'k', Body: body, ContentLength: text.length }),
  );
  put.catch(() => {});
  await expect.poll(() => bytesBelow(join(cwd, 'data')), patience).toBeGreaterThan(1_000_000);
  return { put };
}

describe('worker processes', () => {
  test('share the port; one that is killed is replaced while the other serves on', async () => {
    using dir = directory();
    await using gateway = run(dir.path, [], { ...keys, PARTWAY_WORKERS: '2' });
    const endpoint = await gateway.listening();
    const ask = (): Promise<string> =>
      exchange(portOf(endpoint), 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    for (let round = 0; round < 6; round += 1) expect(await ask()).toContain('AccessDenied');
    // The other one may still be starting.
    await expect
      .poll(async () => {
        await ask();
        return new Set(gateway.logged('request').map(({ worker }) => worker));
      }, patience)
      .toEqual(new Set([0, 1]));

    const children = readFileSync(`/proc/${gateway.pid}/task/${gateway.pid}/children`, 'utf8');
    const victim = Number(children.trim().split(' ')[0]);
    process.kill(victim, 'SIGKILL');
    await expect
      .poll(() => gateway.logged('a serving process ended; another one takes its place'), patience)
      .toMatchObject([{ signal: 'SIGKILL', inMs: 100 }]);
    const before = gateway.logged('request').length;
    for (let round = 0; round < 4; round += 1) expect(await ask()).toContain('AccessDenied');
    await expect
      .poll(async () => {
        await ask();
        return new Set(
          gateway
            .logged('request')
            .slice(before)
            .map(({ worker }) => worker),
        );
      }, patience)
      .toEqual(new Set([0, 1]));
    gateway.child.kill('SIGTERM');
    expect(await gateway.ended).toEqual({ code: 0, signal: null });
    expect(gateway.logged('listening')).toHaveLength(1);
    expect(gateway.stdout().match(/serves S3/g)).toHaveLength(1);
  });
});

test('no secret that a request carries gets into the log', async () => {
  using dir = directory();
  await using gateway = run(dir.path, [], { ...keys, PARTWAY_LOG_LEVEL: 'debug' });
  const port = portOf(await gateway.listening());
  const hex = `${'c0ffee'.repeat(10)}cafe`;
  const key = Buffer.from('customer-key-canary-32-bytes-xyz').toString('base64');
  const requests = [
    `GET /b/k HTTP/1.1\r\nAuthorization: AWS4-HMAC-SHA256 Credential=AKIDTEST/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=${hex}\r\nX-Amz-Security-Token: token-canary\r\n`,
    `GET /b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDTEST%2F20260101%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20260101T000000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=${hex}&X-Amz-Security-Token=token-canary HTTP/1.1\r\n`,
    `PUT /b/k?x-amz-server-side-encryption-customer-key=${encodeURIComponent(key)} HTTP/1.1\r\nx-amz-server-side-encryption-customer-key: ${key}\r\nContent-Length: 0\r\n`,
    `GET /b/k?AWSAccessKeyId=AKIDTEST&Expires=1&Signature=${hex} HTTP/1.1\r\nCookie: session=token-canary\r\n`,
  ];
  for (const request of requests) await exchange(port, `${request}Host: x\r\nConnection: close\r\n\r\n`);
  await expect.poll(() => gateway.logged('request'), patience).toHaveLength(requests.length);
  gateway.child.kill('SIGTERM');
  await gateway.ended;
  for (const canary of ['canary', hex, key, encodeURIComponent(key)])
    expect(gateway.stderr()).not.toContain(canary);
  expect(gateway.logged('request')[1]).toMatchObject({
    method: 'GET',
    path: expect.stringMatching(/^\/b\/k\?.*X-Amz-Signature=\[redacted\]/),
    requestId: expect.stringMatching(/^[0-9A-Z]{16}$/),
  });
});
