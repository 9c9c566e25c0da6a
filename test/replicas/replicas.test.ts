/** Several gateways over one directory and one Redis: any request of an upload may reach any of them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CreateBucketCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
} from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type Deployment,
  haveServices,
  newDeployment,
  type RunningGateway,
  removeDeployment,
  startGateway,
} from '../kit/gateway.ts';
import { type RedisServer, startRedisServer } from '../setup/redis.ts';
import {
  begin,
  bytes,
  expectFailure,
  expectMissing,
  expectObject,
  minPart,
  multipartEtag,
  TestUpload,
} from '../upload-path/kit.ts';

const bucket = 'replicated';
/** The same upload through another replica. */
const through = (gateway: RunningGateway, upload: TestUpload): TestUpload =>
  new TestUpload(subjectOf(gateway), upload.bucket, upload.key, upload.id);
const subjectOf = ({ client, endpoint }: RunningGateway) => ({
  client,
  endpoint,
  bucket: () => Promise.resolve(bucket),
});

describe.skipIf(!haveServices({ store: 'redis' }))('replicas over one Redis', () => {
  let redisDir: string;
  let redis: RedisServer;
  let deployment: Deployment;
  let replicas: RunningGateway[] = [];

  const replica = (env: Record<string, string> = {}) =>
    startGateway({
      deployment,
      env: {
        PARTWAY_REDIS_URL: redis.url,
        PARTWAY_STATE_DIR: join(deployment.dir, `state-${replicas.length}`),
        // Soon enough for who takes over from the dead, and longer than a busy machine keeps the living waiting.
        PARTWAY_UPLOADS_LEASE: '3s',
        ...env,
      },
    });
  const at = (index: number): RunningGateway => {
    const found = replicas[index];
    if (found === undefined) throw new Error(`no replica ${index}`);
    return found;
  };

  beforeAll(async () => {
    redisDir = await mkdtemp(join(tmpdir(), 'partway-redis-'));
    redis = await startRedisServer({
      dir: redisDir,
      args: ['--appendonly', 'yes', '--appendfsync', 'always'],
    });
  });
  afterAll(async () => {
    await redis.stop();
    await rm(redisDir, { recursive: true, force: true });
  });
  beforeEach(async () => {
    deployment = await newDeployment();
    replicas = [];
    for (let index = 0; index < 3; index += 1) replicas.push(await replica());
    await at(0).client.send(new CreateBucketCommand({ Bucket: bucket }));
  });
  afterEach(async () => {
    await Promise.all(replicas.map((gateway) => gateway.stop()));
    await removeDeployment(deployment);
  });

  it('takes the parts of an upload on all of them, and Complete on two at once', async () => {
    const upload = await begin(subjectOf(at(0)), bucket, 'sprayed');
    const bodies = Array.from({ length: 7 }, (_, index) => bytes(index === 6 ? 123 : minPart));
    const parts = await Promise.all(
      bodies.map((body, index) => through(at(index % 3), upload).part(index + 1, body)),
    );
    const listed = await at(2).client.send(new ListPartsCommand(upload.address));
    expect(listed.Parts?.map((part) => part.ETag)).toEqual(parts.map((part) => part.ETag));
    const answers = await Promise.all([
      through(at(1), upload).complete(parts),
      through(at(2), upload).complete(parts),
    ]);
    for (const answer of answers) expect(answer.ETag).toBe(multipartEtag(bodies));
    for (const index of [0, 1, 2]) {
      await expectObject(subjectOf(at(index)), bucket, 'sprayed', Buffer.concat(bodies));
    }
  });

  it('ends an upload everywhere when one of them aborts it', async () => {
    const upload = await begin(subjectOf(at(0)), bucket, 'aborted');
    const part = await through(at(1), upload).part(1, bytes(100));
    await through(at(2), upload).abort();
    await expectFailure(through(at(1), upload).part(2, bytes(1)), 'NoSuchUpload', 404);
    await expectFailure(through(at(0), upload).complete([part]), 'NoSuchUpload', 404);
    const uploads = await at(1).client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
    expect(uploads.Uploads).toBeUndefined();
  });

  it.each(['before', 'after'])(
    'finishes a Complete whose replica was killed %s it published',
    async (moment) => {
      const victim = await replica({
        NODE_OPTIONS: `--import=${new URL('../kit/crash-at-publish.ts', import.meta.url)}`,
        CRASH_AT: moment,
        CRASH_KEY: '/killed',
      });
      const upload = await begin(subjectOf(victim), bucket, 'killed');
      const bodies = [bytes(minPart), bytes(minPart), bytes(55)];
      const parts = [];
      for (const [index, body] of bodies.entries()) {
        parts.push(await through(at(index), upload).part(index + 1, body));
      }
      await expect(upload.complete(parts)).rejects.toThrow();
      await victim.kill();
      const done = await through(at(1), upload).complete(parts);
      expect(done.ETag).toBe(multipartEtag(bodies));
      await expectObject(subjectOf(at(2)), bucket, 'killed', Buffer.concat(bodies));
      expect((await through(at(0), upload).complete(parts)).ETag).toBe(done.ETag);
    },
  );

  it.each([
    ['before', 'aborts'],
    ['after', 'has finished'],
  ])('%s publishing, an Abort after the kill %s the upload', async (moment) => {
    const victim = await replica({
      NODE_OPTIONS: `--import=${new URL('../kit/crash-at-publish.ts', import.meta.url)}`,
      CRASH_AT: moment,
      CRASH_KEY: '/stuck',
    });
    const upload = await begin(subjectOf(victim), bucket, 'stuck');
    const body = bytes(300);
    const part = await upload.part(1, body);
    await expect(upload.complete([part])).rejects.toThrow();
    await victim.kill();
    const abort = through(at(0), upload).abort();
    if (moment === 'before') {
      await abort;
      await expectMissing(subjectOf(at(1)), bucket, 'stuck');
    } else {
      await expectFailure(abort, 'NoSuchUpload', 404);
      await expectObject(subjectOf(at(1)), bucket, 'stuck', body);
    }
  });

  it('loses no acknowledged part when Redis is killed and comes back', async () => {
    const upload = await begin(subjectOf(at(0)), bucket, 'outage');
    const [one, two] = [bytes(minPart), bytes(77)];
    const first = await through(at(1), upload).part(1, one);
    await redis.kill();
    await expectFailure(through(at(2), upload).part(2, two), 'ServiceUnavailable', 503);
    const { port } = redis;
    redis = await startRedisServer({
      dir: redisDir,
      port,
      args: ['--appendonly', 'yes', '--appendfsync', 'always'],
    });
    const second = await eventually(() => through(at(2), upload).part(2, two));
    // Each replica comes back to Redis in its own time.
    await eventually(() => through(at(0), upload).complete([first, second]));
    await expectObject(subjectOf(at(1)), bucket, 'outage', Buffer.concat([one, two]));
  });

  it('serves objects while Redis is away', async () => {
    const subject = subjectOf(at(0));
    const upload = await begin(subject, bucket, 'kept');
    const body = bytes(200);
    await upload.complete([await upload.part(1, body)]);
    await redis.kill();
    try {
      await expectObject(subject, bucket, 'kept', body);
      await at(1).client.send(new HeadObjectCommand({ Bucket: bucket, Key: 'kept' }));
    } finally {
      const { port } = redis;
      redis = await startRedisServer({
        dir: redisDir,
        port,
        args: ['--appendonly', 'yes', '--appendfsync', 'always'],
      });
    }
  });
});

/** Repeats what the outage may still refuse, for at most a minute. */
async function eventually<T>(work: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}
