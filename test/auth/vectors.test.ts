import { expect, test } from 'vitest';
import { hoistedHeaders } from '../../src/auth/query-auth.ts';
import {
  emptyHash,
  exampleAuthenticator,
  exampleKey,
  exampleScope,
  exampleTimestamp,
  incoming,
  owner,
} from './signer.ts';

// S3 API reference, "Signature Calculations for the Authorization Header" and "… Using Query Parameters".
const host = 'examplebucket.s3.amazonaws.com';
const signed = (names: string, signature: string): string =>
  `AWS4-HMAC-SHA256 Credential=${exampleKey}/${exampleScope},SignedHeaders=${names},Signature=${signature}`;
const basic = { host, 'x-amz-content-sha256': emptyHash, 'x-amz-date': exampleTimestamp };

test.each([
  [
    'GET Object',
    'GET',
    '/test.txt',
    {
      ...basic,
      range: 'bytes=0-9',
      authorization: signed(
        'host;range;x-amz-content-sha256;x-amz-date',
        'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
      ),
    },
  ],
  [
    'PUT Object',
    'PUT',
    '/test%24file.text',
    {
      ...basic,
      date: 'Fri, 24 May 2013 00:00:00 GMT',
      'x-amz-storage-class': 'REDUCED_REDUNDANCY',
      'x-amz-content-sha256': '44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072',
      authorization: signed(
        'date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class',
        '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
      ),
    },
  ],
  [
    'GET Bucket Lifecycle',
    'GET',
    '/?lifecycle',
    {
      ...basic,
      authorization: signed(
        'host;x-amz-content-sha256;x-amz-date',
        'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
      ),
    },
  ],
  [
    'GET Bucket (List Objects)',
    'GET',
    '/?max-keys=2&prefix=J',
    {
      ...basic,
      authorization: signed(
        'host;x-amz-content-sha256;x-amz-date',
        '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
      ),
    },
  ],
])('%s is accepted bit for bit', (_name, method, url, headers) => {
  expect(exampleAuthenticator(incoming(method, url, headers))).toMatchObject({
    kind: 'signed',
    scheme: 'header',
    accessKeyId: exampleKey,
    identity: owner,
    region: 'us-east-1',
    service: 's3',
  });
  // The same signature for another verb must not do.
  expect(() => exampleAuthenticator(incoming('DELETE', url, headers))).toThrow(
    expect.objectContaining({ code: 'SignatureDoesNotMatch' }),
  );
});

test('the presigned GET Object is accepted bit for bit', () => {
  const url =
    '/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404';
  const request = incoming('GET', url, { host });
  expect(exampleAuthenticator(request)).toMatchObject({
    kind: 'signed',
    scheme: 'presigned',
    accessKeyId: exampleKey,
    payload: { kind: 'unsigned' },
  });
  expect(hoistedHeaders(request.target.query, request.headers).size).toBe(0);
});

// S3 API reference, "Transferring Payload in Multiple Chunks": the head; chunks are in aws-chunked.test.ts.
test.each([
  [
    'chunks',
    { 'content-length': '66824', 'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD' },
    'content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class',
    '4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9',
    { kind: 'streaming-signed', trailer: false },
  ],
  [
    'chunks and a trailer',
    {
      'x-amz-trailer': 'x-amz-checksum-crc32c',
      'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER',
    },
    'content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer',
    '106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e',
    { kind: 'streaming-signed', trailer: true },
  ],
])('the head of a PUT in %s gives the seed signature', (_name, headers, names, signature, payload) => {
  const request = incoming('PUT', '/examplebucket/chunkObject.txt', {
    host: 's3.amazonaws.com',
    'x-amz-date': exampleTimestamp,
    'x-amz-storage-class': 'REDUCED_REDUNDANCY',
    'content-encoding': 'aws-chunked',
    'x-amz-decoded-content-length': '66560',
    ...headers,
    authorization: signed(names, signature),
  });
  expect(exampleAuthenticator(request)).toMatchObject({
    payload,
    signing: { scope: exampleScope, timestamp: exampleTimestamp, seedSignature: signature },
  });
});
