import { PutBucketPolicyCommand, PutPublicAccessBlockCommand } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { send } from '../kit/raw-request.ts';
import { bytes, expectFailure, get, put } from '../upload-path/kit.ts';
import { ask } from './kit.ts';
import type { BucketSubject } from './suite.ts';

/** Lets everybody read. */
function publicPolicy(bucket: string): string {
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: `arn:aws:s3:::${bucket}/*` },
    ],
  });
}

export function publicAccessTests(subject: BucketSubject): void {
  const block = (Bucket: string, flags: object) =>
    subject.client.send(new PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration: flags }));
  const policy = (Bucket: string) =>
    subject.client.send(new PutBucketPolicyCommand({ Bucket, Policy: publicPolicy(Bucket) }));

  describe('a public access block', () => {
    it('refuses a public policy', async () => {
      const bucket = await subject.bucket();
      await block(bucket, { BlockPublicPolicy: true });
      const { message } = await expectFailure(policy(bucket), 'AccessDenied', 403);
      expect(message).toMatch(
        /because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access\.$/,
      );
      expect((await ask(subject, 'GET', `/${bucket}`, 'policy')).element('Code')).toBe('NoSuchBucketPolicy');
      await block(bucket, { BlockPublicPolicy: false });
      await policy(bucket);
    });

    it('takes from a public policy what it allows to strangers, as long as it is there', async () => {
      const bucket = await subject.bucket();
      const anonymous = async () =>
        (await send(subject.endpoint, { method: 'GET', path: `/${bucket}/key`, anonymous: true })).status;
      await put(subject, bucket, 'key', bytes(3));
      expect(await anonymous()).toBe(403);
      await policy(bucket);
      expect(await anonymous()).toBe(200);
      await block(bucket, { RestrictPublicBuckets: true });
      expect(await anonymous()).toBe(403);
      expect((await get(subject, bucket, 'key')).data).toHaveLength(3);
      await ask(subject, 'DELETE', `/${bucket}`, 'publicAccessBlock');
      expect(await anonymous()).toBe(200);
    });
  });
}
