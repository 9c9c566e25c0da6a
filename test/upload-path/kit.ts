import { createHash, randomBytes } from 'node:crypto';
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  type CompleteMultipartUploadCommandOutput,
  CreateMultipartUploadCommand,
  type CreateMultipartUploadCommandInput,
  GetObjectCommand,
  type GetObjectCommandOutput,
  PutObjectCommand,
  S3ServiceException,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { expect } from 'vitest';
import type { Subject } from './suite.ts';

export const mib = 1024 * 1024;
export const minPart = 5 * mib;

export function bytes(size: number): Buffer {
  return randomBytes(size);
}

export function md5(data: Uint8Array): string {
  return createHash('md5').update(data).digest('hex');
}

export function md5Etag(data: Uint8Array): string {
  return `"${md5(data)}"`;
}

export function multipartEtag(parts: readonly Uint8Array[]): string {
  const digests = Buffer.concat(parts.map((part) => createHash('md5').update(part).digest()));
  return `"${md5(digests)}-${parts.length}"`;
}

/** An upload under way. */
export class TestUpload {
  readonly subject: Subject;
  readonly bucket: string;
  readonly key: string;
  readonly id: string;

  constructor(subject: Subject, bucket: string, key: string, id: string) {
    this.subject = subject;
    this.bucket = bucket;
    this.key = key;
    this.id = id;
  }

  get address(): { Bucket: string; Key: string; UploadId: string } {
    return { Bucket: this.bucket, Key: this.key, UploadId: this.id };
  }

  async part(partNumber: number, body: Uint8Array): Promise<CompletedPart> {
    const { ETag } = await this.subject.client.send(
      new UploadPartCommand({ ...this.address, PartNumber: partNumber, Body: body }),
    );
    return { PartNumber: partNumber, ETag };
  }

  complete(parts: CompletedPart[], more: object = {}): Promise<CompleteMultipartUploadCommandOutput> {
    return this.subject.client.send(
      new CompleteMultipartUploadCommand({ ...this.address, MultipartUpload: { Parts: parts }, ...more }),
    );
  }

  async abort(): Promise<void> {
    await this.subject.client.send(new AbortMultipartUploadCommand(this.address));
  }
}

export async function begin(
  subject: Subject,
  bucket: string,
  key: string,
  more: Partial<CreateMultipartUploadCommandInput> = {},
): Promise<TestUpload> {
  const { UploadId } = await subject.client.send(
    new CreateMultipartUploadCommand({ Bucket: bucket, Key: key, ...more }),
  );
  if (UploadId === undefined) throw new Error('no upload ID');
  return new TestUpload(subject, bucket, key, UploadId);
}

export async function put(subject: Subject, bucket: string, key: string, body: Uint8Array): Promise<string> {
  const { ETag } = await subject.client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body }));
  return ETag ?? '';
}

export async function get(
  subject: Subject,
  bucket: string,
  key: string,
  more: object = {},
): Promise<GetObjectCommandOutput & { readonly data: Buffer }> {
  const answer = await subject.client.send(new GetObjectCommand({ Bucket: bucket, Key: key, ...more }));
  return { ...answer, data: Buffer.from((await answer.Body?.transformToByteArray()) ?? []) };
}

export async function expectObject(
  subject: Subject,
  bucket: string,
  key: string,
  data: Uint8Array,
): Promise<void> {
  const found = await get(subject, bucket, key);
  expect(found.data.equals(data)).toBe(true);
}

export async function expectMissing(subject: Subject, bucket: string, key: string): Promise<void> {
  await expectFailure(get(subject, bucket, key), 'NoSuchKey', 404);
}

/** The call must fail with this code and status; resolves to the error. */
export async function expectFailure(
  call: Promise<unknown>,
  code: string,
  status: number,
): Promise<S3ServiceException> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof S3ServiceException)) {
    throw new Error(`expected ${code}, got ${error === undefined ? 'success' : String(error)}`);
  }
  expect({ code: error.name, status: error.$metadata.httpStatusCode }).toEqual({ code, status });
  return error;
}
