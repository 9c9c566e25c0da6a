import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import {
  CopyObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createAuthenticator } from '../../src/auth/authenticate.ts';
import { credentialSource } from '../../src/auth/credentials.ts';
import { parseDecodedLength } from '../../src/auth/payload.ts';
import { announcedTrailer, trailerValue } from '../../src/auth/trailer.ts';
import { S3Error } from '../../src/s3/errors.ts';
import { decode } from './chunked-encoder.ts';
import { exampleCredential, exampleKey, exampleSecret, type HeaderPairs, incoming } from './signer.ts';

interface Sent {
  readonly method: string;
  readonly path: string;
  readonly query: Record<string, string | string[] | null>;
  readonly headers: HeaderPairs;
  readonly body?: unknown;
}

class Captured extends Error {
  readonly sent: Sent;
  constructor(sent: Sent) {
    super('captured in place of being sent');
    this.sent = sent;
  }
}

const quiet = (): void => {};

/** The SDK's client with its own signer and no wire: every request ends in {@link Captured}. */
const client = new S3Client({
  region: 'us-east-1',
  endpoint: 'http://localhost:9000',
  forcePathStyle: true,
  maxAttempts: 1,
  logger: { trace: quiet, debug: quiet, info: quiet, warn: quiet, error: quiet },
  credentials: { accessKeyId: exampleKey, secretAccessKey: exampleSecret },
  requestHandler: {
    handle: async (request: Sent) => {
      throw new Captured(request);
    },
  },
});

async function captured(sending: Promise<unknown>): Promise<Sent> {
  try {
    await sending;
  } catch (error) {
    if (error instanceof Captured) return error.sent;
    throw error;
  }
  throw new Error('the client sent nothing');
}

function asReceived({ method, path, query, headers }: Sent) {
  const search = Object.entries(query)
    .flatMap(([name, value]) => [value].flat().map((one) => [name, one ?? ''] as const))
    .map((pair) => pair.map(encodeURIComponent).join('='))
    .join('&');
  return incoming(method, search === '' ? path : `${path}?${search}`, headers);
}

const authenticate = createAuthenticator({
  credentials: credentialSource([exampleCredential]),
  region: 'us-east-1',
});

const key = fc
  .oneof(
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }),
    fc
      .array(
        fc.constantFrom(
          '/',
          '//',
          '..',
          '.',
          ' ',
          '+',
          '%',
          '%2F',
          '%25',
          'a',
          'ü',
          '中',
          '🙂',
          "!'()*",
          '?',
          '#',
          '&',
          '=',
          '~',
          '\\',
          ':',
        ),
        { minLength: 1, maxLength: 10 },
      )
      .map((pieces) => pieces.join('')),
  )
  .filter((text) => text.isWellFormed() && !text.includes('\0'));

describe('requests signed by the AWS SDK are accepted', () => {
  const runs = { numRuns: 60 };

  test('GetObject and PutObject of any key', async () => {
    await fc.assert(
      fc.asyncProperty(key, fc.boolean(), async (Key, write) => {
        const command = { Bucket: 'bucket', Key };
        const sending = write
          ? client.send(new PutObjectCommand({ ...command, Body: 'hello', Metadata: { a: 'b  c' } }))
          : client.send(new GetObjectCommand(command));
        const request = asReceived(await captured(sending));
        expect(request.target).toMatchObject({ bucket: 'bucket', key: Key });
        expect(authenticate(request)).toMatchObject({ kind: 'signed', scheme: 'header' });
      }),
      runs,
    );
  });

  test('ListObjectsV2 of any prefix', async () => {
    await fc.assert(
      fc.asyncProperty(key, key, async (Prefix, Delimiter) => {
        const sending = client.send(new ListObjectsV2Command({ Bucket: 'bucket', Prefix, Delimiter }));
        const request = asReceived(await captured(sending));
        expect(request.target.query.get('prefix')).toBe(Prefix);
        expect(authenticate(request).kind).toBe('signed');
      }),
      runs,
    );
  });

  test('CopyObject from any key', async () => {
    await fc.assert(
      fc.asyncProperty(key, async (Key) => {
        const CopySource = encodeURIComponent(`b/${Key}`);
        const sending = client.send(new CopyObjectCommand({ Bucket: 'b', Key, CopySource }));
        expect(authenticate(asReceived(await captured(sending))).kind).toBe('signed');
      }),
      runs,
    );
  });

  test('presigned GetObject and UploadPart of any key', async () => {
    await fc.assert(
      fc.asyncProperty(key, fc.boolean(), async (Key, write) => {
        const upload = new UploadPartCommand({ Bucket: 'bucket', Key, PartNumber: 1, UploadId: 'a+/=b' });
        const ResponseContentDisposition = `attachment; filename="${Key}"`;
        const download = new GetObjectCommand({ Bucket: 'bucket', Key, ResponseContentDisposition });
        const url = await (write
          ? getSignedUrl(client, upload, { expiresIn: 60 })
          : getSignedUrl(client, download, { expiresIn: 60 }));
        const target = url.slice('http://localhost:9000'.length);
        const request = incoming(write ? 'PUT' : 'GET', target, { host: 'localhost:9000' });
        expect(request.target).toMatchObject({ bucket: 'bucket', key: Key });
        const result = authenticate(request);
        expect(result).toMatchObject({ kind: 'signed', scheme: 'presigned' });
        // The SDK bakes the CRC32 of nothing into every upload URL.
        expect([...result.hoisted.keys()].filter((name) => /crc32|sdk/.test(name))).toEqual([]);
      }),
      runs,
    );
  });

  test('presigned PutObject with metadata and an ACL', async () => {
    const command = new PutObjectCommand({
      Bucket: 'bucket',
      Key: 'k',
      Metadata: { color: 'red' },
      ACL: 'private',
      StorageClass: 'STANDARD_IA',
      Tagging: 'a=b&c=d',
    });
    const url = await getSignedUrl(client, command, { expiresIn: 60 });
    expect(url).toContain('x-amz-checksum-crc32=');
    const request = incoming('PUT', url.slice('http://localhost:9000'.length), { host: 'localhost:9000' });
    expect(authenticate(request).hoisted).toEqual(
      new Map([
        ['x-amz-acl', 'private'],
        ['x-amz-meta-color', 'red'],
        ['x-amz-storage-class', 'STANDARD_IA'],
        ['x-amz-tagging', 'a=b&c=d'],
      ]),
    );
  });
});

describe('streams that the AWS SDK sends are decoded', () => {
  const body = randomBytes(200_000);

  test.each(['CRC32', 'SHA256'] as const)('with a %s in the trailer', async (algorithm) => {
    const sent = await captured(
      client.send(
        new PutObjectCommand({
          Bucket: 'bucket',
          Key: 'key',
          Body: Readable.from([body.subarray(0, 5), body.subarray(5)]),
          ContentLength: body.length,
          ChecksumAlgorithm: algorithm,
        }),
      ),
    );
    const request = asReceived(sent);
    const { payload } = authenticate(request);
    expect(payload).toEqual({ kind: 'streaming-unsigned-trailer' });
    const announced = announcedTrailer(request.headers.get('x-amz-trailer'), payload, () => true);
    expect(announced).toBe(`x-amz-checksum-${algorithm.toLowerCase()}`);

    if (!(sent.body instanceof Readable)) throw new Error('the body is no stream');
    const pieces: Buffer[] = [];
    for await (const piece of sent.body) pieces.push(Buffer.from(piece));
    const decodedLength = parseDecodedLength(request.headers.get('x-amz-decoded-content-length'));
    const decoded = decode({ decodedLength, trailer: true }, pieces);
    expect(decoded.body.equals(body)).toBe(true);
    const digest = Buffer.alloc(4);
    digest.writeUInt32BE(crc32(body));
    const value = algorithm === 'CRC32' ? digest : createHash('sha256').update(body).digest();
    expect(trailerValue(announced, new Map(decoded.trailers))).toBe(value.toString('base64'));
  });
});

describe('requests that were changed after the SDK signed them are refused', () => {
  test('whatever was changed', async () => {
    const command = new PutObjectCommand({
      Bucket: 'bucket',
      Key: 'key',
      Body: 'hello',
      Metadata: { a: 'b' },
    });
    const sent = await captured(client.send(command));
    expect(authenticate(asReceived(sent)).kind).toBe('signed');
    const signed = (/SignedHeaders=([^,]*)/.exec(sent.headers['authorization'] ?? '')?.[1] ?? '').split(';');
    const changes: Sent[] = [
      { ...sent, method: 'POST' },
      { ...sent, path: '/bucket/key2' },
      { ...sent, path: '/bucket2/key' },
      { ...sent, query: { ...sent.query, acl: '' } },
      { ...sent, query: {} },
      ...signed.map((name) => ({ ...sent, headers: { ...sent.headers, [name]: `${sent.headers[name]}1` } })),
    ];
    for (const change of changes) {
      expect(() => authenticate(asReceived(change))).toThrow(S3Error);
    }
  });
});
