/** examples/replicas: three gateways behind a load balancer, over one Redis. */
import { connect } from 'node:net';
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { oddNames } from '../clients/kit/data.ts';
import { type Engine, leftovers, type Stack, up } from './engine.ts';
import { ready, s3, startUpload } from './load.ts';

const engine = inject('engine');
const replicas = ['partway-1', 'partway-2', 'partway-3'] as const;

describe.skipIf(engine === undefined)('examples/replicas', () => {
  let stack: Stack;
  let endpoint: string;
  let client: S3Client;

  beforeAll(async () => {
    stack = await up(engine as Engine, 'examples/replicas/docker-compose.yml', ['GATEWAY_PORT']);
    endpoint = stack.endpoints['GATEWAY_PORT'] ?? '';
    await ready(endpoint);
    client = s3(endpoint);
  });
  afterAll(async () => {
    client?.destroy();
    await stack?.down();
  });

  it('keeps an open upload while a replica is killed and Redis restarts', async () => {
    const upload = await startUpload(client, 'under-load');
    await upload.progress(20);
    for (const replica of replicas)
      expect(await stack.compose('logs', '--no-color', replica), replica).toContain(
        '"operation":"UploadPart"',
      );
    await stack.docker('partway-2', 'kill');
    await upload.progress(10);
    await stack.compose('restart', 'redis');
    await upload.progress(10);
    await stack.compose('start', 'partway-2');
    await upload.progress(15);
    await upload.stop();
    expect(await upload.lost()).toEqual([]);
    expect(await upload.completeAndCompare()).toBeUndefined();
  });

  it('brings requests through the balancer as they were signed', async () => {
    const Bucket = 'odd-names';
    await client.send(new CreateBucketCommand({ Bucket }));
    for (const Key of [...oddNames, 'a//b', 'folder/', '/first', 'a/../b', 'a%2Fb']) {
      // Not gzip at all: whoever unpacks it on the way fails.
      await client.send(new PutObjectCommand({ Bucket, Key, Body: Key, ContentEncoding: 'gzip' }));
      const { Body, ContentEncoding } = await client.send(new GetObjectCommand({ Bucket, Key }));
      expect(await Body?.transformToString()).toBe(Key);
      expect(ContentEncoding).toBe('gzip');
    }
  });

  it('refuses an upload before its bytes are sent', async () => {
    const { hostname, port, host } = new URL(endpoint);
    const socket = connect(Number(port), hostname);
    const answer = new Promise<string>((resolve, reject) => {
      socket.once('data', (data) => resolve(data.toString('latin1')));
      socket.once('error', reject);
    });
    socket.write(
      `PUT /odd-names/unsigned HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n`,
    );
    expect(await answer).toMatch(/^HTTP\/1\.1 403 /);
    socket.destroy();
  });

  it('leaves nothing behind', async () => {
    await stack.down();
    expect(await leftovers(engine as Engine, stack.project)).toBe('');
  });
});
