/** A Complete that is sent again after its gateway was killed, when others have been at the key or the upload in between. */
import { join } from 'node:path';
import {
  CopyObjectCommand,
  CreateBucketCommand,
  HeadObjectCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type Deployment,
  haveServices,
  newDeployment,
  type RunningGateway,
  removeDeployment,
  startGateway,
} from '../kit/gateway.ts';
import { begin, bytes, expectFailure, expectObject, put, TestUpload } from '../upload-path/kit.ts';
import type { Subject } from '../upload-path/suite.ts';

const bucket = 'resumed';
const key = 'key';

const backends = (['local', 'azure', 'gcs'] as const).filter((backend) =>
  haveServices({ backend, store: 'redis' }),
);
type Moment = 'before' | 'after';

/** Settings of a gateway that dies when it publishes. */
function deadly(backend: (typeof backends)[number], moment: Moment): Record<string, string> {
  const load = (file: string): string => `--import=${new URL(file, import.meta.url)}`;
  return backend === 'local'
    ? { NODE_OPTIONS: load('../kit/crash-at-publish.ts'), CRASH_AT: moment, CRASH_KEY: `/${key}` }
    : {
        NODE_OPTIONS: load('./kill-points.ts'),
        KILL_POINT: moment === 'before' ? 'claim-after' : 'publish-after',
      };
}

describe.each(backends)('a Complete that was cut off on %s', (backend) => {
  let deployment: Deployment;
  let running: RunningGateway[] = [];

  const start = async (env: Record<string, string> = {}): Promise<RunningGateway> => {
    const state = join(deployment.dir, `state-${running.length}`);
    const gateway = await startGateway({
      deployment,
      backend,
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
  const cutOff = async (moment: Moment, condition: object = {}) => {
    // Only the one that dies holds its lease shortly: a busy machine ends nobody else's.
    const victim = await start({ PARTWAY_UPLOADS_LEASE: '1s', ...deadly(backend, moment) });
    const subject = subjectOf(await start());
    await subject.client.send(new CreateBucketCommand({ Bucket: bucket }));
    const upload = await begin(subject, bucket, key);
    const [first, second] = [bytes(300), bytes(400)];
    const parts = [await upload.part(1, first), await upload.part(2, second)] as const;
    const cut = new TestUpload(subjectOf(victim), bucket, key, upload.id).complete([parts[0]], condition);
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

  const putIf = async ({ client }: Subject, body: Uint8Array, condition: object): Promise<string> => {
    const { ETag = '' } = await client.send(
      new PutObjectCommand({ Bucket: bucket, Key: key, Body: body, ...condition }),
    );
    return ETag;
  };

  it('before it published, and is not taken for one that conditional writers replaced', async () => {
    const { first, parts, subject, upload } = await cutOff('before');
    const etag = await putIf(subject, bytes(50), { IfNoneMatch: '*' });
    const next = await putIf(subject, bytes(60), { IfMatch: etag });
    const CopySource = `${bucket}/${key}`;
    await subject.client.send(
      new CopyObjectCommand({
        Bucket: bucket,
        Key: key,
        CopySource,
        MetadataDirective: 'REPLACE',
        IfMatch: next,
      }),
    );
    await upload.complete([parts[0]]);
    await expectObject(subject, bucket, key, first);
  });

  it.each([{}, { IfNoneMatch: '*' }])(
    'after it published under %j, and does not come back over a conditional writer',
    async (condition) => {
      const { parts, subject, upload } = await cutOff('after', condition);
      const { ETag } = await subject.client.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
      const newer = bytes(50);
      await putIf(subject, newer, { IfMatch: ETag });
      await upload.complete([parts[0]]);
      await expectObject(subject, bucket, key, newer);
    },
  );

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
