/** GCS that throttles, breaks off, stays silent, refuses or lies: what of it is tried again, and as what it is reported. */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { Readable } from 'node:stream';
import { Storage } from '@google-cloud/storage';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { isAdapterError } from '../../adapters/errors.ts';
import { checkedBody } from '../../adapters/gcs/download.ts';
import { createGcsAdapter } from '../../adapters/gcs/index.ts';
import type { ObjectAttributes } from '../../adapters/types.ts';
import type { Call, How, Operation } from '../strict/gcs/faults.ts';
import { hasty, once, upstream, useGcs } from '../strict/gcs/kit.ts';
import {
  attributes,
  begin,
  body,
  bytes,
  collect,
  expectBytes,
  expectKind,
  expectObject,
  failure,
  part,
  put,
  stalledBody,
} from './contract/kit.ts';

const during =
  (...operations: Operation[]) =>
  ({ operation }: Call): boolean =>
    operations.includes(operation);

describe.skipIf(upstream === undefined)('GCS at fault', () => {
  const gcs = useGcs();

  describe('what may be tried again', () => {
    const faults: ReadonlyArray<readonly [string, How]> = [
      ['429', { status: 429, reason: 'rateLimitExceeded' }],
      ['503', { status: 503 }],
      ['403 for its rate limit', { status: 403, reason: 'userRateLimitExceeded' }],
      ['a connection that is cut', 'reset'],
      ['an answer that is lost', 'lose answer'],
    ];
    it.each(faults)('survives %s', async (_, how) => {
      const { adapter, service } = gcs;
      const bucket = await gcs.bucket();
      const fail = (...operations: Operation[]): void =>
        service.faults.add({ how, when: during(...operations) });
      fail('objects.insert');
      const info = await put(adapter, bucket, 'key', 'bytes');
      fail('objects.get');
      expect(await adapter.headObject({ bucket, key: 'key' })).toEqual(info);
      if (how !== 'lose answer') {
        fail('objects.read');
        await expectObject(adapter, bucket, 'key', 'bytes');
      }
      fail('objects.list');
      expect((await adapter.listObjects({ bucket, limit: 1 })).entries).toHaveLength(1);
      fail('objects.patch');
      const described = attributes('bytes', { tags: { a: 'b' } });
      const tagged = await adapter.setAttributes({
        bucket,
        key: 'key',
        version: info.version,
        attributes: described,
      });
      expect(await adapter.headObject({ bucket, key: 'key' })).toEqual(tagged);
      fail('objects.rewrite');
      const source = { bucket, key: 'key', version: tagged.version };
      await adapter.copyObject({
        bucket,
        key: 'copy',
        source,
        attributes: described,
        condition: { absent: true },
      });
      fail('objects.delete');
      await adapter.deleteObject({ bucket, key: 'key', condition: { version: tagged.version } });
      fail('objects.insert');
      await adapter.putBucketDocument({ bucket, name: 'doc', text: 'text' });
      fail('objects.media');
      if (how !== 'lose answer')
        expect(await adapter.getBucketDocument({ bucket, name: 'doc' })).toBe('text');
      await adapter.deleteObject({ bucket, key: 'copy' });
      fail('buckets.delete');
      await adapter.deleteBucket({ bucket });
      fail('buckets.insert');
      await adapter.createBucket({ bucket });
      fail('buckets.list', 'buckets.get');
      await adapter.check();
    });

    it('stores once under a condition, although the answer was lost', async () => {
      const { adapter, service } = gcs;
      const bucket = await gcs.bucket();
      service.faults.add({ how: 'lose answer', when: during('objects.insert') });
      const first = await put(adapter, bucket, 'key', 'first', { condition: { absent: true } });
      expect(service.faults.count('objects.insert')).toBe(1);
      expect(await adapter.headObject({ bucket, key: 'key' })).toEqual(first);
      // Another's object is not taken for ours.
      service.faults.add({
        how: { before: async () => void (await put(gcs.make(), bucket, 'other', 'theirs')) },
        when: during('objects.insert'),
      });
      await expectKind(
        put(adapter, bucket, 'other', 'ours', { condition: { absent: true } }),
        'PreconditionFailed',
      );
    });

    it('goes on with a long copy where it failed', async () => {
      const { adapter, service } = gcs;
      const bucket = await gcs.bucket();
      const data = bytes(2_000_000);
      const { version } = await put(adapter, bucket, 'from', data);
      service.faults.add({ how: 'lose answer', when: during('objects.rewrite') });
      let calls = 0;
      service.faults.add({
        how: { status: 503 },
        when: (call) => during('objects.rewrite')(call) && ++calls === 2,
      });
      const done: number[] = [];
      const source = { bucket, key: 'from', version };
      const onProgress = (bytesDone: number): void => void done.push(bytesDone);
      await adapter.copyObject({ bucket, key: 'to', source, attributes: attributes(data), onProgress });
      expect(done).toEqual([524_288, 1_048_576, 1_572_864, 2_000_000]);
      expect(service.faults.count('objects.rewrite')).toBe(6);
      await expectObject(adapter, bucket, 'to', data);
    });

    it('waits as long as it is told to, and no longer than it would', async () => {
      const { service } = gcs;
      const bucket = await gcs.bucket();
      const adapter = gcs.make({ retry: { ...hasty, maxDelayMs: 1_500 } });
      const began = performance.now();
      service.faults.add({ how: { status: 429, retryAfter: 1 }, when: during('objects.list') });
      await adapter.listObjects({ bucket, limit: 1 });
      expect(performance.now() - began).toBeGreaterThanOrEqual(990);
      service.faults.add({ how: { status: 503, retryAfter: 60 }, when: during('objects.list') });
      const error = await failure(adapter.listObjects({ bucket, limit: 1 }));
      expect(error).toMatchObject({ kind: 'Unavailable', retryAfter: 60 });
      expect(service.faults.count('objects.list')).toBe(3);
    });

    it('gives up after its tries, and says so', async () => {
      const { adapter, service } = gcs;
      const bucket = await gcs.bucket();
      const always = { times: Number.POSITIVE_INFINITY } as const;
      service.faults.add({ how: { status: 429 }, when: during('objects.get'), ...always });
      await expectKind(adapter.headObject({ bucket, key: 'key' }), 'Throttled');
      expect(service.faults.count('objects.get')).toBe(hasty.attempts);
      service.faults.add({ how: { status: 500 }, when: during('objects.list'), ...always });
      await expectKind(adapter.listObjects({ bucket, limit: 1 }), 'Unavailable');
    });

    it('stops waiting when the request is aborted', async () => {
      const { service } = gcs;
      const bucket = await gcs.bucket();
      const patient = gcs.make({ retry: { attempts: 5, firstDelayMs: 60_000, maxDelayMs: 60_000 } });
      const abort = new AbortController();
      service.faults.add({
        how: { before: async () => void setTimeout(() => abort.abort(new Error('gone')), 50) },
        when: during('objects.list'),
      });
      service.faults.add({ how: { status: 503 }, when: during('objects.get') });
      await patient.listObjects({ bucket, limit: 1 });
      await expectKind(patient.headObject({ bucket, key: 'k', signal: abort.signal }), 'Aborted');
      service.faults.add({ how: 'hang', when: during('objects.get') });
      const another = new AbortController();
      const asking = patient.headObject({ bucket, key: 'k', signal: another.signal });
      setTimeout(() => another.abort(), 50);
      await expectKind(asking, 'Aborted');
    });
  });

  describe('a body that is sent', () => {
    it.each([
      ['cut half-way', { cutAfter: 300_000 }],
      ['refused at once', { status: 503 }],
      ['throttled', { status: 429 }],
      ['lost with its answer', 'lose answer'],
    ] as ReadonlyArray<readonly [string, How]>)('is sent once, also when it is %s', async (_, how) => {
      const { adapter, service } = gcs;
      const bucket = await gcs.bucket();
      const upload = await begin(adapter, bucket, 'key');
      service.faults.clear();
      service.faults.add({ how, when: during('objects.insert') });
      const error = await failure(part(adapter, upload, 1, bytes(1_000_000)));
      expect(isAdapterError(error, 'Unavailable', 'Throttled')).toBe(true);
      expect(service.faults.count('objects.insert')).toBe(1);
      await adapter.abortUpload(upload);
      expect(await gcs.stored(bucket)).toEqual([]);
    });

    it('is whole or not there when a large put is cut', async () => {
      const { adapter, service } = gcs;
      const bucket = await gcs.bucket();
      service.faults.add({ how: { cutAfter: 3_000_000 }, when: during('objects.insert') });
      await expectKind(put(adapter, bucket, 'key', bytes(6_000_000)), 'Unavailable');
      await expectKind(adapter.headObject({ bucket, key: 'key' }), 'NoSuchObject');
      service.faults.add({ how: 'lose answer', when: during('objects.compose') });
      await put(adapter, bucket, 'key', bytes(6_000_000), { condition: { absent: true } });
      await expectObject(adapter, bucket, 'key', bytes(6_000_000));
      expect((await gcs.stored(bucket)).map(({ name }) => name)).toEqual(['key']);
    });

    it('is held in memory only while little is: put the same way whatever its size', async () => {
      const { adapter, service } = gcs;
      const bucket = await gcs.bucket();
      service.faults.clear();
      await put(adapter, bucket, 'small', bytes(100));
      expect(service.faults.calls.map(({ operation }) => operation)).toEqual(['objects.insert']);
      service.faults.clear();
      await put(adapter, bucket, 'large', bytes(4 * 1024 * 1024 + 1));
      expect(service.faults.calls.map(({ operation }) => operation)).toEqual([
        'objects.insert',
        'objects.compose',
        'objects.delete',
      ]);
    });

    it('may come slowly: only the service is timed', async () => {
      const bucket = await gcs.bucket();
      const quick = gcs.make({ timeoutMs: 2_000 });
      const upload = await begin(quick, bucket, 'key');
      const data = bytes(300_000);
      const slow = Readable.from(
        (async function* () {
          yield data.subarray(0, 100_000);
          await new Promise((resolve) => setTimeout(resolve, 3_000));
          yield data.subarray(100_000);
        })(),
        { objectMode: false },
      );
      await quick.putPart({ ...upload, partNumber: 1, body: { stream: slow, size: data.length } });
    });

    it('ends when the service falls silent', async () => {
      const { service } = gcs;
      const bucket = await gcs.bucket();
      const quick = gcs.make({ timeoutMs: 150, retry: once });
      const upload = await begin(quick, bucket, 'key');
      service.faults.add({ how: 'hang', when: during('objects.insert') });
      await expectKind(part(quick, upload, 1, bytes(20_000_000)), 'Unavailable');
      service.faults.add({ how: 'hang', when: during('objects.get') });
      await expectKind(quick.headObject({ bucket, key: 'key' }), 'Unavailable');
    });

    it('leaves nothing when its client stalls and goes', async () => {
      const { adapter } = gcs;
      const bucket = await gcs.bucket();
      const upload = await begin(adapter, bucket, 'key');
      const stalled = stalledBody(bytes(2_000_000));
      const putting = adapter.putPart({ ...upload, partNumber: 1, body: stalled });
      void stalled.half.then(() => stalled.stream.destroy(new Error('the client is gone')));
      expect(await failure(putting)).toHaveProperty('message', 'the client is gone');
      expect(await gcs.stored(bucket)).toEqual([]);
    });
  });

  describe('a body that is read', () => {
    it('that is cut goes on where it ended, at the same state', async () => {
      const { adapter, service } = gcs;
      const bucket = await gcs.bucket();
      const data = bytes(3_000_000);
      await put(adapter, bucket, 'key', data);
      const cut = (cutAfter: number): void =>
        service.faults.add({ how: { cutAfter }, when: during('objects.read') });
      for (const range of [undefined, { start: 1000, end: 2_900_000 }]) {
        cut(700_000);
        cut(100_000);
        service.faults.add({ how: { status: 503 }, when: during('objects.read') });
        const before = service.faults.count('objects.read');
        const { body: stream } = await adapter.getObject({ bucket, key: 'key', ...(range && { range }) });
        expectBytes(await collect(stream), data.subarray(range?.start, range && range.end + 1));
        expect(service.faults.count('objects.read') - before).toBe(4);
      }
    });

    it('of an object that changes after the cut fails, and mixes nothing', async () => {
      const { adapter, service } = gcs;
      const bucket = await gcs.bucket();
      for (const change of [
        () => put(adapter, bucket, 'key', bytes(8_000_000, 6)),
        () => adapter.deleteObject({ bucket, key: 'key' }),
      ]) {
        await put(adapter, bucket, 'key', bytes(8_000_000, 5));
        // A range: no checksum of the whole would show a mixture.
        service.faults.add({ how: { cutAfter: 5_000_000 }, when: during('objects.read') });
        const { body: stream } = await adapter.getObject({ bucket, key: 'key', range: { start: 1 } });
        await change();
        await expectKind(collect(stream), 'PreconditionFailed');
      }
    });

    it('asks for the rest once, however it ended', async () => {
      const data = bytes(300_000);
      const source = (from: number): IncomingMessage =>
        Object.assign(new Readable({ read() {} }), { from }) as unknown as IncomingMessage;
      const first = source(0);
      const asked: number[] = [];
      const stream = await checkedBody(first, {
        length: data.length,
        crc32c: undefined,
        timeoutMs: 50,
        pause: async () => {},
        async reopen(from) {
          asked.push(from);
          await new Promise((resolve) => setTimeout(resolve, 300));
          const next = source(from);
          next.push(data.subarray(from));
          next.push(null);
          return next;
        },
      });
      const collected = collect(stream);
      first.push(data.subarray(0, 100_000));
      await vi.waitFor(() => expect(first.readableLength).toBe(0));
      first.destroy(new Error('cut'));
      expectBytes(await collected, data);
      expect(asked).toEqual([100_000]);
    });

    it('that is cut again and again without progress fails, and is never short', async () => {
      const { adapter, service } = gcs;
      const bucket = await gcs.bucket();
      const data = bytes(1_000_000);
      await put(adapter, bucket, 'key', data);
      service.faults.add({ how: { cutAfter: 500_000 }, when: during('objects.read') });
      service.faults.add({ how: { cutAfter: 0 }, when: during('objects.read'), times: 100 });
      const { body: stream } = await adapter.getObject({ bucket, key: 'key' });
      let got = 0;
      stream.on('data', (chunk: Buffer) => {
        got += chunk.length;
      });
      await expectKind(collect(stream), 'Unavailable');
      expect(got).toBeLessThan(data.length);
      service.faults.clear();
      await expectObject(adapter, bucket, 'key', data);
    });

    it('never ends well when it is changed on its way', async () => {
      const { adapter, service } = gcs;
      const bucket = await gcs.bucket();
      const data = bytes(1_000_000);
      await put(adapter, bucket, 'key', data);
      service.faults.add({ how: 'corrupt', when: during('objects.read') });
      const { body: stream } = await adapter.getObject({ bucket, key: 'key' });
      await expectKind(collect(stream), 'Corrupt');
      await expectObject(adapter, bucket, 'key', data);
    });

    it('is given up when the service falls silent, but not when its reader is slow', async () => {
      const { service } = gcs;
      const bucket = await gcs.bucket();
      const data = bytes(3_000_000);
      await put(gcs.adapter, bucket, 'key', data);
      const patient = gcs.make({ timeoutMs: 2_000 });
      const { body: stream } = await patient.getObject({ bucket, key: 'key' });
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      expectBytes(await collect(stream), data);
      const quick = gcs.make({ timeoutMs: 150 });
      service.faults.add({ how: 'hang', when: during('objects.read'), times: 9 });
      await expectKind(quick.getObject({ bucket, key: 'key' }), 'Unavailable');
    });
  });

  // google-auth-library warns on the console of every key file and credential that it is not handed by its own class.
  beforeEach(() => void vi.spyOn(console, 'warn').mockReturnValue(undefined));
  afterEach(() => void vi.restoreAllMocks());

  describe('refusals', () => {
    it('names the role that is missing', async () => {
      const { adapter, service } = gcs;
      const bucket = await gcs.bucket();
      service.faults.add({
        how: { status: 403, reason: 'forbidden' },
        when: during('objects.insert'),
        times: 9,
      });
      const storing = await failure(put(adapter, bucket, 'key', 'x'));
      expect(storing).toMatchObject({
        kind: 'Forbidden',
        message: expect.stringContaining('roles/storage.objectAdmin'),
      });
      expect(service.faults.count('objects.insert')).toBe(1);
      service.faults.add({ how: { status: 403, reason: 'forbidden' }, when: during('buckets.insert') });
      const creating = await failure(adapter.createBucket({ bucket: 'another-bucket' }));
      expect(creating).toMatchObject({
        kind: 'Forbidden',
        message: expect.stringContaining('roles/storage.admin'),
      });
      service.faults.add({ how: { status: 401, reason: 'authError' }, when: during('objects.get') });
      const reading = await failure(adapter.headObject({ bucket, key: 'key' }));
      expect(reading).toMatchObject({ kind: 'Forbidden', message: expect.stringContaining('credentials') });
    });

    it('does not call missing what it could not ask for', async () => {
      const { adapter, service } = gcs;
      const bucket = await gcs.bucket();
      service.faults.add({ how: { status: 403 }, when: during('buckets.get') });
      await expectKind(adapter.headObject({ bucket, key: 'none' }), 'Forbidden');
      service.faults.add({ how: { status: 503 }, when: during('buckets.get'), times: 9 });
      await expectKind(adapter.deleteObject({ bucket, key: 'none' }), 'Unavailable');
      service.faults.clear();
      service.faults.add({ how: { status: 418, reason: 'teapot' }, when: during('objects.get') });
      const unknown = await failure(adapter.headObject({ bucket, key: 'none' }));
      expect(unknown).toMatchObject({ kind: 'Internal', cause: expect.objectContaining({ status: 418 }) });
    });

    it('says when the service cannot be reached, and when there are no credentials', async () => {
      const nobody = createGcsAdapter({ apiEndpoint: 'http://127.0.0.1:1', retry: hasty });
      await expectKind(nobody.check(), 'Unavailable');
      await nobody.close();
      const wrong = createGcsAdapter({
        apiEndpoint: 'https://127.0.0.1:1',
        projectId: 'test',
        keyFilename: '/nonexistent/key.json',
        retry: hasty,
      });
      const error = await failure(wrong.check());
      expect(error).toMatchObject({ kind: 'Forbidden', message: expect.stringContaining('key file') });
      await wrong.close();
    });

    it('refuses bucket names that GCS cannot hold, and knows of no such bucket', async () => {
      const { adapter } = gcs;
      for (const bucket of ['Upper', 'a_b-google-c', 'dash-', 'x'.repeat(64), '']) {
        await expectKind(adapter.createBucket({ bucket }), 'InvalidName');
        await expectKind(adapter.headBucket({ bucket }), 'NoSuchBucket');
      }
      const bare = gcs.make({ bucketPrefix: '' });
      await expectKind(bare.createBucket({ bucket: 'goog-bucket' }), 'InvalidName');
      await expectKind(bare.createBucket({ bucket: '10.0.0.1' }), 'InvalidName');
    });

    it('refuses an object above 5 TiB before any byte is sent', async () => {
      const { adapter, service } = gcs;
      const bucket = await gcs.bucket();
      service.faults.clear();
      const size = 5 * 1024 ** 4 + 1;
      const call = { bucket, key: 'key', body: { stream: body('x').stream, size } };
      const never = (): ObjectAttributes => attributes('x');
      await expectKind(adapter.putObject({ ...call, attributes: never }), 'TooLarge');
      const state = {};
      await expectKind(adapter.putPart({ ...call, uploadId: 'u', state, partNumber: 1 }), 'TooLarge');
      const token = { name: 'n', generation: '1', crc32c: 'AAAAAA==', size: 4 * 1024 ** 4 };
      const parts = [1, 2].map((partNumber) => ({ partNumber, size: token.size, token }));
      const completing = adapter.completeUpload({
        ...call,
        uploadId: 'u',
        state,
        parts,
        unused: [],
        attributes: attributes('x'),
      });
      await expectKind(completing, 'TooLarge');
      expect(service.faults.calls).toEqual([]);
    });
  });

  describe('credentials', () => {
    let server: Server | undefined;
    afterEach(() => server?.close());

    /** Notes the authorization of each request. */
    async function listening(): Promise<{ url: string; seen: Array<string | undefined> }> {
      const seen: Array<string | undefined> = [];
      server = createServer((incoming, outgoing) => {
        seen.push(incoming.headers.authorization);
        outgoing.setHeader('content-type', 'application/json');
        outgoing.end('{}');
      });
      const one = server;
      await new Promise<void>((resolve) => one.listen(0, '127.0.0.1', resolve));
      const address = one.address();
      if (address === null || typeof address === 'string') throw new Error('no TCP address');
      return { url: `http://127.0.0.1:${address.port}`, seen };
    }

    it('are those of a client that is given', async () => {
      const { url, seen } = await listening();
      const client = new Storage({ apiEndpoint: url, projectId: 'p', useAuthWithCustomEndpoint: true });
      client.authClient.getRequestHeaders = async () => new Headers({ authorization: 'Bearer token' });
      const adapter = createGcsAdapter({ client });
      await adapter.check();
      await adapter.close();
      expect(seen).toEqual(['Bearer token']);
    });

    it('are kept from an emulator, which STORAGE_EMULATOR_HOST names with or without its scheme', async () => {
      const { url, seen } = await listening();
      const before = process.env['STORAGE_EMULATOR_HOST'];
      try {
        for (const host of [url, url.replace('http://', '')]) {
          process.env['STORAGE_EMULATOR_HOST'] = host;
          const adapter = createGcsAdapter({ credentials: { client_email: 'a@b', private_key: 'secret' } });
          await adapter.check();
          await adapter.close();
        }
      } finally {
        if (before === undefined) delete process.env['STORAGE_EMULATOR_HOST'];
        else process.env['STORAGE_EMULATOR_HOST'] = before;
      }
      expect(seen).toEqual([undefined, undefined]);
    });
  });
});
