/** Several backends behind one gateway, chosen by bucket name. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  CopyObjectCommand,
  CreateBucketCommand,
  HeadBucketCommand,
  ListBucketsCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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
  expectObject,
  md5Etag,
  minPart,
  multipartEtag,
  put,
} from '../upload-path/kit.ts';

describe('buckets routed to backends', () => {
  let deployment: Deployment;
  let gateway: RunningGateway;
  const subject = () => ({
    client: gateway.client,
    endpoint: gateway.endpoint,
    bucket: () => Promise.reject(new Error('buckets are named by the tests')),
  });

  beforeAll(async () => {
    deployment = await newDeployment();
    const file = join(deployment.dir, 'partway.yaml');
    await writeFile(
      file,
      `backend: main
backends:
  main: { kind: local, root: ${deployment.dir}/main }
  logs: { kind: local, root: ${deployment.dir}/logs }
  cloud:
    kind: azure
    connectionString: ${process.env['TEST_AZURITE_CONNECTION_STRING']}
    containerPrefix: r${deployment.name}-
buckets:
  logs-*: logs
  photos: { backend: logs, name: holiday-photos }
  cloud-*: cloud
`,
    );
    gateway = await startGateway({
      deployment,
      backend: 'configured',
      env: { PARTWAY_CONFIG: file },
    });
    for (const Bucket of ['data', 'logs-2026', 'photos', 'cloud-one']) {
      await gateway.client.send(new CreateBucketCommand({ Bucket }));
    }
  });
  afterAll(async () => {
    await gateway.stop();
    await removeDeployment(deployment);
  });

  it('are kept where the first rule says, under the names that it says', async () => {
    await put(subject(), 'data', 'a', bytes(1));
    await put(subject(), 'logs-2026', 'b', bytes(1));
    await put(subject(), 'photos', 'c', bytes(1));
    const visible = async (root: string) =>
      (await readdir(join(deployment.dir, root))).filter((name) => !name.startsWith('.')).sort();
    expect(await visible('main')).toEqual(['data']);
    expect(await visible('logs')).toEqual(['holiday-photos', 'logs-2026']);
    expect(await readFile(join(deployment.dir, 'logs/logs-2026/b'))).toHaveLength(1);
  });

  it('are listed together, by name', async () => {
    const { Buckets } = await gateway.client.send(new ListBucketsCommand({}));
    expect(Buckets?.map((bucket) => bucket.Name)).toEqual(['cloud-one', 'data', 'logs-2026', 'photos']);
    await expectFailure(
      gateway.client.send(new HeadBucketCommand({ Bucket: 'holiday-photos' })),
      'NotFound',
      404,
    );
  });

  it('copy to one another through the gateway', async () => {
    const body = bytes(minPart + 3);
    await put(subject(), 'data', 'source', body);
    const { CopyObjectResult } = await gateway.client.send(
      new CopyObjectCommand({ Bucket: 'cloud-one', Key: 'copy', CopySource: 'data/source' }),
    );
    expect(CopyObjectResult?.ETag).toBe(md5Etag(body));
    await expectObject(subject(), 'cloud-one', 'copy', body);

    const upload = await begin(subject(), 'logs-2026', 'assembled');
    const part = await gateway.client.send(
      new UploadPartCopyCommand({ ...upload.address, PartNumber: 1, CopySource: 'cloud-one/copy' }),
    );
    const done = await upload.complete([{ PartNumber: 1, ETag: part.CopyPartResult?.ETag }]);
    expect(done.ETag).toBe(multipartEtag([body]));
    await expectObject(subject(), 'logs-2026', 'assembled', body);
  });
});

describe('a backend that is down at the start', () => {
  it('keeps nothing from starting: readiness and requests say what is wrong', async () => {
    const gateway = await startGateway({
      backend: 'azure',
      ready: 'alive',
      env: {
        PARTWAY_AZURE_CONNECTION_STRING:
          'DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;BlobEndpoint=http://127.0.0.1:9/devstoreaccount1;',
      },
    });
    try {
      expect((await fetch(`${gateway.endpoint}/-/readyz`)).status).toBe(503);
      await expectFailure(gateway.client.send(new ListBucketsCommand({})), 'ServiceUnavailable', 503);
    } finally {
      await gateway.stop();
    }
  });
});
