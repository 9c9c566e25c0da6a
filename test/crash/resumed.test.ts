/** A Complete that is sent again after its gateway was killed, when others have been at the key or the upload in between. */
import { join } from 'node:path';
import { CreateBucketCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type Deployment,
  newDeployment,
  type RunningGateway,
  removeDeployment,
  startGateway,
} from '../kit/gateway.ts';
import { begin, bytes, expectFailure, expectObject, put, TestUpload } from '../upload-path/kit.ts';

const bucket = 'resumed';
const key = 'key';

describe('a Complete that was cut off', () => {
  let deployment: Deployment;
  let running: RunningGateway[] = [];

  const start = async (env: Record<string, string> = {}): Promise<RunningGateway> => {
    const state = join(deployment.dir, `state-${running.length}`);
    const gateway = await startGateway({
      deployment,
      store: 'redis',
      env: { PARTWAY_STATE_DIR: state, ...env },
    });
    running.push(gateway);
    return gateway;
  };
  const subjectOf = ({ client, endpoint }: RunningGateway) => ({
    client,
    endpoint,
    bucket: () => Promise.resolve(bucket),
  });

  /** Two parts; a gateway that is killed right before or after it published the first as the object. */
  const cutOff = async (moment: 'before' | 'after') => {
    // Only the one that dies holds its lease shortly: a busy machine ends nobody else's.
    const victim = await start({
      PARTWAY_UPLOADS_LEASE: '1s',
      NODE_OPTIONS: `--import=${new URL('../kit/crash-at-publish.ts', import.meta.url)}`,
      CRASH_AT: moment,
      CRASH_KEY: `/${key}`,
    });
    const subject = subjectOf(await start());
    await subject.client.send(new CreateBucketCommand({ Bucket: bucket }));
    const upload = await begin(subject, bucket, key);
    const [first, second] = [bytes(300), bytes(400)];
    const parts = [await upload.part(1, first), await upload.part(2, second)] as const;
    const cut = new TestUpload(subjectOf(victim), bucket, key, upload.id).complete([parts[0]]);
    await expect(cut).rejects.toThrow();
    return { first, second, parts, subject, upload };
  };

  beforeEach(async () => {
    deployment = await newDeployment();
    running = [];
  });
  afterEach(async () => {
    await Promise.all(running.map((gateway) => gateway.kill()));
    await removeDeployment(deployment);
  });

  it('before it published, and is not taken for one that a conditional writer replaced', async () => {
    const { first, parts, subject, upload } = await cutOff('before');
    const newer = bytes(50);
    await subject.client.send(
      new PutObjectCommand({ Bucket: bucket, Key: key, Body: newer, IfNoneMatch: '*' }),
    );
    await upload.complete([parts[0]]);
    await expectObject(subject, bucket, key, first);
  });

  it('after it published leaves what was written since, and answers what it had made', async () => {
    const { parts, subject, upload } = await cutOff('after');
    const newer = bytes(50);
    await put(subject, bucket, key, newer);
    const again = await upload.complete([parts[0]]);
    expect(again.ETag).toMatch(/-1"$/);
    await expectObject(subject, bucket, key, newer);
  });

  it.each(['is still there', 'was replaced'])(
    'after it published refuses a Complete with other parts, when its object %s',
    async (how) => {
      const { first, parts, subject, upload } = await cutOff('after');
      const newer = bytes(50);
      if (how === 'was replaced') await put(subject, bucket, key, newer);
      await expectFailure(upload.complete([parts[1]]), 'NoSuchUpload', 404);
      await expectObject(subject, bucket, key, how === 'was replaced' ? newer : first);
      await upload.complete([parts[0]]);
      await expectFailure(upload.abort(), 'NoSuchUpload', 404);
    },
  );
});
