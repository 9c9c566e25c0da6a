/** What becomes of requests while the way to a remote backend is broken in one way or another, and right afterwards. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RawAnswer } from '../kit/raw-request.ts';
import { expectOutage, long, md5, mib, type OpenUpload, type Stand } from './kit.ts';

/** Runs against the backend that `start` puts behind a proxy. */
export function describeBackendOutages(name: string, start: () => Promise<Stand>): void {
  describe(`an outage of ${name}`, () => {
    const canary = randomBytes(8 * mib);
    const small = randomBytes(4096);
    let stand: Stand;
    let upload: OpenUpload;

    beforeAll(async () => {
      stand = await start();
      expect((await stand.put('canary', canary)).status).toBe(200);
      expect((await stand.put('small', small)).status).toBe(200);
      upload = await stand.openUpload('upload');
    });
    afterAll(() => stand?.close());

    type Work = readonly [what: string, call: () => Promise<RawAnswer>];

    /** Every operation that needs the backend; `key` is what the writes write. */
    const everything = (key: string, body: Buffer): readonly Work[] => {
      const { bucket } = stand;
      const copy = { 'x-amz-copy-source': `/${bucket}/small` };
      return [
        ['PutObject', () => stand.put(key, body)],
        ['GetObject', () => stand.get('small')],
        ['HeadObject', () => stand.call({ method: 'HEAD', path: stand.path('small') })],
        [
          'ListObjectsV2',
          () => stand.call({ method: 'GET', path: `/${bucket}`, query: { 'list-type': '2' } }),
        ],
        ['HeadBucket', () => stand.call({ method: 'HEAD', path: `/${bucket}` })],
        ['ListBuckets', () => stand.call({ method: 'GET', path: '/' })],
        ['CopyObject', () => stand.call({ method: 'PUT', path: stand.path(`${key}-copy`), headers: copy })],
        ['DeleteObject', () => stand.call({ method: 'DELETE', path: stand.path(`${key}-gone`) })],
        ['CreateMultipartUpload', () => stand.createUpload(`${key}-upload`)],
        ['UploadPart', () => stand.uploadPart(upload.uploadId, upload.key, 2, body)],
      ];
    };
    const recovers = async (key: string, body: Buffer): Promise<void> => {
      await stand.expectRecovery(everything(key, body).map(([, call]) => call));
      await stand.expectNothingLost();
      stand.expectNoFailure();
    };

    test.each([{ kind: 'refuse' }, { kind: 'hang' }] as const)(
      '$kind: 503 in time, then as before',
      async (fault) => {
        const body = randomBytes(6 * mib);
        await stand.proxy.set(fault);
        const work = everything(`during-${fault.kind}`, body);
        const answers = await Promise.all(work.map(([, call]) => call()));
        for (const [index, answer] of answers.entries()) expectOutage(answer, work[index]?.[0] ?? '');
        expectOutage(await stand.complete(upload, [upload.etag]), 'CompleteMultipartUpload');
        expect(await stand.ready()).toBe(503);
        const { status } = await fetch(`${stand.gateway.endpoint}/-/healthz`);
        expect(status).toBe(200);

        await recovers(`after-${fault.kind}`, randomBytes(6 * mib));
        await stand.expectAbsentOrWhole(`during-${fault.kind}`, body);
        await expect.poll(() => stand.ready(), { timeout: 10_000 }).toBe(200);
      },
    );

    test('cut in the middle of an upload: 503, and what was there stays', async () => {
      const old = randomBytes(1000);
      expect((await stand.put('cut', old)).status).toBe(200);
      await stand.proxy.set({ kind: 'cut', way: 'up', afterBytes: mib });
      const body = randomBytes(6 * mib);
      expectOutage(await stand.put('cut', body), 'PutObject over another');
      expectOutage(await stand.put('cut-new', body), 'PutObject');
      expectOutage(await stand.uploadPart(upload.uploadId, upload.key, 3, body), 'UploadPart');
      expect(stand.proxy.strikes).toBeGreaterThanOrEqual(3);
      await recovers('after-cut', randomBytes(6 * mib));
      expect((await stand.get('cut-new')).status).toBe(404);
    });

    test('cut in the middle of a download: the whole object or a broken answer, never another one', async () => {
      await stand.proxy.set({ kind: 'cut', way: 'down', afterBytes: mib });
      const outcomes = await Promise.allSettled([1, 2, 3, 4].map(() => stand.get('canary')));
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected')
          expect(String(outcome.reason)).toMatch(/aborted|ECONNRESET|hang up/);
        else if (outcome.value.status === 200) expect(md5(outcome.value.body)).toBe(md5(canary));
        else expectOutage(outcome.value, 'GetObject');
      }
      expect(stand.proxy.strikes).toBeGreaterThan(0);
      await recovers('after-cut-download', small);
    });

    test('10 KiB/s: small requests work, large ones wait without taking memory', async () => {
      const bodies = Array.from({ length: 8 }, () => randomBytes(16 * mib));
      await stand.proxy.set({ kind: 'slow', bytesPerSecond: 10 * 1024 });
      const sockets = bodies.map((body, index) => stand.pour(`slow-${index}`, body));
      const readers = new AbortController();
      const reads = bodies.map(async () => {
        const { signal } = readers;
        const get = { method: 'GET', path: stand.path('canary') } as const;
        await Promise.race([
          stand.call(get).catch(() => {}),
          sleep(60_000, undefined, { signal }).catch(() => {}),
        ]);
      });
      await stand.expectFlatMemory(sleep(long ? 30_000 : 6_000));
      expect((await stand.put('slow-small', small)).status).toBe(200);
      expect(md5((await stand.get('small')).body)).toBe(md5(small));
      for (const socket of sockets) socket.destroy();
      readers.abort();
      await Promise.all(reads);
      await recovers('after-slow', randomBytes(6 * mib));
      for (const index of bodies.keys()) expect((await stand.get(`slow-${index}`)).status).toBe(404);
    });

    test('5 % of requests reset: success that is true, or 503', async () => {
      const seed = Number(process.env['PARTWAY_TEST_SEED'] ?? 1);
      await stand.proxy.set({ kind: 'reset', share: 0.05, seed });
      const written = new Map<string, Buffer>();
      let refused = 0;
      const worker = async (first: number): Promise<void> => {
        for (let index = first; index < (long ? 2_000 : 120); index += 6) {
          const key = `reset-${index}`;
          const body = randomBytes(index % 10 === 0 ? 5 * mib : 2000);
          written.set(key, body);
          const stored = await stand.put(key, body);
          if (stored.status !== 200) {
            expectOutage(stored, `PutObject, seed ${seed}`);
            refused += 1;
          }
          const read = await stand.get('small').catch((error: unknown) => error);
          if (read instanceof Error || (read as RawAnswer).status !== 200) refused += 1;
          else expect(md5((read as RawAnswer).body)).toBe(md5(small));
        }
      };
      await Promise.all([0, 1, 2, 3, 4, 5].map(worker));
      expect(stand.proxy.strikes).toBeGreaterThan(5);
      // Most are hidden by a second try.
      expect(refused).toBeLessThan(written.size / 4);
      await recovers('after-reset', small);
      for (const [key, body] of written) await stand.expectAbsentOrWhole(key, body);
    });

    test('a way that is long is only slow', async () => {
      await stand.proxy.set({ kind: 'delay', ms: 150 });
      for (const [what, call] of everything('delayed', small)) {
        const answer = await call();
        expect(answer.status, `${what}: ${answer.text.slice(0, 300)}`).toBeLessThan(300);
      }
      await recovers('after-delay', small);
    });

    test('the upload that saw it all is completed', async () => {
      const last = randomBytes(1000);
      const stored = await stand.uploadPart(upload.uploadId, upload.key, 2, last);
      const answer = await stand.complete(upload, [upload.etag, stored.headers['etag'] ?? '']);
      expect(answer.status, answer.text).toBe(200);
      expect(answer.text).toContain('CompleteMultipartUploadResult');
      expect(md5((await stand.get(upload.key)).body)).toBe(md5(Buffer.concat([upload.part, last])));
      expect(stand.proxy.open).toBeLessThan(100);
      stand.expectNoFailure();
    });
  });
}
