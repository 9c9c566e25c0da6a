/** Documents of buckets that are none any more: what depends on them is refused, and who may replace them can. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Deployment,
  newDeployment,
  type RunningGateway,
  removeDeployment,
  startGateway,
} from '../kit/gateway.ts';
import { type RawAnswer, send } from '../kit/raw-request.ts';
import { putDocument } from './kit.ts';

const anyone = (bucket: string): string =>
  JSON.stringify({
    Statement: [
      { Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: `arn:aws:s3:::${bucket}/*` },
    ],
  });

const sound: Readonly<Record<string, (bucket: string) => string>> = {
  cors: () =>
    '<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin></CORSRule></CORSConfiguration>',
  encryption: () =>
    '<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>',
  lifecycle: () =>
    '<LifecycleConfiguration><Rule><ID>r</ID><Filter/><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>',
  policy: anyone,
  publicAccessBlock: () =>
    '<PublicAccessBlockConfiguration><RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>',
  tagging: () => '<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>',
};

describe('a damaged document of a bucket', () => {
  let deployment: Deployment;
  let gateway: RunningGateway;
  let buckets = 0;
  beforeAll(async () => {
    deployment = await newDeployment();
    gateway = await startGateway({ deployment });
  });
  afterAll(async () => {
    await gateway?.stop();
    if (deployment !== undefined) await removeDeployment(deployment);
  });

  const ask = (method: string, path: string, sub?: string, more: object = {}): Promise<RawAnswer> =>
    send(gateway.endpoint, { method, path, ...(sub !== undefined && { query: { [sub]: '' } }), ...more });
  /** A bucket with an object, of which the document is damaged. */
  const damaged = async (name: string, text: string): Promise<string> => {
    buckets += 1;
    const bucket = `damaged-${buckets}`;
    await ask('PUT', `/${bucket}`);
    await ask('PUT', `/${bucket}/key`, undefined, { body: 'bytes' });
    const documents = join(deployment.dir, 'data', '.partway', 'buckets', bucket, 'documents');
    await mkdir(documents, { recursive: true });
    await writeFile(join(documents, name), text);
    return bucket;
  };
  const mend = async (bucket: string, name: string, by: 'PUT' | 'DELETE'): Promise<void> => {
    const answer =
      by === 'PUT'
        ? await putDocument(gateway, `/${bucket}`, name, sound[name]?.(bucket) ?? '')
        : await ask('DELETE', `/${bucket}`, name);
    expect(answer.status, answer.text).toBeLessThan(300);
  };

  it.each([
    ['empty', ''],
    ['cut', '{"Statement":[{"Effect":"Allow","Principal":"*","Acti'],
    ['of zeros', '\0'.repeat(200)],
    ['another document', '{}'],
  ])('policy, %s, grants nothing, denies the owner nothing for ever', async (_, text) => {
    for (const by of ['PUT', 'DELETE'] as const) {
      const bucket = await damaged('policy', text);
      // What is remembered of the bucket from before is two seconds old at most.
      await expect
        .poll(async () => (await ask('GET', `/${bucket}/key`)).status, { timeout: 20_000 })
        .toBe(403);
      for (const request of [
        { method: 'GET', path: `/${bucket}/key` },
        { method: 'PUT', path: `/${bucket}/key`, body: 'other bytes' },
        { method: 'DELETE', path: `/${bucket}/key` },
        { method: 'GET', path: `/${bucket}` },
        { method: 'GET', path: `/${bucket}/key`, anonymous: true },
      ]) {
        const { anonymous, ...asked } = { anonymous: false, ...request };
        const answer = anonymous ? await fetch(gateway.endpoint + asked.path) : undefined;
        const { status, text: said } = answer
          ? { status: answer.status, text: await answer.text() }
          : await send(gateway.endpoint, asked);
        expect([status, said]).toEqual([403, expect.stringContaining('<Code>AccessDenied</Code>')]);
        expect(said).toContain('PutBucketPolicy or DeleteBucketPolicy mends it');
      }
      expect((await ask('GET', `/${bucket}`, 'policy')).text).toBe(text);
      await mend(bucket, 'policy', by);
      expect((await ask('GET', `/${bucket}/key`)).text).toBe('bytes');
      expect((await fetch(`${gateway.endpoint}/${bucket}/key`)).status).toBe(by === 'PUT' ? 200 : 403);
      expect(gateway.output()).toContain(
        `the document policy of bucket ${bucket} is damaged: what depends on it is refused until PutBucketPolicy or DeleteBucketPolicy`,
      );
    }
  });

  it('publicAccessBlock keeps the public out, and nobody else', async () => {
    const bucket = await damaged('publicAccessBlock', '<PublicAccess');
    await writeFile(
      join(deployment.dir, 'data', '.partway', 'buckets', bucket, 'documents', 'policy'),
      anyone(bucket),
    );
    await expect
      .poll(async () => (await fetch(`${gateway.endpoint}/${bucket}/key`)).text(), { timeout: 20_000 })
      .toContain('PutPublicAccessBlock or DeletePublicAccessBlock mends it');
    expect((await ask('GET', `/${bucket}/key`)).text).toBe('bytes');
    await mend(bucket, 'publicAccessBlock', 'DELETE');
    expect((await fetch(`${gateway.endpoint}/${bucket}/key`)).status).toBe(200);
  });

  it('encryption lets nothing be written unencrypted, and everything be read', async () => {
    for (const by of ['PUT', 'DELETE'] as const) {
      const bucket = await damaged('encryption', '<ServerSide');
      const put = (): Promise<RawAnswer> => ask('PUT', `/${bucket}/key`, undefined, { body: 'other bytes' });
      await expect.poll(async () => (await put()).status, { timeout: 20_000 }).toBe(500);
      const refused = await put();
      expect([refused.element('Code'), refused.element('Message')]).toEqual([
        'InternalError',
        'The encryption document of this bucket is damaged. PutBucketEncryption or DeleteBucketEncryption mends it.',
      ]);
      expect((await ask('GET', `/${bucket}/key`)).status).toBe(200);
      await mend(bucket, 'encryption', by);
      const stored = await put();
      expect([stored.status, stored.headers['x-amz-server-side-encryption']]).toEqual([
        200,
        by === 'PUT' ? 'AES256' : undefined,
      ]);
    }
  });

  it.each(['cors', 'lifecycle', 'tagging'])('%s is told, costs nothing else, and is mended', async (name) => {
    for (const by of ['PUT', 'DELETE'] as const) {
      const bucket = await damaged(name, '<Half');
      await expect
        .poll(async () => (await ask('GET', `/${bucket}`, name)).element('Message'), { timeout: 20_000 })
        .toMatch(/is damaged\. Put\w+ or Delete\w+ mends it\.$/);
      const origin = { origin: 'https://example.com' };
      expect((await ask('GET', `/${bucket}/key`, undefined, { headers: origin })).text).toBe('bytes');
      expect((await ask('PUT', `/${bucket}/key`, undefined, { body: 'bytes' })).status).toBe(200);
      await mend(bucket, name, by);
      expect((await ask('GET', `/${bucket}`, name)).status).toBe(by === 'PUT' ? 200 : 404);
    }
  });
});
