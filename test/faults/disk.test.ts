/** Disks that fill up, fail, turn read-only, and descriptors that run out, under a gateway that serves a local directory. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import { type Deployment, newDeployment, removeDeployment, startGateway } from '../kit/gateway.ts';
import type { RawAnswer } from '../kit/raw-request.ts';
import { expectOutage, long, md5, mib, type OpenUpload, Stand, startStand } from './kit.ts';

const run = promisify(execFile);

/** Root of a container may not, as a rule. */
const canMount = await (async (): Promise<boolean> => {
  if (process.getuid?.() !== 0) return false;
  const path = await mkdtemp(join(tmpdir(), 'partway-mount-'));
  try {
    await run('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', path]);
    await run('umount', ['-l', path]);
    return true;
  } catch (error) {
    console.error(
      `\n!!! NO TESTS OF FULL AND READ-ONLY DISKS: ${error instanceof Error ? error.message : error}\n`,
    );
    return false;
  } finally {
    await rm(path, { recursive: true });
  }
})();

describe('a local disk', () => {
  let deployment: Deployment;
  let stand: Stand;
  let upload: OpenUpload;
  const mounts: string[] = [];
  const small = randomBytes(4096);
  const large = randomBytes(3 * mib);

  afterEach(async () => {
    await stand.close();
    for (const mount of mounts.splice(0)) await run('umount', ['-l', mount]);
    await removeDeployment(deployment);
  });

  const start = async (env: Readonly<Record<string, string>> = {}): Promise<void> => {
    stand = await startStand(
      () => 1,
      () => ({ deployment, env }),
    );
    expect((await stand.put('small', small)).status).toBe(200);
    expect((await stand.put('large', large)).status).toBe(200);
    upload = await stand.openUpload('upload');
  };
  const mount = async (name: string, size: string): Promise<string> => {
    const path = join(deployment.dir, name);
    await mkdir(path);
    await run('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path]);
    mounts.push(path);
    return path;
  };
  const complete = async (): Promise<void> => {
    const answer = await stand.complete(upload, [upload.etag]);
    expect(answer.status, answer.text).toBe(200);
    expect(md5((await stand.get(upload.key)).body)).toBe(md5(upload.part));
    await stand.expectNothingLost();
    stand.expectNoFailure();
  };
  const listing = (): Promise<RawAnswer> =>
    stand.call({ method: 'GET', path: `/${stand.bucket}`, query: { 'list-type': '2' } });
  const partTwo = (body: Buffer): Promise<RawAnswer> =>
    stand.uploadPart(upload.uploadId, upload.key, 2, body);
  const expectReading = async (): Promise<void> => {
    expect(md5((await stand.get('large')).body)).toBe(md5(large));
    expect((await listing()).status).toBe(200);
  };

  test.skipIf(!canMount)(
    'that is full: 507, nothing half-stored, and free space is used at once',
    async () => {
      deployment = await newDeployment();
      const data = await mount('data', '24m');
      await start();
      const body = randomBytes(6 * mib);
      const answers: RawAnswer[] = [];
      for (let index = 0; index < 6; index++) answers.push(await stand.put(`fill-${index}`, body));
      const full = answers.filter(({ status }) => status !== 200);
      expect(full.length).toBeGreaterThan(2);
      for (const answer of full)
        expect([answer.status, answer.element('Code')]).toEqual([507, 'InsufficientStorage']);
      const other = await stand.createUpload('other');
      const otherId = other.element('UploadId') ?? '';
      const refused = await stand.uploadPart(otherId, 'other', 1, body);
      expect([refused.status, refused.element('Code')]).toEqual([507, 'InsufficientStorage']);
      const over = await stand.put('large', body);
      expect([over.status, over.element('Code')]).toEqual([507, 'InsufficientStorage']);
      await expectReading();
      expect((await listing()).text.match(/<Key>fill-/g)?.length ?? 0).toBe(6 - full.length);
      expect(await readdir(join(data, '.partway', 'tmp')).catch(() => [])).toEqual([]);

      // To the last byte: not even the lock of a Complete fits.
      const brim = await stand.complete(upload, [upload.etag]);
      expect([brim.status, brim.element('Code')]).toEqual([507, 'InsufficientStorage']);
      const abort = { method: 'DELETE', path: stand.path('other'), query: { uploadId: otherId } };
      expect((await stand.call(abort)).status).toBe(204);

      // Nothing was left by what failed: the space of one object that goes is there for another one.
      const gone = [...stand.acknowledged.keys()].find((key) => key.startsWith('fill-')) ?? '';
      expect((await stand.call({ method: 'DELETE', path: stand.path(gone) })).status).toBe(204);
      stand.acknowledged.delete(gone);
      expect((await stand.put('fits', body)).status).toBe(200);
      await complete();
    },
  );

  test.skipIf(!canMount)('of the embedded store that is full: uploads wait, objects do not', async () => {
    deployment = await newDeployment();
    const state = await mount('state', '1m');
    await start();
    await writeFile(join(state, 'filler'), Buffer.alloc(mib)).catch(() => {});
    const begun: RawAnswer[] = [];
    for (let index = 0; index < 200 && begun.at(-1)?.status !== 503; index++) {
      begun.push(await stand.createUpload(`upload-${index}`));
    }
    expectOutage(begun.at(-1) as RawAnswer, 'CreateMultipartUpload');
    expect((await stand.put('object', large)).status).toBe(200);
    await expectReading();
    await rm(join(state, 'filler'));
    await stand.expectRecovery([() => stand.createUpload('after'), () => partTwo(small)]);
    await complete();
  });

  test.skipIf(!canMount)('that is read-only: 503, reads go on, and it is taken back', async () => {
    deployment = await newDeployment();
    const data = await mount('data', '64m');
    await start();
    const ending = await stand.openUpload('ending');
    await stand.gateway.stop();
    await run('mount', ['-o', 'remount,ro', data]);
    stand = new Stand(await startGateway({ deployment, ready: 'alive' }), stand.proxy, stand.acknowledged);
    expectOutage(await stand.put('new', large), 'PutObject');
    expectOutage(await stand.put('large', small), 'PutObject over another');
    expectOutage(await partTwo(small), 'UploadPart');
    expectOutage(await stand.createUpload('another'), 'CreateMultipartUpload');
    expectOutage(await stand.complete(ending, [ending.etag]), 'CompleteMultipartUpload');
    expectOutage(await stand.call({ method: 'DELETE', path: stand.path('small') }), 'DeleteObject');
    expectOutage(await stand.call({ method: 'PUT', path: '/another-bucket' }), 'CreateBucket');
    await expectReading();
    expect(await stand.ready()).toBe(503);
    await run('mount', ['-o', 'remount,rw', data]);
    await stand.expectRecovery([
      () => stand.put('new', large),
      () => partTwo(small),
      () => stand.createUpload('x'),
      () => stand.complete(ending, [ending.etag]),
    ]);
    expect(md5((await stand.get('ending')).body)).toBe(md5(ending.part));
    await complete();
  });

  test('that fails: 503 or the truth, whichever call it is that fails', async () => {
    deployment = await newDeployment();
    const plan = join(deployment.dir, 'fail.json');
    const preload = new URL('./fail-files.ts', import.meta.url).href;
    await start({ NODE_OPTIONS: `--import ${preload}`, FAIL_FILES: plan });
    const below = join(deployment.dir, 'data');
    let struck = 0;
    for (const call of ['open', 'read', 'write', 'sync', 'rename', 'mkdir']) {
      for (const code of long
        ? ['EIO', 'ENOSPC', 'EROFS', 'EMFILE', 'ESTALE', 'EDQUOT']
        : ['EIO', 'ENOSPC']) {
        await writeFile(plan, JSON.stringify({ calls: [call], code, below }));
        const key = `${call}/${code}/object`;
        const work: Record<string, () => Promise<RawAnswer>> = {
          small: () => stand.put(key, small),
          large: () => stand.put(`${key}-large`, large),
          over: () => stand.put('small', small),
          part: () => partTwo(small),
          complete: () => stand.complete(upload, [upload.etag, '"wrong"']),
          copy: () =>
            stand.call({
              method: 'PUT',
              path: stand.path(`${key}-copy`),
              headers: { 'x-amz-copy-source': `/${stand.bucket}/large` },
            }),
          read: () => stand.get('small'),
          look: () => stand.call({ method: 'HEAD', path: stand.path('large') }),
          list: listing,
          remove: () => stand.call({ method: 'DELETE', path: stand.path(key) }),
        };
        for (const [what, attempt] of Object.entries(work)) {
          const answer = await attempt();
          if (answer.status < 300 || answer.status === 400 || answer.status === 404) continue;
          struck += 1;
          if (what === 'remove') stand.acknowledged.delete(key);
          expect([503, 507], `${call} ${code} ${what}: ${answer.text.slice(0, 300)}`).toContain(
            answer.status,
          );
          if (answer.status === 503) expectOutage(answer, `${call} ${code} ${what}`);
        }
        stand.acknowledged.delete(key);
        const broken = await stand.get('large').catch((error: unknown) => String(error));
        if (typeof broken !== 'string' && broken.status === 200) expect(md5(broken.body)).toBe(md5(large));
        await rm(plan);
        await stand.expectNothingLost();
        await stand.expectAbsentOrWhole(`${key}-large`, large);
        await stand.expectAbsentOrWhole(`${key}-copy`, large);
      }
    }
    expect(struck).toBeGreaterThan(20);
    await stand.expectRecovery([() => stand.put('after', large), () => partTwo(small)]);
    await complete();
  });

  test('without descriptors: 503 or a closed connection, and it goes on when there are some', async () => {
    deployment = await newDeployment();
    await start();
    const { pid, port } = stand.gateway;
    const agent = new Agent({ keepAlive: true, maxSockets: 20 });
    const ask = (path: string): Promise<number | string> =>
      new Promise((resolve) => {
        const outgoing = request({ port, host: '127.0.0.1', path, agent, timeout: 10_000 }, (incoming) => {
          incoming.resume();
          incoming.once('end', () => resolve(incoming.statusCode ?? 0));
        });
        outgoing.once('timeout', () => outgoing.destroy(new Error('no answer')));
        outgoing.once('error', (error) => resolve(error.message));
        outgoing.end();
      });
    // The agent's connections stay open; no further descriptor can be had.
    await Promise.all(Array.from({ length: 20 }, () => ask('/-/healthz')));
    const used = (await readdir(`/proc/${pid}/fd`)).length;
    await run('prlimit', ['--pid', String(pid), `--nofile=${used}:`]);
    const answers = await Promise.all(
      Array.from({ length: 12 }, async (_, index) => {
        const outcome = await stand
          .put(`starved-${index}`, large)
          .catch((error: unknown) => (error instanceof Error ? error.message : String(error)));
        return typeof outcome === 'string' ? outcome : outcome.status;
      }),
    );
    for (const answer of answers) expect(String(answer)).toMatch(/^503$|ECONNRESET|hang up|EPIPE/);
    expect(await ask('/-/healthz')).toBe(200);
    await run('prlimit', ['--pid', String(pid), '--nofile=4096:']);
    agent.destroy();
    await sleep(200);
    await stand.expectRecovery([() => stand.put('after', large), () => partTwo(small), listing]);
    await complete();
    expect((await readdir(`/proc/${pid}/fd`)).length).toBeLessThan(used + 10);
  });
});
