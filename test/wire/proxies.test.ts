import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningGateway, startGateway } from '../kit/gateway.ts';
import { send } from '../kit/raw-request.ts';

describe('a gateway behind a proxy', () => {
  let trusting: RunningGateway;
  let alone: RunningGateway;
  const bucket = `b-${randomBytes(4).toString('hex')}`;
  beforeAll(async () => {
    trusting = await startGateway({ env: { PARTWAY_TRUSTED_PROXIES: '127.0.0.0/8' } });
    alone = await startGateway();
    for (const { endpoint } of [trusting, alone]) await send(endpoint, { method: 'PUT', path: `/${bucket}` });
  });
  afterAll(async () => {
    await Promise.all([trusting.stop(), alone.stop()]);
  });

  /** What the client signed for is told by the proxy; the proxy's own Host is another. */
  const complete = async (endpoint: string) => {
    const path = `/${bucket}/key`;
    const created = await send(endpoint, { method: 'POST', path, query: { uploads: '' } });
    const uploadId = created.element('UploadId') ?? '';
    const part = await send(endpoint, {
      method: 'PUT',
      path,
      query: { partNumber: '1', uploadId },
      body: 'x',
    });
    return send(endpoint, {
      method: 'POST',
      path,
      query: { uploadId },
      body: `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>${part.headers['etag']}</ETag></Part></CompleteMultipartUpload>`,
      unsignedHeaders: { 'x-forwarded-proto': 'https' },
    });
  };

  it('believes the proxy that it is told to trust', async () => {
    expect((await complete(trusting.endpoint)).element('Location')).toMatch(/^https:/);
  });

  it('believes nobody else', async () => {
    expect((await complete(alone.endpoint)).element('Location')).toMatch(/^http:/);
  });

  it('knows where a request came from, for policies that ask', async () => {
    const policy = JSON.stringify({
      Statement: {
        Effect: 'Allow',
        Principal: '*',
        Action: 's3:GetObject',
        Resource: `arn:aws:s3:::${bucket}/*`,
        Condition: { IpAddress: { 'aws:SourceIp': ['198.51.100.0/24', '2001:db8::/32'] } },
      },
    });
    for (const { endpoint } of [trusting, alone]) {
      await send(endpoint, { method: 'PUT', path: `/${bucket}/key`, body: 'x' });
      const put = await send(endpoint, {
        method: 'PUT',
        path: `/${bucket}`,
        query: { policy: '' },
        body: policy,
      });
      expect(put.status, put.text).toBe(204);
    }
    const get = async ({ endpoint }: RunningGateway, headers: Record<string, string>): Promise<number> =>
      (await fetch(`${endpoint}/${bucket}/key`, { headers })).status;
    for (const headers of [
      { 'x-forwarded-for': '198.51.100.7' },
      { 'x-forwarded-for': '203.0.113.9, 198.51.100.7:4711, 127.0.0.2:80' },
      { 'x-forwarded-for': '[2001:db8::7]:4711' },
      { forwarded: 'for="[2001:db8::7]:4711";proto=https, for=127.0.0.2' },
    ] as ReadonlyArray<Record<string, string>>) {
      expect(await get(trusting, headers), JSON.stringify(headers)).toBe(200);
      expect(await get(alone, headers), JSON.stringify(headers)).toBe(403);
    }
    for (const headers of [
      {},
      { 'x-forwarded-for': '198.51.100.7, 203.0.113.9' },
      { forwarded: 'for=198.51.100.7', 'x-forwarded-for': '203.0.113.9' },
      { forwarded: 'for="198.51.100.7' },
    ] as ReadonlyArray<Record<string, string>>) {
      expect(await get(trusting, headers), JSON.stringify(headers)).toBe(403);
    }
  });
});
