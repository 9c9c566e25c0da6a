import { randomBytes } from 'node:crypto';
import { CreateBucketCommand, ListObjectsV2Command, PutBucketPolicyCommand } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { credentials, type RunningGateway, startGateway } from '../kit/gateway.ts';
import { send } from '../kit/raw-request.ts';
import { type Fields, type FormOptions, formBody, type PolicyOptions, post, signedFields } from './kit.ts';

const variable = '$' + '{filename}';

describe('a form that is answered or refused', () => {
  let gateway: RunningGateway;
  const bucket = `forms-${randomBytes(4).toString('hex')}`;
  beforeAll(async () => {
    gateway = await startGateway();
    await gateway.client.send(new CreateBucketCommand({ Bucket: bucket }));
  });
  afterAll(() => gateway.stop());

  interface Posted {
    readonly fields?: Fields;
    readonly conditions?: readonly unknown[];
    readonly policy?: Partial<PolicyOptions>;
    /** Fields to change, or to leave out, after signing. */
    readonly change?: Readonly<Record<string, string | undefined>>;
    readonly form?: Partial<FormOptions>;
  }

  const submit = ({
    change = {},
    conditions = [],
    fields = [['key', 'k']],
    form = {},
    policy = {},
  }: Posted) => {
    const covered = fields.map(([name]) => ['starts-with', `$${name}`, ''] as const);
    const signed = signedFields({ conditions: [{ bucket }, ...covered, ...conditions], ...policy });
    const all = [...fields, ...signed].flatMap(([name, value]): Fields => {
      if (!(name in change)) return [[name, value]];
      const changed = change[name];
      return changed === undefined ? [] : [[name, changed]];
    });
    return post(gateway.endpoint, bucket, formBody({ fields: all, file: 'abc', ...form }));
  };
  const keys = async (): Promise<string[]> => {
    const { Contents = [] } = await gateway.client.send(new ListObjectsV2Command({ Bucket: bucket }));
    return Contents.map(({ Key = '' }) => Key);
  };

  describe('is answered', () => {
    it.each([
      ['200', 200],
      ['201', 201],
      ['204', 204],
      ['404', 204],
      ['', 204],
    ])('success_action_status %j: %i', async (asked, status) => {
      const key = 'ä b/ü&.txt';
      const answer = await submit({
        fields: [
          ['key', key],
          ['success_action_status', asked],
        ],
      });
      const location = `${gateway.endpoint}/${bucket}/%C3%A4%20b%2F%C3%BC%26.txt`;
      const etag = '"900150983cd24fb0d6963f7d28e17f72"';
      expect([answer.status, answer.headers.get('etag'), answer.headers.get('location')]).toEqual([
        status,
        etag,
        location,
      ]);
      const document = `<PostResponse><Location>${location}</Location><Bucket>${bucket}</Bucket><Key>ä b/ü&amp;.txt</Key><ETag>${etag.replaceAll('"', '&quot;')}</ETag></PostResponse>`;
      expect(answer.text).toBe(status === 201 ? `<?xml version="1.0" encoding="UTF-8"?>\n${document}` : '');
    });

    const query = `bucket=${bucket}&key=a%2Fb+c%3D&etag=%22900150983cd24fb0d6963f7d28e17f72%22`;
    it.each([
      ['https://example.com/done', `https://example.com/done?${query}`],
      ['http://example.com/done?x=1&y', `http://example.com/done?x=1&y&${query}`],
      ['https://example.com/#top', `https://example.com/?${query}#top`],
    ])('success_action_redirect %s: 303', async (redirect, location) => {
      for (const field of ['success_action_redirect', 'redirect']) {
        const answer = await submit({
          fields: [
            ['key', 'a/b c='],
            [field, redirect],
          ],
        });
        expect([answer.status, answer.headers.get('location'), answer.text]).toEqual([303, location, '']);
      }
    });

    it.each(['/relative', 'javascript:alert(1)', 'https://', 'https://x/\r\nset-cookie: a=b'])(
      'success_action_redirect %j: 204',
      async (redirect) => {
        const answer = await submit({
          fields: [
            ['key', 'k'],
            ['success_action_redirect', redirect],
          ],
        });
        expect([answer.status, answer.headers.get('set-cookie')]).toEqual([204, null]);
      },
    );

    it('with the name of the file, or the variable where it has none', async () => {
      const key: Fields = [['key', `n-${variable}`]];
      await submit({ fields: key, form: { filename: 'x\\y.txt' } });
      await submit({ fields: key, form: { filename: null } });
      expect(await keys()).toEqual(expect.arrayContaining(['n-y.txt', `n-${variable}`]));
    });

    it('with names in any case, and a checksum that holds', async () => {
      const signed = signedFields({
        conditions: [{ bucket }, { KEY: 'cased' }, ['starts-with', '$X-Amz-Checksum-SHA256', '']],
      });
      const fields: Fields = [
        ['kEY', 'cased'],
        ['x-amz-checksum-sha256', 'ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0='],
        ...signed.map(([name, value]) => [name.toUpperCase(), value] as const),
      ];
      const answer = await post(gateway.endpoint, bucket, formBody({ fields, file: 'abc' }));
      expect([answer.status, answer.headers.get('x-amz-checksum-sha256')]).toEqual([
        204,
        'ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=',
      ]);
    });

    it.each([5, 10])('within its content-length-range: %i bytes', async (size) => {
      const answer = await submit({
        conditions: [['content-length-range', 5, 10]],
        form: { file: 'x'.repeat(size) },
      });
      expect(answer.status).toBe(204);
    });
  });

  it('is judged by the policy of the bucket, who ever signed it', async () => {
    const open = `open-${bucket}`;
    await gateway.client.send(new CreateBucketCommand({ Bucket: open }));
    const statement = (Effect: string, keys: string, more: object = {}) => ({
      Effect,
      Principal: '*',
      Action: 's3:PutObject',
      Resource: `arn:aws:s3:::${open}/${keys}`,
      ...more,
    });
    const Policy = JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        statement('Allow', 'drop/*'),
        statement('Deny', 'closed/*', { Condition: { StringEquals: { 's3:authType': 'POST' } } }),
        statement('Deny', 'drop/*', { Condition: { StringEquals: { 's3:x-amz-storage-class': 'GLACIER' } } }),
      ],
    });
    await gateway.client.send(new PutBucketPolicyCommand({ Bucket: open, Policy }));
    const send = async (fields: Fields) =>
      (await post(gateway.endpoint, open, formBody({ fields, file: 'abc' }))).status;
    const signed = (key: string) => signedFields({ conditions: [{ bucket: open }, { key }] });

    expect(await send([['key', 'drop/anonymous']])).toBe(204);
    expect(await send([['key', 'elsewhere']])).toBe(403);
    expect(
      await send([
        ['key', 'drop/cold'],
        ['x-amz-storage-class', 'GLACIER'],
      ]),
    ).toBe(403);
    expect(await send([['key', 'owned'], ...signed('owned')])).toBe(204);
    expect(await send([['key', 'closed/x'], ...signed('closed/x')])).toBe(403);
  });

  describe('is refused, and nothing is stored', () => {
    let before: string[] = [];
    beforeAll(async () => {
      before = await keys();
    });
    afterEach(async () => {
      expect(await keys()).toEqual(before);
    });

    const missing = (name: string): string =>
      `Bucket POST must contain a field named '${name}'.  If it is specified, please check the order of the fields.`;
    const k: Fields = [['key', 'refused']];
    const cases: Array<[string, Posted, number, string, string, object?]> = [
      ['no key', { fields: [] }, 400, 'InvalidArgument', missing('key'), { ArgumentName: 'key' }],
      ['the key behind the file', { fields: [], form: { after: k } }, 400, 'InvalidArgument', missing('key')],
      ['an empty key', { fields: [['key', '']] }, 400, 'InvalidArgument', missing('key')],
      ['a long key', { fields: [['key', 'x'.repeat(1025)]] }, 400, 'KeyTooLongError', 'Your key is too long'],
      [
        'no file',
        { fields: k, form: { file: undefined } as never },
        400,
        'InvalidArgument',
        'POST requires exactly one file upload per request.',
        { ArgumentName: 'file', ArgumentValue: '0' },
      ],
      ...['X-Amz-Algorithm', 'X-Amz-Credential', 'X-Amz-Date', 'X-Amz-Signature', 'Policy'].map(
        (name) =>
          [
            `no ${name}`,
            { fields: k, change: { [name.toLowerCase()]: undefined } },
            400,
            'InvalidArgument',
            missing(name),
            { ArgumentName: name },
          ] satisfies [string, Posted, number, string, string, object],
      ),
      [
        'no signature at all',
        {
          fields: k,
          change: {
            'x-amz-algorithm': undefined,
            'x-amz-credential': undefined,
            'x-amz-date': undefined,
            'x-amz-signature': undefined,
          },
        },
        403,
        'AccessDenied',
        'Access Denied',
      ],
      [
        'another algorithm',
        { fields: k, change: { 'x-amz-algorithm': 'HMAC' } },
        400,
        'InvalidArgument',
        'Only AWS4-HMAC-SHA256 is supported',
        { ArgumentName: 'X-Amz-Algorithm', ArgumentValue: 'HMAC' },
      ],
      [
        'a bad date',
        { fields: k, change: { 'x-amz-date': 'today' } },
        400,
        'InvalidArgument',
        'X-Amz-Date must be formated via ISO8601 Long format',
        { ArgumentName: 'X-Amz-Date', ArgumentValue: 'today' },
      ],
      [
        'a bad credential',
        { fields: k, change: { 'x-amz-credential': 'x' } },
        400,
        'InvalidArgument',
        'the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".',
        { ArgumentName: 'X-Amz-Credential' },
      ],
      [
        'another region',
        { fields: k, policy: { region: 'eu-west-9' } },
        400,
        'InvalidArgument',
        "the region 'eu-west-9' is wrong; expecting 'us-east-1'",
        { ArgumentName: 'X-Amz-Credential', Region: 'us-east-1' },
      ],
      [
        'an unknown key',
        { fields: k, policy: { accessKeyId: 'NOBODY' } },
        403,
        'InvalidAccessKeyId',
        'The AWS Access Key Id you provided does not exist in our records.',
        { AWSAccessKeyId: 'NOBODY' },
      ],
      [
        'a session token that nobody issued',
        { fields: [...k, ['x-amz-security-token', 'x']] },
        400,
        'InvalidToken',
        'The provided token is malformed or otherwise invalid.',
      ],
      [
        'another signature',
        { fields: k, change: { 'x-amz-signature': '0'.repeat(64) } },
        403,
        'SignatureDoesNotMatch',
        'The request signature we calculated does not match the signature you provided. Check your key and signing method.',
        { AWSAccessKeyId: credentials.accessKeyId, SignatureProvided: '0'.repeat(64) },
      ],
      [
        'another policy than was signed',
        { fields: k, change: { policy: Buffer.from('{').toString('base64') } },
        403,
        'SignatureDoesNotMatch',
        'The request signature we calculated does not match the signature you provided. Check your key and signing method.',
        { StringToSign: Buffer.from('{').toString('base64') },
      ],
      [
        'a signature of version 2',
        { fields: [...k, ['AWSAccessKeyId', 'x'], ['signature', 'y']] },
        400,
        'InvalidRequest',
        'The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.',
      ],
      [
        'a policy that is none',
        { fields: k, policy: { document: '{' } },
        400,
        'InvalidPolicyDocument',
        'Invalid Policy: Invalid JSON.',
      ],
      [
        'an expired policy',
        { fields: k, policy: { expiration: '2020-01-01T00:00:00Z' } },
        403,
        'AccessDenied',
        'Invalid according to Policy: Policy expired.',
      ],
      [
        'a condition that fails',
        { fields: k, conditions: [['eq', '$key', 'x']] },
        403,
        'AccessDenied',
        'Invalid according to Policy: Policy Condition failed: ["eq", "$key", "x"]',
      ],
      [
        'a field too many',
        { fields: k, form: {}, policy: { conditions: [{ bucket }] } },
        403,
        'AccessDenied',
        'Invalid according to Policy: Extra input fields: key',
      ],
      [
        'another bucket',
        { fields: k, conditions: [{ bucket: 'other' }] },
        403,
        'AccessDenied',
        'Invalid according to Policy: Policy Condition failed: ["eq", "$bucket", "other"]',
      ],
      [
        'a large file',
        { fields: k, conditions: [['content-length-range', 5, 10]], form: { file: 'x'.repeat(12) } },
        400,
        'EntityTooLarge',
        'Your proposed upload exceeds the maximum allowed size',
        { ProposedSize: '12', MaxSizeAllowed: '10' },
      ],
      [
        'a small file',
        { fields: k, conditions: [['content-length-range', 5, 10]], form: { file: 'x' } },
        400,
        'EntityTooSmall',
        'Your proposed upload is smaller than the minimum allowed size',
        { ProposedSize: '1', MinSizeAllowed: '5' },
      ],
      [
        'a public ACL',
        { fields: [...k, ['acl', 'public-read']] },
        400,
        'AccessControlListNotSupported',
        'The bucket does not allow ACLs',
      ],
      [
        'a storage class that is none',
        { fields: [...k, ['x-amz-storage-class', 'FakeClass']] },
        400,
        'InvalidStorageClass',
        'The storage class you specified is not valid',
        { StorageClassRequested: 'FakeClass' },
      ],
      [
        'tags that are no XML',
        { fields: [...k, ['tagging', 'not-xml']] },
        400,
        'MalformedXML',
        'The XML you provided was not well-formed or did not validate against our published schema',
      ],
      [
        'a checksum that is none',
        { fields: [...k, ['x-amz-checksum-sha256', 'sailorjerry']] },
        400,
        'InvalidRequest',
        'Value for x-amz-checksum-sha256 header is invalid.',
      ],
      [
        'the name of a checksum that does not come',
        { fields: [...k, ['x-amz-checksum-algorithm', 'SHA256']] },
        400,
        'InvalidRequest',
        'x-amz-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.',
      ],
      [
        'a checksum of something else',
        { fields: [...k, ['x-amz-checksum-crc32', 'AAAAAA==']] },
        400,
        'BadDigest',
        'The CRC32 you specified did not match the calculated checksum.',
      ],
      [
        'the MD5 of something else',
        { fields: [...k, ['Content-MD5', '1B2M2Y8AsgTpgAmY7PhCfg==']] },
        400,
        'BadDigest',
        'The Content-MD5 you specified did not match what we received.',
      ],
      [
        'metadata that would end its header',
        { fields: [...k, ['x-amz-meta-a', 'b\r\nset-cookie: c']] },
        400,
        'InvalidArgument',
        'A form field holds control characters.',
      ],
      [
        'large fields',
        { fields: [...k, ['x-ignore-large', 'x'.repeat(20_480)]] },
        400,
        'MaxPostPreDataLengthExceeded',
        'Your POST request fields preceeding the upload file was too large.',
        { MaxPostPreDataLengthBytes: '20480' },
      ],
      [
        'no end',
        { fields: k, form: { end: '' } },
        400,
        'MalformedPOSTRequest',
        'The body of your POST request is not well-formed multipart/form-data.',
      ],
    ];
    it.each(cases)('%s', async (_, posted, status, code, message, extra = {}) => {
      const answer = await submit(posted);
      const seen = [answer.status, answer.element('Code'), answer.element('Message')];
      expect(seen).toEqual([status, code, message]);
      for (const [name, value] of Object.entries(extra))
        expect([name, answer.element(name)]).toEqual([name, value]);
    });

    it('what is no form', async () => {
      for (const type of ['text/html', 'application/octet-stream']) {
        const answer = await post(gateway.endpoint, bucket, Buffer.from('x'), type);
        expect([answer.status, answer.element('Code'), answer.element('Condition')]).toEqual([
          412,
          'PreconditionFailed',
          'Bucket POST must be of the enclosure-type multipart/form-data',
        ]);
      }
      const unbounded = await post(gateway.endpoint, bucket, Buffer.from('x'), 'multipart/form-data');
      expect([unbounded.status, unbounded.element('Code')]).toEqual([400, 'MalformedPOSTRequest']);
    });

    it('what is large, and its connection lives on', async () => {
      const refused = await submit({
        fields: k,
        change: { 'x-amz-signature': '0'.repeat(64) },
        form: { file: Buffer.alloc(12 * 1024 * 1024) },
      });
      expect([refused.status, refused.headers.get('connection')]).toEqual([403, 'keep-alive']);
    });

    it('what is signed twice', async () => {
      const answer = await send(gateway.endpoint, {
        method: 'POST',
        path: `/${bucket}`,
        headers: { 'content-type': 'multipart/form-data; boundary=x' },
        body: formBody({
          boundary: 'x',
          fields: [['key', 'k'], ...signedFields({ conditions: [] })],
          file: 'abc',
        }),
      });
      expect([answer.status, answer.element('Code')]).toEqual([400, 'InvalidArgument']);
    });
  });
});
