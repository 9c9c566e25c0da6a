/** With curl, as people try it. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import {
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  PutBucketCorsCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { credentials, type RunningGateway, startGateway } from '../kit/gateway.ts';
import { onPath } from '../kit/on-path.ts';

const Bucket = 'json-bucket';
const asksJson = ['--header', 'accept: application/json'];
const bytes = 'x'.repeat(1000);
const md5 = createHash('md5').update(bytes).digest('hex');
const instant = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
let gateway: RunningGateway;

beforeAll(async () => {
  gateway = await startGateway();
  await gateway.client.send(new CreateBucketCommand({ Bucket }));
});
afterAll(() => gateway.stop());

interface Answer {
  readonly status: number;
  readonly headers: string;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: whatever was answered
  readonly json: any;
}

async function curl(...options: readonly string[]): Promise<Answer> {
  const { stdout } = await promisify(execFile)('curl', ['--silent', '--show-error', '--include', ...options]);
  const [, headers = '', text = ''] = /^((?:.+\r\n)+)\r\n([\s\S]*)$/.exec(stdout) ?? [];
  return {
    status: Number(/^HTTP\/1\.1 (\d+)/.exec(headers)?.[1]),
    headers: headers.toLowerCase(),
    text,
    get json() {
      return JSON.parse(text);
    },
  };
}

/** Signed by curl itself. */
function signed(path: string, ...options: readonly string[]): Promise<Answer> {
  return curl(
    '--aws-sigv4',
    'aws:amz:us-east-1:s3',
    '--user',
    `${credentials.accessKeyId}:${credentials.secretAccessKey}`,
    '--header',
    'x-amz-content-sha256: UNSIGNED-PAYLOAD',
    ...options,
    `${gateway.endpoint}${path}`,
  );
}

async function begin(Key: string): Promise<string> {
  const { UploadId } = await gateway.client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
  return UploadId ?? '';
}

describe.skipIf(!onPath('curl'))('UploadPart', () => {
  it.each(['signed by curl', 'by a presigned URL'])('answers what was stored, %s', async (way) => {
    const Key = 'some/key';
    const uploadId = await begin(Key);
    const options = [
      '--request',
      'PUT',
      '--header',
      'content-type: application/json',
      '--data-binary',
      bytes,
      ...asksJson,
    ];
    const presigned = () =>
      getSignedUrl(gateway.client, new UploadPartCommand({ Bucket, Key, PartNumber: 7, UploadId: uploadId }));
    const answer =
      way === 'signed by curl'
        ? await signed(`/${Bucket}/${Key}?partNumber=7&uploadId=${uploadId}`, ...options)
        : await curl(...options, await presigned());
    expect([answer.status, answer.json]).toEqual([
      200,
      {
        success: true,
        data: {
          id: `${uploadId}/7`,
          created_at: expect.stringMatching(instant),
          size: 1000,
          etag: `"${md5}"`,
          checksum_crc64nvme: expect.stringMatching(/^[\w+/]{11}=$/),
        },
      },
    ]);
    expect(answer.headers).toContain('content-type: application/json\r\n');
    expect(answer.headers).toContain(`etag: "${md5}"\r\n`);
    expect(answer.headers).toContain('vary: accept\r\n');
  });

  it.each(['0', '10001', 'one', '-1', ''])('tells that the part number %j is invalid', async (partNumber) => {
    const uploadId = await begin('bad');
    const answer = await signed(
      `/${Bucket}/bad?partNumber=${partNumber}&uploadId=${uploadId}`,
      '--request',
      'PUT',
      '--header',
      'content-type: application/json',
      '--data-binary',
      bytes,
      ...asksJson,
    );
    expect([answer.status, answer.json]).toMatchObject([
      400,
      {
        success: false,
        error: {
          code: 'VALIDATION_ERROR',
          message: 'Part number must be an integer between 1 and 10000, inclusive',
          s3_code: 'InvalidArgument',
          status: 400,
          field: 'partNumber',
          request_id: expect.stringMatching(/^[0-9A-F]{16}$/),
        },
      },
    ]);
    const listed = await signed(`/${Bucket}/bad?uploadId=${uploadId}`, ...asksJson);
    expect(listed.json.data.part).toEqual([]);
  });

  it('tells of an upload that is not there by the name that S3 gives it', async () => {
    const answer = await signed(
      `/${Bucket}/k?partNumber=1&uploadId=nope`,
      '-X',
      'PUT',
      '-d',
      'x',
      ...asksJson,
    );
    expect([answer.status, answer.json.error]).toMatchObject([
      404,
      { code: 'NoSuchUpload', s3_code: 'NoSuchUpload', status: 404, details: { upload_id: 'nope' } },
    ]);
  });
});

it.skipIf(!onPath('curl'))('PutObject answers what was stored, checksums too', async () => {
  const answer = await signed(
    `/${Bucket}/a%20b`,
    '-X',
    'PUT',
    '--data-binary',
    bytes,
    '--header',
    'x-amz-checksum-algorithm: SHA256',
    ...asksJson,
  );
  expect([answer.status, answer.json.data]).toMatchObject([
    200,
    {
      id: `${Bucket}/a b`,
      created_at: expect.stringMatching(instant),
      size: 1000,
      etag: `"${md5}"`,
      checksum_type: 'FULL_OBJECT',
    },
  ]);
});

describe.skipIf(!onPath('curl'))('what is not asked for in JSON', () => {
  it.each(['*/*', 'application/xml', 'application/json, text/plain, */*', 'application/json, application/*'])(
    'stays XML for %s',
    async (accept) => {
      const answer = await signed(`/${Bucket}/nothing`, '--header', `accept: ${accept}`);
      expect([answer.status, answer.text.slice(0, 5)]).toEqual([404, '<?xml']);
    },
  );
});

describe.skipIf(!onPath('curl'))('what JSON leaves alone', () => {
  beforeAll(() => signed(`/${Bucket}/bytes`, '-X', 'PUT', '--data-binary', bytes));

  it('the bytes of an object, also of an empty one and of no range', async () => {
    const whole = await signed(`/${Bucket}/bytes`, ...asksJson);
    expect([whole.status, whole.text]).toEqual([200, bytes]);
    expect(whole.headers).not.toContain('application/json');
    const some = await signed(`/${Bucket}/bytes`, '--range', '0-1', ...asksJson);
    expect([some.status, some.text]).toEqual([206, 'xx']);
    await signed(`/${Bucket}/empty`, '-X', 'PUT', '--data-binary', '');
    const empty = await signed(`/${Bucket}/empty`, ...asksJson);
    expect([empty.status, empty.text]).toEqual([200, '']);
    const part = await signed(`/${Bucket}/empty?partNumber=1`, ...asksJson);
    expect([part.status, part.text]).toEqual([206, '']);
  });

  it('HEAD, 304 and 204, which have no body', async () => {
    const head = await signed(`/${Bucket}/bytes`, '--head', ...asksJson);
    expect([head.status, head.text]).toEqual([200, '']);
    const missing = await signed(`/${Bucket}/missing`, '--head', ...asksJson);
    expect([missing.status, missing.text]).toEqual([404, '']);
    const same = await signed(`/${Bucket}/bytes`, '--header', `if-none-match: "${md5}"`, ...asksJson);
    expect([same.status, same.text]).toEqual([304, '']);
    const deleted = await signed(`/${Bucket}/bytes`, '-X', 'DELETE', ...asksJson);
    expect([deleted.status, deleted.text]).toEqual([204, '']);
  });

  it('a preflight, while what follows it is JSON with the headers of both', async () => {
    await gateway.client.send(
      new PutBucketCorsCommand({
        Bucket,
        CORSConfiguration: {
          CORSRules: [{ AllowedMethods: ['GET'], AllowedOrigins: ['http://page.example'] }],
        },
      }),
    );
    const page = ['--header', 'origin: http://page.example'];
    const asked = await curl(
      '-X',
      'OPTIONS',
      ...page,
      '--header',
      'access-control-request-method: GET',
      ...asksJson,
      `${gateway.endpoint}/${Bucket}`,
    );
    expect([asked.status, asked.text]).toEqual([200, '']);
    const listed = await signed(`/${Bucket}?list-type=2`, ...page, ...asksJson);
    expect([listed.status, listed.json.success]).toEqual([200, true]);
    expect(listed.headers).toContain('access-control-allow-origin: http://page.example\r\n');
    const vary = [...listed.headers.matchAll(/^vary: (.*)\r$/gm)].map(([, names]) => names).join(', ');
    expect(vary).toContain('origin');
    expect(vary).toContain('accept');
  });
});

describe.skipIf(!onPath('curl'))('errors are JSON wherever they are found', () => {
  it.each([
    ['without a signature', [], 403, 'AccessDenied'],
    [
      'of a signature',
      [
        '--user',
        `${credentials.accessKeyId}:wrong-secret`,
        '--aws-sigv4',
        'aws:amz:us-east-1:s3',
        '--header',
        'x-amz-content-sha256: UNSIGNED-PAYLOAD',
      ],
      403,
      'SignatureDoesNotMatch',
    ],
    [
      'of a header section that is too large',
      ['--header', `x-large: ${'x'.repeat(9000)}`],
      400,
      'VALIDATION_ERROR',
    ],
    [
      'of a transfer coding that is not known',
      ['--header', 'x-y: z', '--header', 'Transfer-Encoding: gzip'],
      501,
      'NotImplemented',
    ],
    [
      'of a path that cannot be decoded',
      ['--path-as-is', '--request-target', '/%ff'],
      400,
      'VALIDATION_ERROR',
    ],
  ])('%s', async (_, options, status, code) => {
    const answer = await curl(...options, ...asksJson, `${gateway.endpoint}/${Bucket}/k`);
    expect([answer.status, answer.json]).toMatchObject([
      status,
      { success: false, error: { code, status, request_id: expect.stringMatching(/^[0-9A-F]{16}$/) } },
    ]);
    expect(answer.headers).toContain('content-type: application/json\r\n');
  });
});
