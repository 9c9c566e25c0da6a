import {
  GetBucketVersioningCommand,
  ListObjectVersionsCommand,
  type ListObjectVersionsCommandOutput,
  PutBucketVersioningCommand,
} from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { send } from '../kit/raw-request.ts';
import { expectFailure, get, md5Etag, put } from '../upload-path/kit.ts';
import { ask, failure } from './kit.ts';
import type { BucketSubject } from './suite.ts';

export function versionTests(subject: BucketSubject): void {
  describe('versions of a bucket without versioning', () => {
    it('was never turned on, and cannot be', async () => {
      const Bucket = await subject.bucket();
      const answer = await ask(subject, 'GET', `/${Bucket}`, 'versioning');
      expect([answer.status, answer.text]).toEqual([
        200,
        expect.stringMatching(/<VersioningConfiguration xmlns="[^"]+"><\/VersioningConfiguration>$/),
      ]);
      const { Status } = await subject.client.send(new GetBucketVersioningCommand({ Bucket }));
      expect(Status).toBeUndefined();
      const put = subject.client.send(
        new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }),
      );
      await expectFailure(put, 'NotImplemented', 501);
    });

    it('are the objects themselves, called null', async () => {
      const Bucket = await subject.bucket();
      await put(subject, Bucket, 'a b', Buffer.from('1'));
      const { $metadata: _, ...listed } = await subject.client.send(
        new ListObjectVersionsCommand({ Bucket }),
      );
      expect(listed).toMatchObject({
        Name: Bucket,
        Prefix: '',
        KeyMarker: '',
        MaxKeys: 1000,
        IsTruncated: false,
      });
      expect(listed.Versions).toEqual([
        expect.objectContaining({
          Key: 'a b',
          VersionId: 'null',
          IsLatest: true,
          Size: 1,
          ETag: md5Etag(Buffer.from('1')),
          StorageClass: 'STANDARD',
          Owner: expect.objectContaining({ ID: expect.any(String) }),
        }),
      ]);
      const raw = await ask(subject, 'GET', `/${Bucket}`, 'versions');
      expect(raw.text).toContain('<KeyMarker></KeyMarker><VersionIdMarker></VersionIdMarker>');
      const encoded = await send(subject.endpoint, {
        method: 'GET',
        path: `/${Bucket}`,
        query: { versions: '', 'encoding-type': 'url' },
      });
      expect([encoded.element('EncodingType'), encoded.element('Key')]).toEqual(['url', 'a+b']);
    });

    it('are paged by key and version, with common prefixes', async () => {
      const Bucket = await subject.bucket();
      const keys = ['a', 'b/1', 'b/2', 'c', 'd/1', 'e'];
      await Promise.all(keys.map((key) => put(subject, Bucket, key, Buffer.from(key))));
      const seen: string[] = [];
      let markers: { KeyMarker?: string | undefined; VersionIdMarker?: string | undefined } = {};
      for (let page = 0; page < 6; page += 1) {
        const answer: ListObjectVersionsCommandOutput = await subject.client.send(
          new ListObjectVersionsCommand({ Bucket, Delimiter: '/', MaxKeys: 2, ...markers }),
        );
        seen.push(
          ...[
            ...(answer.Versions ?? []).map(({ Key }) => Key ?? ''),
            ...(answer.CommonPrefixes ?? []).map(({ Prefix }) => Prefix ?? ''),
          ].sort(),
        );
        if (answer.IsTruncated !== true) break;
        markers = { KeyMarker: answer.NextKeyMarker, VersionIdMarker: answer.NextVersionIdMarker };
      }
      expect(seen).toEqual(['a', 'b/', 'c', 'd/', 'e']);
      const inner = await subject.client.send(
        new ListObjectVersionsCommand({ Bucket, Prefix: 'b/', MaxKeys: 1 }),
      );
      expect([inner.Versions?.[0]?.Key, inner.NextKeyMarker, inner.NextVersionIdMarker]).toEqual([
        'b/1',
        'b/1',
        'null',
      ]);
      const none = await subject.client.send(new ListObjectVersionsCommand({ Bucket, MaxKeys: 0 }));
      expect([none.IsTruncated, none.Versions]).toEqual([false, undefined]);
    });

    it.each([
      [{ 'version-id-marker': 'null' }, 'A version-id marker cannot be specified without a key marker.'],
      [{ 'key-marker': 'a', 'version-id-marker': '' }, 'A version-id marker cannot be empty.'],
      [{ 'key-marker': 'a', 'version-id-marker': 'x' }, 'Invalid version id specified'],
      [{ 'max-keys': 'x' }, 'Provided max-keys not an integer or within integer range'],
      [{ 'encoding-type': 'x' }, 'Invalid Encoding Method specified in Request'],
    ])('refuse %j', async (query, message) => {
      const bucket = await subject.bucket();
      const answer = await send(subject.endpoint, {
        method: 'GET',
        path: `/${bucket}`,
        query: { versions: '', ...query },
      });
      expect(failure(answer)).toEqual([400, 'InvalidArgument', message]);
    });

    it('are read as null, and no other exists', async () => {
      const bucket = await subject.bucket();
      await put(subject, bucket, 'key', Buffer.from('x'));
      expect((await get(subject, bucket, 'key', { VersionId: 'null' })).data.toString()).toBe('x');
      const other = 'a'.repeat(32);
      const missing = await expectFailure(
        get(subject, bucket, 'key', { VersionId: other }),
        'NoSuchVersion',
        404,
      );
      expect(missing).toMatchObject({ VersionId: other, Key: 'key' });
      await expectFailure(get(subject, bucket, 'key', { VersionId: 'x' }), 'InvalidArgument', 400);
    });
  });
}
