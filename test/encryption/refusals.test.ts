/** What is refused, in AWS's words, and that nothing came of it. Requests that no SDK would send. */
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type RawAnswer, type RawRequest, send } from '../kit/raw-request.ts';
import { begin, bytes } from '../upload-path/kit.ts';
import { getWith, headStatus, putWith, ssec, ssecHeaders } from './requests.ts';
import { type EncryptionSubject, runningGateway } from './suite.ts';

const own = 'x-amz-server-side-encryption-customer-';
const source = 'x-amz-copy-source-server-side-encryption-customer-';
const method = 'x-amz-server-side-encryption';
const key = randomBytes(32);
const must = 'Requests specifying Server Side Encryption with Customer provided keys must';

interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly value?: string;
}

function invalid(message: string, value?: string): Refusal {
  return { status: 400, code: 'InvalidArgument', message, ...(value !== undefined && { value }) };
}

type Change = (prefix: string) => Record<string, string | undefined>;

const provideKey = `${must} provide an appropriate secret key.`;
const onAnyRequest: ReadonlyArray<readonly [string, Change, Refusal]> = [
  [
    'no algorithm',
    (prefix) => ({ [`${prefix}algorithm`]: undefined }),
    invalid(`${must} provide a valid encryption algorithm.`),
  ],
  ['no key', (prefix) => ({ [`${prefix}key`]: undefined }), invalid(provideKey)],
  [
    'the algorithm alone',
    (prefix) => ({ [`${prefix}key`]: undefined, [`${prefix}key-MD5`]: undefined }),
    invalid(provideKey),
  ],
  [
    'another algorithm',
    (prefix) => ({ [`${prefix}algorithm`]: 'AES128' }),
    {
      status: 400,
      code: 'InvalidEncryptionAlgorithmError',
      message: 'The Encryption request you specified is not valid. Supported value: AES256.',
      value: 'AES128',
    },
  ],
  [
    'a key that is no base64',
    (prefix) => ({ [`${prefix}key`]: '####' }),
    invalid('The secret key was invalid - too short.'),
  ],
  [
    'another MD5',
    (prefix) => ({ [`${prefix}key-MD5`]: 'AAAAAAAAAAAAAAAAAAAAAA==' }),
    invalid('The calculated MD5 hash of the key did not match the hash that was provided.'),
  ],
  [
    'an MD5 that is none',
    (prefix) => ({ [`${prefix}key-MD5`]: 'x' }),
    invalid('The calculated MD5 hash of the key did not match the hash that was provided.'),
  ],
];
const onWrites: typeof onAnyRequest = [
  ...onAnyRequest,
  [
    'no MD5',
    (prefix) => ({ [`${prefix}key-MD5`]: undefined }),
    invalid(`${must} provide the client calculated MD5 of the secret key.`),
  ],
  [
    'a key of 16 bytes',
    (prefix) => ssecHeaders(key.subarray(0, 16), prefix),
    invalid('The secret key was invalid for the specified algorithm.'),
  ],
];

/** Headers as changed; a change to `undefined` takes one away. */
function changed(prefix: string, change: Change): Record<string, string> {
  const headers: Record<string, string | undefined> = { ...ssecHeaders(key, prefix), ...change(prefix) };
  return Object.fromEntries(
    Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

function expectRefusal(answer: RawAnswer, { code, message, status, value }: Refusal): void {
  expect({
    status: answer.status,
    code: answer.element('Code'),
    message: answer.element('Message'),
    name: answer.element('ArgumentName'),
    value: answer.element('ArgumentValue'),
  }).toEqual({ status, code, message, name: code === 'InvalidRequest' ? undefined : method, value });
  expect(answer.text).not.toContain(key.toString('base64'));
}

const subject = runningGateway({});
const ask = (call: RawRequest): Promise<RawAnswer> => send(subject.endpoint, call);

describe('a key of the customer', () => {
  it.each(onWrites)('with %s is refused by PutObject', async (_, change, refusal) => {
    const bucket = await subject.bucket();
    const answer = await ask({
      method: 'PUT',
      path: `/${bucket}/key`,
      body: 'x',
      headers: changed(own, change),
    });
    expectRefusal(answer, refusal);
    expect(await headStatus(subject, bucket, 'key')).toBe(404);
  });

  it.each(onWrites)('with %s is refused by CreateMultipartUpload', async (_, change, refusal) => {
    const bucket = await subject.bucket();
    const answer = await ask({
      method: 'POST',
      path: `/${bucket}/key`,
      query: { uploads: '' },
      headers: changed(own, change),
    });
    expectRefusal(answer, refusal);
    const uploads = await ask({ method: 'GET', path: `/${bucket}`, query: { uploads: '' } });
    expect(uploads.text).not.toContain('<Upload>');
  });

  it.each(onWrites)('with %s is refused by UploadPart', async (_, change, refusal) => {
    const bucket = await subject.bucket();
    const upload = await begin(subject, bucket, 'key', ssec(key));
    const query = { uploadId: upload.id, partNumber: '1' };
    const headers = changed(own, change);
    const answer = await ask({ method: 'PUT', path: `/${bucket}/key`, query, body: 'x', headers });
    expectRefusal(answer, refusal);
    const parts = await ask({ method: 'GET', path: `/${bucket}/key`, query: { uploadId: upload.id } });
    expect(parts.status).toBe(200);
    expect(parts.text).not.toContain('<Part>');
  });

  it.each(onWrites)('with %s is refused by CopyObject for the copy', async (_, change, refusal) => {
    const bucket = await subject.bucket();
    await putWith(subject, bucket, 'source', bytes(10), {});
    const headers = { 'x-amz-copy-source': `/${bucket}/source`, ...changed(own, change) };
    expectRefusal(await ask({ method: 'PUT', path: `/${bucket}/copy`, headers }), refusal);
    expect(await headStatus(subject, bucket, 'copy')).toBe(404);
  });

  it.each(onAnyRequest)('with %s is refused by CopyObject for the source', async (_, change, refusal) => {
    const bucket = await subject.bucket();
    await putWith(subject, bucket, 'source', bytes(10), ssec(key));
    const headers = { 'x-amz-copy-source': `/${bucket}/source`, ...changed(source, change) };
    expectRefusal(await ask({ method: 'PUT', path: `/${bucket}/copy`, headers }), refusal);
    expect(await headStatus(subject, bucket, 'copy')).toBe(404);
  });

  it.each(onAnyRequest)('with %s is refused by GetObject and HeadObject', async (_, change, refusal) => {
    const bucket = await subject.bucket();
    await putWith(subject, bucket, 'key', bytes(10), ssec(key));
    const headers = changed(own, change);
    expectRefusal(await ask({ method: 'GET', path: `/${bucket}/key`, headers }), refusal);
    const head = await ask({ method: 'HEAD', path: `/${bucket}/key`, headers });
    expect([head.status, head.text]).toEqual([refusal.status, '']);
  });

  it('without its MD5 is good for reading, and one of another length is a wrong one, as AWS has it', async () => {
    const bucket = await subject.bucket();
    const body = bytes(10);
    await putWith(subject, bucket, 'key', body, ssec(key));
    const noMd5 = changed(own, (prefix) => ({ [`${prefix}key-MD5`]: undefined }));
    const answer = await ask({ method: 'GET', path: `/${bucket}/key`, headers: noMd5 });
    expect(answer.body.equals(body)).toBe(true);
    const short = ssecHeaders(key.subarray(0, 16));
    const denied = await ask({ method: 'GET', path: `/${bucket}/key`, headers: short });
    expect([denied.status, denied.element('Code')]).toEqual([403, 'AccessDenied']);
  });

  it('cannot go with another encryption', async () => {
    const bucket = await subject.bucket();
    for (const value of ['AES256', 'aws:kms', 'nonsense']) {
      const headers = { ...ssecHeaders(key), [method]: value };
      const refusal = invalid(
        'Server Side Encryption with Customer provided key is incompatible with the encryption method specified',
        value,
      );
      const put = { method: 'PUT', path: `/${bucket}/key`, body: 'x', headers };
      expectRefusal(await ask(put), refusal);
      const create = { method: 'POST', path: `/${bucket}/key`, query: { uploads: '' }, headers };
      expectRefusal(await ask(create), refusal);
    }
    expect(await headStatus(subject, bucket, 'key')).toBe(404);
  });

  it('is judged after the upload and before the body', async () => {
    const bucket = await subject.bucket();
    const query = { uploadId: 'none', partNumber: '1' };
    const headers = { ...ssecHeaders(key), 'content-md5': 'no MD5' };
    const path = `/${bucket}/key`;
    const missing = await ask({ method: 'PUT', path, query, body: 'x', headers });
    expect(missing.element('Code')).toBe('NoSuchUpload');
    const { id } = await begin(subject, bucket, 'key');
    const there = { uploadId: id, partNumber: '1' };
    const answer = await ask({ method: 'PUT', path, query: there, body: 'x', headers });
    expect(answer.element('Message')).toContain('The multipart upload initiate requested encryption.');
  });
});

describe('x-amz-server-side-encryption', () => {
  const needsKms =
    'Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms';
  const put = async (headers: Record<string, string>): Promise<RawAnswer> => {
    const bucket = await subject.bucket();
    const answer = await ask({ method: 'PUT', path: `/${bucket}/key`, body: 'x', headers });
    expect(await headStatus(subject, bucket, 'key')).toBe(answer.status === 200 ? 200 : 404);
    return answer;
  };

  it.each([
    ['aws:kms', {}],
    ['aws:kms', { [`${method}-aws-kms-key-id`]: 'alias/x' }],
    ['aws:kms:dsse', {}],
    ['aws:fsx', {}],
    ['aws:backup', {}],
  ])('%s with %j is not implemented', async (value, more) => {
    const answer = await put({ [method]: value, ...more });
    expect([answer.status, answer.element('Code'), answer.element('Header')]).toEqual([
      501,
      'NotImplemented',
      method,
    ]);
  });

  it.each(['', 'aes256', 'AES128', 'aws:KMS'])('"%s" is not supported', async (value) => {
    expectRefusal(
      await put({ [method]: value }),
      invalid('The encryption method specified is not supported', value),
    );
  });

  it('wants aws:kms beside a KMS key', async () => {
    const kmsKey = { [`${method}-aws-kms-key-id`]: 'alias/x' };
    expectRefusal(await put(kmsKey), invalid(needsKms));
    expectRefusal(await put({ ...kmsKey, [method]: 'AES256' }), invalid(needsKms, 'AES256'));
  });

  it('is for writes only', async () => {
    const bucket = await subject.bucket();
    for (const [name, more] of [
      ['plain', {}],
      ['encrypted', { ServerSideEncryption: 'AES256' }],
    ] as const) {
      await putWith(subject, bucket, name, bytes(10), more);
      const headers = { [method]: 'AES256' };
      const path = `/${bucket}/${name}`;
      const refusal = invalid(`${method} header is not supported for this operation.`, 'AES256');
      expectRefusal(await ask({ method: 'GET', path, headers }), refusal);
      expect((await ask({ method: 'HEAD', path, headers })).status).toBe(400);
      const kmsKey = { [`${method}-aws-kms-key-id`]: 'alias/x' };
      expectRefusal(await ask({ method: 'GET', path, headers: kmsKey }), invalid(needsKms));
      expect((await ask({ method: 'HEAD', path, headers: kmsKey })).status).toBe(400);
      const attributes = { ...kmsKey, 'x-amz-object-attributes': 'ETag' };
      const query = { attributes: '' };
      expectRefusal(await ask({ method: 'GET', path, query, headers: attributes }), invalid(needsKms));
    }
  });

  it('means nothing on a part: the upload has decided', async () => {
    const bucket = await subject.bucket();
    const { id, complete } = await started(subject, bucket);
    const answer = await ask({
      method: 'PUT',
      path: `/${bucket}/key`,
      query: { uploadId: id, partNumber: '1' },
      body: 'x',
      headers: { [method]: 'aws:kms', [`${method}-aws-kms-key-id`]: 'alias/x' },
    });
    expect([answer.status, answer.headers[method]]).toEqual([200, undefined]);
    await complete(answer.headers['etag'] ?? '');
    expect((await getWith(subject, bucket, 'key')).data.toString()).toBe('x');
  });
});

async function started(
  subject: EncryptionSubject,
  bucket: string,
): Promise<{ readonly id: string; readonly complete: (etag: string) => Promise<unknown> }> {
  const upload = await begin(subject, bucket, 'key');
  return { id: upload.id, complete: (ETag) => upload.complete([{ PartNumber: 1, ETag }]) };
}
