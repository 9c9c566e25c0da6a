import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  type S3Client,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { arnOf, denied, outcome, type SharedGateway } from './kit.ts';

export function uploadTests(shared: SharedGateway): void {
  const begin = async (client: S3Client, Bucket: string, Key: string): Promise<string> => {
    const { UploadId = '' } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
    return UploadId;
  };

  describe('multipart uploads', () => {
    it('are closed to who guesses their ID', async () => {
      const Bucket = await shared.bucket();
      const alice = shared.as('alice');
      const UploadId = await begin(alice, Bucket, 'alice/key');
      const of = { Bucket, Key: 'alice/key', UploadId };
      const { ETag } = await alice.send(new UploadPartCommand({ ...of, PartNumber: 1, Body: 'the part' }));
      const parts = { Parts: [{ PartNumber: 1, ETag }] };
      for (const person of ['bob', 'carol'] as const) {
        const guesser = shared.as(person);
        expect(
          await outcome(guesser.send(new UploadPartCommand({ ...of, PartNumber: 1, Body: 'mine' }))),
        ).toBe(denied);
        expect(await outcome(guesser.send(new ListPartsCommand(of)))).toBe(denied);
        expect(await outcome(guesser.send(new AbortMultipartUploadCommand(of)))).toBe(denied);
        expect(
          await outcome(guesser.send(new CompleteMultipartUploadCommand({ ...of, MultipartUpload: parts }))),
        ).toBe(denied);
        expect(await outcome(guesser.send(new ListMultipartUploadsCommand({ Bucket })))).toBe(denied);
      }
      // Bob's own key with Alice's upload.
      const forged = { Bucket, Key: 'bob/key', UploadId };
      const bob = shared.as('bob');
      expect(await outcome(bob.send(new AbortMultipartUploadCommand(forged)))).toBe('404 NoSuchUpload');
      expect(await outcome(bob.send(new UploadPartCommand({ ...forged, PartNumber: 1, Body: 'x' })))).toBe(
        '404 NoSuchUpload',
      );
      const listed = await alice.send(new ListPartsCommand(of));
      expect(listed.Parts?.map((part) => [part.PartNumber, part.ETag])).toEqual([[1, ETag]]);
      await alice.send(new CompleteMultipartUploadCommand({ ...of, MultipartUpload: parts }));
      expect(
        (await shared.root.send(new HeadObjectCommand({ Bucket, Key: 'alice/key' }))).ContentLength,
      ).toBe(8);
    });

    it('can be listed and ended by who began them', async () => {
      const Bucket = await shared.bucket('private');
      await shared.policy(Bucket, {
        Effect: 'Allow',
        Principal: { AWS: [arnOf('carol'), arnOf('bob')] },
        Action: 's3:PutObject',
        Resource: `arn:aws:s3:::${Bucket}/*`,
      });
      const carol = shared.as('carol');
      const bob = shared.as('bob');
      const of = { Bucket, Key: 'key', UploadId: await begin(carol, Bucket, 'key') };
      expect(await outcome(bob.send(new UploadPartCommand({ ...of, PartNumber: 1, Body: 'x' })))).toBe('ok');
      expect(await outcome(bob.send(new ListPartsCommand(of)))).toBe(denied);
      expect(await outcome(bob.send(new AbortMultipartUploadCommand(of)))).toBe(denied);
      const { Initiator, Owner } = await carol.send(new ListPartsCommand(of));
      expect([Initiator?.DisplayName, Owner?.DisplayName]).toEqual(['carol', 'partway']);
      expect(Initiator?.ID).not.toBe(Owner?.ID);
      expect(await outcome(carol.send(new AbortMultipartUploadCommand(of)))).toBe('ok');
    });

    it('take no part from a source that the caller may not read', async () => {
      const Bucket = await shared.bucket();
      const secret = await shared.bucket('private');
      await shared.put(secret, 'key', 'secret');
      const alice = shared.as('alice');
      const of = { Bucket, Key: 'key', UploadId: await begin(alice, Bucket, 'key') };
      const copy = new UploadPartCopyCommand({ ...of, PartNumber: 1, CopySource: `${secret}/key` });
      expect(await outcome(alice.send(copy))).toBe(denied);
      expect((await alice.send(new ListPartsCommand(of))).Parts ?? []).toEqual([]);
    });

    it('are never begun by who did not sign', async () => {
      const Bucket = await shared.bucket('private');
      await shared.policy(Bucket, {
        Effect: 'Allow',
        Principal: '*',
        Action: 's3:PutObject',
        Resource: `arn:aws:s3:::${Bucket}/*`,
      });
      const answer = await shared.raw({
        method: 'POST',
        path: `/${Bucket}/key`,
        query: { uploads: '' },
        anonymous: true,
      });
      expect([answer.status, answer.element('Message')]).toEqual([
        403,
        'Anonymous users cannot initiate multipart uploads.  Please authenticate.',
      ]);
      const put = await shared.raw({ method: 'PUT', path: `/${Bucket}/key`, body: 'x', anonymous: true });
      expect(put.status).toBe(200);
    });
  });
}
