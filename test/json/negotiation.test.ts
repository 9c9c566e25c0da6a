import { describe, expect, it, test } from 'vitest';
import { jsonError, jsonSuccess, prefersJson, snakeCase } from '../../src/s3/json.ts';
import type { XmlContent } from '../../src/s3/xml.ts';

describe('JSON is preferred', () => {
  test.each([
    'application/json',
    'Application/JSON',
    ' application/json ; charset=utf-8',
    'application/json;charset=utf-8;q=0.5',
    'application/json, */*;q=0.5',
    'application/xml;q=0.9, application/json',
    'text/plain;q=0.2,application/json;q=0.3',
    'application/json, application/json;q=0.1',
    'application/json,',
  ])('by %j', (accept) => {
    expect(prefersJson(accept)).toBe(true);
  });

  test.each([
    undefined,
    '',
    '*/*',
    'application/*',
    'application/xml',
    'application/jsonp',
    'application/json-seq',
    'application/vnd.api+json',
    // What HTTP libraries send unasked.
    'application/json, text/plain, */*',
    'application/json, */*',
    'application/xml, application/json',
    'application/json;q=0.8, application/xml;q=0.9',
    'application/json;q=0',
    'application/json;q=x',
    'application/json;q=2',
    'text/html;type="application/json"',
  ])('not by %j', (accept) => {
    expect(prefersJson(accept)).toBe(false);
  });
});

test.each([
  ['ETag', 'etag'],
  ['UploadId', 'upload_id'],
  ['ID', 'id'],
  ['CORSRule', 'cors_rule'],
  ['ChecksumCRC64NVME', 'checksum_crc64nvme'],
  ['ChecksumSHA256', 'checksum_sha256'],
  ['ChecksumXXHASH128', 'checksum_xxhash128'],
  ['MaxAgeSeconds', 'max_age_seconds'],
  ['SSEAlgorithm', 'sse_algorithm'],
  ['KMSMasterKeyID', 'kms_master_key_id'],
  ['AWSAccessKeyId', 'aws_access_key_id'],
  ['X-Amz-Expires', 'x_amz_expires'],
])('%s is %s', (name, snake) => {
  expect(snakeCase(name)).toBe(snake);
});

function success(root: string, content: XmlContent): unknown {
  return JSON.parse(jsonSuccess({ status: 200, xml: { root, content } })).data;
}

describe('a document', () => {
  it('keeps numbers, truth and dates what they are, and leaves out what is not there', () => {
    const content = { Size: 5, IsLatest: false, At: new Date(0), Gone: undefined, ETag: '"x"', Empty: '' };
    expect(success('X', content)).toEqual({
      size: 5,
      is_latest: false,
      at: '1970-01-01T00:00:00.000Z',
      etag: '"x"',
      empty: '',
    });
  });

  it('has a list where the API has one, of one and none too', () => {
    expect(success('ListPartsResult', { Bucket: 'b' })).toEqual({ bucket: 'b', part: [] });
    expect(success('ListPartsResult', { Part: { PartNumber: 1 } })).toEqual({ part: [{ part_number: 1 }] });
    expect(success('DeleteResult', { Deleted: [{ Key: 'a' }], Error: undefined })).toEqual({
      deleted: [{ key: 'a' }],
      error: [],
    });
  });

  it('names the text of a root by the root, and attributes as fields', () => {
    expect(success('LocationConstraint', 'eu-west-1')).toEqual({ location_constraint: 'eu-west-1' });
    expect(success('Grantee', { '@xmlns:xsi': 'x', '@xsi:type': 'CanonicalUser', ID: '1' })).toEqual({
      type: 'CanonicalUser',
      id: '1',
    });
  });
});

test('an error names what is wrong where that is known', () => {
  const error = (code: 'InvalidArgument' | 'NoSuchKey', extra: Record<string, string> = {}) =>
    JSON.parse(jsonError({ code, status: 400, message: 'm', extra, requestId: 'R' }));
  expect(error('InvalidArgument', { ArgumentName: 'partNumber', ArgumentValue: '0' })).toEqual({
    success: false,
    error: {
      code: 'VALIDATION_ERROR',
      message: 'm',
      s3_code: 'InvalidArgument',
      status: 400,
      field: 'partNumber',
      request_id: 'R',
      details: { argument_name: 'partNumber', argument_value: '0' },
    },
  });
  expect(error('NoSuchKey')).toEqual({
    success: false,
    error: { code: 'NoSuchKey', message: 'm', s3_code: 'NoSuchKey', status: 400, request_id: 'R' },
  });
});
