/** What reads look at: ranges, conditions, parts, versions, overrides, and the headers that an object keeps. */
import { CopyObjectCommand, HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { send } from '../kit/raw-request.ts';
import { begin, bytes, minPart, put } from '../upload-path/kit.ts';
import type { Subject } from '../upload-path/suite.ts';

/** The Range header on ten bytes: what of them is sent, `all` where the header is ignored. */
const ranges: ReadonlyArray<readonly [header: string, answer: string]> = [
  ['bytes=0-0', '0'],
  ['bytes=0-9', '0123456789'],
  ['bytes=2-5', '2345'],
  ['bytes=9-9', '9'],
  ['bytes=0-', '0123456789'],
  ['bytes=9-', '9'],
  ['bytes=-1', '9'],
  ['bytes=-10', '0123456789'],
  ['bytes=-11', '0123456789'],
  ['bytes=5-10', '56789'],
  ['bytes=5-99999999999999999999', '56789'],
  ['bytes=007-0008', '78'],
  ['BYTES=0-1', '01'],
  ['bytes=10-', '416'],
  ['bytes=10-10', '416'],
  ['bytes=99999999999999999999-', '416'],
  ['bytes=-0', '416'],
  ['bytes=5-4', 'all'],
  ['bytes=-', 'all'],
  ['bytes=', 'all'],
  ['bytes', 'all'],
  ['bytes=a-b', 'all'],
  ['bytes=0', 'all'],
  ['bytes=0-1-2', 'all'],
  ['bytes=--1', 'all'],
  ['bytes=1 - 2', 'all'],
  ['bytes= 0-1', 'all'],
  ['bytes= -1', 'all'],
  ['bytes =0-1', 'all'],
  ['0-1', 'all'],
  ['items=0-1', 'all'],
  // "Amazon S3 doesn't support retrieving multiple ranges of data per GET request."
  ['bytes=0-1,3-4', 'all'],
  ['bytes=0-0,-1', 'all'],
  ['bytes=0-1,', 'all'],
];

const choices = {
  'if-match': ['', 'same', 'other', '*'],
  'if-none-match': ['', 'same', 'other', '*'],
  'if-modified-since': ['', 'before', 'after'],
  'if-unmodified-since': ['', 'before', 'after'],
} as const;
type Chosen = { readonly [Name in keyof typeof choices]: (typeof choices)[Name][number] };

const combinations: readonly Chosen[] = choices['if-match'].flatMap((match) =>
  choices['if-none-match'].flatMap((noneMatch) =>
    choices['if-modified-since'].flatMap((modified) =>
      choices['if-unmodified-since'].map((unmodified) => ({
        'if-match': match,
        'if-none-match': noneMatch,
        'if-modified-since': modified,
        'if-unmodified-since': unmodified,
      })),
    ),
  ),
);

/** RFC 9110, section 13.2.2, written out. */
function expectedStatus(chosen: Chosen): number {
  if (chosen['if-match'] === 'other') return 412;
  if (chosen['if-match'] === '' && chosen['if-unmodified-since'] === 'before') return 412;
  if (chosen['if-none-match'] === 'same' || chosen['if-none-match'] === '*') return 304;
  if (chosen['if-none-match'] === '' && chosen['if-modified-since'] === 'after') return 304;
  return 200;
}

export function readTests(subject: Subject): void {
  describe('reads', () => {
    it(`take ${ranges.length} spellings of Range`, async () => {
      const bucket = await subject.bucket();
      await put(subject, bucket, 'ten', Buffer.from('0123456789'));
      for (const [range, expected] of ranges) {
        const read = (method: string) =>
          send(subject.endpoint, { method, path: `/${bucket}/ten`, headers: { range } });
        const [got, head] = [await read('GET'), await read('HEAD')];
        const answer = got.status === 416 ? '416' : got.status === 200 ? 'all' : got.text;
        expect([range, answer]).toEqual([range, expected]);
        expect([range, head.status]).toEqual([range, got.status]);
        if (got.status === 416) {
          expect([got.headers['content-range'], head.headers['content-range']]).toEqual([
            'bytes */10',
            'bytes */10',
          ]);
        } else {
          expect(head.headers['content-range']).toBe(got.headers['content-range']);
          expect(head.headers['content-length']).toBe(String(got.body.length));
        }
      }
    });

    it('find no range in an object without bytes', async () => {
      const bucket = await subject.bucket();
      const path = `/${bucket}/empty`;
      await put(subject, bucket, 'empty', Buffer.alloc(0));
      const read = async (range: string) =>
        Promise.all(
          ['GET', 'HEAD'].map(async (method) => {
            const { headers, status } = await send(subject.endpoint, { method, path, headers: { range } });
            return [range, status, headers['content-range'], status === 200 && headers['content-length']];
          }),
        );
      for (const range of ['bytes=0-', 'bytes=0-0', 'bytes=-0', 'bytes=5-']) {
        const refused = [range, 416, 'bytes */0', false];
        expect(await read(range)).toEqual([refused, refused]);
      }
      // The last bytes of nothing are all of it (RFC 9110, section 14.1.2).
      for (const range of ['bytes=-1', 'bytes=-10']) {
        const whole = [range, 200, undefined, '0'];
        expect(await read(range)).toEqual([whole, whole]);
      }
    });

    it(`follow ${combinations.length} combinations of conditions`, async () => {
      expect(combinations).toHaveLength(144);
      const bucket = await subject.bucket();
      const etag = await put(subject, bucket, 'k', bytes(10));
      const { LastModified } = await subject.client.send(new HeadObjectCommand({ Bucket: bucket, Key: 'k' }));
      const modified = LastModified?.getTime() ?? 0;
      const values: Readonly<Record<string, string>> = {
        same: etag,
        other: '"other"',
        '*': '*',
        before: new Date(modified - 60_000).toUTCString(),
        // The second itself: a later one may be in the future, which is ignored.
        after: new Date(modified).toUTCString(),
      };
      const wrong: string[] = [];
      for (const chosen of combinations) {
        const headers = Object.fromEntries(
          Object.entries(chosen)
            .filter(([, choice]) => choice !== '')
            .map(([name, choice]) => [name, values[choice] ?? '']),
        );
        const expected = expectedStatus(chosen);
        for (const method of ['GET', 'HEAD']) {
          const { headers: answered, status } = await send(subject.endpoint, {
            method,
            path: `/${bucket}/k`,
            headers,
          });
          const repeats = status !== 304 || answered['etag'] === etag;
          if (status !== expected || !repeats)
            wrong.push(`${method} ${JSON.stringify(chosen)}: ${status}, not ${expected}`);
        }
      }
      expect(wrong).toEqual([]);
    });

    it('give part 1 of an object of one request, and count the parts of others', async () => {
      const bucket = await subject.bucket();
      await put(subject, bucket, 'plain', Buffer.from('0123456789'));
      await put(subject, bucket, 'empty', Buffer.alloc(0));
      const upload = await begin(subject, bucket, 'parts');
      await upload.complete([await upload.part(1, bytes(minPart)), await upload.part(3, bytes(7))]);
      const read = async (method: string, key: string, partNumber: string) => {
        const { body, headers, status } = await send(subject.endpoint, {
          method,
          path: `/${bucket}/${key}`,
          query: { partNumber },
        });
        return [
          status,
          headers['content-range'],
          headers['x-amz-mp-parts-count'],
          Number(headers['content-length']),
          body.length,
        ];
      };
      expect(await read('GET', 'plain', '1')).toEqual([206, 'bytes 0-9/10', undefined, 10, 10]);
      expect(await read('HEAD', 'plain', '1')).toEqual([206, 'bytes 0-9/10', undefined, 10, 0]);
      expect((await read('GET', 'plain', '2'))[0]).toBe(416);
      expect(await read('GET', 'empty', '1')).toEqual([206, undefined, undefined, 0, 0]);
      const total = minPart + 7;
      expect(await read('GET', 'parts', '2')).toEqual([
        206,
        `bytes ${minPart}-${total - 1}/${total}`,
        '2',
        7,
        7,
      ]);
      expect(await read('HEAD', 'parts', '1')).toEqual([
        206,
        `bytes 0-${minPart - 1}/${total}`,
        '2',
        minPart,
        0,
      ]);
    });

    it('know one version, called null', async () => {
      const bucket = await subject.bucket();
      await put(subject, bucket, 'k', Buffer.from('abc'));
      for (const method of ['GET', 'HEAD', 'DELETE']) {
        const call = (versionId: string) =>
          send(subject.endpoint, { method, path: `/${bucket}/k`, query: { versionId } });
        expect((await call('abc')).status).toBe(400);
        expect((await call('null')).status).toBe(method === 'DELETE' ? 204 : 200);
      }
    });

    it('answer with the headers that a signed request asks for', async () => {
      const bucket = await subject.bucket();
      await put(subject, bucket, 'k', Buffer.from('abc'));
      const overrides = {
        'response-cache-control': 'no-store',
        'response-content-disposition': 'attachment; filename="ü.txt"',
        'response-content-encoding': 'x-none',
        'response-content-language': 'de',
        'response-content-type': 'text/x-other',
        'response-expires': 'Thu, 01 Dec 1994 16:00:00 GMT',
      };
      for (const method of ['GET', 'HEAD']) {
        const answer = await send(subject.endpoint, { method, path: `/${bucket}/k`, query: overrides });
        const seen = Object.keys(overrides).map((name) => {
          const value = answer.headers[name.slice('response-'.length)] ?? '';
          return [name, Buffer.from(value, 'latin1').toString()];
        });
        expect(Object.fromEntries(seen)).toEqual(overrides);
        const anonymous = await send(subject.endpoint, {
          method,
          path: `/${bucket}/k`,
          query: overrides,
          anonymous: true,
        });
        expect([400, 403]).toContain(anonymous.status);
      }
    });

    it('tell storage class and redirect, which copies do not take along', async () => {
      const bucket = await subject.bucket();
      const own = { StorageClass: 'GLACIER_IR', WebsiteRedirectLocation: '/other' } as const;
      await subject.client.send(new PutObjectCommand({ Bucket: bucket, Key: 'k', Body: 'abc', ...own }));
      const upload = await begin(subject, bucket, 'parts', own);
      await upload.complete([await upload.part(1, bytes(3))]);
      const head = (Key: string) => subject.client.send(new HeadObjectCommand({ Bucket: bucket, Key }));
      expect(await head('k')).toMatchObject(own);
      expect(await head('parts')).toMatchObject(own);
      await subject.client.send(
        new CopyObjectCommand({ Bucket: bucket, Key: 'copy', CopySource: `${bucket}/k` }),
      );
      const copied = await head('copy');
      expect([copied.StorageClass, copied.WebsiteRedirectLocation]).toEqual([undefined, undefined]);
    });

    it('and deletions have no use for a governance bypass', async () => {
      const bucket = await subject.bucket();
      await put(subject, bucket, 'k', Buffer.from('abc'));
      const answer = await send(subject.endpoint, {
        method: 'DELETE',
        path: `/${bucket}/k`,
        headers: { 'x-amz-bypass-governance-retention': 'true' },
      });
      expect(answer.status).toBe(204);
    });

    it('take tags in every spelling of the header', async () => {
      const bucket = await subject.bucket();
      for (const [index, [header, tags]] of taggings.entries()) {
        const path = `/${bucket}/tagged-${index}`;
        const written = await send(subject.endpoint, {
          method: 'PUT',
          path,
          headers: { 'x-amz-tagging': header },
          body: 'x',
        });
        expect([header, written.status]).toEqual([header, 200]);
        const { text } = await send(subject.endpoint, { method: 'GET', path, query: { tagging: '' } });
        const found = [...text.matchAll(/<Key>([^<]*)<\/Key><Value>([^<]*)<\/Value>/g)].map(
          ([, key, value]) => [key, value],
        );
        expect([header, Object.fromEntries(found)]).toEqual([header, tags]);
        const head = await send(subject.endpoint, { method: 'HEAD', path });
        const count = Object.keys(tags).length;
        expect(head.headers['x-amz-tagging-count']).toBe(count === 0 ? undefined : String(count));
      }
    });
  });
}

/** Spellings that are refused are cases of bad input. */
const taggings: ReadonlyArray<readonly [header: string, tags: Readonly<Record<string, string>>]> = [
  ['a=1', { a: '1' }],
  ['a=1&b=2', { a: '1', b: '2' }],
  ['a=', { a: '' }],
  ['a', { a: '' }],
  ['a&b', { a: '', b: '' }],
  ['a=1&', { a: '1' }],
  ['&a=1', { a: '1' }],
  ['a=1&&b=2', { a: '1', b: '2' }],
  ['a=b=c', { a: 'b=c' }],
  ['a+b=c+d', { 'a b': 'c d' }],
  ['a%20b=c%20d', { 'a b': 'c d' }],
  ['a%2Bb=c%2Bd', { 'a+b': 'c+d' }],
  ['a%3Db=1', { 'a=b': '1' }],
  ['A=1&a=2', { A: '1', a: '2' }],
  ['gr%C3%BCn=%C3%A4', { grün: 'ä' }],
  ['k-._:/@=v-._:/@', { 'k-._:/@': 'v-._:/@' }],
  ['__proto__=1', Object.fromEntries([['__proto__', '1']])],
  [`${'k'.repeat(128)}=${'v'.repeat(256)}`, { ['k'.repeat(128)]: 'v'.repeat(256) }],
];
