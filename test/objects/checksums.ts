/** All ten algorithms, end to end: "123456789" and the three parts are vectors that were computed by other implementations. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { ChecksumAlgorithm } from '../../src/s3/checksums/algorithms.ts';
import { type RawAnswer, send } from '../kit/raw-request.ts';
import { checksumOf } from '../s3/checksum-of.ts';
import { minPart } from '../upload-path/kit.ts';
import type { Subject } from '../upload-path/suite.ts';

const text = '123456789';
const hash = (algorithm: string): string => createHash(algorithm).update(text).digest('base64');

/** By algorithm: the value of the text; COMPOSITE and FULL_OBJECT of three parts of 5 MiB 'A', 'B', 'C', where known. */
const vectors: Readonly<
  Record<string, { readonly value: string; readonly composite?: string; readonly full?: string }>
> = {
  CRC32: { value: 'y/Q5Jg==', composite: 'Z+ry2Q==-3', full: 'WgDhBQ==' },
  CRC32C: { value: '4waSgw==', composite: 'g9DPqQ==-3', full: 'xU+Krw==' },
  CRC64NVME: { value: 'rosUhgp5mIg=', full: 'i+6LR0y3eFo=' },
  MD5: { value: hash('md5'), composite: 'sq3ZbMlwK79O+wzN/Gt3Rw==-3' },
  SHA1: { value: hash('sha1'), composite: 'sizjvY4eud3MrcHdZM3cQ/ol39o=-3' },
  SHA256: { value: hash('sha256'), composite: 'uWBwpe1dxI4Vw8Gf0X9ynOdw/SS6VBzfWm9giiv1sf4=-3' },
  SHA512: { value: hash('sha512') },
  XXHASH64: { value: 'jLhB20DmroM=', composite: 'ksTDIs0YeTw=-3' },
  XXHASH3: { value: 'ctyxi2ehff8=', composite: '43NB0i3DP5k=-3' },
  XXHASH128: { value: 'MxGUd+3l3NXpcWQnaB1YYA==', composite: 'DResq85Sppt9Dti79vUzLQ==-3' },
};
const algorithms = Object.keys(vectors);

const headerOf = (algorithm: string): string => `x-amz-checksum-${algorithm.toLowerCase()}`;
const mode = { 'x-amz-checksum-mode': 'ENABLED' };

/** Every checksum that an answer tells. */
function told(answer: RawAnswer): Record<string, string | undefined> {
  const found = Object.entries(answer.headers).filter(([name]) => name.startsWith('x-amz-checksum-'));
  return Object.fromEntries(found);
}

export function checksumTests(subject: Subject): void {
  const request = (method: string, path: string, more: Partial<Parameters<typeof send>[1]> = {}) =>
    send(subject.endpoint, { method, path, ...more });

  describe('checksums', () => {
    it.each(algorithms)('%s of an object of one request, by header and by trailer', async (algorithm) => {
      const bucket = await subject.bucket();
      const { value = '' } = vectors[algorithm] ?? {};
      const header = headerOf(algorithm);
      const expected = { [header]: value, 'x-amz-checksum-type': 'FULL_OBJECT' };

      const path = `/${bucket}/header`;
      const sdk = { 'x-amz-sdk-checksum-algorithm': algorithm };
      const put = await request('PUT', path, { headers: { ...sdk, [header]: value }, body: text });
      expect([put.status, told(put)]).toEqual([200, expected]);
      const trailing = await request('PUT', `/${bucket}/trailer`, {
        headers: {
          ...sdk,
          'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
          'x-amz-decoded-content-length': '9',
          'x-amz-trailer': header,
        },
        body: `4\r\n1234\r\n5\r\n56789\r\n0\r\n${header}:${value}\r\n\r\n`,
      });
      expect([trailing.status, told(trailing)]).toEqual([200, expected]);

      for (const name of ['header', 'trailer']) {
        for (const method of ['GET', 'HEAD']) {
          const read = (headers = {}, query = {}) =>
            request(method, `/${bucket}/${name}`, { headers, query });
          expect(told(await read(mode))).toEqual(expected);
          expect(told(await read())).toEqual({});
          expect(told(await read({ ...mode, range: 'bytes=0-3' }))).toEqual({});
          expect(told(await read({ ...mode, range: 'bytes=0-' }))).toEqual({});
          // An object of one request is one part.
          expect(told(await read(mode, { partNumber: '1' }))).toEqual(expected);
        }
      }
      const list = await request('GET', `/${bucket}`, { query: { 'list-type': '2' } });
      expect([list.element('ChecksumAlgorithm'), list.element('ChecksumType')]).toEqual([
        algorithm,
        'FULL_OBJECT',
      ]);
    });

    it.each(algorithms)('%s is kept by a copy, and made when the copy asks for it', async (algorithm) => {
      const bucket = await subject.bucket();
      const { value = '' } = vectors[algorithm] ?? {};
      await request('PUT', `/${bucket}/source`, { headers: { [headerOf(algorithm)]: value }, body: text });
      await request('PUT', `/${bucket}/plain`, { body: text });
      const copies = [
        ['source', {}],
        ['plain', { 'x-amz-checksum-algorithm': algorithm }],
      ] as const;
      for (const [source, headers] of copies) {
        const copied = await request('PUT', `/${bucket}/copy-of-${source}`, {
          headers: { 'x-amz-copy-source': `${bucket}/${source}`, ...headers },
        });
        expect([copied.element(`Checksum${algorithm}`), copied.element('ChecksumType')]).toEqual([
          value,
          'FULL_OBJECT',
        ]);
        const read = await request('HEAD', `/${bucket}/copy-of-${source}`, { headers: mode });
        expect(told(read)).toEqual({ [headerOf(algorithm)]: value, 'x-amz-checksum-type': 'FULL_OBJECT' });
      }
    });

    it.each(algorithms)('%s of the documents that delete objects', async (algorithm) => {
      const bucket = await subject.bucket();
      await request('PUT', `/${bucket}/k`, { body: text });
      const { value = '' } = vectors[algorithm] ?? {};
      const wrong = await request('POST', `/${bucket}`, {
        query: { delete: '' },
        headers: { [headerOf(algorithm)]: value },
        body: '<Delete><Object><Key>k</Key></Object></Delete>',
      });
      expect([wrong.status, wrong.element('Code')]).toEqual([400, 'BadDigest']);
      expect((await request('HEAD', `/${bucket}/k`)).status).toBe(200);
      const body = '<Delete><Object><Key>k</Key></Object></Delete>';
      const right = await request('POST', `/${bucket}`, {
        query: { delete: '' },
        headers: { [headerOf(algorithm)]: checksumOf(algorithm as ChecksumAlgorithm, Buffer.from(body)) },
        body,
      });
      expect([right.status, right.element('Key')]).toEqual([200, 'k']);
      expect((await request('HEAD', `/${bucket}/k`)).status).toBe(404);
    });

    const bodies = ['A', 'B', 'C'].map((letter) => Buffer.alloc(minPart, letter));
    const types = algorithms.flatMap((algorithm) => {
      const { composite, full } = vectors[algorithm] ?? {};
      return [
        ...(algorithm === 'CRC64NVME' ? [] : [[algorithm, 'COMPOSITE', composite] as const]),
        ...(full === undefined ? [] : [[algorithm, 'FULL_OBJECT', full] as const]),
      ];
    });
    it.each(types)('%s, %s, of an object of three parts', async (algorithm, type, expected) => {
      const bucket = await subject.bucket();
      const path = `/${bucket}/parts`;
      const created = await request('POST', path, {
        query: { uploads: '' },
        headers: { 'x-amz-checksum-algorithm': algorithm, 'x-amz-checksum-type': type },
      });
      expect(told(created)).toEqual({ 'x-amz-checksum-algorithm': algorithm, 'x-amz-checksum-type': type });
      const uploadId = created.element('UploadId') ?? '';
      const header = headerOf(algorithm);

      const values: string[] = [];
      const etags: string[] = [];
      for (const [index, body] of bodies.entries()) {
        const query = { uploadId, partNumber: String(index + 1) };
        if (type === 'FULL_OBJECT') {
          // The gateway computes what the client leaves out.
          const part = await request('PUT', path, { query, body, payloadHash: 'UNSIGNED-PAYLOAD' });
          values.push(part.headers[header] ?? '');
          etags.push(part.headers['etag'] ?? '');
          continue;
        }
        const refused = await request('PUT', path, { query, body: 'x' });
        expect(refused.element('Message')).toBe(
          `Checksum Type mismatch occurred, expected checksum Type: ${algorithm.toLowerCase()}, actual checksum Type: null`,
        );
        const value = checksumOf(algorithm as ChecksumAlgorithm, body);
        const part = await request('PUT', path, {
          query,
          body,
          headers: { [header]: value },
          payloadHash: 'UNSIGNED-PAYLOAD',
        });
        expect([part.status, part.headers[header]]).toEqual([200, value]);
        values.push(value);
        etags.push(part.headers['etag'] ?? '');
      }
      const listed = await request('GET', path, { query: { uploadId } });
      expect([listed.element('ChecksumAlgorithm'), listed.element('ChecksumType')]).toEqual([
        algorithm,
        type,
      ]);
      expect(
        [...listed.text.matchAll(new RegExp(`<Checksum${algorithm}>([^<]*)<`, 'g'))].map(([, v]) => v),
      ).toEqual(values);

      const element = `Checksum${algorithm}`;
      const parts = etags.map(
        (etag, index) =>
          `<Part><PartNumber>${index + 1}</PartNumber><ETag>${etag}</ETag><${element}>${values[index]}</${element}></Part>`,
      );
      const done = await request('POST', path, {
        query: { uploadId },
        headers: { 'x-amz-checksum-type': type, 'x-amz-mp-object-size': String(3 * minPart) },
        body: `<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`,
      });
      const whole = done.element(element) ?? '';
      if (expected !== undefined) expect(whole).toBe(expected);
      expect([whole.endsWith('-3'), done.element('ChecksumType')]).toEqual([type === 'COMPOSITE', type]);

      const read = async (query = {}, headers = {}) =>
        told(await request('HEAD', path, { query, headers: { ...mode, ...headers } }));
      expect(await read()).toEqual({ [header]: whole, 'x-amz-checksum-type': type });
      expect(await read({}, { range: 'bytes=0-5' })).toEqual({});
      expect(await read({ partNumber: '2' })).toEqual(
        type === 'COMPOSITE' ? { [header]: values[1], 'x-amz-checksum-type': type } : {},
      );

      const copied = await request('PUT', `/${bucket}/copy`, {
        headers: { 'x-amz-copy-source': `${bucket}/parts` },
      });
      expect([copied.element(element), copied.element('ChecksumType')]).toEqual([
        checksumOf(algorithm as ChecksumAlgorithm, Buffer.concat(bodies)),
        'FULL_OBJECT',
      ]);
    });
  });
}
