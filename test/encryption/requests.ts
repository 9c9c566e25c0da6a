import { createHash, randomBytes } from 'node:crypto';
import {
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadObjectCommand,
  PutObjectCommand,
  type PutObjectCommandOutput,
} from '@aws-sdk/client-s3';
import { expect, vi } from 'vitest';
import type { RunningGateway } from '../kit/gateway.ts';
import type { Subject } from '../upload-path/suite.ts';

export interface Ssec {
  readonly SSECustomerAlgorithm: string;
  readonly SSECustomerKey: string;
}

/** A customer's key, as the SDK takes it. */
export function ssec(key = randomBytes(32)): Ssec {
  return { SSECustomerAlgorithm: 'AES256', SSECustomerKey: key.toString('base64') };
}

export function keyMd5({ SSECustomerKey }: Ssec): string {
  return createHash('md5').update(Buffer.from(SSECustomerKey, 'base64')).digest('base64');
}

/** The same key for the source of a copy. */
export function asSource({ SSECustomerAlgorithm, SSECustomerKey }: Ssec): object {
  return { CopySourceSSECustomerAlgorithm: SSECustomerAlgorithm, CopySourceSSECustomerKey: SSECustomerKey };
}

const own = 'x-amz-server-side-encryption-customer-';

/** The three headers, for requests that no SDK would send. */
export function ssecHeaders(key: Buffer, prefix = own): Record<string, string> {
  return {
    [`${prefix}algorithm`]: 'AES256',
    [`${prefix}key`]: key.toString('base64'),
    [`${prefix}key-MD5`]: createHash('md5').update(key).digest('base64'),
  };
}

export function putWith(
  subject: Subject,
  bucket: string,
  key: string,
  body: Uint8Array,
  more: object,
): Promise<PutObjectCommandOutput> {
  return subject.client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body, ...more }));
}

export async function getWith(
  subject: Subject,
  bucket: string,
  key: string,
  more: object = {},
): Promise<GetObjectCommandOutput & { readonly data: Buffer }> {
  const answer = await subject.client.send(new GetObjectCommand({ Bucket: bucket, Key: key, ...more }));
  return { ...answer, data: Buffer.from((await answer.Body?.transformToByteArray()) ?? []) };
}

/** Waits for it: the log is written now and then. */
export async function expectLogged(gateway: RunningGateway, text: string | RegExp): Promise<void> {
  await vi.waitFor(() => expect(gateway.output()).toMatch(text), { timeout: 60_000, interval: 50 });
}

/** Status of a HEAD, which has no body to tell more. */
export async function headStatus(
  subject: Subject,
  bucket: string,
  key: string,
  more: object = {},
): Promise<number | undefined> {
  const sent = subject.client.send(new HeadObjectCommand({ Bucket: bucket, Key: key, ...more }));
  const metadata = await sent.then(
    ({ $metadata }) => $metadata,
    (error: { $metadata?: { httpStatusCode?: number } }) => error.$metadata,
  );
  return metadata?.httpStatusCode;
}
