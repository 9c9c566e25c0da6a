/** One object of each kind that there is to verify. */
import {
  CopyObjectCommand,
  type CreateMultipartUploadCommandInput,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { asSource, putWith, ssec } from '../encryption/requests.ts';
import { begin, bytes, minPart } from '../upload-path/kit.ts';
import type { Subject } from '../upload-path/suite.ts';

const size = 700_001;

/** Keys of objects whose every byte can be compared. */
export const comparable = [
  'copied',
  'managed',
  'managed parts',
  'parts',
  'composite/parts',
  'full-object/parts',
  'plain',
  'with-crc32c',
  'with-sha256',
] as const;

export async function writeEveryKind(subject: Subject, bucket: string): Promise<void> {
  const { client } = subject;
  const put = (Key: string, more: object = {}, Body: Uint8Array = bytes(size)) =>
    client.send(new PutObjectCommand({ Bucket: bucket, Key, Body, ...more }));
  await put('plain');
  await put('empty', {}, Buffer.alloc(0));
  await put('with-crc32c', { ChecksumAlgorithm: 'CRC32C' });
  await put('with-sha256', { ChecksumAlgorithm: 'SHA256' });
  await put('managed', { ServerSideEncryption: 'AES256' });
  await client.send(
    new CopyObjectCommand({ Bucket: bucket, Key: 'copied', CopySource: `${bucket}/with-crc32c` }),
  );
  const key = ssec();
  await putWith(subject, bucket, 'customer', bytes(size), key);
  await client.send(
    new CopyObjectCommand({
      Bucket: bucket,
      Key: 'customer-copied',
      CopySource: `${bucket}/customer`,
      ...asSource(key),
      ...key,
    }),
  );
  await writeParts(subject, bucket, 'parts');
  await writeParts(subject, bucket, 'managed parts', { ServerSideEncryption: 'AES256' });
  await writeParts(subject, bucket, 'composite/parts', {
    ChecksumAlgorithm: 'SHA256',
    ChecksumType: 'COMPOSITE',
  });
  await writeParts(subject, bucket, 'full-object/parts', {
    ChecksumAlgorithm: 'CRC32',
    ChecksumType: 'FULL_OBJECT',
  });
}

async function writeParts(
  subject: Subject,
  bucket: string,
  key: string,
  more: Partial<CreateMultipartUploadCommandInput> = {},
): Promise<void> {
  const upload = await begin(subject, bucket, key, more);
  const { ChecksumAlgorithm } = more;
  const algorithm = ChecksumAlgorithm === undefined ? {} : { ChecksumAlgorithm };
  const parts = [];
  for (const [PartNumber, length] of [
    [2, minPart],
    [5, minPart + 1],
    [9, 10],
  ] as const) {
    const answer = await subject.client.send(
      new UploadPartCommand({
        ...upload.address,
        PartNumber,
        Body: bytes(length),
        ...algorithm,
      }),
    );
    const { ChecksumSHA256, ETag } = answer;
    parts.push({ PartNumber, ETag, ...(ChecksumSHA256 !== undefined && { ChecksumSHA256 }) });
  }
  await upload.complete(parts);
}
