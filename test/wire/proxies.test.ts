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
});
