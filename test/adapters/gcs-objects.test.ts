/** Objects on GCS beside other tools' objects and Partway's own private ones. */
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { upstream, useGcs } from '../strict/gcs/kit.ts';
import {
  attributes,
  begin,
  bytes,
  collect,
  complete,
  expectBytes,
  expectKind,
  expectObject,
  fullAttributes,
  list,
  listAll,
  md5,
  part,
  put,
  read,
  shown,
} from './contract/kit.ts';
import { compareKeys, naiveListing } from './contract/model.ts';

describe.skipIf(upstream === undefined)('objects on GCS', () => {
  const gcs = useGcs();

  describe('of other tools', () => {
    it('are served with what GCS knows of them', async () => {
      const { adapter } = gcs;
      const bucket = await gcs.bucket();
      const resource = {
        name: 'dir/theirs',
        contentType: 'text/plain',
        cacheControl: 'no-cache',
        contentDisposition: 'inline',
        contentLanguage: 'de',
        metadata: { Color: 'grün', 'x y': 'no header could be called that', two: 'lines\nof it' },
      };
      await gcs.foreign(bucket, resource, 'their bytes');
      const info = await adapter.headObject({ bucket, key: 'dir/theirs' });
      expect(info).toMatchObject({
        size: 11,
        attributes: {
          etag: md5('their bytes'),
          headers: {
            'content-type': 'text/plain',
            'cache-control': 'no-cache',
            'content-disposition': 'inline',
            'content-language': 'de',
          },
          metadata: { color: Buffer.from('grün').toString('latin1') },
        },
      });
      expect(Object.keys(info.attributes.metadata)).toEqual(['color']);
      const got = await adapter.getObject({ bucket, key: 'dir/theirs', version: info.version });
      expect(got.info).toEqual(info);
      expectBytes(await collect(got.body), 'their bytes');
      const { entries } = await adapter.listObjects({ bucket, limit: 1 });
      expect(entries).toEqual([
        {
          kind: 'object',
          info: { key: 'dir/theirs', size: 11, etag: md5('their bytes'), lastModified: info.lastModified },
        },
      ]);
    });

    it('have an ETag that is no MD5 when GCS has none of them, and another after each write', async () => {
      const { adapter, service } = gcs;
      const bucket = await gcs.bucket();
      const compose = async (): Promise<void> => {
        await gcs.foreign(bucket, { name: 'one' }, 'half ');
        const answer = await fetch(
          `${service.endpoint}/storage/v1/b/${gcs.gcsName(bucket)}/o/composed/compose`,
          { method: 'POST', body: JSON.stringify({ sourceObjects: [{ name: 'one' }, { name: 'one' }] }) },
        );
        expect(answer.ok).toBe(true);
      };
      const etags = new Set<string>();
      for (let i = 0; i < 3; i++) {
        await compose();
        const { attributes: own } = await adapter.headObject({ bucket, key: 'composed' });
        expect(own.etag).toMatch(/^[0-9a-f]{32}-1$/);
        const got = await adapter.getObject({ bucket, key: 'composed' });
        expect(got.info.attributes).toEqual(own);
        expectBytes(await collect(got.body), 'half half ');
        etags.add(own.etag);
      }
      expect(etags.size).toBe(3);
    });

    it('take tags, and keep their own metadata for the other tools', async () => {
      const { adapter } = gcs;
      const bucket = await gcs.bucket();
      for (const [name, theirs] of [
        ['little', { theirs: 'value' }],
        ['much', { theirs: 'v'.repeat(8000) }],
      ] as const) {
        await gcs.foreign(
          bucket,
          { name, contentType: 'text/plain', cacheControl: 'no-store', metadata: theirs },
          'x',
        );
        const info = await adapter.headObject({ bucket, key: name });
        const { 'cache-control': _, ...headers } = info.attributes.headers;
        const described = { ...info.attributes, headers, tags: { a: 'b' } };
        const tagged = await adapter.setAttributes({
          bucket,
          key: name,
          version: info.version,
          attributes: described,
        });
        expect(tagged.lastModified).toEqual(info.lastModified);
        expect(tagged.version).not.toBe(info.version);
        expect(await adapter.headObject({ bucket, key: name })).toEqual(tagged);
        expect(tagged.attributes).toEqual(described);
        const answer = await fetch(`${gcs.service.endpoint}/storage/v1/b/${gcs.gcsName(bucket)}/o/${name}`);
        const resource = (await answer.json()) as { metadata: Record<string, string> };
        expect(resource.metadata['theirs']).toBe(name === 'little' ? 'value' : undefined);
        expect(resource).not.toHaveProperty('cacheControl');
      }
    });

    it('are read as they are when they are replaced between two questions about them', async () => {
      const { adapter, service } = gcs;
      const bucket = await gcs.bucket();
      await gcs.foreign(bucket, { name: 'key', metadata: { state: 'first' } }, 'first');
      service.faults.add({
        when: ({ operation }) => operation === 'objects.get',
        how: { before: () => gcs.foreign(bucket, { name: 'key', metadata: { state: 'second' } }, 'second') },
      });
      const { info, body } = await adapter.getObject({ bucket, key: 'key' });
      expect(info.attributes.metadata).toEqual({ state: 'second' });
      expectBytes(await collect(body), 'second');
    });
  });

  describe('of our own', () => {
    it('show their standard headers to other tools', async () => {
      const { adapter } = gcs;
      const bucket = await gcs.bucket();
      const described = fullAttributes(md5('hello world'));
      const odd = {
        ...described.headers,
        'content-disposition': 'attachment; filename="\u00fc"',
        'content-language': 'x'.repeat(200),
      };
      await put(adapter, bucket, 'key', 'hello world', { attributes: { ...described, headers: odd } });
      const answer = await fetch(`${gcs.service.endpoint}/storage/v1/b/${gcs.gcsName(bucket)}/o/key`);
      const resource = (await answer.json()) as Record<string, unknown>;
      expect(resource).toMatchObject({
        contentType: 'text/plain; charset=utf-8',
        cacheControl: 'max-age=60, public',
        contentEncoding: 'gzip',
        storageClass: 'STANDARD',
      });
      // What GCS would not take as it is stays with the attributes alone.
      expect(resource).not.toHaveProperty('contentDisposition');
      expect(resource).not.toHaveProperty('contentLanguage');
      expect((await adapter.headObject({ bucket, key: 'key' })).attributes.headers).toEqual(odd);
    });

    it('that are stored packed come back packed, whole and in parts', async () => {
      const { adapter } = gcs;
      const bucket = await gcs.bucket();
      const packed = gzipSync(bytes(100_000));
      const described = attributes(packed, {
        headers: { 'content-encoding': 'gzip', 'content-type': 'text/plain' },
      });
      await put(adapter, bucket, 'key', packed, { attributes: described });
      await expectObject(adapter, bucket, 'key', packed);
      expectBytes(
        await read(adapter, bucket, 'key', { range: { start: 10, end: 19 } }),
        packed.subarray(10, 20),
      );
      const upload = await begin(adapter, bucket, 'parts');
      const stored = [await part(adapter, upload, 1, packed)];
      await complete(adapter, upload, stored, { attributes: described });
      await expectObject(adapter, bucket, 'parts', packed);
    });

    it('are described anew under one condition, once', async () => {
      const { adapter } = gcs;
      const bucket = await gcs.bucket();
      const before = await put(adapter, bucket, 'key', 'bytes');
      const tag = (value: string) =>
        adapter.setAttributes({
          bucket,
          key: 'key',
          version: before.version,
          attributes: attributes('bytes', { tags: { value } }),
        });
      const outcomes = await Promise.allSettled([tag('1'), tag('2'), tag('3')]);
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      const after = await adapter.headObject({ bucket, key: 'key' });
      expect(after.lastModified).toEqual(before.lastModified);
      await expectKind(
        adapter.getObject({ bucket, key: 'key', version: before.version }),
        'PreconditionFailed',
      );
      expect((await adapter.getObject({ bucket, key: 'key' })).info).toEqual(after);
      await expectKind(put(adapter, bucket, 'key', 'x', { condition: before }), 'PreconditionFailed');
      await put(adapter, bucket, 'key', 'x', { condition: after });
    });

    it('that are damaged say so, and spoil neither a listing nor a write over them', async () => {
      const { adapter } = gcs;
      const bucket = await gcs.bucket();
      await put(adapter, bucket, 'a', 'before it');
      await gcs.foreign(bucket, { name: 'b', metadata: { partway: '{"v":1' } }, 'damaged');
      await put(adapter, bucket, 'c', 'after it');
      await expectKind(adapter.headObject({ bucket, key: 'b' }), 'Corrupt');
      await expectKind(adapter.getObject({ bucket, key: 'b' }), 'Corrupt');
      expect(await list(adapter, bucket)).toEqual(['a', 'b', 'c']);
      const upload = await begin(adapter, bucket, 'b');
      await complete(adapter, upload, [await part(adapter, upload, 1, bytes(10))]);
      await expectObject(adapter, bucket, 'b', bytes(10));
      await adapter.abortUpload(upload);
    });

    it('refuse versions of another backend', async () => {
      const { adapter } = gcs;
      const bucket = await gcs.bucket();
      await put(adapter, bucket, 'key', 'bytes');
      const condition = { version: '0x8D9' };
      await expectKind(put(adapter, bucket, 'key', 'x', { condition }), 'PreconditionFailed');
      await expectKind(adapter.deleteObject({ bucket, key: 'key', condition }), 'PreconditionFailed');
      await expectKind(adapter.getObject({ bucket, key: 'key', ...condition }), 'PreconditionFailed');
    });

    it('tell of a long copy while it runs', async () => {
      const { adapter } = gcs;
      const bucket = await gcs.bucket();
      const data = bytes(2_000_000);
      const { version } = await put(adapter, bucket, 'from', data);
      const steps: number[] = [];
      const source = { bucket, key: 'from', version };
      await adapter.copyObject({
        bucket,
        key: 'to',
        source,
        attributes: attributes(data),
        onProgress: (done, total) => void (total === data.length && steps.push(done)),
      });
      expect(steps.length).toBeGreaterThan(2);
      expect(steps.at(-1)).toBe(data.length);
      await expectObject(adapter, bucket, 'to', data);
    });

    it('are not copied from a source that changes on the way', async () => {
      const { adapter, service } = gcs;
      const bucket = await gcs.bucket();
      const { version } = await put(adapter, bucket, 'from', bytes(2_000_000));
      let calls = 0;
      service.faults.add({
        when: ({ operation }) => operation === 'objects.rewrite' && ++calls === 3,
        how: { before: async () => void (await put(gcs.make(), bucket, 'from', 'changed')) },
      });
      const source = { bucket, key: 'from', version };
      await expectKind(
        adapter.copyObject({ bucket, key: 'to', source, attributes: attributes('x') }),
        'PreconditionFailed',
        'source',
      );
      expect(await list(adapter, bucket)).toEqual(['from']);
    });
  });

  describe('listed beside private ones', () => {
    const keys = [
      '-before',
      '.',
      '..',
      '.a',
      '.part',
      '.partway',
      '.partway/',
      '.partway/a/b',
      '.partway/uploads/x',
      '.partway0',
      '.well-known/acme-challenge',
      '.well-known/acme-challenge/token',
      '.well-known/acme-challenge/token/x',
      '.well-known/acme-challenge0/y',
      '.well-known/other',
      'a\nb/c',
      'a\rb',
      'a/b',
      'dir/1',
      'dir/2',
      'zz',
      '\u{1F511}/x',
    ];
    let full = '';
    let bare = '';
    beforeAll(async () => {
      full = await gcs.bucket();
      bare = await gcs.bucket();
      for (const bucket of [full, bare]) {
        const upload = await begin(gcs.adapter, bucket, 'open');
        await Promise.all([1, 2, 3].map((number) => part(gcs.adapter, upload, number, bytes(10, number))));
        await gcs.adapter.putBucketDocument({ bucket, name: 'cors', text: '<x/>' });
      }
      await Promise.all(keys.map((key) => put(gcs.adapter, full, key, key)));
      await put(gcs.adapter, bare, 'only', 'x');
    });

    it('show nothing private', async () => {
      const { adapter } = gcs;
      expect(await list(adapter, bare)).toEqual(['only']);
      expect(await list(adapter, bare, { delimiter: '/' })).toEqual(['only']);
      expect(await list(adapter, bare, { delimiter: 'p' })).toEqual(['only']);
      for (const prefix of ['.', '.partway', '.partway/', '.partway/uploads/']) {
        expect(await adapter.listObjects({ bucket: bare, prefix, limit: 5 })).toEqual({
          entries: [],
          truncated: false,
        });
      }
      expect(await list(adapter, full, { prefix: '.partway' })).toEqual([
        '.partway',
        '.partway/',
        '.partway/a/b',
        '.partway/uploads/x',
        '.partway0',
      ]);
    });

    it('agree with the model, whatever is asked', async () => {
      const { adapter } = gcs;
      const start = fc.option(
        fc.oneof(
          fc.constantFrom(
            ...keys,
            '',
            '.partway/uploads/',
            '.partway/~',
            'dir/',
            'dir',
            'a\n',
            'x'.repeat(2000),
            '\u{10ffff}',
          ),
          fc.string({ unit: 'binary', maxLength: 3 }).filter((text) => text.isWellFormed()),
        ),
        { nil: undefined },
      );
      const calls = fc.record(
        {
          prefix: fc.constantFrom(
            '',
            '.',
            '..',
            '.p',
            '.partway',
            '.partway/',
            '.partway/a',
            '.well-known/',
            '.well-known/acme-challenge/',
            'a',
            'dir/',
            'a\n',
            '\u{1F511}',
            'none',
            'y'.repeat(1500),
          ),
          delimiter: fc.constantFrom('', '/', '.', 'a', '/t', '\n', 'p'),
          startAfter: start,
          limit: fc.integer({ min: 1, max: 25 }),
        },
        { requiredKeys: ['limit'] },
      );
      await fc.assert(
        fc.asyncProperty(calls, async ({ startAfter, ...call }) => {
          const asked = startAfter === undefined ? call : { ...call, startAfter };
          const got = await adapter.listObjects({ bucket: full, ...asked });
          expect({ shown: shown(got), truncated: got.truncated }).toEqual(naiveListing(keys, asked));
        }),
        { numRuns: 200 },
      );
      for (const limit of [1, 2, 7]) {
        expect(await listAll(adapter, { bucket: full, limit })).toEqual([...keys].sort(compareKeys));
      }
    });

    it('do not keep a bucket, though objects do', async () => {
      const { adapter } = gcs;
      await expectKind(adapter.deleteBucket({ bucket: full }), 'BucketNotEmpty');
      expect((await gcs.stored(full)).length).toBe(keys.length + 4);
      await adapter.deleteObject({ bucket: bare, key: 'only' });
      await adapter.deleteBucket({ bucket: bare });
      await expectKind(adapter.headBucket({ bucket: bare }), 'NoSuchBucket');
    });
  });
});
