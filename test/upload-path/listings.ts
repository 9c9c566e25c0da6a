import {
  DeleteObjectsCommand,
  ListMultipartUploadsCommand,
  ListObjectsCommand,
  type ListObjectsCommandOutput,
  ListObjectsV2Command,
} from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { begin, bytes, put } from './kit.ts';
import type { Subject } from './suite.ts';

/** In UTF-8 byte order, which is not that of UTF-16 (the last two). */
const keys = ['a', 'a b/c', 'a/', 'a/b', 'a/b/c', 'a//x', 'a0', 'b/ä', 'b/\u{e000}', 'b/\u{1f600}']
  .map((key) => ({ key, raw: Buffer.from(key) }))
  .sort((x, y) => Buffer.compare(x.raw, y.raw))
  .map(({ key }) => key);

export function listingTests(subject: Subject): void {
  describe('listings', () => {
    it('pages through all keys in UTF-8 order, none twice, none lost', async () => {
      const bucket = await subject.bucket();
      for (const key of keys) await put(subject, bucket, key, bytes(1));
      for (const size of [1, 3, 1000]) {
        const found: string[] = [];
        let token: string | undefined;
        do {
          const page = await subject.client.send(
            new ListObjectsV2Command({
              Bucket: bucket,
              MaxKeys: size,
              ...(token !== undefined && { ContinuationToken: token }),
            }),
          );
          found.push(...(page.Contents ?? []).map((entry) => entry.Key ?? ''));
          token = page.NextContinuationToken;
        } while (token !== undefined);
        expect(found).toEqual(keys);
      }
    });

    it('rolls keys up, and goes on behind a common prefix', async () => {
      const bucket = await subject.bucket();
      for (const key of keys) await put(subject, bucket, key, bytes(1));
      const entries: string[] = [];
      let marker: string | undefined = '';
      while (marker !== undefined) {
        const page: ListObjectsCommandOutput = await subject.client.send(
          new ListObjectsCommand({ Bucket: bucket, Delimiter: '/', MaxKeys: 1, Marker: marker }),
        );
        entries.push(...(page.Contents ?? []).map((entry) => entry.Key ?? ''));
        entries.push(...(page.CommonPrefixes ?? []).map((entry) => entry.Prefix ?? ''));
        marker = page.NextMarker;
      }
      expect(entries).toEqual(['a', 'a b/', 'a/', 'a0', 'b/']);
    });

    it('starts after a key, and lists none of none', async () => {
      const bucket = await subject.bucket();
      for (const key of ['x', 'y', 'z']) await put(subject, bucket, key, bytes(1));
      const list = (more: object) =>
        subject.client.send(new ListObjectsV2Command({ Bucket: bucket, ...more }));
      expect((await list({ StartAfter: 'x!' })).Contents?.map((entry) => entry.Key)).toEqual(['y', 'z']);
      expect(await list({ MaxKeys: 0 })).toMatchObject({ KeyCount: 0, IsTruncated: false });
    });

    it('lists uploads by key and age, and pages with both markers', async () => {
      const bucket = await subject.bucket();
      const ids: string[] = [];
      for (const key of ['k', 'k', 'k', 'dir/x', 'dir/y']) {
        ids.push((await begin(subject, bucket, key)).id);
        await new Promise((resolve) => setTimeout(resolve, 3));
      }
      const expected = [ids[3], ids[4], ids[0], ids[1], ids[2]];
      const found: Array<string | undefined> = [];
      let markers: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } | undefined = {};
      while (markers !== undefined) {
        const page: Awaited<ReturnType<typeof listUploads>> = await listUploads(bucket, {
          ...markers,
          MaxUploads: 1,
        });
        found.push(...(page.Uploads ?? []).map((upload) => upload.UploadId));
        markers =
          page.IsTruncated === true
            ? { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker }
            : undefined;
      }
      expect(found).toEqual(expected);
      const rolled = await listUploads(bucket, { Delimiter: '/' });
      expect(rolled.CommonPrefixes).toEqual([{ Prefix: 'dir/' }]);
      expect(rolled.Uploads?.map((upload) => upload.Key)).toEqual(['k', 'k', 'k']);
    });

    const listUploads = (bucket: string, more: object) =>
      subject.client.send(new ListMultipartUploadsCommand({ Bucket: bucket, ...more }));

    it('deletes many keys at once, those that are not there too', async () => {
      const bucket = await subject.bucket();
      for (const key of ['1', '2', '3']) await put(subject, bucket, key, bytes(1));
      const { Deleted, Errors } = await subject.client.send(
        new DeleteObjectsCommand({
          Bucket: bucket,
          Delete: { Objects: ['1', '2', 'none'].map((Key) => ({ Key })) },
        }),
      );
      expect(Deleted?.map((entry) => entry.Key)).toEqual(['1', '2', 'none']);
      expect(Errors).toBeUndefined();
      const left = await subject.client.send(new ListObjectsV2Command({ Bucket: bucket }));
      expect(left.Contents?.map((entry) => entry.Key)).toEqual(['3']);
    });
  });
}
