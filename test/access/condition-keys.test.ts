/** What requests tell the conditions of policies, where a client would gain by telling something else. */
import { createHash } from 'node:crypto';
import {
  CopyObjectCommand,
  CreateBucketCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { expect, it } from 'vitest';
import { formBody } from '../forms/kit.ts';
import { startHostsGateway } from '../hosts/kit.ts';
import { accountId, arnOf, denied, outcome, sharedGateway } from './kit.ts';

const shared = sharedGateway();
const boundary = '----WebKitFormBoundaryAbCdEf0123456789';
const everything = (Bucket: string) => [`arn:aws:s3:::${Bucket}`, `arn:aws:s3:::${Bucket}/*`];

it('a request is never one that a service of AWS makes', async () => {
  const Bucket = await shared.bucket();
  await shared.policy(Bucket, {
    Effect: 'Deny',
    Principal: '*',
    Action: 's3:*',
    Resource: everything(Bucket),
    Condition: {
      NotIpAddress: { 'aws:SourceIp': '203.0.113.0/24' },
      Bool: { 'aws:ViaAWSService': 'false', 'aws:PrincipalIsAWSService': 'false' },
    },
  });
  expect(await outcome(shared.root.send(new PutObjectCommand({ Bucket, Key: 'key', Body: 'x' })))).toBe(
    denied,
  );
});

it('writes that must be conditional are so, parts of uploads are not', async () => {
  const Bucket = await shared.bucket();
  await shared.policy(Bucket, {
    Effect: 'Deny',
    Principal: '*',
    Action: 's3:PutObject',
    Resource: `arn:aws:s3:::${Bucket}/*`,
    Condition: { Null: { 's3:if-none-match': 'true' }, Bool: { 's3:ObjectCreationOperation': 'true' } },
  });
  const path = `/${Bucket}/key`;
  const begun = await shared.raw({ method: 'POST', path, query: { uploads: '' } });
  expect(begun.status).toBe(200);
  const query = { uploadId: begun.element('UploadId') ?? '' };
  const part = await shared.raw({ method: 'PUT', path, query: { ...query, partNumber: '1' }, body: 'x' });
  expect(part.status).toBe(200);
  const body = `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>${part.headers['etag']}</ETag></Part></CompleteMultipartUpload>`;
  const complete = (headers: Record<string, string>) =>
    shared.raw({ method: 'POST', path, query, body, headers });
  expect((await complete({})).status).toBe(403);
  expect((await complete({ 'if-none-match': '*' })).status).toBe(200);
  const put = (headers: Record<string, string>) =>
    shared.raw({ method: 'PUT', path: `${path}2`, body: 'x', headers });
  expect((await put({})).status).toBe(403);
  expect((await put({ 'x-amz-copy-source': `${Bucket}/key` })).status).toBe(403);
  expect((await put({ 'if-none-match': '*' })).status).toBe(200);
});

it('of a form count its fields, not the headers of the request that brings it', async () => {
  const Bucket = await shared.bucket();
  const allow = { Effect: 'Allow', Principal: '*', Action: ['s3:PutObject', 's3:PutObjectTagging'] };
  await shared.policy(
    Bucket,
    {
      ...allow,
      Resource: `arn:aws:s3:::${Bucket}/cold/*`,
      Condition: { StringEquals: { 's3:x-amz-storage-class': 'STANDARD_IA' } },
    },
    {
      ...allow,
      Resource: `arn:aws:s3:::${Bucket}/new/*`,
      Condition: { StringEquals: { 's3:if-none-match': '*' } },
    },
    {
      ...allow,
      Resource: `arn:aws:s3:::${Bucket}/tagged/*`,
      Condition: { StringEquals: { 's3:RequestObjectTag/a': '1' } },
    },
  );
  const post = async (key: string, headers: Record<string, string>) => {
    const body = formBody({ fields: [['key', key]], file: 'abc', boundary });
    const response = await fetch(`${shared.gateway().endpoint}/${Bucket}`, {
      method: 'POST',
      body: Buffer.from(body),
      headers: { 'content-type': `multipart/form-data; boundary=${boundary}`, ...headers },
    });
    return response.status;
  };
  expect(await post('cold/key', { 'x-amz-storage-class': 'STANDARD_IA' })).toBe(403);
  expect(await post('new/key', { 'if-none-match': '*' })).toBe(403);
  expect(await post('tagged/key', { 'x-amz-tagging': 'a=1' })).toBe(403);
});

it('a condition on a key of DeleteObjects is the one that stands with the key', async () => {
  const Bucket = await shared.bucket();
  await shared.put(Bucket, 'key');
  await shared.policy(Bucket, {
    Effect: 'Deny',
    Principal: '*',
    Action: 's3:DeleteObject',
    Resource: `arn:aws:s3:::${Bucket}/*`,
    Condition: { Null: { 's3:if-match': 'true' } },
  });
  const remove = async (object: string) => {
    const body = `<Delete><Object><Key>key</Key>${object}</Object></Delete>`;
    const headers = { 'content-md5': createHash('md5').update(body).digest('base64'), 'if-match': '*' };
    const answer = await shared.raw({
      method: 'POST',
      path: `/${Bucket}`,
      query: { delete: '' },
      body,
      headers,
    });
    return answer.element('Code');
  };
  expect(await remove('')).toBe('AccessDenied');
  expect(await remove('<ETag>*</ETag>')).toBeUndefined();
});

it('a number is the one that is acted upon, however it is spelled', async () => {
  const Bucket = await shared.bucket();
  await shared.policy(Bucket, {
    Effect: 'Deny',
    Principal: '*',
    Action: 's3:ListBucket',
    Resource: `arn:aws:s3:::${Bucket}`,
    Condition: { NumericGreaterThan: { 's3:max-keys': '10' } },
  });
  const list = async (number: string) =>
    (await shared.raw({ method: 'GET', path: `/${Bucket}`, query: { 'max-keys': number } })).status;
  expect([await list('10'), await list('11'), await list('+11'), await list('0011')]).toEqual([
    200, 403, 403, 403,
  ]);
});

it('only a form is one', async () => {
  const Bucket = await shared.bucket();
  await shared.put(Bucket, 'key');
  await shared.policy(Bucket, {
    Effect: 'Deny',
    Principal: '*',
    Action: 's3:PutObject',
    Resource: `arn:aws:s3:::${Bucket}/*`,
    Condition: { StringNotEquals: { 's3:authType': 'POST' } },
  });
  const answer = await shared.raw({
    method: 'POST',
    path: `/${Bucket}/key`,
    query: { uploads: '' },
    headers: { 'content-type': 'multipart/form-data; boundary=x' },
  });
  expect(answer.status).toBe(403);
});

it('the source of a copy is told one way, however it is spelled', async () => {
  const Bucket = await shared.bucket();
  await shared.put(Bucket, 'secret/a b');
  await shared.policy(
    Bucket,
    {
      Effect: 'Allow',
      Principal: { AWS: arnOf('carol') },
      Action: 's3:*',
      Resource: everything(Bucket),
    },
    {
      Effect: 'Deny',
      Principal: '*',
      Action: 's3:PutObject',
      Resource: `arn:aws:s3:::${Bucket}/*`,
      Condition: { StringLike: { 's3:x-amz-copy-source': `${Bucket}/secret/*` } },
    },
  );
  const copy = (CopySource: string) =>
    outcome(shared.as('carol').send(new CopyObjectCommand({ Bucket, Key: 'copy', CopySource })));
  expect(await copy(`${Bucket}/secret/a%20b`)).toBe(denied);
  expect(await copy(`/${Bucket}/secret/a%20b`)).toBe(denied);
  expect(await copy(`${Bucket}/%73ecret/a%20b`)).toBe(denied);
});

it('tags that a copy brings count only if they replace those of its source', async () => {
  const Bucket = await shared.bucket();
  await shared.root.send(new PutObjectCommand({ Bucket, Key: 'source', Body: 'x', Tagging: 'team=red' }));
  await shared.policy(Bucket, {
    Effect: 'Deny',
    Principal: '*',
    Action: ['s3:PutObject', 's3:PutObjectTagging'],
    Resource: `arn:aws:s3:::${Bucket}/blue/*`,
    Condition: { StringNotEquals: { 's3:RequestObjectTag/team': 'blue' } },
  });
  const copy = (TaggingDirective: 'COPY' | 'REPLACE') =>
    outcome(
      shared.as('alice').send(
        new CopyObjectCommand({
          Bucket,
          Key: 'blue/copy',
          CopySource: `${Bucket}/source`,
          Tagging: 'team=blue',
          TaggingDirective,
        }),
      ),
    );
  expect(await copy('COPY')).toBe(denied);
  expect(await copy('REPLACE')).toBe('ok');
  const found = await shared.root.send(new GetObjectTaggingCommand({ Bucket, Key: 'blue/copy' }));
  expect(found.TagSet).toEqual([{ Key: 'team', Value: 'blue' }]);
});

it('an access point is told by its ARN and account', async () => {
  await using gateway = await startHostsGateway();
  const plain = gateway.client;
  await plain.send(new CreateBucketCommand({ Bucket: 'ledger' }));
  const Policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: {
      Effect: 'Deny',
      Principal: '*',
      Action: 's3:GetObject',
      Resource: 'arn:aws:s3:::ledger/*',
      Condition: {
        StringEquals: {
          's3:DataAccessPointArn': `arn:aws:s3:us-east-1:${accountId}:accesspoint/finance`,
          's3:DataAccessPointAccount': accountId,
          's3:AccessPointNetworkOrigin': 'Internet',
        },
      },
    },
  });
  await plain.send(new PutBucketPolicyCommand({ Bucket: 'ledger', Policy }));
  await plain.send(new PutObjectCommand({ Bucket: 'ledger', Key: 'key', Body: 'x' }));
  const read = (Bucket: string) =>
    outcome(gateway.clientOf({}).send(new GetObjectCommand({ Bucket, Key: 'key' })));
  expect(await read(`arn:aws:s3:us-east-1:${accountId}:accesspoint/finance`)).toBe(denied);
  expect(await outcome(plain.send(new GetObjectCommand({ Bucket: 'ledger', Key: 'key' })))).toBe('ok');
});
