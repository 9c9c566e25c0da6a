/** Bodies on a socket of our own: every payload form, whole, cut short, wrong. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningGateway, startGateway } from '../kit/gateway.ts';
import { send } from '../kit/raw-request.ts';
import { type PayloadKind, payloadKinds, signedUpload } from '../kit/signed-upload.ts';

/** Whether the last answer has come with all of its body. */
function isWhole(received: string): boolean {
  const [head, ...body] = received.replace(/^HTTP\/1\.1 100 .*\r\n\r\n/, '').split('\r\n\r\n');
  const length = /^content-length: (\d+)$/im.exec(head ?? '')?.[1];
  return body.length > 0 && (length === undefined || body.join('\r\n\r\n').length >= Number(length));
}

describe('request bodies', () => {
  let gateway: RunningGateway;
  const bucket = `b-${randomBytes(4).toString('hex')}`;
  const path = `/${bucket}/key`;
  beforeAll(async () => {
    gateway = await startGateway();
    await send(gateway.endpoint, { method: 'PUT', path: `/${bucket}` });
  });
  afterAll(() => gateway.stop());

  const stored = async () => (await send(gateway.endpoint, { method: 'GET', path })).body;

  const exchange = async (bytes: Buffer, end: 'keep' | 'half-close' | 'destroy'): Promise<string> => {
    const socket: Socket = connect(gateway.port, '127.0.0.1');
    await once(socket, 'connect');
    let answer = '';
    socket.on('data', (data: Buffer) => {
      answer += data.toString('latin1');
    });
    socket.on('error', () => {});
    socket.write(bytes);
    if (end === 'half-close') socket.end();
    if (end === 'destroy') {
      await new Promise((resolve) => setTimeout(resolve, 100));
      socket.destroy();
      await new Promise((resolve) => setTimeout(resolve, 200));
      return answer;
    }
    while (!isWhole(answer) && !socket.closed) await new Promise((resolve) => setTimeout(resolve, 10));
    // Nothing may follow it.
    await new Promise((resolve) => setTimeout(resolve, 50));
    socket.destroy();
    return answer;
  };

  const upload = (
    kind: PayloadKind,
    body: Buffer,
    change: Parameters<typeof signedUpload>[0]['change'] = {},
  ) => signedUpload({ host: `127.0.0.1:${gateway.port}`, path, body, kind, change });

  describe.each(payloadKinds)('%s', (kind) => {
    it('is stored byte for byte', async () => {
      const body = randomBytes(200_000);
      const answer = await exchange(upload(kind, body), 'keep');
      expect(answer).toMatch(/^HTTP\/1\.1 200 /);
      expect(answer).toContain(createHash('md5').update(body).digest('hex'));
      expect((await stored()).equals(body)).toBe(true);
    });

    it('stores nothing when it is cut short', async () => {
      const before = await stored();
      for (const end of ['half-close', 'destroy'] as const) {
        const whole = upload(kind, randomBytes(150_000));
        const answer = await exchange(whole.subarray(0, whole.length - 60_000), end);
        expect(answer).not.toMatch(/^HTTP\/1\.1 200 /);
        expect((await stored()).equals(before)).toBe(true);
      }
    });

    it('stores nothing when a byte of it was changed', async () => {
      if (kind === 'UNSIGNED-PAYLOAD') return;
      const before = await stored();
      const answer = await exchange(upload(kind, randomBytes(150_000), { flipByte: 100_000 }), 'keep');
      expect(answer).toMatch(/^HTTP\/1\.1 (400|403) /);
      expect((await stored()).equals(before)).toBe(true);
    });
  });

  it.each(payloadKinds.filter((kind) => kind.startsWith('STREAMING')))(
    '%s stores nothing when the decoded length is wrong',
    async (kind) => {
      const before = await stored();
      const answer = await exchange(upload(kind, randomBytes(70_000), { declareExtra: 1 }), 'half-close');
      expect(answer).toMatch(/^HTTP\/1\.1 400 /);
      expect(answer).toContain('<Code>IncompleteBody</Code>');
      expect((await stored()).equals(before)).toBe(true);
    },
  );

  it('answers Expect: 100-continue only to requests that may send their body', async () => {
    const body = randomBytes(1000);
    const good = await exchange(upload('UNSIGNED-PAYLOAD', body, { expectContinue: true }), 'keep');
    expect(good).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /);
    const bad = await exchange(
      upload('UNSIGNED-PAYLOAD', body, { expectContinue: true, signature: '0'.repeat(64) }),
      'keep',
    );
    expect(bad).toMatch(/^HTTP\/1\.1 403 /);
    const elsewhere = signedUpload({
      host: `127.0.0.1:${gateway.port}`,
      path: '/no-such-bucket/key',
      query: 'partNumber=1&uploadId=abc',
      body,
      kind: 'UNSIGNED-PAYLOAD',
      change: { expectContinue: true },
    });
    expect(await exchange(elsewhere.subarray(0, elsewhere.length - 1000), 'keep')).toMatch(
      /^HTTP\/1\.1 404 /,
    );
  });

  it('are stored in the order in which they came on one connection', async () => {
    const bodies = [3_000_000, 300_000, 30_000, 3_000, 300].map((size) => randomBytes(size));
    const socket = connect(gateway.port, '127.0.0.1');
    let answers = '';
    socket.on('data', (data: Buffer) => {
      answers += data.toString('latin1');
      if (answers.match(/HTTP\/1\.1 /g)?.length === bodies.length) socket.end();
    });
    // All of them before the first is answered.
    socket.write(Buffer.concat(bodies.map((body) => upload('UNSIGNED-PAYLOAD', body))));
    await once(socket, 'close');
    expect(answers.match(/HTTP\/1\.1 200 /g)).toHaveLength(bodies.length);
    expect((await stored()).equals(bodies.at(-1) ?? Buffer.of())).toBe(true);
  });

  it('never reads the rest of a refused body as the next request', async () => {
    const smuggled = `GET /${bucket}/smuggled HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(100);
    const refused = upload('UNSIGNED-PAYLOAD', Buffer.from(smuggled), { signature: '0'.repeat(64) });
    const answer = await exchange(Buffer.concat([refused]), 'keep');
    expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    expect(answer).toMatch(/^HTTP\/1\.1 403 /);
  });
});
