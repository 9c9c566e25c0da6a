import {
  DeleteBucketPolicyCommand,
  GetBucketPolicyCommand,
  GetBucketPolicyStatusCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutBucketPolicyCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { describe, expect, it } from 'vitest';
import { accountId, arnOf, denied, keyOf, outcome, refusal, type SharedGateway } from './kit.ts';

export function policyTests(shared: SharedGateway): void {
  describe('bucket policies', () => {
    it('come back as they were sent, and go', async () => {
      const Bucket = await shared.bucket('private');
      const Policy = `{ "Version": "2012-10-17",\n  "Statement": { "Effect": "Deny", "Principal": "*", "Action": "s3:PutBucketAcl", "Resource": "arn:aws:s3:::${Bucket}" } }`;
      const get = () => shared.root.send(new GetBucketPolicyCommand({ Bucket }));
      expect(await outcome(get())).toBe('404 NoSuchBucketPolicy');
      await shared.root.send(new PutBucketPolicyCommand({ Bucket, Policy }));
      expect((await get()).Policy).toBe(Policy);
      const answer = await shared.raw({ method: 'GET', path: `/${Bucket}`, query: { policy: '' } });
      expect([answer.status, answer.headers['content-type']]).toEqual([200, 'application/json']);
      await shared.root.send(new DeleteBucketPolicyCommand({ Bucket }));
      expect(await outcome(get())).toBe('404 NoSuchBucketPolicy');
      expect(await outcome(shared.root.send(new DeleteBucketPolicyCommand({ Bucket })))).toBe('ok');
      expect(await outcome(shared.root.send(new GetBucketPolicyStatusCommand({ Bucket })))).toBe(
        '404 NoSuchBucketPolicy',
      );
    });

    it('allow what no grant does', async () => {
      const Bucket = await shared.bucket('private');
      await shared.put(Bucket, 'carol/key');
      await shared.policy(Bucket, {
        Effect: 'Allow',
        Principal: { AWS: arnOf('carol') },
        Action: 's3:GetObject',
        Resource: `arn:aws:s3:::${Bucket}/$\{aws:username}/*`,
      });
      const get = (Key: string) => outcome(shared.as('carol').send(new GetObjectCommand({ Bucket, Key })));
      expect(await get('carol/key')).toBe('ok');
      expect(await get('other')).toBe(denied);
      expect(await outcome(shared.as('bob').send(new GetObjectCommand({ Bucket, Key: 'carol/key' })))).toBe(
        denied,
      );
    });

    it('deny what a grant allows, even to the owner, whose way back stays open', async () => {
      const Bucket = await shared.bucket();
      await shared.put(Bucket, 'key');
      await shared.policy(Bucket, {
        Effect: 'Deny',
        Principal: '*',
        Action: 's3:*',
        Resource: [`arn:aws:s3:::${Bucket}`, `arn:aws:s3:::${Bucket}/*`],
      });
      const at = { Bucket, Key: 'key' };
      expect(await refusal(shared.as('alice').send(new GetObjectCommand(at)))).toBe(
        `User: ${arnOf('alice')} is not authorized to perform: s3:GetObject on resource: "arn:aws:s3:::${Bucket}/key" with an explicit deny in a resource-based policy`,
      );
      for (const client of [shared.root, shared.as('dora')]) {
        expect(await outcome(client.send(new GetObjectCommand(at)))).toBe(denied);
        expect(await outcome(client.send(new GetBucketPolicyCommand({ Bucket })))).toBe('ok');
      }
      expect(await outcome(shared.as('alice').send(new DeleteBucketPolicyCommand({ Bucket })))).toBe(denied);
      expect(await outcome(shared.as('dora').send(new DeleteBucketPolicyCommand({ Bucket })))).toBe('ok');
      expect(await outcome(shared.as('alice').send(new GetObjectCommand(at)))).toBe('ok');
    });

    it('let strangers in, as far as they say', async () => {
      const Bucket = await shared.bucket('private');
      await shared.put(Bucket, 'public/key', 'content');
      await shared.put(Bucket, 'key');
      const status = async () =>
        (await shared.root.send(new GetBucketPolicyStatusCommand({ Bucket }))).PolicyStatus?.IsPublic;
      await shared.policy(
        Bucket,
        {
          Effect: 'Allow',
          Principal: '*',
          Action: 's3:GetObject',
          Resource: `arn:aws:s3:::${Bucket}/public/*`,
        },
        {
          Effect: 'Allow',
          Principal: '*',
          Action: 's3:ListBucket',
          Resource: `arn:aws:s3:::${Bucket}`,
          Condition: { StringLike: { 's3:prefix': 'public/*' } },
        },
      );
      expect(await status()).toBe(true);
      const get = async (path: string, query: Record<string, string> = {}) =>
        (await shared.raw({ method: 'GET', path: `/${Bucket}${path}`, query, anonymous: true })).status;
      expect(await get('/public/key')).toBe(200);
      expect(await get('/key')).toBe(403);
      expect(await get('/public/missing')).toBe(404);
      expect(await get('')).toBe(403);
      expect(await get('', { prefix: 'public/', 'list-type': '2' })).toBe(200);
      expect(await get('', { policy: '' })).toBe(403);
      const put = await shared.raw({
        method: 'PUT',
        path: `/${Bucket}/public/new`,
        body: 'x',
        anonymous: true,
      });
      expect(put.status).toBe(403);
    });

    it('tell of a key that is not there who may list it, whatever the request says it lists', async () => {
      const Bucket = await shared.bucket();
      await shared.policy(
        Bucket,
        { Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: `arn:aws:s3:::${Bucket}/*` },
        {
          Effect: 'Allow',
          Principal: '*',
          Action: 's3:ListBucket',
          Resource: `arn:aws:s3:::${Bucket}`,
          Condition: { StringLike: { 's3:prefix': 'public/*' } },
        },
      );
      const get = async (key: string, query: Record<string, string> = {}) =>
        (await shared.raw({ method: 'GET', path: `/${Bucket}/${key}`, query, anonymous: true })).status;
      expect(await get('public/missing')).toBe(404);
      expect(await get('private/missing')).toBe(403);
      expect(await get('private/missing', { prefix: 'public/' })).toBe(403);
    });

    it('cannot open to the public what takes a signature', async () => {
      const Bucket = await shared.bucket();
      await shared.put(Bucket, 'key');
      await shared.policy(Bucket, {
        Effect: 'Allow',
        Principal: '*',
        Action: 's3:*',
        Resource: [`arn:aws:s3:::${Bucket}`, `arn:aws:s3:::${Bucket}/*`],
      });
      const ask = async (
        method: 'GET' | 'PUT' | 'DELETE' | 'POST',
        path: string,
        query: Record<string, string>,
        headers: Record<string, string> = {},
      ) => {
        const answer = await shared.raw({ method, path, query, headers, body: '', anonymous: true });
        return [answer.status, answer.element('Code'), answer.element('Message')];
      };
      const [bucket, key] = [`/${Bucket}`, `/${Bucket}/key`];
      const forbidden = (message: string) => [403, 'AccessDenied', message];
      const general = forbidden('Anonymous users cannot invoke this API. Please authenticate.');
      expect(await ask('PUT', bucket, { acl: '' })).toEqual(general);
      expect(await ask('PUT', key, { acl: '' })).toEqual(general);
      expect(await ask('POST', key, { select: '', 'select-type': '2' })).toEqual(general);
      expect(await ask('PUT', `${bucket}-new`, {})).toEqual(general);
      const source = { 'x-amz-copy-source': `${Bucket}/key` };
      expect(await ask('PUT', `${bucket}/copy`, {}, source)).toEqual(
        forbidden('Anonymous users cannot copy objects.  Please authenticate.'),
      );
      expect(await ask('PUT', `${bucket}/copy`, { partNumber: '1', uploadId: 'x' }, source)).toEqual(
        forbidden('Access Denied'),
      );
      for (const [method, verb] of [
        ['GET', 'Get'],
        ['PUT', 'Put'],
        ['DELETE', 'Put'],
      ] as const) {
        expect(await ask(method, bucket, { ownershipControls: '' })).toEqual(
          forbidden(`s3:${verb}BucketOwnershipControls does not support Anonymous requests!`),
        );
        expect((await ask(method, bucket, { policy: '' })).slice(0, 2)).toEqual([405, 'MethodNotAllowed']);
      }
      expect((await ask('GET', key, {}))[0]).toBe(200);
      expect((await ask('GET', bucket, { tagging: '' })).slice(0, 2)).toEqual([404, 'NoSuchTagSet']);
    });

    it('are not judged for a bucket that is not there', async () => {
      const answer = await shared.raw({
        method: 'PUT',
        path: '/no-such-bucket',
        query: { policy: '' },
        body: '{}',
      });
      expect(answer.element('Code')).toBe('NoSuchBucket');
    });

    it('hold requests to their conditions', async () => {
      const Bucket = await shared.bucket('private');
      await shared.root.send(new PutObjectCommand({ Bucket, Key: 'red', Body: 'x', Tagging: 'color=red' }));
      await shared.put(Bucket, 'plain');
      const carol = { AWS: arnOf('carol') };
      const objects = `arn:aws:s3:::${Bucket}/*`;
      await shared.policy(
        Bucket,
        {
          Effect: 'Allow',
          Principal: carol,
          Action: 's3:GetObject',
          Resource: objects,
          Condition: { StringEquals: { 's3:ExistingObjectTag/color': 'red' } },
        },
        {
          Effect: 'Allow',
          Principal: carol,
          Action: ['s3:PutObject', 's3:PutObjectTagging'],
          Resource: objects,
        },
        {
          Effect: 'Deny',
          Principal: carol,
          Action: 's3:PutObject',
          Resource: objects,
          Condition: { Null: { 's3:if-none-match': 'true' } },
        },
        {
          Effect: 'Deny',
          Principal: carol,
          Action: 's3:PutObjectTagging',
          Resource: objects,
          Condition: { StringEquals: { 's3:RequestObjectTag/color': 'red' } },
        },
      );
      const as = shared.as('carol');
      expect(await outcome(as.send(new GetObjectCommand({ Bucket, Key: 'red' })))).toBe('ok');
      expect(await outcome(as.send(new GetObjectCommand({ Bucket, Key: 'plain' })))).toBe(denied);
      const put = { Bucket, Key: 'new', Body: 'x' };
      expect(await outcome(as.send(new PutObjectCommand(put)))).toBe(denied);
      expect(await outcome(as.send(new PutObjectCommand({ ...put, IfNoneMatch: '*' })))).toBe('ok');
      const tagged = (Tagging: string) =>
        outcome(as.send(new PutObjectCommand({ ...put, Key: Tagging, IfNoneMatch: '*', Tagging })));
      expect(await tagged('color=blue')).toBe('ok');
      expect(await tagged('color=red')).toBe(denied);
      const tag = (Value: string) =>
        outcome(
          as.send(
            new PutObjectTaggingCommand({
              Bucket,
              Key: 'plain',
              Tagging: { TagSet: [{ Key: 'color', Value }] },
            }),
          ),
        );
      expect(await tag('red')).toBe(denied);
      expect(await outcome(as.send(new GetObjectCommand({ Bucket, Key: 'plain' })))).toBe(denied);
      expect(await tag('blue')).toBe('ok');
    });

    it('see the address, the way and the form of a request', async () => {
      const Bucket = await shared.bucket('private');
      await shared.put(Bucket, 'key');
      const get = async (headers: Record<string, string> = {}) =>
        (await shared.raw({ method: 'GET', path: `/${Bucket}/key`, headers, as: keyOf('carol') })).status;
      const allowIf = (Condition: object) =>
        shared.policy(Bucket, {
          Effect: 'Allow',
          Principal: { AWS: arnOf('carol') },
          Action: 's3:GetObject',
          Resource: `arn:aws:s3:::${Bucket}/*`,
          Condition,
        });
      const results: Record<string, number> = {};
      for (const [name, condition, headers] of [
        ['from here', { IpAddress: { 'aws:SourceIp': '127.0.0.0/8' } }],
        ['from elsewhere', { IpAddress: { 'aws:SourceIp': ['10.0.0.0/8', '2001:db8::/32'] } }],
        [
          'an invented address',
          { IpAddress: { 'aws:SourceIp': '10.0.0.1' } },
          { 'x-forwarded-for': '10.0.0.1' },
        ],
        ['in the clear', { Bool: { 'aws:SecureTransport': 'false' } }],
        ['over TLS', { NumericGreaterThanEquals: { 's3:TlsVersion': '1.2' } }],
        ['by header', { StringEquals: { 's3:authType': 'REST-HEADER' } }],
        ['by version 4', { StringEquals: { 's3:signatureversion': 'AWS4-HMAC-SHA256' } }],
        ['fresh', { NumericLessThan: { 's3:signatureAge': '600000' } }],
        [
          'from a page',
          { StringLike: { 'aws:Referer': 'https://example.com/*' } },
          { referer: 'https://example.com/a' },
        ],
        ['from no page', { StringLike: { 'aws:Referer': 'https://example.com/*' } }],
        ['by name', { ArnLike: { 'aws:PrincipalArn': `arn:aws:iam::${accountId}:user/c*` } }],
        ['in time', { DateLessThan: { 'aws:CurrentTime': '2999-01-01T00:00:00Z' } }],
      ] as ReadonlyArray<[string, object, Record<string, string>?]>) {
        await allowIf(condition);
        results[name] = await get(headers);
      }
      expect(results).toEqual({
        'from here': 200,
        'from elsewhere': 403,
        'an invented address': 403,
        'in the clear': 200,
        'over TLS': 403,
        'by header': 200,
        'by version 4': 200,
        fresh: 200,
        'from a page': 200,
        'from no page': 403,
        'by name': 200,
        'in time': 200,
      });
    });

    it('limit presigned URLs', async () => {
      const Bucket = await shared.bucket();
      await shared.put(Bucket, 'key');
      const get = async (minutesOld: number): Promise<number> => {
        const url = await getSignedUrl(shared.as('alice'), new GetObjectCommand({ Bucket, Key: 'key' }), {
          expiresIn: 3600,
          signingDate: new Date(Date.now() - minutesOld * 60_000),
        });
        return (await fetch(url)).status;
      };
      const denyIf = (Condition: object) =>
        shared.policy(Bucket, {
          Effect: 'Deny',
          Principal: '*',
          Action: 's3:*',
          Resource: `arn:aws:s3:::${Bucket}/*`,
          Condition,
        });
      expect([await get(0), await get(11)]).toEqual([200, 200]);
      await denyIf({ NumericGreaterThan: { 's3:signatureAge': 600_000 } });
      expect([await get(0), await get(11)]).toEqual([200, 403]);
      await denyIf({ StringEquals: { 's3:authType': 'REST-QUERY-STRING' } });
      expect(await get(0)).toBe(403);
      expect(await outcome(shared.as('alice').send(new GetObjectCommand({ Bucket, Key: 'key' })))).toBe('ok');
    });

    it('are refused when they are none, and nothing changes', async () => {
      const Bucket = await shared.bucket('private');
      const put = async (body: string) => {
        const answer = await shared.raw({ method: 'PUT', path: `/${Bucket}`, query: { policy: '' }, body });
        return [answer.status, answer.element('Code'), answer.element('Message')];
      };
      expect(await put('')).toEqual([
        400,
        'MalformedPolicy',
        "Policies must be valid JSON and the first byte must be '{'",
      ]);
      expect(await put('{}')).toEqual([400, 'MalformedPolicy', 'Missing required field Statement']);
      expect(await outcome(shared.root.send(new GetBucketPolicyCommand({ Bucket })))).toBe(
        '404 NoSuchBucketPolicy',
      );
      const nowhere = new PutBucketPolicyCommand({ Bucket: 'nowhere-at-all', Policy: '{}' });
      expect(await outcome(shared.root.send(nowhere))).not.toBe('ok');
    });
  });

  describe('the owner that a request expects', () => {
    it.each([
      [accountId, 200, undefined],
      ['210987654321', 403, 'AccessDenied'],
      ['me', 400, 'InvalidBucketOwnerAWSAccountID'],
    ])('%s', async (owner, status, code) => {
      const bucket = await shared.bucket();
      const headers = { 'x-amz-expected-bucket-owner': owner };
      const answer = await shared.raw({ method: 'GET', path: `/${bucket}`, headers });
      expect([answer.status, answer.element('Code')]).toEqual([status, code]);
      await shared.put(bucket, 'key');
      const copy = await shared.raw({
        method: 'PUT',
        path: `/${bucket}/copy`,
        headers: { 'x-amz-copy-source': `${bucket}/key`, 'x-amz-source-expected-bucket-owner': owner },
      });
      expect([copy.status, copy.element('Code')]).toEqual([status, code]);
    });

    it('is nobody to a bucket that is to be made, and to forms', async () => {
      const headers = { 'x-amz-expected-bucket-owner': '210987654321' };
      const bucket = await shared.bucket();
      const made = await shared.raw({ method: 'PUT', path: `/${bucket}-2`, headers });
      expect(made.status).toBe(200);
      const form = await shared.raw({
        method: 'POST',
        path: `/${bucket}`,
        headers: { ...headers, 'content-type': 'multipart/form-data; boundary=x' },
        body: '--x--',
        anonymous: true,
      });
      expect([form.status, form.element('Code')]).toEqual([400, 'InvalidArgument']);
    });

    it('pays nothing to a bucket without requester pays', async () => {
      const bucket = await shared.bucket();
      await shared.put(bucket, 'key');
      const answer = await shared.raw({
        method: 'GET',
        path: `/${bucket}/key`,
        headers: { 'x-amz-request-payer': 'requester' },
      });
      expect([answer.status, answer.headers['x-amz-request-charged']]).toEqual([200, undefined]);
    });
  });

  describe('temporary keys', () => {
    const temporary = { accessKeyId: 'CAROLSTEMP', secretAccessKey: 'temporary-secret-01' };
    it('need their token, and end', async () => {
      const Bucket = await shared.bucket('private');
      const ask = async (as: { accessKeyId: string; secretAccessKey: string }, token?: string) => {
        const headers: Record<string, string> = token === undefined ? {} : { 'x-amz-security-token': token };
        const { element, status } = await shared.raw({ method: 'GET', path: '/', headers, as });
        return [status, element('Code')];
      };
      expect(await ask(temporary, 'the+token/of=carol')).toEqual([200, undefined]);
      expect(await ask(temporary)).toEqual([403, 'InvalidAccessKeyId']);
      expect(await ask(temporary, 'another')).toEqual([400, 'InvalidToken']);
      expect(await ask(keyOf('carol'), 'the+token/of=carol')).toEqual([400, 'InvalidToken']);
      const past = { accessKeyId: 'CAROLSPAST', secretAccessKey: 'temporary-secret-02' };
      expect(await ask(past, 'past')).toEqual([400, 'ExpiredToken']);
      expect(await outcome(shared.root.send(new ListObjectsV2Command({ Bucket })))).toBe('ok');
    });
  });
}
