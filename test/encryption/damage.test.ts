/** Bytes of encrypted objects that something changed in the local directory: an error, never wrong data. */
import { execFileSync } from 'node:child_process';
import { closeSync, copyFileSync, openSync, readSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { CopyObjectCommand, UploadPartCommand } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { headSize, sealedSize, segmentSize, tagSize } from '../../src/s3/encryption/format.ts';
import { send } from '../kit/raw-request.ts';
import { begin, bytes, minPart } from '../upload-path/kit.ts';
import { expectLogged, getWith, putWith, ssec, ssecHeaders } from './requests.ts';
import { runningGateway } from './suite.ts';

const subject = runningGateway({});
const aes = { ServerSideEncryption: 'AES256' } as const;

function fileOf(bucket: string, key: string): string {
  return join(subject.gateway().deployment.dir, 'data', bucket, key);
}

/** Works on a file; its time of modification then is what it was, as after a fault of the disk. */
function behindItsBack(file: string, work: () => void): void {
  const before = join(subject.gateway().deployment.dir, 'before');
  execFileSync('touch', ['-r', file, before]);
  work();
  execFileSync('touch', ['-r', before, file]);
}

function flip(file: string, at: number): void {
  const fd = openSync(file, 'r+');
  const byte = Buffer.alloc(1);
  readSync(fd, byte, 0, 1, at);
  byte[0] = (byte[0] ?? 0) ^ 1;
  writeSync(fd, byte, 0, 1, at);
  closeSync(fd);
}

function swap(file: string, first: number, second: number, size: number): void {
  const fd = openSync(file, 'r+');
  const [one, two] = [Buffer.alloc(size), Buffer.alloc(size)];
  readSync(fd, one, 0, size, first);
  readSync(fd, two, 0, size, second);
  writeSync(fd, two, 0, size, first);
  writeSync(fd, one, 0, size, second);
  closeSync(fd);
}

const internal = { name: 'InternalError', $metadata: { httpStatusCode: 500 } };

describe.each([
  ['a key of the customer', ssec()],
  ['AES256', undefined],
])('an object under %s', (_, key) => {
  const put = (bucket: string, name: string, body: Uint8Array) =>
    putWith(subject, bucket, name, body, key ?? aes);
  const get = (bucket: string, name: string, more: object = {}) =>
    getWith(subject, bucket, name, { ...key, ...more });

  it.each([
    ['in the head', 20],
    ['in the bytes', headSize + 10],
    ['in the tag', headSize + 105],
  ])('with a byte changed %s is an InternalError', async (_, at) => {
    const bucket = await subject.bucket();
    await put(bucket, 'key', bytes(100));
    expect((await get(bucket, 'key')).data).toHaveLength(100);
    const file = fileOf(bucket, 'key');
    behindItsBack(file, () => flip(file, at));
    await expect(get(bucket, 'key')).rejects.toMatchObject(internal);
    await expect(get(bucket, 'key', { Range: 'bytes=0-5' })).rejects.toMatchObject(internal);
    await expect(get(bucket, 'key', { PartNumber: 1 })).rejects.toMatchObject(internal);
    await expectLogged(subject.gateway(), 'an encrypted object was changed in the backend');
  });

  it('with a byte changed far in breaks off before it, and is told in the log', async () => {
    const bucket = await subject.bucket();
    const body = bytes(12 * segmentSize);
    await put(bucket, 'far in', body);
    const file = fileOf(bucket, 'far in');
    behindItsBack(file, () => flip(file, sealedSize(body.length) - 100));
    const answer = await send(subject.endpoint, {
      method: 'GET',
      path: `/${bucket}/far%20in`,
      headers: key === undefined ? {} : ssecHeaders(Buffer.from(key.SSECustomerKey, 'base64')),
    }).catch((error: unknown) => error);
    expect(answer).toBeInstanceOf(Error);
    await expect(get(bucket, 'far in')).rejects.toThrow();
    await expectLogged(subject.gateway(), /was changed in the backend.*"key":"far in"/);
    // What was not changed is still to be had.
    const range = await get(bucket, 'far in', { Range: `bytes=${segmentSize}-${3 * segmentSize}` });
    expect(range.data.equals(body.subarray(segmentSize, 3 * segmentSize + 1))).toBe(true);
    await expect(get(bucket, 'far in', { Range: 'bytes=-5' })).rejects.toMatchObject(internal);
  });

  it('that was cut at a segment is an InternalError', async () => {
    const bucket = await subject.bucket();
    await put(bucket, 'cut', bytes(2 * segmentSize));
    const file = fileOf(bucket, 'cut');
    behindItsBack(file, () => truncateSync(file, headSize + segmentSize + tagSize));
    // Of another size than was written, it has no attributes any more, and with them no key.
    await expect(get(bucket, 'cut')).rejects.toMatchObject(
      key === undefined ? internal : { name: 'InvalidRequest' },
    );
  });

  it('that was copied over another one does not open as that', async () => {
    const bucket = await subject.bucket();
    await put(bucket, 'one', bytes(100));
    await put(bucket, 'two', bytes(100));
    const [one, two] = [fileOf(bucket, 'one'), fileOf(bucket, 'two')];
    behindItsBack(two, () => copyFileSync(one, two));
    await expect(get(bucket, 'two')).rejects.toMatchObject(internal);
  });

  it('whose parts changed places is an InternalError', async () => {
    const bucket = await subject.bucket();
    const upload = await begin(subject, bucket, 'parts', key ?? aes);
    const parts = [];
    for (const PartNumber of [1, 2]) {
      const { ETag } = await subject.client.send(
        new UploadPartCommand({ ...upload.address, PartNumber, Body: bytes(minPart), ...key }),
      );
      parts.push({ PartNumber, ETag });
    }
    await upload.complete(parts);
    const file = fileOf(bucket, 'parts');
    expect((await get(bucket, 'parts', { PartNumber: 2 })).data).toHaveLength(minPart);
    const size = sealedSize(minPart);
    behindItsBack(file, () => swap(file, 0, size, size));
    await expect(get(bucket, 'parts', { PartNumber: 2 })).rejects.toMatchObject(internal);
    await expect(get(bucket, 'parts', { Range: `bytes=${minPart}-` })).rejects.toMatchObject(internal);
    await expect(get(bucket, 'parts')).rejects.toMatchObject(internal);
  });
});

describe('sealed bytes that lost what was known of them', () => {
  it.each([1000, segmentSize + 1000])(
    'are not given out for the plain ones, nor copied: %d bytes',
    async (size) => {
      const bucket = await subject.bucket();
      await putWith(subject, bucket, 'key', bytes(size), aes);
      // An ordinary write gives the file a new time, and with it the looks of one that another program made.
      flip(fileOf(bucket, 'key'), 500);
      await expect(getWith(subject, bucket, 'key')).rejects.toMatchObject(internal);
      for (const Range of ['bytes=0-5', 'bytes=100-105', 'bytes=-5']) {
        await expect(getWith(subject, bucket, 'key', { Range })).rejects.toMatchObject(internal);
      }
      await expect(getWith(subject, bucket, 'key', { PartNumber: 1 })).rejects.toMatchObject(internal);
      await expect(
        subject.client.send(
          new CopyObjectCommand({ Bucket: bucket, Key: 'copy', CopySource: `${bucket}/key` }),
        ),
      ).rejects.toMatchObject(internal);
    },
  );

  it('files of other programs are given as they are', async () => {
    const bucket = await subject.bucket();
    await putWith(subject, bucket, 'key', bytes(1000), {});
    const other = bytes(3000);
    const fd = openSync(fileOf(bucket, 'key'), 'w');
    writeSync(fd, other);
    closeSync(fd);
    expect((await getWith(subject, bucket, 'key')).data.equals(other)).toBe(true);
    const range = await getWith(subject, bucket, 'key', { Range: 'bytes=100-199' });
    expect(range.data.equals(other.subarray(100, 200))).toBe(true);
    const start = await getWith(subject, bucket, 'key', { Range: 'bytes=0-19' });
    expect(start.data.equals(other.subarray(0, 20))).toBe(true);
    const tiny = openSync(fileOf(bucket, 'tiny'), 'w');
    writeSync(tiny, 'tiny');
    closeSync(tiny);
    expect((await getWith(subject, bucket, 'tiny')).data.toString()).toBe('tiny');
  });
});
