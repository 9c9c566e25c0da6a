/** What the fuzzer found, each as a small test. */
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningGateway, startGateway } from '../kit/gateway.ts';
import { signedUpload } from '../kit/signed-upload.ts';
import { type Draft, toWire } from './draft.ts';
import { exchange, type Sent } from './wire.ts';

let gateway: RunningGateway;
let host = '';
beforeAll(async () => {
  gateway = await startGateway({ env: { PARTWAY_DURABILITY: 'os' } });
  host = `127.0.0.1:${gateway.port}`;
  await exchange(gateway.port, [request('PUT', '/bucket')]);
  await exchange(gateway.port, [request('PUT', '/bucket/object')]);
});
afterAll(() => gateway.stop());

function request(method: string, path: string, more: Partial<Draft> = {}): Sent {
  const draft: Draft = {
    action: '',
    method,
    path,
    query: [],
    headers: [],
    body: Buffer.of(),
    auth: 'header',
    ...more,
  };
  return { method, bytes: toWire(draft, host), last: false };
}

test('a request without a body that is refused at once costs nobody the connection', async () => {
  const refused = [
    request('GET', '/no_bucket_name'),
    request('GET', '/bucket/object', { auth: 'wrong' }),
    request('GET', '/bucket/object', { auth: 'none' }),
    request('PUT', '/No/x'),
    request('PATCH', '/bucket/object'),
    request('GET', '/bucket/object'),
  ];
  const { answers, complaint } = await exchange(gateway.port, refused);
  expect(answers.map(({ status }) => status)).toEqual([400, 403, 403, 400, 405, 200]);
  expect(complaint).toBeUndefined();
});

test('100 Continue comes before the answer, also while an earlier request is unanswered', async () => {
  const body = Buffer.alloc(200_000);
  const upload = (key: string, expectContinue: boolean): Sent => ({
    method: 'PUT',
    last: false,
    bytes: signedUpload({
      host,
      path: `/bucket/${key}`,
      body,
      kind: 'UNSIGNED-PAYLOAD',
      change: { expectContinue },
    }),
  });
  const { answers, complaint } = await exchange(gateway.port, [
    upload('first', false),
    upload('second', true),
  ]);
  expect(complaint).toBeUndefined();
  expect(answers.map((answer) => [answer.status, answer.body.length])).toEqual([
    [200, 0],
    [200, 0],
  ]);
  const read = await exchange(gateway.port, [request('GET', '/bucket/second')]);
  expect(read.answers[0]?.body.equals(body)).toBe(true);
});

test('a client that leaves while its answer is made is no failure', async () => {
  for (let attempt = 0; attempt < 30; attempt++) {
    const leaving = { ...request('GET', '/bucket/object'), last: true };
    const socket = connect(gateway.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(leaving.bytes);
    await sleep(attempt % 4);
    socket.resetAndDestroy();
  }
  await exchange(gateway.port, [request('GET', '/bucket/object')]);
  expect(gateway.output()).not.toContain('InternalError');
});
