/** `encryption.backendAtRest`: the backend's own encryption answers for AES256. */

import { CopyObjectCommand, HeadObjectCommand } from '@aws-sdk/client-s3';
import { BlobServiceClient } from '@azure/storage-blob';
import { expect, it } from 'vitest';
import { begin, bytes } from '../upload-path/kit.ts';
import { getWith, putWith, ssec } from './requests.ts';
import { runningGateway } from './suite.ts';

const subject = runningGateway({
  backend: 'azure',
  env: { PARTWAY_ENCRYPTION_BACKEND_AT_REST: 'true' },
});
const aes = { ServerSideEncryption: 'AES256' } as const;

async function stored(bucket: string, key: string): Promise<Buffer> {
  const service = BlobServiceClient.fromConnectionString(process.env['TEST_AZURITE_CONNECTION_STRING'] ?? '');
  const container = service.getContainerClient(`t${subject.gateway().deployment.name}-${bucket}`);
  return container.getBlobClient(key).downloadToBuffer();
}

it('keeps the word, and leaves the bytes to the backend', async () => {
  const bucket = await subject.bucket();
  const body = bytes(1000);
  expect(await putWith(subject, bucket, 'key', body, aes)).toMatchObject(aes);
  expect((await stored(bucket, 'key')).equals(body)).toBe(true);
  const got = await getWith(subject, bucket, 'key', { Range: 'bytes=10-19' });
  expect(got).toMatchObject({ ...aes, ContentRange: 'bytes 10-19/1000' });
  expect(got.data.equals(body.subarray(10, 20))).toBe(true);
});

it('goes for uploads and copies too, and not for keys of customers', async () => {
  const bucket = await subject.bucket();
  const upload = await begin(subject, bucket, 'upload', aes);
  const body = bytes(1000);
  expect(await upload.complete([await upload.part(1, body)])).toMatchObject(aes);
  expect((await stored(bucket, 'upload')).equals(body)).toBe(true);
  const copy = new CopyObjectCommand({ Bucket: bucket, Key: 'copy', CopySource: `${bucket}/upload` });
  expect(await subject.client.send(copy)).toMatchObject(aes);
  const head = await subject.client.send(new HeadObjectCommand({ Bucket: bucket, Key: 'copy' }));
  expect(head).toMatchObject({ ...aes, ContentLength: 1000 });
  await putWith(subject, bucket, 'customer', body, ssec());
  expect((await stored(bucket, 'customer')).includes(body.subarray(0, 100))).toBe(false);
});
