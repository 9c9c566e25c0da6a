/** What lists look at: encodings, owners, empty pages, empty elements, delimiters, tokens. */
import { DeleteObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { type GatewayOptions, type RunningGateway, startGateway } from '../kit/gateway.ts';
import { type RawAnswer, send } from '../kit/raw-request.ts';
import { begin, bytes, put } from '../upload-path/kit.ts';
import type { Subject } from '../upload-path/suite.ts';

type Listing = Subject & { readonly gateway: () => RunningGateway };

function all({ text }: RawAnswer, element: string): string[] {
  return [...text.matchAll(new RegExp(`<${element}>([^<]*)</${element}>`, 'g'))].map(
    ([, value = '']) => value,
  );
}

export function listTests(subject: Listing, options: GatewayOptions): void {
  const list = (bucket: string, query: Readonly<Record<string, string>>) =>
    send(subject.endpoint, { method: 'GET', path: `/${bucket}`, query });
  /** The query that selects each list, and what it calls its entries' keys, its count and its marker. */
  const lists = [
    ['ListObjects', {}, 'max-keys', 'MaxKeys', 'marker'],
    ['ListObjectsV2', { 'list-type': '2' }, 'max-keys', 'MaxKeys', 'start-after'],
    ['ListObjectVersions', { versions: '' }, 'max-keys', 'MaxKeys', 'key-marker'],
    ['ListMultipartUploads', { uploads: '' }, 'max-uploads', 'MaxUploads', 'key-marker'],
  ] as const;

  describe('lists', () => {
    const odd = 'dir one/ü&<b>+%20,(x).txt';
    /** What encoding-type=url makes of it: slashes stay, a space is a plus. */
    const oddEncoded = 'dir+one/%C3%BC%26%3Cb%3E%2B%2520%2C%28x%29.txt';
    const fill = async (): Promise<string> => {
      const bucket = await subject.bucket();
      for (const key of ['a', odd, 'z']) {
        await put(subject, bucket, key, bytes(1));
        await begin(subject, bucket, key);
      }
      return bucket;
    };

    it.each(lists)(
      '%s encodes keys, prefixes, delimiters and markers when asked to',
      async (_, sub, count, ___, marker) => {
        const bucket = await fill();
        const plain = await list(bucket, sub);
        const escaped = odd.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
        expect(all(plain, 'Key')).toEqual(['a', escaped, 'z']);
        expect(plain.element('EncodingType')).toBeUndefined();
        const encoded = await list(bucket, { ...sub, 'encoding-type': 'url' });
        expect([all(encoded, 'Key'), encoded.element('EncodingType')]).toEqual([
          ['a', oddEncoded, 'z'],
          'url',
        ]);

        const rolled = await list(bucket, {
          ...sub,
          'encoding-type': 'url',
          prefix: 'dir ',
          delimiter: '+%',
          [marker]: 'a b',
          [count]: '5',
        });
        expect(all(rolled, 'Prefix')).toEqual(['dir+', 'dir+one/%C3%BC%26%3Cb%3E%2B%25']);
        expect(rolled.element('Delimiter')).toBe('%2B%25');
        const shown = { marker: 'Marker', 'start-after': 'StartAfter', 'key-marker': 'KeyMarker' }[marker];
        expect(rolled.element(shown)).toBe('a+b');
      },
    );

    it.each(lists)('%s of none is empty, and not truncated', async (_, sub, count, element) => {
      const bucket = await fill();
      const answer = await list(bucket, { ...sub, [count]: '0' });
      expect([
        answer.status,
        all(answer, 'Key'),
        answer.element('IsTruncated'),
        answer.element(element),
      ]).toEqual([200, [], 'false', '0']);
    });

    it.each(lists)('%s says no more than 1,000', async (_, sub, count, element) => {
      const bucket = await subject.bucket();
      for (const asked of ['1001', '2147483647']) {
        expect((await list(bucket, { ...sub, [count]: asked })).element(element)).toBe('1000');
      }
      expect((await list(bucket, { ...sub, [count]: '' })).element(element)).toBe('1000');
    });

    it('have empty elements for a prefix and a marker that were not given', async () => {
      const bucket = await subject.bucket();
      const first = await list(bucket, {});
      expect([first.element('Prefix'), first.element('Marker'), first.element('Delimiter')]).toEqual([
        '',
        '',
        undefined,
      ]);
      const second = await list(bucket, { 'list-type': '2' });
      expect([second.element('Prefix'), second.element('KeyCount'), second.element('StartAfter')]).toEqual([
        '',
        '0',
        undefined,
      ]);
      const uploads = await list(bucket, { uploads: '' });
      const markers = ['KeyMarker', 'UploadIdMarker', 'NextKeyMarker', 'NextUploadIdMarker'];
      expect(markers.map((name) => uploads.element(name))).toEqual(['', '', '', '']);
    });

    it('ListBuckets names the ARN of each bucket, and its region where it is asked for some of them', async () => {
      const bucket = await fill();
      const buckets = (query: Readonly<Record<string, string>>) =>
        send(subject.endpoint, { method: 'GET', path: '/', query });
      const plain = await buckets({});
      expect(all(plain, 'BucketArn')).toContain(`arn:aws:s3:::${bucket}`);
      expect([all(plain, 'BucketRegion'), plain.element('ContinuationToken')]).toEqual([[], undefined]);
      const named = await buckets({ prefix: bucket, 'continuation-token': '' });
      expect([all(named, 'Name'), all(named, 'BucketArn'), all(named, 'BucketRegion')]).toEqual([
        [bucket],
        [`arn:aws:s3:::${bucket}`],
        ['us-east-1'],
      ]);
    });

    it('ListObjectsV2 with a token goes on from there, and shows no StartAfter', async () => {
      const bucket = await fill();
      const query = { 'list-type': '2', 'start-after': 'a', 'max-keys': '1' };
      const first = await list(bucket, query);
      expect([all(first, 'Key').length, first.element('StartAfter')]).toEqual([1, 'a']);
      const token = first.element('NextContinuationToken') ?? '';
      const second = await list(bucket, { ...query, 'continuation-token': token });
      expect([all(second, 'Key'), second.element('ContinuationToken'), second.element('StartAfter')]).toEqual(
        [['z'], token, undefined],
      );
    });

    it('tell times in whole seconds, as Last-Modified does', async () => {
      const bucket = await fill();
      const head = await send(subject.endpoint, { method: 'HEAD', path: `/${bucket}/a` });
      const modified = new Date(head.headers['last-modified'] ?? '').toISOString();
      for (const [, sub] of lists) {
        const answer = await list(bucket, sub);
        const times = [...all(answer, 'LastModified'), ...all(answer, 'Initiated')];
        expect(times.map((time) => time.slice(19))).toEqual(['.000Z', '.000Z', '.000Z']);
        if (sub !== lists[3][1]) expect(times[0]).toBe(modified);
      }
    });

    it('tell the owner in version 1, and in version 2 when asked', async () => {
      const bucket = await fill();
      const owners = async (query: Readonly<Record<string, string>>) =>
        all(await list(bucket, query), 'ID').length;
      expect(await owners({})).toBe(3);
      expect(await owners({ 'list-type': '2' })).toBe(0);
      expect(await owners({ 'list-type': '2', 'fetch-owner': 'true' })).toBe(3);
      expect(await owners({ 'list-type': '2', 'fetch-owner': 'false' })).toBe(0);
    });

    it('take any delimiter', async () => {
      const bucket = await subject.bucket();
      const keys = ['a/b/c', 'a//d', 'a-b-c', 'aäb', 'a b', 'abab'];
      for (const key of keys) await put(subject, bucket, key, bytes(1));
      for (const delimiter of ['/', '//', '-', 'ä', ' ', 'b', 'ab', 'a', 'c', 'zz', '/b/c']) {
        const expected = new Set(
          keys.map((key) => {
            const at = key.indexOf(delimiter);
            return at < 0 ? key : `${key.slice(0, at)}${delimiter}`;
          }),
        );
        const answer = await list(bucket, { delimiter, 'list-type': '2' });
        const found = [...all(answer, 'Key'), ...all(answer, 'Prefix').filter((prefix) => prefix !== '')];
        expect([delimiter, found.sort()]).toEqual([delimiter, [...expected].sort()]);
        expect(answer.element('KeyCount')).toBe(String(expected.size));
      }
    });

    it('go on by a token after the bucket has changed, on another replica', async () => {
      const bucket = await subject.bucket();
      for (const key of ['b', 'd', 'f', 'h']) await put(subject, bucket, key, bytes(1));
      const page = await subject.client.send(new ListObjectsV2Command({ Bucket: bucket, MaxKeys: 2 }));
      expect(page.Contents?.map(({ Key }) => Key)).toEqual(['b', 'd']);
      const token = page.NextContinuationToken;
      // The key that the page ended with goes; others come before and behind it.
      await subject.client.send(new DeleteObjectCommand({ Bucket: bucket, Key: 'd' }));
      for (const key of ['a', 'c', 'e']) await put(subject, bucket, key, bytes(1));

      const { deployment } = subject.gateway();
      const replica = await startGateway({
        ...options,
        deployment,
        env: { ...options.env, PARTWAY_STATE_DIR: `${deployment.dir}/state-of-a-replica` },
      });
      try {
        const rest = await replica.client.send(
          new ListObjectsV2Command({ Bucket: bucket, ContinuationToken: token }),
        );
        expect(rest.Contents?.map(({ Key }) => Key)).toEqual(['e', 'f', 'h']);
        expect([rest.ContinuationToken, rest.NextContinuationToken]).toEqual([token, undefined]);
      } finally {
        await replica.stop();
      }
    });
  });
}
