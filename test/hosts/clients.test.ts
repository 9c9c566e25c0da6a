import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { onPath } from '../kit/on-path.ts';
import { account, type HostsGateway, mechanic, outpost, startHostsGateway } from './kit.ts';

let gateway: HostsGateway;
const ledgerArn = `arn:aws:s3:us-east-1:${account}:accesspoint/finance`;
const machinesArn = `arn:aws:s3-outposts:us-east-1:${account}:outpost/${outpost}/accesspoint/plant`;
const sigV4 = (service: string): string[] => ['--aws-sigv4', `aws:amz:us-east-1:${service}`];
const hashed = ['--header', 'x-amz-content-sha256: UNSIGNED-PAYLOAD'];

beforeAll(async () => {
  gateway = await startHostsGateway();
  for (const bucket of ['ledger', 'machines', 'dotted.bucket']) {
    await gateway.client.send(new CreateBucketCommand({ Bucket: bucket }));
  }
});
afterAll(() => gateway[Symbol.asyncDispose]());

/** Writes by one client, in one request and in parts, and reads where the bytes should be. */
async function writesTo(client: S3Client, Bucket: string, bucket: string): Promise<void> {
  const read = async (Key: string): Promise<string | undefined> => {
    const { Body } = await gateway.client.send(new GetObjectCommand({ Bucket: bucket, Key }));
    return Body?.transformToString();
  };
  const Key = `a b/${Math.random()}`;
  await client.send(new PutObjectCommand({ Bucket, Key, Body: 'bytes' }));
  expect(await read(Key)).toBe('bytes');

  const listed = await client.send(new ListObjectsV2Command({ Bucket, Prefix: Key }));
  expect([listed.Name, listed.Contents?.map((each) => each.Key)]).toEqual([bucket, [Key]]);

  const { Bucket: named, UploadId } = await client.send(
    new CreateMultipartUploadCommand({ Bucket, Key: 'parts' }),
  );
  expect(named).toBe(bucket);
  const { ETag } = await client.send(
    new UploadPartCommand({ Bucket, Key: 'parts', UploadId, PartNumber: 1, Body: Key }),
  );
  const completed = await client.send(
    new CompleteMultipartUploadCommand({
      Bucket,
      Key: 'parts',
      UploadId,
      MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] },
    }),
  );
  expect(completed.Bucket).toBe(bucket);
  expect(completed.Location).not.toContain('arn:');
  expect(await read('parts')).toBe(Key);
}

describe('AWS SDK for JavaScript', () => {
  it.each([
    ['hosts of Amazon', {}],
    ['hosts of Amazon, path style', { forcePathStyle: true }],
    ['dualstack hosts', { useDualstackEndpoint: true }],
    ['FIPS hosts', { useFipsEndpoint: true }],
    ['a domain of one’s own', { endpoint: 'http://s3.example.com' }],
  ])('reaches a bucket by %s', async (_, config) => {
    await writesTo(gateway.clientOf(config), 'ledger', 'ledger');
  });

  it('reaches a bucket with dots in its name', async () => {
    const client = gateway.clientOf({ endpoint: 'http://s3.example.com' });
    await writesTo(client, 'dotted.bucket', 'dotted.bucket');
  });

  it.each([
    ['hosts of Amazon', {}],
    ['dualstack hosts', { useDualstackEndpoint: true }],
    ['FIPS hosts', { useFipsEndpoint: true }],
    ['a domain of one’s own', { endpoint: 'http://s3.example.com' }],
  ])('reaches a bucket by its access point at %s', async (_, config) => {
    await writesTo(gateway.clientOf(config), ledgerArn, 'ledger');
  });

  it.each([
    ['hosts of Amazon', {}],
    ['a domain of one’s own', { endpoint: 'http://s3.example.com' }],
  ])('reaches a bucket by an access point of an Outpost at %s', async (_, config) => {
    await writesTo(gateway.clientOf(config), machinesArn, 'machines');
  });

  it('copies from and to access points', async () => {
    await gateway.client.send(new PutObjectCommand({ Bucket: 'ledger', Key: 'from/here', Body: 'copied' }));
    const client = gateway.clientOf({ endpoint: 'http://s3.example.com' });
    const copy = { Bucket: machinesArn, Key: 'to', CopySource: `${ledgerArn}/object/from/here` };
    await client.send(new CopyObjectCommand(copy));
    const { Body } = await gateway.client.send(new GetObjectCommand({ Bucket: 'machines', Key: 'to' }));
    expect(await Body?.transformToString()).toBe('copied');

    const lost = client.send(
      new CopyObjectCommand({ ...copy, CopySource: `${ledgerArn}x/object/from/here` }),
    );
    await expect(lost).rejects.toMatchObject({ name: 'NoSuchAccessPoint' });
    const nothing = client.send(new CopyObjectCommand({ ...copy, CopySource: `${ledgerArn}/from/here` }));
    await expect(nothing).rejects.toMatchObject({ name: 'InvalidArgument' });
  });

  it('may by an access point what it may on the bucket, and no more', async () => {
    const client = gateway.clientOf({ endpoint: 'http://s3.example.com', credentials: mechanic });
    await client.send(new PutObjectCommand({ Bucket: machinesArn, Key: 'mine', Body: 'x' }));
    const other = client.send(new PutObjectCommand({ Bucket: ledgerArn, Key: 'mine', Body: 'x' }));
    await expect(other).rejects.toMatchObject({ name: 'AccessDenied' });
    const copy = { Bucket: machinesArn, Key: 'taken', CopySource: `${ledgerArn}/object/from/here` };
    await expect(client.send(new CopyObjectCommand(copy))).rejects.toMatchObject({ name: 'AccessDenied' });
  });

  it('is told of an access point that is not there', async () => {
    const client = gateway.clientOf({});
    const unknown = client.send(new ListObjectsV2Command({ Bucket: ledgerArn.replace('finance', 'sales') }));
    await expect(unknown).rejects.toMatchObject({
      name: 'NoSuchAccessPoint',
      $metadata: { httpStatusCode: 404 },
    });
  });

  it('is told that nothing is accelerated', async () => {
    const client = gateway.clientOf({ useAccelerateEndpoint: true });
    const accelerated = client.send(new PutObjectCommand({ Bucket: 'ledger', Key: 'k', Body: 'x' }));
    await expect(accelerated).rejects.toMatchObject({
      name: 'InvalidRequest',
      message: 'S3 Transfer Acceleration is not configured on this bucket',
    });
  });

  it('can not end a bucket by its access point', async () => {
    const client = gateway.clientOf({});
    const ended = client.send(new DeleteBucketCommand({ Bucket: ledgerArn }));
    await expect(ended).rejects.toMatchObject({ name: 'MethodNotAllowed' });
  });
});

describe.skipIf(!onPath('curl'))('curl', () => {
  it('reaches a bucket by an ARN in the path, and is told of the bucket alone', async () => {
    const encoded = encodeURIComponent(ledgerArn);
    const put = await gateway.curl(
      `http://s3.example.com/${encoded}/by-arn`,
      ...sigV4('s3'),
      ...hashed,
      '-X',
      'PUT',
      '-d',
      'x',
    );
    expect(put).toEqual({ status: 200, text: '' });
    const { Body } = await gateway.client.send(new GetObjectCommand({ Bucket: 'ledger', Key: 'by-arn' }));
    expect(await Body?.transformToString()).toBe('x');

    const missing = await gateway.curl(
      `http://s3.example.com/${encoded}/not/there`,
      ...sigV4('s3'),
      ...hashed,
    );
    expect(missing.status).toBe(404);
    expect(missing.text).toContain('<Resource>/ledger/not/there</Resource>');
    expect(missing.text).not.toContain('arn:');
    const listed = await gateway.curl(
      `http://s3.example.com/${encoded}?list-type=2`,
      ...sigV4('s3'),
      ...hashed,
    );
    expect(listed.text).toContain('<Name>ledger</Name>');
    expect(listed.text).not.toContain('arn:');
  });

  it('signs for s3-outposts where an Outpost is asked, and nowhere else', async () => {
    const host = `plant-${account}.${outpost}.s3-outposts.us-east-1.amazonaws.com`;
    const there = await gateway.curl(`http://${host}/?list-type=2`, ...sigV4('s3-outposts'), ...hashed);
    expect([there.status, there.text.includes('<Name>machines</Name>')]).toEqual([200, true]);
    for (const other of [
      's3.example.com/machines',
      'machines.s3.amazonaws.com',
      `finance-${account}.s3.example.com`,
    ]) {
      const refused = await gateway.curl(`http://${other}?list-type=2`, ...sigV4('s3-outposts'), ...hashed);
      expect([refused.status, refused.text]).toEqual([400, expect.stringContaining('incorrect service')]);
    }
  });

  it('is answered by keys, not by health, where a host names the bucket', async () => {
    for (const host of ['ledger.s3.example.com', 'ledger.s3.us-east-1.amazonaws.com']) {
      const key = await gateway.curl(`http://${host}/-/healthz`, ...sigV4('s3'), ...hashed);
      expect([key.status, key.text]).toEqual([404, expect.stringContaining('<Code>NoSuchKey</Code>')]);
    }
  });

  it.each(['le_dger', '..', 'x--x-s3', 'ledger-', '10.0.0.1'])('finds no bucket behind %s', async (name) => {
    const answer = await gateway.curl(
      'http://s3.example.com/k',
      ...sigV4('s3'),
      ...hashed,
      '--header',
      `Host: ${name}.s3.example.com`,
    );
    expect([answer.status, answer.text]).toEqual([
      400,
      expect.stringContaining('<Code>InvalidBucketName</Code>'),
    ]);
  });
});

describe.skipIf(!onPath('curl'))('X-Forwarded-Host', () => {
  const ask = (through: HostsGateway) =>
    through.curl(
      'http://ledger.s3.example.com/k',
      ...sigV4('s3'),
      ...hashed,
      '--header',
      'X-Forwarded-Host: machines.s3.example.com',
    );

  it('is nothing to a gateway that trusts no proxy', async () => {
    expect((await ask(gateway)).text).toContain('<Code>NoSuchKey</Code>');
  });

  it('is the host that was signed, for a gateway behind a proxy', async () => {
    await using behind = await startHostsGateway({ PARTWAY_TRUSTED_PROXIES: '127.0.0.1' });
    expect((await ask(behind)).text).toContain('<Code>SignatureDoesNotMatch</Code>');
  });
});
