import { ListPartsCommand, UploadPartCommand } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { send } from '../kit/raw-request.ts';
import { begin, bytes, expectFailure, expectObject, md5Etag, mib, minPart, multipartEtag } from './kit.ts';
import type { Subject } from './suite.ts';

export function partTests(subject: Subject): void {
  describe('UploadPart', () => {
    it('stores parts in any order and makes one object of them', async () => {
      const bucket = await subject.bucket();
      const upload = await begin(subject, bucket, 'dir/any order');
      const [one, two, three] = [bytes(minPart), bytes(minPart), bytes(1234)];
      const third = await upload.part(3, three);
      const first = await upload.part(1, one);
      const second = await upload.part(2, two);
      expect(first.ETag).toBe(md5Etag(one));

      const done = await upload.complete([first, second, third]);
      expect(done.ETag).toBe(multipartEtag([one, two, three]));
      await expectObject(subject, bucket, 'dir/any order', Buffer.concat([one, two, three]));
    });

    it('takes parts of unequal sizes, and an empty last one', async () => {
      const bucket = await subject.bucket();
      const upload = await begin(subject, bucket, 'unequal');
      const bodies = [bytes(6 * mib), bytes(minPart), bytes(7 * mib + 1), Buffer.alloc(0)];
      const parts = [];
      for (const [index, body] of bodies.entries()) parts.push(await upload.part(index + 1, body));
      await upload.complete(parts);
      await expectObject(subject, bucket, 'unequal', Buffer.concat(bodies));
    });

    it('makes an object of one empty part', async () => {
      const bucket = await subject.bucket();
      const upload = await begin(subject, bucket, 'empty');
      const part = await upload.part(1, Buffer.alloc(0));
      const done = await upload.complete([part]);
      expect(done.ETag).toBe(multipartEtag([Buffer.alloc(0)]));
      await expectObject(subject, bucket, 'empty', Buffer.alloc(0));
    });

    it('replaces a part that is sent again, whatever their sizes', async () => {
      const bucket = await subject.bucket();
      const upload = await begin(subject, bucket, 'replaced');
      const [one, again, two] = [bytes(minPart), bytes(minPart + 7), bytes(99)];
      const stale = await upload.part(1, one);
      const second = await upload.part(2, two);
      const first = await upload.part(1, again);
      await expectFailure(upload.complete([stale, second]), 'InvalidPart', 400);
      await upload.complete([first, second]);
      await expectObject(subject, bucket, 'replaced', Buffer.concat([again, two]));
    });

    it('keeps the earlier part when its replacement fails its checks', async () => {
      const bucket = await subject.bucket();
      const upload = await begin(subject, bucket, 'bad replacement');
      const one = bytes(2 * mib);
      const first = await upload.part(1, one);
      const call = new UploadPartCommand({
        ...upload.address,
        PartNumber: 1,
        Body: bytes(2 * mib),
        ContentMD5: 'AAAAAAAAAAAAAAAAAAAAAA==',
      });
      await expectFailure(subject.client.send(call), 'BadDigest', 400);
      await upload.complete([first]);
      await expectObject(subject, bucket, 'bad replacement', one);
    });

    it.each(['0', '-1', '10001', 'abc', ''])(
      'refuses part number "%s" in the words of AWS',
      async (number) => {
        const bucket = await subject.bucket();
        const upload = await begin(subject, bucket, 'numbers');
        const answer = await send(subject.endpoint, {
          method: 'PUT',
          path: `/${bucket}/numbers`,
          query: { partNumber: number, uploadId: upload.id },
          body: 'x',
        });
        expect(answer.status).toBe(400);
        expect(answer.element('Code')).toBe('InvalidArgument');
        expect(answer.element('Message')).toBe(
          'Part number must be an integer between 1 and 10000, inclusive',
        );
        expect(answer.element('ArgumentName')).toBe('partNumber');
      },
    );

    it('takes a part number with a plus sign', async () => {
      const bucket = await subject.bucket();
      const upload = await begin(subject, bucket, 'plus');
      const answer = await send(subject.endpoint, {
        method: 'PUT',
        path: `/${bucket}/plus`,
        query: { partNumber: '+7', uploadId: upload.id },
        body: 'x',
      });
      expect(answer.status).toBe(200);
      const { Parts } = await subject.client.send(new ListPartsCommand(upload.address));
      expect(Parts?.map((part) => part.PartNumber)).toEqual([7]);
    });

    it('takes part 10,000 beside part 1', async () => {
      const bucket = await subject.bucket();
      const upload = await begin(subject, bucket, 'far apart');
      const [one, last] = [bytes(minPart), bytes(10)];
      const parts = [await upload.part(1, one), await upload.part(10_000, last)];
      await upload.complete(parts);
      await expectObject(subject, bucket, 'far apart', Buffer.concat([one, last]));
    });

    it('lists parts by number, in pages', async () => {
      const bucket = await subject.bucket();
      const upload = await begin(subject, bucket, 'listed');
      for (const number of [7, 3, 11]) await upload.part(number, bytes(number));
      const page = await subject.client.send(new ListPartsCommand({ ...upload.address, MaxParts: 2 }));
      expect(page.Parts?.map((part) => [part.PartNumber, part.Size])).toEqual([
        [3, 3],
        [7, 7],
      ]);
      expect([page.IsTruncated, page.NextPartNumberMarker]).toEqual([true, '7']);
      const rest = await subject.client.send(
        new ListPartsCommand({ ...upload.address, PartNumberMarker: page.NextPartNumberMarker }),
      );
      expect(rest.Parts?.map((part) => part.PartNumber)).toEqual([11]);
      expect([rest.IsTruncated, rest.NextPartNumberMarker]).toEqual([false, '11']);
    });
  });
}
