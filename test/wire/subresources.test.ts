import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningGateway, startGateway } from '../kit/gateway.ts';
import { send } from '../kit/raw-request.ts';

describe('what is not supported', () => {
  let gateway: RunningGateway;
  const bucket = `b-${randomBytes(4).toString('hex')}`;
  const key = `/${bucket}/key`;
  beforeAll(async () => {
    gateway = await startGateway();
    await send(gateway.endpoint, { method: 'PUT', path: `/${bucket}` });
    await send(gateway.endpoint, { method: 'PUT', path: key, body: 'precious' });
  });
  afterAll(() => gateway.stop());

  const untouched = async () => {
    const answer = await send(gateway.endpoint, { method: 'GET', path: key });
    expect([answer.status, answer.text]).toEqual([200, 'precious']);
  };

  it.each([
    ['PUT', key, 'annotation'],
    ['PUT', key, 'renameObject'],
    ['PUT', key, 'retention'],
    ['PUT', key, 'legal-hold'],
    ['PUT', key, 'encryption'],
    ['POST', key, 'restore'],
    ['GET', key, 'torrent'],
    ['DELETE', key, 'annotation'],
    ['PUT', `/${bucket}`, 'inventory'],
    ['POST', `/${bucket}`, 'metadataTable'],
    ['PUT', `/${bucket}`, 'replication'],
    ['GET', `/${bucket}`, 'session'],
  ])('%s %s?%s answers 501 and touches nothing', async (method, path, sub) => {
    const answer = await send(gateway.endpoint, { method, path, query: { [sub]: '' } });
    expect([answer.status, answer.element('Code')]).toEqual([501, 'NotImplemented']);
    await untouched();
  });

  it.each([
    ['website', 204],
    ['metadataTable', 204],
    ['inventory', 404],
    ['analytics', 404],
    ['metrics', 404],
  ])('DELETE ?%s touches nothing', async (sub, status) => {
    const answer = await send(gateway.endpoint, {
      method: 'DELETE',
      path: `/${bucket}`,
      query: { [sub]: '' },
    });
    expect(answer.status).toBe(status);
    await untouched();
  });

  it.each([
    ['x-amz-object-lock-event-hold', 'ON', 501, 'NotImplemented'],
    ['x-amz-write-offset-bytes', '8', 501, 'NotImplemented'],
    ['x-amz-object-lock-legal-hold', 'ON', 400, 'InvalidRequest'],
    ['x-amz-acl', 'public-read', 400, 'AccessControlListNotSupported'],
    ['x-amz-storage-class', 'OUTPOSTS', 400, 'InvalidStorageClass'],
    ['x-amz-website-redirect-location', 'ftp://x', 400, 'InvalidRedirectLocation'],
  ])('%s: %s is refused', async (name, value, status, code) => {
    const answer = await send(gateway.endpoint, {
      method: 'PUT',
      path: key,
      headers: { [name]: value },
      body: 'x',
    });
    expect([answer.status, answer.element('Code')]).toEqual([status, code]);
    await untouched();
  });

  it('ignores headers and parameters that it does not know', async () => {
    const answer = await send(gateway.endpoint, {
      method: 'PUT',
      path: key,
      query: { 'x-id': 'PutObject', whatever: '1' },
      headers: { 'x-unknown': 'y' },
      body: 'precious',
    });
    expect(answer.status).toBe(200);
    await untouched();
  });

  it.each([
    ['POST', key],
    ['PATCH', key],
    ['PUT', '/'],
    ['DELETE', '/'],
  ])('%s %s is no method of that resource', async (method, path) => {
    const answer = await send(gateway.endpoint, { method, path });
    expect([answer.status, answer.element('Code')]).toEqual([405, 'MethodNotAllowed']);
    expect(answer.headers['allow']).toBeDefined();
    await untouched();
  });

  it('judges partNumber and uploadId together', async () => {
    for (const query of [{ partNumber: '1' }, { uploadId: 'x' }]) {
      const answer = await send(gateway.endpoint, { method: 'PUT', path: key, query, body: 'x' });
      expect([answer.status, answer.element('Code')]).toEqual([400, 'InvalidArgument']);
    }
    await untouched();
  });

  it('takes a copy source for copies only', async () => {
    const answer = await send(gateway.endpoint, {
      method: 'GET',
      path: key,
      headers: { 'x-amz-copy-source': `${bucket}/key` },
    });
    expect([answer.status, answer.element('Code')]).toEqual([400, 'InvalidArgument']);
  });
});
