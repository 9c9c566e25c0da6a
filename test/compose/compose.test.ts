/** docker-compose.yml with all its profiles: S3 over a volume, over Azurite and over fake-gcs-server. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { sha256 } from '../clients/kit/files.ts';
import { pypi } from '../clients/kit/install.ts';
import { run } from '../clients/kit/run.ts';
import { type Engine, keys, leftovers, type Stack, up } from './engine.ts';
import { ready, s3, startUpload } from './load.ts';

const engine = inject('engine');
const gateways = [
  { service: 'partway', port: 'GATEWAY_PORT' },
  { service: 'partway-azure', port: 'GATEWAY_PORT_AZURE' },
  { service: 'partway-gcs', port: 'GATEWAY_PORT_GCS' },
] as const;
const others = ['redis', 'azurite', 'fake-gcs'];

describe.skipIf(engine === undefined)('docker-compose.yml', () => {
  let stack: Stack;
  let work: string;
  const endpoint = (port: string): string => stack.endpoints[port] ?? '';

  beforeAll(async () => {
    work = await mkdtemp(join(tmpdir(), 'partway-compose-'));
    const ports = gateways.map(({ port }) => port);
    stack = await up(engine as Engine, 'docker-compose.yml', ports, ['azure', 'gcs']);
    await Promise.all(ports.map((port) => ready(endpoint(port))));
  });
  afterAll(async () => {
    await stack?.down();
    await rm(work, { recursive: true, force: true });
  });

  it('asks for credentials', async () => {
    const { compose, env } = engine as Engine;
    const [command, ...args] = compose;
    const settings = { ...env, PARTWAY_ACCESS_KEY_ID: 'someone', PARTWAY_SECRET_ACCESS_KEY: '' };
    const config = run(command, [...args, '-f', 'docker-compose.yml', 'config'], { env: settings });
    await expect(config).rejects.toThrow(/PARTWAY_SECRET_ACCESS_KEY.*\.env\.example/s);
  });

  it('gives no container more than it needs', async () => {
    for (const service of [...gateways.map((gateway) => gateway.service), ...others]) {
      const { HostConfig } = await stack.inspect(service);
      expect(HostConfig, service).toMatchObject({ ReadonlyRootfs: true, CapDrop: ['ALL'] });
      expect(HostConfig.SecurityOpt, service).toContain('no-new-privileges:true');
    }
  });

  it('runs Node as process 1, not as root, with nothing to write to but its volume', async () => {
    const node = (code: string): Promise<string> =>
      stack.compose('exec', '-T', 'partway', 'node', '-e', code);
    expect((await node("process.stdout.write(fs.readFileSync('/proc/1/cmdline'))")).split('\0')[0]).toBe(
      'node',
    );
    expect(await node('console.log(process.getuid(), process.getgid())')).toBe('1000 1000\n');
    await expect(node("fs.writeFileSync('/opt/partway/x', '')")).rejects.toThrow('EROFS');
  });

  it('finds itself healthy', async () => {
    for (const { service } of gateways) {
      await expect
        .poll(async () => (await stack.inspect(service)).State.Health?.Status, {
          timeout: 180_000,
          interval: 500,
        })
        .toBe('healthy');
    }
  });

  it.each(gateways)('serves `aws s3 cp` of a large file: $service', async ({ service, port }) => {
    const aws = await pypi('awscli', ['awscli==1.46.3'], 'aws')();
    if ('missing' in aws) throw new Error(aws.missing);
    const [file, back] = [join(work, 'large'), join(work, `${service}.back`)];
    await writeFile(file, randomBytes(96 * 1024 * 1024));
    const cli = (...args: readonly string[]) =>
      run(aws.program, ['--endpoint-url', endpoint(port), 's3', ...args], {
        env: {
          HOME: work,
          AWS_ACCESS_KEY_ID: keys.accessKeyId,
          AWS_SECRET_ACCESS_KEY: keys.secretAccessKey,
          AWS_DEFAULT_REGION: 'us-east-1',
        },
      });
    await cli('mb', 's3://large-files');
    await cli('cp', '--no-progress', file, 's3://large-files/a file');
    await cli('cp', '--no-progress', 's3://large-files/a file', back);
    expect(await sha256(back)).toBe(await sha256(file));
    await rm(back);
  });

  it.each(gateways)(
    'keeps an open upload while Redis and gateway restart and crash: $service',
    async ({ service, port }) => {
      const client = s3(endpoint(port));
      const upload = await startUpload(client, 'under-load');
      await upload.progress(5);
      await stack.compose('restart', 'redis');
      await upload.progress(5);
      await stack.compose('restart', service);
      await upload.progress(5);
      await Promise.all([stack.docker('redis', 'kill'), stack.docker(service, 'kill')]);
      await sleep(1_000);
      await stack.compose('start', 'redis', service);
      await upload.progress(15);
      await upload.stop();
      expect(upload.failures()).toBeGreaterThan(0);
      expect(await upload.lost()).toEqual([]);
      expect(await upload.completeAndCompare()).toBeUndefined();
      client.destroy();
    },
  );

  it('lets the gateways end by themselves when they are told to', async () => {
    const services = gateways.map((gateway) => gateway.service);
    await stack.compose('stop', ...services);
    for (const service of services)
      expect((await stack.inspect(service)).State, service).toMatchObject({ Running: false, ExitCode: 0 });
  });

  it('leaves nothing behind', async () => {
    await stack.down();
    expect(await leftovers(engine as Engine, stack.project)).toBe('');
  });
});
