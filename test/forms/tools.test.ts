/** Forms made by AWS's own tools, and sent by others. */
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { CreateBucketCommand, HeadObjectCommand } from '@aws-sdk/client-s3';
import { createPresignedPost, type PresignedPostOptions } from '@aws-sdk/s3-presigned-post';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningGateway, startGateway } from '../kit/gateway.ts';
import { onPath } from '../kit/on-path.ts';
import { md5Etag } from '../upload-path/kit.ts';

const run = promisify(execFile);
const variable = '$' + '{filename}';

describe('presigned posts', () => {
  let gateway: RunningGateway;
  let directory: string;
  const bucket = `tools-${randomBytes(4).toString('hex')}`;
  const content = randomBytes(3_000_000);
  beforeAll(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'partway-form-'));
    await writeFile(path.join(directory, 'photo.jpg'), content);
    gateway = await startGateway();
    await gateway.client.send(new CreateBucketCommand({ Bucket: bucket }));
  });
  afterAll(async () => {
    await gateway.stop();
    await rm(directory, { recursive: true });
  });

  const presign = (more: Partial<PresignedPostOptions> = {}) =>
    createPresignedPost(gateway.client, {
      Bucket: bucket,
      Key: `user/${variable}`,
      Conditions: [
        ['starts-with', '$Content-Type', 'image/'],
        ['content-length-range', 1, 10_000_000],
      ],
      Fields: { 'Content-Type': 'image/jpeg', 'x-amz-meta-by': 'sdk', success_action_status: '201' },
      ...more,
    });
  const stored = async (key: string) => {
    const head = await gateway.client.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
    return [head.ETag, head.ContentType, head.Metadata];
  };

  it('of the JavaScript SDK are taken from FormData', async () => {
    const { fields, url } = await presign();
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    form.append('file', new Blob([content]), 'photo.jpg');
    const answer = await fetch(url, { method: 'POST', body: form });
    // Length unknown: fetch sends FormData with its length.
    expect([answer.status, (await answer.text()).includes('<Key>user/photo.jpg</Key>')]).toEqual([201, true]);
    expect(await stored('user/photo.jpg')).toEqual([md5Etag(content), 'image/jpeg', { by: 'sdk' }]);
  });

  it.skipIf(!onPath('curl'))('are taken from curl -F', async () => {
    const { fields, url } = await presign({ Key: `curl/${variable}` });
    const flags = Object.entries(fields).flatMap(([name, value]) => ['-F', `${name}=${value}`]);
    const { stdout } = await run('curl', [
      '--silent',
      '--show-error',
      '--write-out',
      '\n%{http_code}',
      ...flags,
      '-F',
      `file=@${path.join(directory, 'photo.jpg')}`,
      '-F',
      'submit=Upload',
      url,
    ]);
    expect(stdout.split('\n').at(-1)).toBe('201');
    expect(await stored('curl/photo.jpg')).toEqual([md5Etag(content), 'image/jpeg', { by: 'sdk' }]);
  });

  it.skipIf(!onPath('curl'))('with curl and a policy that it does not meet are refused', async () => {
    const { fields, url } = await presign({
      Key: 'refused',
      Conditions: [['content-length-range', 1, 1000]],
    });
    const flags = Object.entries(fields).flatMap(([name, value]) => ['-F', `${name}=${value}`]);
    const file = `file=@${path.join(directory, 'photo.jpg')}`;
    const { stdout } = await run('curl', ['--silent', '--show-error', ...flags, '-F', file, url]);
    expect(stdout).toContain('<Code>EntityTooLarge</Code>');
    expect(stdout).toContain('<ProposedSize>3000000</ProposedSize>');
    await expect(stored('refused')).rejects.toThrow();
  });

  it('agree with the example of AWS', async () => {
    // "Example: Browser-Based Upload using HTTP POST (Using AWS Signature Version 4)": its signature, by the key that it gives.
    const { createFormAuthenticator } = await import('../../src/auth/post-signature.ts');
    const { credentialSource, Secret } = await import('../../src/auth/credentials.ts');
    const lines = [
      '{ "expiration": "2015-12-30T12:00:00.000Z",',
      '  "conditions": [',
      '    {"bucket": "sigv4examplebucket"},',
      '    ["starts-with", "$key", "user/user1/"],',
      '    {"acl": "public-read"},',
      '    {"success_action_redirect": "http://sigv4examplebucket.s3.amazonaws.com/successful_upload.html"},',
      '    ["starts-with", "$Content-Type", "image/"],',
      '    {"x-amz-meta-uuid": "14365123651274"},',
      '    {"x-amz-server-side-encryption": "AES256"},',
      '    ["starts-with", "$x-amz-meta-tag", ""],',
      '',
      '    {"x-amz-credential": "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request"},',
      '    {"x-amz-algorithm": "AWS4-HMAC-SHA256"},',
      '    {"x-amz-date": "20151229T000000Z" }',
      '  ]',
      '}',
    ];
    const policy = Buffer.from(lines.join('\r\n'));
    expect(createHash('sha256').update(policy).digest('hex')).toBe(
      'bdbc873103bd66b82f3a98478e5938ca1c7d8204563309232bdd4b1bbdcf74fb',
    );
    const authenticate = createFormAuthenticator({
      region: 'us-east-1',
      credentials: credentialSource([
        {
          accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
          secretAccessKey: new Secret('wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'),
          identity: { id: 'x', displayName: 'x' },
        },
      ]),
    });
    const fields = new Map([
      ['x-amz-algorithm', 'AWS4-HMAC-SHA256'],
      ['x-amz-credential', 'AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request'],
      ['x-amz-date', '20151229T000000Z'],
      ['policy', policy.toString('base64')],
      ['x-amz-signature', '8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e'],
    ]);
    expect(authenticate(fields)).toMatchObject({ kind: 'signed', scheme: 'form' });
  });
});
