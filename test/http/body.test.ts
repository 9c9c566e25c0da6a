import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { setImmediate as tick } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ChunkedDecoder } from '../../src/auth/aws-chunked.ts';
import { IncomingBody, type IncomingBodyOptions, readSmallBody } from '../../src/http/body.ts';
import { decodeChecksum } from '../../src/s3/checksums/algorithms.ts';
import { S3Error } from '../../src/s3/errors.ts';

const text = '123456789';
const md5 = createHash('md5').update(text).digest();
const sha256 = createHash('sha256').update(text).digest('hex');

function open(pieces: readonly string[], options: Partial<IncomingBodyOptions> = {}): IncomingBody {
  return new IncomingBody(
    Readable.from(
      pieces.map((piece) => Buffer.from(piece)),
      { objectMode: false },
    ),
    {
      size: text.length,
      plan: {},
      ...options,
    },
  );
}

async function readAll(body: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('latin1');
}

async function failure(body: Readable): Promise<Pick<S3Error, 'code' | 'message' | 'extra'>> {
  try {
    await readAll(body);
  } catch (error) {
    if (!(error instanceof S3Error)) throw error;
    return { code: error.code, message: error.message, extra: error.extra };
  }
  throw new Error('the body ended');
}

/** `once` from node:events would reject with the error. */
const closed = (body: Readable) => new Promise<void>((resolve) => body.once('close', resolve));

const crc32 = (value: string) => ({
  checksum: {
    algorithm: 'CRC32',
    from: 'header',
    expected: decodeChecksum('CRC32', value) ?? Buffer.alloc(0),
  } as const,
});
const trailing = { checksum: { algorithm: 'CRC32', from: 'trailer' } as const };
const chunked = (trailer: string) => [`9\r\n${text}\r\n0\r\n`, `${trailer}\r\n`];
const decoder = () => new ChunkedDecoder({ decodedLength: text.length, trailer: true });

describe('a body that is what it claims', () => {
  it('passes on and gives its digests once it has ended', async () => {
    const body = open(['1234', '56789'], {
      sha256,
      plan: { contentMd5: md5, ...crc32('y/Q5Jg==') },
      digests: ['CRC64NVME', 'CRC32'],
    });
    expect(() => body.result()).toThrow('not ended');
    expect(await readAll(body)).toBe(text);
    const digests = body.result();
    expect(digests.md5).toBe(md5.toString('hex'));
    expect(digests.base64('CRC32')).toBe('y/Q5Jg==');
    expect(digests.base64('CRC64NVME')).toBe('rosUhgp5mIg=');
    expect(() => digests.raw('SHA1')).toThrow(RangeError);
  });

  it('may be empty', async () => {
    const body = open([], { size: 0 });
    expect(await readAll(body)).toBe('');
    expect(body.result().md5).toBe('d41d8cd98f00b204e9800998ecf8427e');
  });

  it('is decoded, and verified by its trailer', async () => {
    const body = open(chunked('x-amz-checksum-crc32:y/Q5Jg==\r\n'), { decoder: decoder(), plan: trailing });
    expect(await readAll(body)).toBe(text);
    expect(body.result().base64('CRC32')).toBe('y/Q5Jg==');
  });

  it('is the same in whatever pieces it comes', async () => {
    const wire = Buffer.from(chunked('x-amz-checksum-crc32:y/Q5Jg==\r\n').join(''));
    const cuts = fc
      .uniqueArray(fc.integer({ min: 1, max: wire.length - 1 }))
      .map((all) => all.sort((a, b) => a - b));
    await fc.assert(
      fc.asyncProperty(cuts, async (positions) => {
        const pieces = [0, ...positions].map((start, index) =>
          wire.subarray(start, positions[index] ?? wire.length).toString('latin1'),
        );
        expect(await readAll(open(pieces, { decoder: decoder(), plan: trailing }))).toBe(text);
      }),
      { numRuns: 50 },
    );
  });
});

describe('a body that is not what it claims fails instead of ending', () => {
  it.each([
    ['too few bytes', ['12345678']],
    ['too many bytes', ['1234567890']],
    ['none', []],
  ])('%s', async (_, pieces) => {
    expect(await failure(open(pieces))).toEqual({
      code: 'IncompleteBody',
      message: 'You did not provide the number of bytes specified by the Content-Length HTTP header',
      extra: {},
    });
  });

  it('too many bytes, without waiting for the last', async () => {
    const source = new Readable({ read() {} });
    const failed = failure(new IncomingBody(source, { size: 9, plan: {} }));
    source.push('1234567890');
    expect((await failed).code).toBe('IncompleteBody');
  });

  it('another SHA-256', async () => {
    const other = sha256.replace(/^./, '0');
    expect(await failure(open([text], { sha256: other }))).toEqual({
      code: 'XAmzContentSHA256Mismatch',
      message: "The provided 'x-amz-content-sha256' header does not match what was computed.",
      extra: { ClientComputedContentSHA256: other, S3ComputedContentSHA256: sha256 },
    });
  });

  it.each([
    ['base64', 'AAAAAAAAAAAAAAAAAAAAAA=='],
    ['hex', '00000000000000000000000000000000'],
  ] as const)('another MD5, shown in %s', async (contentMd5As, shown) => {
    expect(await failure(open([text], { contentMd5As, plan: { contentMd5: Buffer.alloc(16) } }))).toEqual({
      code: 'BadDigest',
      message: 'The Content-MD5 you specified did not match what we received.',
      extra: { ExpectedDigest: shown, CalculatedDigest: md5.toString('base64') },
    });
  });

  it('another checksum', async () => {
    expect(await failure(open([text], { plan: crc32('AAAAAA==') }))).toEqual({
      code: 'BadDigest',
      message: 'The CRC32 you specified did not match the calculated checksum.',
      extra: {},
    });
  });

  it.each([
    [
      'of another value',
      'x-amz-checksum-crc32:AAAAAA==\r\n',
      'BadDigest',
      'The CRC32 you specified did not match the calculated checksum.',
    ],
    [
      'that is no checksum',
      'x-amz-checksum-crc32:AAAA\r\n',
      'InvalidRequest',
      'Value for x-amz-checksum-crc32 trailing header is invalid.',
    ],
    ['of another name', 'x-amz-checksum-crc32c:y/Q5Jg==\r\n', 'MalformedTrailerError', undefined],
    [
      'beside another one',
      'x-amz-checksum-crc32:y/Q5Jg==\r\nx-other:1\r\n',
      'MalformedTrailerError',
      undefined,
    ],
    ['that never comes', '', 'MalformedTrailerError', undefined],
  ])('a trailer %s', async (_, trailer, code, message) => {
    const found = await failure(open(chunked(trailer), { decoder: decoder(), plan: trailing }));
    expect(found.code).toBe(code);
    if (message !== undefined) expect(found.message).toBe(message);
  });

  it('a trailer that nobody announced', async () => {
    const body = open(chunked('x-amz-checksum-crc32:y/Q5Jg==\r\n'), { decoder: decoder() });
    expect((await failure(body)).code).toBe('MalformedTrailerError');
  });

  it('framing that is cut short', async () => {
    const body = open([`9\r\n${text}\r\n`], { decoder: decoder() });
    expect(await failure(body)).toMatchObject({
      code: 'IncompleteBody',
      message: 'The request body terminated unexpectedly',
    });
  });

  it('a source that fails', async () => {
    const source = new Readable({ read() {} });
    const body = new IncomingBody(source, { size: 9, plan: {} });
    const failed = failure(body);
    source.push('1234');
    await tick();
    source.destroy(new Error('ECONNRESET'));
    expect((await failed).code).toBe('IncompleteBody');
  });

  it('a source that closes without ending', async () => {
    const source = new Readable({ read() {} });
    const failed = failure(new IncomingBody(source, { size: 9, plan: {} }));
    source.push(text);
    await tick();
    source.destroy();
    expect((await failed).code).toBe('IncompleteBody');
  });

  it('a source that is gone before the first read', async () => {
    const source = new Readable({ read() {} });
    source.destroy();
    await once(source, 'close');
    expect((await failure(new IncomingBody(source, { size: 9, plan: {} }))).code).toBe('IncompleteBody');
  });
});

describe('the stream', () => {
  it('asks for nothing before it is read', async () => {
    let asked = 0;
    const body = open([text], { onFirstRead: () => (asked += 1) });
    await tick();
    expect(asked).toBe(0);
    await readAll(body);
    expect(asked).toBe(1);
  });

  it('stops its source while nobody takes bytes', async () => {
    const [piece, all] = [65_536, 64 * 1024 * 1024];
    let produced = 0;
    const source = new Readable({
      highWaterMark: piece,
      read() {
        produced += piece;
        this.push(produced > all ? null : Buffer.alloc(piece));
      },
    });
    const body = new IncomingBody(source, { size: undefined, plan: {} });
    body.read(0);
    for (let turn = 0; turn < 2000; turn += 1) await tick();
    expect(produced).toBeGreaterThan(piece);
    expect(produced).toBeLessThan(2 * 1024 * 1024);
    body.destroy();
  });

  it('leaves its source alive when it is destroyed, and lets go of it', async () => {
    const source = new Readable({ read() {} });
    const body = new IncomingBody(source, { size: 9, plan: {} });
    body.resume();
    source.push('123');
    await tick();
    body.destroy(new Error('disk full'));
    await closed(body);
    expect(source.destroyed).toBe(false);
    expect(source.isPaused()).toBe(true);
    expect(source.listenerCount('data') + source.listenerCount('end') + source.listenerCount('close')).toBe(
      0,
    );
  });

  it('tells its failure to who listens only later', async () => {
    const body = open(['too many bytes']);
    body.read();
    await closed(body);
    await expect(readAll(body)).rejects.toThrow(S3Error);
  });
});

describe('readSmallBody', () => {
  const read = (pieces: readonly string[], options: Partial<IncomingBodyOptions> & { maxBytes: number }) =>
    readSmallBody(
      Readable.from(
        pieces.map((piece) => Buffer.from(piece)),
        { objectMode: false },
      ),
      {
        size: undefined,
        plan: {},
        ...options,
      },
    );

  it('gives the whole body, of a size declared or not', async () => {
    expect((await read(['1234', '56789'], { maxBytes: 9 })).toString()).toBe(text);
    expect((await read([text], { maxBytes: 9, size: 9, sha256 })).toString()).toBe(text);
  });

  it.each([
    ['declared', 10],
    ['found', undefined],
  ])('refuses a size above the limit, %s', async (_, size) => {
    await expect(read(['1234567890'], { maxBytes: 9, size })).rejects.toMatchObject({
      code: 'MaxMessageLengthExceeded',
      extra: { MaxMessageLengthBytes: 9 },
    });
  });

  it('verifies', async () => {
    await expect(read([text], { maxBytes: 9, sha256: '0' })).rejects.toMatchObject({
      code: 'XAmzContentSHA256Mismatch',
    });
  });
});
