/** Uploads need Redis, objects do not: what works and what is refused while Redis is away, stuck, full, a replica, or has forgotten. */
import { randomBytes } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { freePort } from '../kit/free-port.ts';
import type { RawAnswer } from '../kit/raw-request.ts';
import { type RedisServer, startRedisServer } from '../setup/redis.ts';
import { expectOutage, md5, mib, type OpenUpload, type Stand, startStand } from './kit.ts';
import type { Fault } from './proxy.ts';

const durable = ['--appendonly', 'yes', '--appendfsync', 'always'];

describe('an outage of Redis', () => {
  let dir: string;
  let server: RedisServer;
  let admin: Redis;
  let stand: Stand;
  let upload: OpenUpload;
  const small = randomBytes(4096);

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'partway-faults-'));
    server = await startRedisServer({ dir, args: durable });
    admin = new Redis(server.url, { retryStrategy: () => 50 });
    admin.on('error', () => {});
    stand = await startStand(
      () => server.port,
      (port) => ({
        env: {
          PARTWAY_REDIS_URL: `redis://127.0.0.1:${port}`,
          PARTWAY_TIMEOUTS_REDIS: '2s',
          PARTWAY_JANITOR_INTERVAL: '1s',
          PARTWAY_UPLOADS_MAX_AGE: '1m',
        },
      }),
    );
    upload = await stand.openUpload('upload');
    await stand.put('small', small);
  });
  afterEach(async () => {
    await stand.close();
    admin.disconnect();
    await server.stop();
    await rm(dir, { recursive: true });
  });

  type Work = readonly [what: string, call: () => Promise<RawAnswer>];

  const changes = (key: string): readonly Work[] => [
    ['CreateMultipartUpload', () => stand.createUpload(key)],
    ['UploadPart', () => stand.uploadPart(upload.uploadId, upload.key, 2, small)],
  ];
  const looks = (): readonly Work[] => [
    [
      'ListParts',
      () => stand.call({ method: 'GET', path: stand.path(upload.key), query: { uploadId: upload.uploadId } }),
    ],
    [
      'ListMultipartUploads',
      () => stand.call({ method: 'GET', path: `/${stand.bucket}`, query: { uploads: '' } }),
    ],
  ];
  const ends = (): readonly Work[] => [
    ['CompleteMultipartUpload', () => stand.complete(upload, [upload.etag])],
    [
      'AbortMultipartUpload',
      () =>
        stand.call({ method: 'DELETE', path: stand.path(upload.key), query: { uploadId: upload.uploadId } }),
    ],
  ];
  const expectAllRefused = async (work: readonly Work[]): Promise<void> => {
    await Promise.all(work.map(async ([what, call]) => expectOutage(await call(), what)));
  };
  /** Objects are the backend's alone. */
  const expectObjectsToWork = async (key: string): Promise<void> => {
    expect((await stand.put(key, randomBytes(6 * mib))).status).toBe(200);
    expect((await stand.get('small')).body.equals(small)).toBe(true);
    const work: readonly Work[] = [
      ['HeadObject', () => stand.call({ method: 'HEAD', path: stand.path('small') })],
      [
        'ListObjectsV2',
        () => stand.call({ method: 'GET', path: `/${stand.bucket}`, query: { 'list-type': '2' } }),
      ],
      [
        'CopyObject',
        () =>
          stand.call({
            method: 'PUT',
            path: stand.path(`${key}-copy`),
            headers: { 'x-amz-copy-source': `/${stand.bucket}/small` },
          }),
      ],
      ['DeleteObject', () => stand.call({ method: 'DELETE', path: stand.path(`${key}-copy`) })],
    ];
    for (const [what, call] of work) {
      const answer = await call();
      expect(answer.status, `${what}: ${answer.text}`).toBeLessThan(300);
    }
  };
  const expectCompletion = async (): Promise<void> => {
    const last = randomBytes(1000);
    const stored = await stand.uploadPart(upload.uploadId, upload.key, 2, last);
    const answer = await stand.complete(upload, [upload.etag, stored.headers['etag'] ?? '']);
    expect(answer.status, answer.text).toBe(200);
    expect(md5((await stand.get(upload.key)).body)).toBe(md5(Buffer.concat([upload.part, last])));
    await stand.expectNothingLost();
    stand.expectNoFailure();
  };
  const listed = async (): Promise<string> =>
    (await stand.call({ method: 'GET', path: `/${stand.bucket}`, query: { uploads: '' } })).text;

  test.each<Fault>([{ kind: 'refuse' }, { kind: 'hang' }])(
    '$kind: uploads wait, objects do not',
    async (fault) => {
      await stand.proxy.set(fault);
      await stand.expectFlatMemory(
        (async () => {
          for (let round = 0; round < 3; round++) {
            await expectAllRefused([...changes(`during-${round}`), ...looks(), ...ends()]);
            await expectObjectsToWork(`object-${round}`);
          }
        })(),
      );
      expect(await stand.ready()).toBe(503);
      await stand.expectRecovery([...changes('after'), ...looks()].map(([, call]) => call));
      expect(await listed()).not.toContain('<Key>during-');
      await expectCompletion();
    },
  );

  test('slow, late and reset ways to Redis cost time or a 503, and no upload', async () => {
    for (const fault of [
      { kind: 'delay', ms: 100 },
      { kind: 'slow', bytesPerSecond: 10 * 1024 },
    ] as const) {
      await stand.proxy.set(fault);
      for (const [what, call] of changes(fault.kind)) {
        const answer = await call();
        expect(answer.status, `${fault.kind}, ${what}: ${answer.text}`).toBe(200);
      }
    }
    await stand.proxy.set({ kind: 'reset', share: 0.05, seed: 1 });
    for (let index = 0; index < 150; index++) {
      const [what, call] = changes(`reset-${index}`)[index % 2] as Work;
      const answer = await call();
      if (answer.status !== 200) expectOutage(answer, what);
    }
    expect(stand.proxy.strikes).toBeGreaterThan(3);
    await stand.expectRecovery(changes('after').map(([, call]) => call));
    await expectCompletion();
  });

  test('full: nothing new is taken, what is there is shown, and it goes on when there is room', async () => {
    await admin.config('SET', 'maxmemory-policy', 'noeviction');
    await admin.config('SET', 'maxmemory', '1mb');
    await expectAllRefused(changes('while-full'));
    await expectObjectsToWork('object');
    for (const [what, call] of looks()) expect((await call()).status, what).toBe(200);
    await admin.config('SET', 'maxmemory', '0');
    await stand.expectRecovery(changes('after').map(([, call]) => call));
    expect(await listed()).not.toContain('while-full');
    await expectCompletion();
  });

  test('a replica: nothing is taken until it is a master again', async () => {
    await admin.replicaof('127.0.0.1', String(await freePort()));
    await expectAllRefused(changes('while-replica'));
    await expectObjectsToWork('object');
    await admin.replicaof('NO', 'ONE');
    await stand.expectRecovery(changes('after').map(([, call]) => call));
    await expectCompletion();
  });

  test('failed over with its last writes lost: nothing that is gone is confirmed', async () => {
    // The state that the new master has: one part of the upload, and neither the second nor the later upload.
    const old = join(dir, 'replica');
    await mkdir(old);
    await cp(join(dir, 'appendonlydir'), join(old, 'appendonlydir'), { recursive: true });
    const second = randomBytes(5 * mib);
    const stored = await stand.uploadPart(upload.uploadId, upload.key, 2, second);
    expect(stored.status).toBe(200);
    const replaced = await stand.uploadPart(upload.uploadId, upload.key, 1, second);
    expect(replaced.status).toBe(200);
    const later = await stand.openUpload('later');

    await server.kill();
    server = await startRedisServer({ dir: old, args: durable });
    await stand.expectRecovery(looks().map(([, call]) => call));

    const lost = await stand.complete(upload, [replaced.headers['etag'] ?? '', stored.headers['etag'] ?? '']);
    expect([lost.status, lost.element('Code')]).toEqual([400, 'InvalidPart']);
    expect((await stand.get(upload.key)).status).toBe(404);
    const none = await stand.complete(later, [later.etag]);
    expect([none.status, none.element('Code')]).toEqual([404, 'NoSuchUpload']);

    // What the old state does know of: either the bytes that it names, or an error; never other bytes.
    const answer = await stand.complete(upload, [upload.etag]);
    if (answer.status === 200 && !answer.text.includes('<Error>')) {
      expect(md5((await stand.get(upload.key)).body)).toBe(md5(upload.part));
    } else {
      expect(answer.element('Code')).toBe('InvalidPart');
      const repaired = await stand.uploadPart(upload.uploadId, upload.key, 1, second);
      const etags = [repaired.headers['etag'] ?? ''];
      expect((await stand.complete(upload, etags)).status).toBe(200);
      expect(md5((await stand.get(upload.key)).body)).toBe(md5(second));
    }
    await stand.expectNothingLost();
    stand.expectNoFailure();
  });

  test('wiped: finished objects are whole, open uploads are unknown, and their bytes are collected in the end', async () => {
    const tagged = { 'x-amz-meta-owner': 'ada', 'content-type': 'text/plain' };
    const begun = await stand.call({
      method: 'POST',
      path: stand.path('finished'),
      query: { uploads: '' },
      headers: tagged,
    });
    const uploadId = begun.element('UploadId') ?? '';
    const parts = [randomBytes(5 * mib), randomBytes(100)];
    const etags: string[] = [];
    for (const [index, part] of parts.entries()) {
      const stored = await stand.uploadPart(uploadId, 'finished', index + 1, part);
      etags.push(stored.headers['etag'] ?? '');
    }
    const finished = await stand.complete({ ...upload, key: 'finished', uploadId }, etags);
    const before = await stand.call({ method: 'HEAD', path: stand.path('finished') });
    await admin.flushall();

    const after = await stand.call({ method: 'HEAD', path: stand.path('finished') });
    expect(after.headers['etag']).toBe(before.headers['etag']);
    expect(finished.element('ETag')).toBe(before.headers['etag']?.replaceAll('"', '&quot;'));
    expect(after.headers['x-amz-meta-owner']).toBe('ada');
    expect(after.headers['content-type']).toBe('text/plain');
    expect(md5((await stand.get('finished')).body)).toBe(md5(Buffer.concat(parts)));
    const second = await stand.call({
      method: 'GET',
      path: stand.path('finished'),
      query: { partNumber: '2' },
    });
    expect(second.body.equals(parts[1] ?? Buffer.of())).toBe(true);

    const refusals = await Promise.all([
      stand.uploadPart(upload.uploadId, upload.key, 2, small),
      ...[...looks().slice(0, 1), ...ends()].map(([, call]) => call()),
    ]);
    for (const answer of refusals)
      expect([answer.status, answer.element('Code')]).toEqual([404, 'NoSuchUpload']);
    expect(await listed()).not.toContain('<Upload>');
    await changes('again')[0]?.[1]();
    await stand.expectNothingLost();

    const staged = await filesOf(upload.uploadId, stand.gateway.deployment.dir);
    expect(staged).not.toEqual([]);
    // Older than the age limit, as the file system tells it; the janitor looks once a second.
    await Promise.all(staged.map(makeOld));
    await expect
      .poll(() => filesOf(upload.uploadId, stand.gateway.deployment.dir), { timeout: 20_000, interval: 200 })
      .toEqual([]);
    await stand.expectNothingLost();
    stand.expectNoFailure();
  });
});

/** Files and directories of an upload. */
async function filesOf(uploadId: string, dir: string): Promise<string[]> {
  const names = await readdir(dir, { recursive: true });
  return names.filter((name) => name.includes(uploadId)).map((name) => join(dir, name));
}

async function makeOld(path: string): Promise<void> {
  const hourAgo = new Date(Date.now() - 3_600_000);
  await utimes(path, hourAgo, hourAgo);
}
