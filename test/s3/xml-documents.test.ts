import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { S3Error } from '../../src/s3/errors.ts';
import { parseCompleteMultipartUpload } from '../../src/s3/xml/complete-multipart-upload.ts';
import { parseCreateBucketConfiguration } from '../../src/s3/xml/create-bucket.ts';
import { parseDeleteObjects } from '../../src/s3/xml/delete-objects.ts';

function failure(work: () => unknown) {
  try {
    work();
  } catch (error) {
    if (error instanceof S3Error) return { code: error.code, message: error.message, extra: error.extra };
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('CompleteMultipartUpload', () => {
  const complete = (content: string) =>
    parseCompleteMultipartUpload(
      Buffer.from(`<CompleteMultipartUpload>${content}</CompleteMultipartUpload>`),
      'upload-1',
    );
  const part = (number: string | number, etag = 'e', rest = '') =>
    `<Part><PartNumber>${number}</PartNumber><ETag>${etag}</ETag>${rest}</Part>`;

  it.each([
    ['quoted', '"abc"'],
    ['unquoted', 'abc'],
    ['quoted by entities', '&quot;abc&quot;'],
    ['on a line of its own', '\n  "abc"\n'],
  ])('takes an ETag %s', (_, etag) => {
    expect(complete(part(1, etag))).toEqual([{ partNumber: 1, etag: 'abc' }]);
  });

  it('takes elements in any order, gaps in the numbers, and every checksum', () => {
    expect(
      complete(
        `<Part><ChecksumCRC64NVME>rosUhgp5mIg=</ChecksumCRC64NVME><ETag>a</ETag><PartNumber> 3 </PartNumber></Part>` +
          part(9_999, 'b', '<ChecksumXXHASH128>MxGUd+3l3NXpcWQnaB1YYA==</ChecksumXXHASH128><Size>5</Size>') +
          part(10_000, 'c', '<ChecksumSHA1></ChecksumSHA1>'),
      ),
    ).toEqual([
      { partNumber: 3, etag: 'a', checksum: { algorithm: 'CRC64NVME', value: 'rosUhgp5mIg=' } },
      {
        partNumber: 9_999,
        etag: 'b',
        checksum: { algorithm: 'XXHASH128', value: 'MxGUd+3l3NXpcWQnaB1YYA==' },
      },
      { partNumber: 10_000, etag: 'c' },
    ]);
  });

  it('takes 10,000 parts with SHA-512 each', () => {
    const sha512 = `<ChecksumSHA512>${Buffer.alloc(64, 7).toString('base64')}</ChecksumSHA512>`;
    const parts = complete(
      Array.from({ length: 10_000 }, (_, index) =>
        part(index + 1, '&quot;0123456789abcdef&quot;', sha512),
      ).join(''),
    );
    expect(parts).toHaveLength(10_000);
    expect(parts.at(-1)?.partNumber).toBe(10_000);
  });

  it.each([
    ['an empty body', ''],
    ['no Part', '<CompleteMultipartUpload/>'],
  ])('answers %s as AWS does', (_, body) => {
    expect(failure(() => parseCompleteMultipartUpload(Buffer.from(body), 'u'))).toEqual({
      code: 'InvalidRequest',
      message: 'You must specify at least one part',
      extra: {},
    });
  });

  it.each([
    ['no ETag', '<Part><PartNumber>1</PartNumber></Part>'],
    ['no PartNumber', '<Part><ETag>e</ETag></Part>'],
    ['two ETags', '<Part><PartNumber>1</PartNumber><ETag>e</ETag><ETag>f</ETag></Part>'],
    ['a part number that is none', part('one')],
    ['an empty part number', part('')],
    ['a fraction', part('1.5')],
    ['text', 'not a part'],
    ['text between parts', `${part(1)}and${part(2)}`],
  ])('refuses %s as MalformedXML', (_, content) => {
    expect(failure(() => complete(content)).code).toBe('MalformedXML');
  });

  it('refuses more than 10,000 parts', () => {
    const parts = Array.from({ length: 10_001 }, (_, index) => part(index + 1)).join('');
    expect(failure(() => complete(parts)).code).toBe('InvalidArgument');
  });

  it.each([['0'], ['-1']])('refuses part number %s', (number) => {
    expect(failure(() => complete(part(number)))).toEqual({
      code: 'InvalidArgument',
      message: 'PartNumber must be >= 1',
      extra: { ArgumentName: 'PartNumber', ArgumentValue: number },
    });
  });

  it.each([
    ['descending', [2, 1]],
    ['repeated', [1, 1]],
  ])('refuses %s part numbers', (_, numbers) => {
    expect(failure(() => complete(numbers.map((number) => part(number)).join('')))).toMatchObject({
      code: 'InvalidPartOrder',
      extra: { UploadId: 'upload-1' },
    });
  });

  it.each([
    [
      'two checksums',
      '<ChecksumCRC32>y/Q5Jg==</ChecksumCRC32><ChecksumCRC32C>4waSgw==</ChecksumCRC32C>',
      'CRC32:y/Q5Jg==;CRC32C:4waSgw==;',
    ],
    ['no base64', '<ChecksumCRC32>bad</ChecksumCRC32>', 'CRC32:bad;'],
    ['base64 of another length', '<ChecksumCRC32>rosUhgp5mIg=</ChecksumCRC32>', 'CRC32:rosUhgp5mIg=;'],
  ])('refuses %s in a part', (_, checksums, value) => {
    expect(failure(() => complete(part(1, 'e', checksums)))).toEqual({
      code: 'InvalidArgument',
      message: 'Invalid Base64 or multiple checksums present in request',
      extra: { ArgumentName: 'Checksum', ArgumentValue: value },
    });
  });

  it('refuses bodies above 5 MiB', () => {
    const padding = `<!--${' '.repeat(5 * 1024 * 1024)}-->`;
    expect(failure(() => complete(padding + part(1))).code).toBe('MaxMessageLengthExceeded');
  });

  it('throws nothing but S3Error', () => {
    const piece = fc.constantFrom('<Part>', '</Part>', '<PartNumber>1</PartNumber>', '<PartNumber>', '</PartNumber>', '99999999999', '<ETag>"</ETag>', '<ETag/>', '<ChecksumMD5>x</ChecksumMD5>'); // biome-ignore format: one list
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        try {
          complete(pieces.join(''));
        } catch (error) {
          expect(error).toBeInstanceOf(S3Error);
        }
      }),
    );
  });
});

describe('DeleteObjects', () => {
  const del = (content: string) => parseDeleteObjects(Buffer.from(`<Delete>${content}</Delete>`));

  it('reads keys untrimmed, versions and ETags', () => {
    expect(
      del(
        '<Quiet>true</Quiet><Object><Key> a&#13;b </Key></Object><Object><Key>c</Key><VersionId>null</VersionId><ETag>"e"</ETag></Object>',
      ),
    ).toEqual({
      quiet: true,
      objects: [{ key: ' a\rb ' }, { key: 'c', versionId: 'null', ifMatch: 'e' }],
    });
    expect(del('<Object><Key>c</Key></Object>').quiet).toBe(false);
  });

  it.each([
    ['no object', ''],
    ['an object without key', '<Object/>'],
    ['an empty key', '<Object><Key></Key></Object>'],
    ['1,001 objects', '<Object><Key>k</Key></Object>'.repeat(1001)],
    ['a Quiet that is no boolean', '<Quiet>maybe</Quiet><Object><Key>c</Key></Object>'],
  ])('refuses %s as MalformedXML', (_, content) => {
    expect(failure(() => del(content)).code).toBe('MalformedXML');
  });

  it('takes 1,000 keys of 1,024 bytes, all entities', () => {
    const content = `<Object><Key>${'&quot;'.repeat(1024)}</Key></Object>`.repeat(1000);
    expect(del(content).objects).toHaveLength(1000);
  });

  it('refuses the conditions of directory buckets', () => {
    expect(failure(() => del('<Object><Key>c</Key><Size>5</Size></Object>')).code).toBe('NotImplemented');
  });
});

describe('CreateBucketConfiguration', () => {
  const create = (text: string) => parseCreateBucketConfiguration(Buffer.from(text));

  it('reads the location, or none', () => {
    expect(
      create(
        '<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>',
      ),
    ).toEqual({ location: 'eu-west-1' });
    expect(create('')).toEqual({});
    expect(create('<CreateBucketConfiguration/>')).toEqual({});
  });

  it('reads tags', () => {
    const tag = '<Tag><Key>k</Key><Value>v</Value></Tag>';
    const document = (tags: string) =>
      `<CreateBucketConfiguration><Tags>${tags}</Tags></CreateBucketConfiguration>`;
    expect(create(document(tag))).toEqual({ tags: { k: 'v' } });
    expect(failure(() => create(document(tag.repeat(2)))).code).toBe('InvalidTag');
  });

  it('refuses another root, and directory buckets', () => {
    expect(failure(() => create('<Other/>')).code).toBe('MalformedXML');
    const directory =
      '<CreateBucketConfiguration><Bucket><Type>Directory</Type></Bucket></CreateBucketConfiguration>';
    expect(failure(() => create(directory)).code).toBe('NotImplemented');
  });
});
