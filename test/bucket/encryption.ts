import {
  CopyObjectCommand,
  DeleteBucketEncryptionCommand,
  GetBucketEncryptionCommand,
  HeadObjectCommand,
  PutBucketEncryptionCommand,
  type ServerSideEncryptionRule,
} from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { ssec } from '../encryption/requests.ts';
import { begin, bytes, expectFailure, get, minPart, put } from '../upload-path/kit.ts';
import { ask, failure, putDocument } from './kit.ts';
import type { BucketSubject } from './suite.ts';

const aes256: ServerSideEncryptionRule = { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } };
const notFound = 'ServerSideEncryptionConfigurationNotFoundError';

export function bucketEncryptionTests(subject: BucketSubject): void {
  const encrypting = async (): Promise<string> => {
    const Bucket = await subject.bucket();
    await subject.client.send(
      new PutBucketEncryptionCommand({ Bucket, ServerSideEncryptionConfiguration: { Rules: [aes256] } }),
    );
    return Bucket;
  };
  const methodOf = async (Bucket: string, Key: string) =>
    (await subject.client.send(new HeadObjectCommand({ Bucket, Key }))).ServerSideEncryption;

  describe('the encryption of a bucket', () => {
    it('is kept, and removed', async () => {
      const plain = await subject.bucket();
      const read = (Bucket: string) => subject.client.send(new GetBucketEncryptionCommand({ Bucket }));
      await expectFailure(read(plain), notFound, 404);
      const Bucket = await encrypting();
      expect((await read(Bucket)).ServerSideEncryptionConfiguration).toEqual({
        Rules: [{ ...aes256, BucketKeyEnabled: false }],
      });
      const { $metadata } = await subject.client.send(new DeleteBucketEncryptionCommand({ Bucket }));
      expect($metadata.httpStatusCode).toBe(204);
      await expectFailure(read(Bucket), notFound, 404);
      await put(subject, Bucket, 'key', bytes(10));
      expect(await methodOf(Bucket, 'key')).toBeUndefined();
    });

    it('is that of every write which names none', async () => {
      const bucket = await encrypting();
      const body = bytes(100_000);
      await put(subject, bucket, 'one', body);
      expect(await methodOf(bucket, 'one')).toBe('AES256');
      expect((await get(subject, bucket, 'one')).data.equals(body)).toBe(true);

      const upload = await begin(subject, bucket, 'parts');
      const parts = [await upload.part(1, bytes(minPart)), await upload.part(2, body)];
      expect((await upload.complete(parts)).ServerSideEncryption).toBe('AES256');
      expect(await methodOf(bucket, 'parts')).toBe('AES256');

      const plain = await subject.bucket();
      await put(subject, plain, 'source', body);
      await subject.client.send(
        new CopyObjectCommand({ Bucket: bucket, Key: 'copy', CopySource: `${plain}/source` }),
      );
      expect(await methodOf(bucket, 'copy')).toBe('AES256');
      expect(await methodOf(plain, 'source')).toBeUndefined();
    });

    it('comes to an object by a copy onto itself that changes nothing else', async () => {
      const bucket = await subject.bucket();
      const body = bytes(100);
      await put(subject, bucket, 'key', body);
      const copy = () =>
        subject.client.send(
          new CopyObjectCommand({ Bucket: bucket, Key: 'key', CopySource: `${bucket}/key` }),
        );
      await expectFailure(copy(), 'InvalidRequest', 400);
      await subject.client.send(
        new PutBucketEncryptionCommand({
          Bucket: bucket,
          ServerSideEncryptionConfiguration: { Rules: [aes256] },
        }),
      );
      expect((await copy()).ServerSideEncryption).toBe('AES256');
      expect(await methodOf(bucket, 'key')).toBe('AES256');
      expect((await get(subject, bucket, 'key')).data.equals(body)).toBe(true);
    });

    it('leaves a customer’s key to the customer', async () => {
      const bucket = await encrypting();
      const key = ssec();
      const upload = await begin(subject, bucket, 'own', key);
      await upload.abort();
      await expect(methodOf(bucket, 'own')).rejects.toMatchObject({ $metadata: { httpStatusCode: 404 } });
    });

    const rule = (inner: string) =>
      `<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>${inner}</ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>`;

    it('blocks no kind of encryption, and takes to be told so', async () => {
      const open = (types: string) =>
        `<ServerSideEncryptionConfiguration><Rule><BlockedEncryptionTypes>${types}</BlockedEncryptionTypes></Rule></ServerSideEncryptionConfiguration>`;
      const put = (bucket: string, types: string) =>
        putDocument(subject, `/${bucket}`, 'encryption', open(types));
      const plain = await subject.bucket();
      expect((await put(plain, '<EncryptionType>NONE</EncryptionType>')).status).toBe(200);
      expect((await ask(subject, 'GET', `/${plain}`, 'encryption')).element('Code')).toBe(notFound);
      expect((await put(plain, '<EncryptionType>SSE-C</EncryptionType>')).status).toBe(501);

      const bucket = await encrypting();
      expect((await put(bucket, '<EncryptionType>NONE</EncryptionType>')).status).toBe(200);
      expect((await ask(subject, 'GET', `/${bucket}`, 'encryption')).element('SSEAlgorithm')).toBe('AES256');
    });

    it.each([
      ['KMS', rule('<SSEAlgorithm>aws:kms</SSEAlgorithm>'), 501, 'NotImplemented'],
      ['DSSE', rule('<SSEAlgorithm>aws:kms:dsse</SSEAlgorithm>'), 501, 'NotImplemented'],
      ['another algorithm', rule('<SSEAlgorithm>rot13</SSEAlgorithm>'), 400, 'MalformedXML'],
      ['no algorithm', rule(''), 400, 'MalformedXML'],
      [
        'a key for AES256',
        rule('<SSEAlgorithm>AES256</SSEAlgorithm><KMSMasterKeyID>k</KMSMasterKeyID>'),
        400,
        'InvalidArgument',
      ],
      ['no rule', '<ServerSideEncryptionConfiguration/>', 400, 'MalformedXML'],
    ])('cannot be %s', async (_, document, status, code) => {
      const bucket = await subject.bucket();
      const answer = await putDocument(subject, `/${bucket}`, 'encryption', document);
      expect(failure(answer).slice(0, 2)).toEqual([status, code]);
      expect((await ask(subject, 'GET', `/${bucket}`, 'encryption')).element('Code')).toBe(notFound);
    });
  });
}
