import { randomBytes } from 'node:crypto';
import { GetObjectCommand, PutObjectCommand, UploadPartCommand } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningGateway, startGateway } from '../kit/gateway.ts';
import { send } from '../kit/raw-request.ts';

describe('authentication on the wire', () => {
  let gateway: RunningGateway;
  const bucket = `b-${randomBytes(4).toString('hex')}`;
  beforeAll(async () => {
    gateway = await startGateway();
    await send(gateway.endpoint, { method: 'PUT', path: `/${bucket}` });
    await send(gateway.endpoint, { method: 'PUT', path: `/${bucket}/secret`, body: 'secret' });
  });
  afterAll(() => gateway.stop());

  it('refuses requests that nobody signed', async () => {
    for (const [method, path] of [
      ['GET', '/'],
      ['GET', `/${bucket}`],
      ['GET', `/${bucket}/secret`],
      ['PUT', `/${bucket}/new`],
      ['DELETE', `/${bucket}?policy`],
    ] as const) {
      for (const unsignedHeaders of [{}, { authorization: '' }]) {
        const answer = await send(gateway.endpoint, { method, path, anonymous: true, unsignedHeaders });
        expect([answer.status, answer.element('Code')]).toEqual([403, 'AccessDenied']);
      }
    }
  });

  it('takes chunks of HTTP around aws-chunked only', async () => {
    const url = await getSignedUrl(gateway.client, new PutObjectCommand({ Bucket: bucket, Key: 'chunks' }));
    const answer = await fetch(url, { method: 'PUT', body: new Blob(['x']).stream(), duplex: 'half' });
    expect(answer.status).toBe(501);
    const text = await answer.text();
    expect(text).toContain('<Code>NotImplemented</Code>');
    expect(text).toContain('<Header>Transfer-Encoding</Header>');
  });

  it('names the right region to who signed for another', async () => {
    const answer = await send(gateway.endpoint, { method: 'GET', path: '/', region: 'eu-west-1' });
    expect([answer.status, answer.element('Code'), answer.element('Region')]).toEqual([
      400,
      'AuthorizationHeaderMalformed',
      'us-east-1',
    ]);
  });

  it('takes keys of all spellings as they were signed', async () => {
    for (const path of [
      'a b',
      'a%2Bb',
      '100%25',
      'dir//x',
      'dir/../x',
      './x',
      '%C3%A4',
      'it%27s%281%29%2A%21',
      'tr%C3%A8s/%F0%9F%98%80',
    ]) {
      const encoded = path.replaceAll(' ', '%20');
      const body = randomBytes(8).toString('hex');
      const put = await send(gateway.endpoint, { method: 'PUT', path: `/${bucket}/${encoded}`, body });
      expect([path, put.status]).toEqual([path, 200]);
      const got = await send(gateway.endpoint, { method: 'GET', path: `/${bucket}/${encoded}` });
      expect([path, got.text]).toEqual([path, body]);
    }
  });

  it('serves presigned URLs, and only what was signed', async () => {
    const putUrl = await getSignedUrl(
      gateway.client,
      new PutObjectCommand({ Bucket: bucket, Key: 'presigned', Metadata: { color: 'red' } }),
    );
    expect((await fetch(putUrl, { method: 'PUT', body: 'by url' })).status).toBe(200);
    const getUrl = await getSignedUrl(
      gateway.client,
      new GetObjectCommand({ Bucket: bucket, Key: 'presigned', ResponseContentType: 'text/special' }),
    );
    const got = await fetch(getUrl);
    expect([
      got.status,
      got.headers.get('content-type'),
      got.headers.get('x-amz-meta-color'),
      await got.text(),
    ]).toEqual([200, 'text/special', 'red', 'by url']);
    expect((await fetch(`${getUrl}0`)).status).toBe(403);
    expect((await fetch(getUrl.replace('presigned', 'secret'))).status).toBe(403);
    expect((await fetch(getUrl, { method: 'DELETE' })).status).toBe(403);
  });

  it('makes no copy of a presigned upload with an added copy source', async () => {
    const url = await getSignedUrl(gateway.client, new PutObjectCommand({ Bucket: bucket, Key: 'target' }));
    const answer = await fetch(url, { method: 'PUT', headers: { 'x-amz-copy-source': `${bucket}/secret` } });
    expect(answer.status).toBe(403);
    expect(await answer.text()).toContain('<HeadersNotSigned>x-amz-copy-source</HeadersNotSigned>');
    expect((await send(gateway.endpoint, { method: 'GET', path: `/${bucket}/target` })).status).toBe(404);
  });

  it('takes a presigned UploadPart', async () => {
    const created = await send(gateway.endpoint, {
      method: 'POST',
      path: `/${bucket}/parts`,
      query: { uploads: '' },
    });
    const UploadId = created.element('UploadId') ?? '';
    const url = await getSignedUrl(
      gateway.client,
      new UploadPartCommand({ Bucket: bucket, Key: 'parts', UploadId, PartNumber: 1 }),
    );
    const answer = await fetch(url, { method: 'PUT', body: 'part' });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('etag')).toMatch(/^"[0-9a-f]{32}"$/);
  });

  it('verifies the hash of a document before it looks for the bucket', async () => {
    const answer = await send(gateway.endpoint, {
      method: 'POST',
      path: '/no-such-bucket/key',
      query: { uploadId: 'x' },
      body: '<CompleteMultipartUpload/>',
      payloadHash: '0'.repeat(64),
    });
    expect([answer.status, answer.element('Code')]).toEqual([400, 'XAmzContentSHA256Mismatch']);
  });

  it('joins repeated metadata in order', async () => {
    const path = `/${bucket}/joined`;
    const put = await send(gateway.endpoint, {
      method: 'PUT',
      path,
      headers: { 'x-amz-meta-list': 'one,two' },
      unsignedHeaders: { 'x-amz-meta-list': ['one', 'two'] },
      body: 'x',
    });
    expect(put.status).toBe(200);
    const head = await send(gateway.endpoint, { method: 'HEAD', path });
    expect(head.headers['x-amz-meta-list']).toBe('one,two');
  });
});
