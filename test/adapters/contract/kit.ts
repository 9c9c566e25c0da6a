/** What the contract's tests share: bodies, bytes, attributes, and a bucket of their own for each test. */
import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { expect } from 'vitest';
import { type AdapterErrorKind, isAdapterError } from '../../../adapters/errors.ts';
import type {
  Body,
  BodyStream,
  GetObjectCall,
  ListObjectsCall,
  ListObjectsResult,
  ObjectAttributes,
  ObjectInfo,
  PutObjectCall,
  StorageAdapter,
  StoredPart,
  UploadState,
} from '../../../adapters/types.ts';
import { compareKeys } from './model.ts';

export interface ContractSubject {
  /** A further adapter over one and the same backend, as a second replica would have it. */
  make(): Promise<StorageAdapter>;
  /** Runs once, after every adapter was closed. */
  cleanup(): Promise<void>;
  /** Legal S3 keys that this backend documents that it refuses, with `InvalidName`. */
  readonly refusedKeys?: readonly string[];
}

/** Handed to every theme. The adapters exist once tests run, not while they are being declared. */
export interface Contract {
  readonly adapter: StorageAdapter;
  /** Over the same backend, sharing nothing else with `adapter`. */
  readonly replica: StorageAdapter;
  readonly refusedKeys: readonly string[];
  /** Makes a bucket, emptied and removed after the test unless it is to be kept (its maker then removes it). */
  bucket(fate?: 'removed' | 'kept'): Promise<string>;
}

export const KiB = 1024;

/** The same bytes for the same seed. */
export function bytes(size: number, seed = 1): Buffer {
  const block = Buffer.alloc(Math.min(size, 64 * KiB));
  let state = (seed * 2654435761 + 12345) >>> 0;
  for (let i = 0; i < block.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    block[i] = state >>> 24;
  }
  const out = Buffer.alloc(size);
  for (let at = 0; at < size; at += block.length) {
    block.copy(out, at);
    // No two blocks are alike, so that bytes put in the wrong place show.
    if (size - at >= 4) out.writeUInt32LE((at ^ seed) >>> 0, at);
  }
  return out;
}

/** The bytes in chunks of uneven sizes, as a socket gives them. */
function* chunks(data: Buffer): Generator<Buffer> {
  const sizes = [1, 17, 1400, 64 * KiB, 8 * KiB];
  for (let at = 0, i = 0; at < data.length; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    yield data.subarray(at, at + size);
    at += size;
  }
}

export function body(data: Buffer | string): Body {
  const buffer = Buffer.from(data);
  return { stream: Readable.from(chunks(buffer), { objectMode: false }), size: buffer.length };
}

/** A body that declares all of `data` and goes wrong after half of it. */
export function brokenBody(
  data: Buffer,
  how: 'errors' | 'ends early' | 'is destroyed' | 'is too long',
): Body {
  const stream = new Readable({ read: () => undefined });
  stream.on('error', () => undefined);
  stream.push(data.subarray(0, Math.floor(data.length / 2)));
  setTimeout(() => {
    if (how === 'errors') stream.destroy(new Error('the digest disagrees'));
    else if (how === 'is destroyed') stream.destroy();
    else {
      if (how === 'is too long') stream.push(data);
      stream.push(null);
    }
  }, 20);
  return { stream, size: data.length };
}

/** A body that gives half of its bytes and then nothing, until it is destroyed. */
export function stalledBody(data: Buffer): Body & { readonly half: Promise<void> } {
  let sent: () => void = () => undefined;
  const half = new Promise<void>((resolve) => {
    sent = resolve;
  });
  let given = false;
  const stream = new Readable({
    read() {
      if (given) {
        sent();
        return;
      }
      given = true;
      this.push(data.subarray(0, Math.floor(data.length / 2)));
    },
  });
  return { stream, size: data.length, half };
}

export function md5(data: Buffer | string): string {
  return createHash('md5').update(data).digest('hex');
}

export function attributes(data: Buffer | string, more: Partial<ObjectAttributes> = {}): ObjectAttributes {
  return { etag: md5(data), headers: { 'content-type': 'binary/octet-stream' }, metadata: {}, ...more };
}

/** Attributes that use every field the contract has, with the hardest values each may hold. */
export function fullAttributes(etag: string): ObjectAttributes {
  return {
    etag,
    headers: {
      'content-type': 'text/plain; charset=utf-8',
      'cache-control': 'max-age=60, public',
      'content-disposition': 'attachment; filename="a b.txt"; filename*=UTF-8\'\'%e2%82%ac.txt',
      'content-encoding': 'gzip',
      'content-language': 'de, en',
      expires: 'Thu, 01 Dec 2033 16:00:00 GMT',
      'x-amz-website-redirect-location': '/elsewhere?a=b',
      'x-amz-storage-class': 'STANDARD_IA',
    },
    metadata: {
      'with-hyphens-and.dots': 'v',
      with_underscore: '=?UTF-8?B?w6k=?=',
      '0starts-with-a-digit': 'quotes " and \\ and , commas',
      latin1: Buffer.from('grün €', 'utf8').toString('latin1'),
      empty: '',
      class: 'reserved word',
    },
    tags: { 'a key': 'a value', 'ключ/+-=._:@': 'значение', empty: '' },
    checksum: { algorithm: 'CRC64NVME', type: 'FULL_OBJECT', value: 'AAAAAAAAAAA=' },
    parts: [
      { partNumber: 1, size: 5, checksum: 'AAAAAA==' },
      { partNumber: 7, size: 6, checksum: 'AQAAAA==' },
    ],
    uploadId: 'upload_ID-1',
    plainSize: 11,
    encryption: { algorithm: 'AES256', nonce: 'abc', nested: [1, null, true, { a: 'ü' }] },
  };
}

export async function put(
  adapter: StorageAdapter,
  bucket: string,
  key: string,
  data: Buffer | string,
  more: Partial<Omit<PutObjectCall, 'attributes'>> & { attributes?: ObjectAttributes } = {},
): Promise<ObjectInfo> {
  const { attributes: given, ...rest } = more;
  const described = given ?? attributes(data);
  return adapter.putObject({ bucket, key, body: body(data), attributes: () => described, ...rest });
}

export async function collect(stream: BodyStream): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const chunk of stream) parts.push(chunk as Buffer);
  const all = Buffer.concat(parts);
  if (stream.bytes !== undefined) expectBytes(stream.bytes, all);
  return all;
}

export async function read(
  adapter: StorageAdapter,
  bucket: string,
  key: string,
  more: Partial<GetObjectCall> = {},
): Promise<Buffer> {
  const { body: stream } = await adapter.getObject({ bucket, key, ...more });
  return collect(stream);
}

/** Compares without printing megabytes when it fails. */
export function expectBytes(actual: Buffer, expected: Buffer | string): void {
  const want = Buffer.from(expected);
  expect({ size: actual.length, md5: md5(actual) }).toEqual({ size: want.length, md5: md5(want) });
}

export async function expectObject(
  adapter: StorageAdapter,
  bucket: string,
  key: string,
  expected: Buffer | string,
): Promise<void> {
  expectBytes(await read(adapter, bucket, key), expected);
}

export async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => {
      throw new Error(`expected a failure, got ${JSON.stringify(value)?.slice(0, 200)}`);
    },
    (error: unknown) => error,
  );
}

export async function expectKind(
  promise: Promise<unknown>,
  kind: AdapterErrorKind,
  subject: 'source' | 'target' = 'target',
): Promise<void> {
  const error = await failure(promise);
  if (!isAdapterError(error)) throw error;
  expect({ kind: error.kind, subject: error.subject }).toEqual({ kind, subject });
}

export async function expectAborted(promise: Promise<unknown>, reason: unknown): Promise<void> {
  const error = await failure(promise);
  if (error !== reason && !isAdapterError(error, 'Aborted')) throw error;
}

/** `key` for an object, `prefix…` marked for a common prefix. */
export function shown(result: ListObjectsResult): string[] {
  return result.entries.map((entry) => (entry.kind === 'object' ? entry.info.key : `[${entry.prefix}]`));
}

export async function list(
  adapter: StorageAdapter,
  bucket: string,
  call: Partial<ListObjectsCall> = {},
): Promise<string[]> {
  return shown(await adapter.listObjects({ bucket, limit: 1000, ...call }));
}

/** Every page of a listing, put together. Each page must be full but for the last. */
export async function listAll(
  adapter: StorageAdapter,
  call: Omit<ListObjectsCall, 'startAfter'>,
): Promise<string[]> {
  const all: string[] = [];
  let startAfter: string | undefined;
  for (;;) {
    const page = await adapter.listObjects({ ...call, ...(startAfter === undefined ? {} : { startAfter }) });
    all.push(...shown(page));
    if (!page.truncated) return all;
    expect(page.entries).toHaveLength(call.limit);
    const last = page.entries.at(-1);
    if (last === undefined) throw new Error('a truncated page holds nothing');
    const next = last.kind === 'object' ? last.info.key : last.prefix;
    if (startAfter !== undefined && compareKeys(next, startAfter) <= 0) {
      throw new Error(`the page after ${JSON.stringify(startAfter)} ends with ${JSON.stringify(next)}`);
    }
    startAfter = next;
  }
}

/** An upload in progress, seen from a client. */
export interface Upload {
  readonly bucket: string;
  readonly key: string;
  readonly uploadId: string;
  readonly state: UploadState;
}

export function newUploadId(): string {
  return randomBytes(24).toString('base64url');
}

export async function begin(adapter: StorageAdapter, bucket: string, key: string): Promise<Upload> {
  const uploadId = newUploadId();
  return { bucket, key, uploadId, state: await adapter.beginUpload({ bucket, key, uploadId }) };
}

export async function part(
  adapter: StorageAdapter,
  upload: Upload,
  partNumber: number,
  data: Buffer,
  current?: StoredPart,
): Promise<StoredPart> {
  const token = await adapter.putPart({
    ...upload,
    partNumber,
    body: body(data),
    ...(current === undefined ? {} : { current: current.token }),
  });
  return { partNumber, size: data.length, token };
}

export function multipartAttributes(upload: Upload, parts: readonly StoredPart[]): ObjectAttributes {
  return {
    etag: `${md5(upload.uploadId)}-${parts.length}`,
    headers: { 'content-type': 'application/x-parts' },
    metadata: { made: 'by parts' },
    parts: parts.map(({ partNumber, size }) => ({ partNumber, size })),
    uploadId: upload.uploadId,
  };
}

export async function complete(
  adapter: StorageAdapter,
  upload: Upload,
  parts: readonly StoredPart[],
  more: Partial<Parameters<StorageAdapter['completeUpload']>[0]> = {},
): Promise<ObjectInfo> {
  return adapter.completeUpload({
    ...upload,
    parts,
    unused: [],
    attributes: multipartAttributes(upload, parts),
    ...more,
  });
}
