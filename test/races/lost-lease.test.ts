/** A replica that stands still in the middle of a Complete, longer than its lease lasts, and then goes on as if nothing had been. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type Deployment,
  newDeployment,
  type RunningGateway,
  removeDeployment,
  startGateway,
} from '../kit/gateway.ts';
import {
  begin,
  bytes,
  expectFailure,
  expectMissing,
  expectObject,
  put,
  TestUpload,
} from '../upload-path/kit.ts';

const bucket = 'stopped';

/** As in /proc/[pid]/stat (proc(5)): `T` is stopped by a signal. */
async function stateOf(pid: number): Promise<string | undefined> {
  return /\) (\w) /.exec(await readFile(`/proc/${pid}/stat`, 'latin1'))?.[1];
}

describe('a replica that loses its lease', () => {
  let deployment: Deployment;
  let running: RunningGateway[] = [];

  const start = async (env: Record<string, string> = {}): Promise<RunningGateway> => {
    const gateway = await startGateway({
      deployment,
      store: 'redis',
      env: {
        PARTWAY_STATE_DIR: join(deployment.dir, `state-${running.length}`),
        ...env,
      },
    });
    running.push(gateway);
    return gateway;
  };
  const subjectOf = ({ client, endpoint }: RunningGateway) => ({
    client,
    endpoint,
    bucket: () => Promise.resolve(bucket),
  });

  beforeEach(async () => {
    deployment = await newDeployment();
    running = [];
  });
  afterEach(async () => {
    for (const { pid } of running) process.kill(pid, 'SIGCONT');
    await Promise.all(running.map((gateway) => gateway.kill()));
    await removeDeployment(deployment);
  });

  /** Stopped either before its last look at the lease, or after it: between that and the rename. */
  for (const [moment, at] of [
    ['before', '/publish.json'],
    ['after', '/key'],
  ] as const) {
    /** A Complete that has come to a stop, its lease run out, and another replica. */
    const stopped = async () => {
      const [slow, other] = [
        // Only this one holds its lease shortly: a busy machine ends nobody else's.
        await start({
          PARTWAY_UPLOADS_LEASE: '2s',
          NODE_OPTIONS: `--import=${new URL('../kit/crash-at-publish.ts', import.meta.url)}`,
          CRASH_AT: 'before',
          CRASH_KEY: at,
          CRASH_SIGNAL: 'SIGSTOP',
        }),
        await start(),
      ];
      await other.client.send(new CreateBucketCommand({ Bucket: bucket }));
      const upload = await begin(subjectOf(other), bucket, 'key');
      const body = bytes(300);
      const part = await upload.part(1, body);
      const completing = new TestUpload(subjectOf(slow), bucket, 'key', upload.id).complete([part]);
      completing.catch(() => undefined);
      // From then on nobody renews the lease.
      await expect.poll(() => stateOf(slow.pid), { timeout: 20_000 }).toBe('T');
      await sleep(2_600);
      const resume = () => process.kill(slow.pid, 'SIGCONT');
      return { body, completing, other: subjectOf(other), part, resume, upload };
    };

    it(`publishes nothing after an Abort, stopped ${moment} it looked at its lease`, async () => {
      const { completing, other, resume, upload } = await stopped();
      await upload.abort();
      resume();
      await expect(completing).rejects.toThrow();
      await expectMissing(other, bucket, 'key');
      await expectFailure(upload.abort(), 'NoSuchUpload', 404);
    });

    it(`goes along with the attempt that took over, stopped ${moment} it looked at its lease`, async () => {
      const { body, completing, other, part, resume, upload } = await stopped();
      // Waits for the files that the stopped one works on.
      const taking = upload.complete([part]);
      await sleep(500);
      resume();
      const done = await taking;
      const newer = bytes(200);
      await expectObject(other, bucket, 'key', body);
      await put(other, bucket, 'key', newer);
      // It may find the other's result, or ask the client to try again; it claims and changes nothing else.
      const answer = await completing.catch((error: Error) => error.name);
      if (typeof answer !== 'string') expect(answer.ETag).toBe(done.ETag);
      else expect(answer).toBe('SlowDown');
      await expectObject(other, bucket, 'key', newer);
      expect((await upload.complete([part])).ETag).toBe(done.ETag);
    });
  }
});
