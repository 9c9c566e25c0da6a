import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketLocationCommand,
  GetBucketPolicyCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import type { RawRequest } from '../kit/raw-request.ts';
import { arnOf, denied, keyOf, outcome, refusal, type SharedGateway } from './kit.ts';

export function grantTests(shared: SharedGateway): void {
  describe('grants', () => {
    it('allow what they name, and nothing else', async () => {
      const Bucket = await shared.bucket();
      await shared.put(Bucket, 'key');
      const alice = shared.as('alice');
      const at = { Bucket, Key: 'key' };
      expect(await outcome(alice.send(new GetObjectCommand(at)))).toBe('ok');
      expect(await outcome(alice.send(new HeadObjectCommand(at)))).toBe('ok');
      expect(await outcome(alice.send(new GetObjectTaggingCommand(at)))).toBe('ok');
      expect(await outcome(alice.send(new PutObjectCommand({ ...at, Body: 'x', Tagging: 'a=b' })))).toBe(
        'ok',
      );
      expect(await outcome(alice.send(new ListObjectsV2Command({ Bucket })))).toBe('ok');
      expect(await outcome(alice.send(new GetBucketLocationCommand({ Bucket })))).toBe('ok');
      expect(await outcome(alice.send(new HeadBucketCommand({ Bucket })))).toBe('ok');
      expect(await outcome(alice.send(new DeleteObjectCommand(at)))).toBe(denied);
      expect(await outcome(alice.send(new DeleteBucketCommand({ Bucket })))).toBe(denied);
      expect(await outcome(alice.send(new CreateBucketCommand({ Bucket: `${Bucket}-2` })))).toBe(denied);
      expect(await outcome(alice.send(new GetBucketPolicyCommand({ Bucket })))).toBe(denied);
      expect(await outcome(shared.root.send(new GetObjectCommand(at)))).toBe('ok');
    });

    it('say in the words of AWS what is missing', async () => {
      const Bucket = await shared.bucket();
      const call = shared.as('alice').send(new DeleteObjectCommand({ Bucket, Key: 'a/b' }));
      expect(await refusal(call)).toBe(
        `User: ${arnOf('alice')} is not authorized to perform: s3:DeleteObject on resource: "arn:aws:s3:::${Bucket}/a/b" because no identity-based policy allows the s3:DeleteObject action`,
      );
    });

    it('keep nobody from learning the region of a bucket, as SDKs do unsigned or with another one', async () => {
      const Bucket = await shared.bucket('private');
      const told = async (
        call: Omit<RawRequest, 'method' | 'path'>,
        method = 'HEAD',
        path = `/${Bucket}`,
      ) => {
        const { headers, status } = await shared.raw({ method, path, ...call });
        return [status, headers['x-amz-bucket-region']];
      };
      const anonymous = { anonymous: true };
      expect(await told(anonymous)).toEqual([403, 'us-east-1']);
      expect(await told({ as: keyOf('alice') })).toEqual([403, 'us-east-1']);
      expect(await told(anonymous, 'GET')).toEqual([403, 'us-east-1']);
      expect(await told({ ...anonymous, query: { 'list-type': '2' } }, 'GET')).toEqual([403, 'us-east-1']);
      expect(await told({ region: 'eu-west-9' })).toEqual([400, 'us-east-1']);
      // Not of others' objects, nor of what is not there.
      expect(await told(anonymous, 'GET', `/${Bucket}/key`)).toEqual([403, undefined]);
      expect(await told(anonymous, 'HEAD', `/${Bucket}-2`)).toEqual([404, undefined]);
    });

    it('end at their prefix, in lists too', async () => {
      const Bucket = await shared.bucket();
      await shared.put(Bucket, 'bob/key');
      await shared.put(Bucket, 'bobby');
      const bob = shared.as('bob');
      expect(await outcome(bob.send(new GetObjectCommand({ Bucket, Key: 'bob/key' })))).toBe('ok');
      expect(await outcome(bob.send(new GetObjectCommand({ Bucket, Key: 'bobby' })))).toBe(denied);
      expect(await outcome(bob.send(new PutObjectCommand({ Bucket, Key: 'new', Body: '' })))).toBe(denied);
      expect(await outcome(bob.send(new ListObjectsV2Command({ Bucket })))).toBe(denied);
      expect(await outcome(bob.send(new ListObjectsV2Command({ Bucket, Prefix: 'bob' })))).toBe(denied);
      const { Contents } = await bob.send(new ListObjectsV2Command({ Bucket, Prefix: 'bob/' }));
      expect(Contents?.map(({ Key }) => Key)).toEqual(['bob/key']);
      await expect(shared.root.send(new HeadObjectCommand({ Bucket, Key: 'new' }))).rejects.toThrow();
    });

    it('end at their buckets: others are neither reached nor listed', async () => {
      const Bucket = await shared.bucket('private');
      const mine = await shared.bucket();
      await shared.put(Bucket, 'key');
      const alice = shared.as('alice');
      expect(await outcome(alice.send(new GetObjectCommand({ Bucket, Key: 'key' })))).toBe(denied);
      expect(await outcome(alice.send(new ListObjectsV2Command({ Bucket })))).toBe(denied);
      const { Buckets } = await alice.send(new ListBucketsCommand({}));
      const names = Buckets?.map(({ Name }) => Name);
      expect(names).toContain(mine);
      expect(names).not.toContain(Bucket);
      expect((await shared.as('carol').send(new ListBucketsCommand({}))).Buckets ?? []).toEqual([]);
      expect((await shared.root.send(new ListBucketsCommand({}))).Buckets?.map(({ Name }) => Name)).toContain(
        Bucket,
      );
    });

    it('are not needed by an administrator', async () => {
      const Bucket = await shared.bucket('private');
      const dora = shared.as('dora');
      expect(await outcome(dora.send(new PutObjectCommand({ Bucket, Key: 'key', Body: 'x' })))).toBe('ok');
      expect(await outcome(dora.send(new DeleteObjectCommand({ Bucket, Key: 'key' })))).toBe('ok');
      expect(await outcome(dora.send(new DeleteBucketCommand({ Bucket })))).toBe('ok');
    });

    it('hide from who may not list whether a key is there', async () => {
      const Bucket = await shared.bucket();
      await shared.policy(Bucket, {
        Effect: 'Allow',
        Principal: { AWS: arnOf('carol') },
        Action: ['s3:GetObject', 's3:GetObjectTagging'],
        Resource: `arn:aws:s3:::${Bucket}/*`,
      });
      const missing = { Bucket, Key: 'missing' };
      const carol = shared.as('carol');
      expect(await outcome(carol.send(new GetObjectCommand(missing)))).toBe(denied);
      expect(await outcome(carol.send(new GetObjectTaggingCommand(missing)))).toBe(denied);
      expect(await outcome(carol.send(new HeadObjectCommand(missing)))).toBe('403 Unknown');
      expect(await refusal(carol.send(new GetObjectCommand(missing)))).toContain('s3:ListBucket on resource');
      expect(await outcome(shared.as('alice').send(new GetObjectCommand(missing)))).toBe('404 NoSuchKey');
    });

    it('tell everybody that a bucket is not there', async () => {
      const at = { Bucket: 'shared-nowhere-at-all', Key: 'key' };
      for (const client of [shared.root, shared.as('alice'), shared.as('carol')]) {
        expect(await outcome(client.send(new GetObjectCommand(at)))).toBe('404 NoSuchBucket');
      }
    });

    it('are asked for the source of a copy too, and for the tags that go along', async () => {
      const Bucket = await shared.bucket();
      const secret = await shared.bucket('private');
      await shared.put(secret, 'key', 'secret');
      const copy = (CopySource: string) =>
        shared.as('alice').send(new CopyObjectCommand({ Bucket, Key: 'copy', CopySource }));
      expect(await outcome(copy(`${secret}/key`))).toBe(denied);
      expect(await outcome(copy(`${secret}/missing`))).toBe(denied);
      await expect(shared.root.send(new HeadObjectCommand({ Bucket, Key: 'copy' }))).rejects.toThrow();

      await shared.root.send(
        new PutObjectCommand({ Bucket: secret, Key: 'tagged', Body: 'x', Tagging: 'a=b' }),
      );
      await shared.policy(secret, {
        Effect: 'Allow',
        Principal: { AWS: arnOf('alice') },
        Action: 's3:GetObject',
        Resource: `arn:aws:s3:::${secret}/*`,
      });
      expect(await outcome(copy(`${secret}/key`))).toBe('ok');
      expect(await refusal(copy(`${secret}/tagged`))).toContain('s3:GetObjectTagging');
    });

    it('must let read what a condition compares', async () => {
      const Bucket = await shared.bucket('private');
      await shared.put(Bucket, 'key');
      const policy = (Action: readonly string[]) =>
        shared.policy(Bucket, {
          Effect: 'Allow',
          Principal: { AWS: arnOf('carol') },
          Action,
          Resource: `arn:aws:s3:::${Bucket}/*`,
        });
      await policy(['s3:PutObject', 's3:DeleteObject']);
      const at = { Bucket, Key: 'key' };
      const carol = shared.as('carol');
      const { ETag = '' } = await shared.root.send(new HeadObjectCommand(at));
      const put = () => outcome(carol.send(new PutObjectCommand({ ...at, Body: 'content', IfMatch: ETag })));
      const remove = () => outcome(carol.send(new DeleteObjectCommand({ ...at, IfMatch: ETag })));
      const several = async () => {
        const Delete = { Objects: [{ Key: 'key', ETag }] };
        const { Deleted, Errors } = await carol.send(new DeleteObjectsCommand({ Bucket, Delete }));
        return [Deleted?.length, Errors?.[0]?.Code];
      };
      expect([await put(), await remove(), await several()]).toEqual([
        denied,
        denied,
        [undefined, 'AccessDenied'],
      ]);
      await policy(['s3:PutObject', 's3:DeleteObject', 's3:GetObject']);
      expect([await put(), await several()]).toEqual(['ok', [1, undefined]]);
    });

    it('are asked for each key of DeleteObjects', async () => {
      const Bucket = await shared.bucket();
      for (const key of ['bob/1', 'bob/2', 'other']) await shared.put(Bucket, key);
      const Objects = ['bob/1', 'other', 'bob/2', 'missing'].map((Key) => ({ Key }));
      const call = new DeleteObjectsCommand({ Bucket, Delete: { Objects } });
      const { Deleted, Errors } = await shared.as('bob').send(call);
      expect(Deleted?.map(({ Key }) => Key)).toEqual(['bob/1', 'bob/2']);
      expect(Errors?.map(({ Code, Key }) => [Key, Code])).toEqual([
        ['other', 'AccessDenied'],
        ['missing', 'AccessDenied'],
      ]);
      expect(await outcome(shared.root.send(new HeadObjectCommand({ Bucket, Key: 'other' })))).toBe('ok');
      expect(await outcome(shared.as('carol').send(call))).toBe(denied);
    });

    it('are asked for before a byte of the body', async () => {
      const Bucket = await shared.bucket('private');
      /** Whether a client that waits to be told is told to send, and the status. */
      const put = async (): Promise<readonly [boolean, number | undefined]> => {
        const { hostname, port } = new URL(shared.gateway().endpoint);
        const outgoing = request({
          hostname,
          port,
          method: 'PUT',
          path: `/${Bucket}/key`,
          headers: {
            expect: '100-continue',
            'content-length': '7',
            'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
          },
        });
        let told = false;
        outgoing.once('continue', () => {
          told = true;
          outgoing.end('content');
        });
        outgoing.flushHeaders();
        const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
        answer.resume();
        outgoing.destroy();
        return [told, answer.statusCode];
      };
      expect(await put()).toEqual([false, 403]);
      const objects = { Principal: '*', Action: 's3:PutObject', Resource: `arn:aws:s3:::${Bucket}/*` };
      await shared.policy(Bucket, { ...objects, Effect: 'Allow' });
      expect(await put()).toEqual([true, 200]);
    });

    it('let nobody in who did not sign, but where the configuration says so', async () => {
      const closed = await shared.bucket();
      const open = await shared.bucket('open');
      await shared.put(closed, 'key', 'content');
      await shared.put(open, 'key', 'content');
      const call = async (method: string, path: string, query: Record<string, string> = {}) => {
        const { status, element } = await shared.raw({ method, path, query, anonymous: true });
        return [status, element('Code'), element('Message')];
      };
      expect(await call('GET', `/${open}/key`)).toEqual([200, undefined, undefined]);
      const no = [403, 'AccessDenied', 'Access Denied'];
      expect(await call('GET', `/${open}/missing`)).toEqual(no);
      expect(await call('GET', `/${open}`)).toEqual(no);
      expect(await call('PUT', `/${open}/new`)).toEqual(no);
      expect(await call('DELETE', `/${open}/key`)).toEqual(no);
      expect(await call('GET', `/${closed}/key`)).toEqual(no);
      expect(await call('GET', '/')).toEqual(no);
      expect(await call('GET', `/${open}/key`, { 'response-content-type': 'text/html' })).toEqual([
        400,
        'InvalidRequest',
        'Request specific response headers cannot be used for anonymous GET requests.',
      ]);
    });
  });
}
