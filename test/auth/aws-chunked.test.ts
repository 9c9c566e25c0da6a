import { describe, expect, test } from 'vitest';
import { ChunkedDecoder } from '../../src/auth/aws-chunked.ts';
import { S3Error } from '../../src/s3/errors.ts';
import {
  chunkSigning,
  chunkText,
  decode,
  encodeSigned,
  encodeUnsigned,
  seed,
  trailerText,
} from './chunked-encoder.ts';
import { exampleKey } from './signer.ts';

const wire = (text: string): Buffer => Buffer.from(text, 'latin1');
const unsigned = (decodedLength: number) => ({ decodedLength, trailer: true });
const signed = (decodedLength: number, trailer = false) => ({
  decodedLength,
  trailer,
  signing: chunkSigning(seed),
});
const none = () => {};

function refusal(action: () => unknown): S3Error {
  try {
    action();
  } catch (error) {
    if (error instanceof S3Error) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

const terminated = [400, 'IncompleteBody', 'The request body terminated unexpectedly'];
const wrongLength = [
  400,
  'IncompleteBody',
  'You did not provide the number of bytes specified by the Content-Length HTTP header',
];
const malformedTrailer = [
  400,
  'MalformedTrailerError',
  'The request contained trailing data that was not well-formed or did not conform to our published schema.',
];
const answer = (error: S3Error) => [error.status, error.code, error.message];

describe("AWS's documented examples", () => {
  // S3 API reference, "Transferring Payload in Multiple Chunks": 65,536 + 1,024 times `a`.
  const chunks = [Buffer.alloc(65_536, 'a'), Buffer.alloc(1024, 'a')];
  const body = Buffer.concat(chunks);
  const framed = (signatures: readonly string[], trailer: string): Buffer => {
    const [first, second, last] = signatures;
    return Buffer.concat([
      wire(`10000;chunk-signature=${first}\r\n`),
      ...chunks.slice(0, 1),
      wire(`\r\n400;chunk-signature=${second}\r\n`),
      ...chunks.slice(1),
      wire(`\r\n0;chunk-signature=${last}\r\n${trailer}\r\n`),
    ]);
  };

  test('chunks', () => {
    const bytes = framed(
      [
        'ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648',
        '0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497',
        'b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9',
      ],
      '',
    );
    expect(bytes.length).toBe(66_824);
    expect(decode(signed(66_560), [bytes])).toEqual({ body, trailers: [] });
    expect(encodeSigned(chunks).wire).toEqual(bytes);
  });

  test.each([
    ['as the documentation writes it', 'x-amz-checksum-crc32c:sOO8/Q==\r\n'],
    ['as minio-go writes it', 'x-amz-checksum-crc32c:sOO8/Q==\n\r\n'],
    ['with spaces and capitals', 'X-Amz-Checksum-Crc32c: sOO8/Q== \r\n'],
  ])('chunks and a trailer, %s', (_name, line) => {
    const bytes = framed(
      [
        'b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2',
        '1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7',
        '2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992',
      ],
      `${line}x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n`,
    );
    const signing = chunkSigning('106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e');
    expect(decode({ decodedLength: 66_560, trailer: true, signing }, [bytes])).toEqual({
      body,
      trailers: [['x-amz-checksum-crc32c', 'sOO8/Q==']],
    });
  });
});

describe('framing that clients send', () => {
  const crc = ['x-amz-checksum-crc32', 'NhCmhg=='];

  test.each([
    ['as documented', '5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n', [crc]],
    ['capital hex and leading zeros', '0000A\r\nhellohello\r\n00\r\n\r\n', []],
    ['unknown extensions', '5;a=b;chunk-signature=x;c\r\nhello\r\n0;last\r\n\r\n', []],
    ['a space before the extension', '5 ;a=b\r\nhello\r\n0 \r\n\r\n', []],
    ['no trailer', '5\r\nhello\r\n0\r\n\r\n', []],
    ['no empty line after the last chunk', '5\r\nhello\r\n0\r\n', []],
    ['no empty line after the trailer', '5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n', [crc]],
    ['bare line feeds in the trailer', '5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\n\r\n\r\n', [crc]],
    ['bare line feeds and no empty line', '5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\n', [crc]],
    ['an empty body', '0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n', [crc]],
    ['a name in capitals and spaces', '0\r\nX-AMZ-Checksum-CRC32 :\t NhCmhg== \r\n\r\n', [crc]],
  ])('%s', (_name, text, trailers) => {
    const body = text.match(/hello/g)?.join('') ?? '';
    const options = unsigned(body.length);
    const expected = { body: Buffer.from(body), trailers };
    expect(decode(options, [wire(text)])).toEqual(expected);
    expect(decode(options, [...text].map(wire))).toEqual(expected);
    for (let split = 0; split <= text.length; split++) {
      expect(decode(options, [wire(text.slice(0, split)), wire(text.slice(split))])).toEqual(expected);
    }
  });

  test('signed framing gives the same whatever the pieces', () => {
    const { wire: bytes } = encodeSigned(
      [Buffer.from('hello'), Buffer.from(' big '), Buffer.from('world')],
      'x-amz-checksum-crc32:NhCmhg==',
    );
    const expected = { body: Buffer.from('hello big world'), trailers: [crc] };
    const options = signed(15, true);
    expect(
      decode(
        options,
        [...bytes].map((byte) => Buffer.of(byte)),
      ),
    ).toEqual(expected);
    for (let split = 0; split <= bytes.length; split++) {
      expect(decode(options, [bytes.subarray(0, split), bytes.subarray(split)])).toEqual(expected);
    }
  });

  test('a signed body without its last empty line, or with other extensions, is accepted', () => {
    const text = encodeSigned([Buffer.from('hello')]).wire.toString('latin1');
    expect(decode(signed(5), [wire(text.slice(0, -2))]).body.toString()).toBe('hello');
    const extended = text
      .replaceAll(';chunk-signature=', ';x=y; Chunk-Signature=')
      .replaceAll(/([0-9a-f]{64})\r/g, '$1;z\r');
    expect(extended).not.toBe(text);
    expect(decode(signed(5), [wire(extended)]).body.toString()).toBe('hello');
  });

  test('data is passed on as it arrives, without copies', () => {
    const decoder = new ChunkedDecoder(unsigned(10_000));
    const head = wire('2710\r\n');
    const piece = Buffer.alloc(100, 'x');
    const seen: Buffer[] = [];
    decoder.write(head, (data) => seen.push(data));
    decoder.write(piece, (data) => seen.push(data));
    expect(seen).toEqual([piece]);
    expect(seen[0]?.buffer).toBe(piece.buffer);
    expect(seen[0]?.byteOffset).toBe(piece.byteOffset);
  });
});

describe('a body that is cut short', () => {
  const options = unsigned(5);
  const text = '5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n';
  const complete = new Set([
    text.length,
    text.length - 2,
    // The last chunk without anything after it is how a body without trailer ends, for want of an announcement.
    text.indexOf('x-amz'),
  ]);

  test('is refused wherever it is cut', () => {
    for (let length = 0; length < text.length; length++) {
      if (complete.has(length)) continue;
      const cut = wire(text.slice(0, length));
      expect(answer(refusal(() => decode(options, [cut])))).toEqual(terminated);
    }
  });

  test('is refused wherever it is cut, signed', () => {
    const { wire: bytes } = encodeSigned([Buffer.from('hello')], 'x-amz-checksum-crc32:NhCmhg==');
    const ends = [bytes.length - 2, bytes.indexOf('x-amz-checksum')];
    for (let length = 0; length < bytes.length; length++) {
      if (ends.includes(length)) continue;
      const error = refusal(() => decode(signed(5, true), [bytes.subarray(0, length)]));
      expect(answer(error)).toEqual(terminated);
    }
  });
});

describe('framing that is refused', () => {
  test.each([
    ['no size', '\r\nhello\r\n0\r\n\r\n', terminated],
    ['a size that is not hex', '5g\r\nhello\r\n0\r\n\r\n', terminated],
    ['a signed size', '+5\r\nhello\r\n0\r\n\r\n', terminated],
    ['a negative size', '-5\r\nhello\r\n0\r\n\r\n', terminated],
    ['a size with 0x', '0x5\r\nhello\r\n0\r\n\r\n', terminated],
    ['a size beyond all numbers', 'fffffffffffffff\r\nhello\r\n0\r\n\r\n', terminated],
    ['a chunk header that ends in a bare line feed', '5\nhello\r\n0\r\n\r\n', terminated],
    ['data longer than its chunk', '4\r\nhello\r\n0\r\n\r\n', terminated],
    ['no line end after the data', '5\r\nhello0\r\n\r\n', terminated],
    ['a bare line feed after the data', '5\r\nhello\n0\r\n\r\n', terminated],
    ['a chunk header of more than 1 KiB', `5;${'x'.repeat(1024)}\r\nhello\r\n0\r\n\r\n`, terminated],
    ['fewer bytes than declared', '4\r\nhell\r\n0\r\n\r\n', wrongLength],
    ['more bytes than declared', '6\r\nhello!\r\n0\r\n\r\n', wrongLength],
    ['more bytes than declared, in two chunks', '5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n', wrongLength],
    ['a trailer without a colon', '5\r\nhello\r\n0\r\nx-amz-checksum-crc32\r\n\r\n', terminated],
    ['a trailer without a name', '5\r\nhello\r\n0\r\n:NhCmhg==\r\n\r\n', terminated],
    ['a carriage return in a trailer', '5\r\nhello\r\n0\r\na:NhCmhg==\rb\r\n\r\n', terminated],
    ['a trailer that is there twice', '5\r\nhello\r\n0\r\na:1\r\nA:2\r\n\r\n', malformedTrailer],
    [
      'a trailer signature where nothing is signed',
      '5\r\nhello\r\n0\r\na:1\r\nx-amz-trailer-signature:0\r\n\r\n',
      malformedTrailer,
    ],
    [
      'a trailer line of more than 1 KiB',
      `5\r\nhello\r\n0\r\na:${'x'.repeat(1024)}\r\n\r\n`,
      malformedTrailer,
    ],
    [
      'a trailer of more than 8 KiB',
      `5\r\nhello\r\n0\r\n${Array.from({ length: 20 }, (_, n) => `n${n}:${'x'.repeat(500)}\r\n`).join('')}\r\n`,
      malformedTrailer,
    ],
    ['bytes after the end', '5\r\nhello\r\n0\r\n\r\nx', malformedTrailer],
    ['another chunk after the last', '5\r\nhello\r\n0\r\n\r\n5\r\nhello\r\n0\r\n\r\n', malformedTrailer],
    ['empty lines without end', `5\r\nhello\r\n0\r\na:1\n${'\n'.repeat(9)}`, malformedTrailer],
  ])('%s', (_name, text, expected) => {
    expect(answer(refusal(() => decode(unsigned(5), [wire(text)])))).toEqual(expected);
    expect(answer(refusal(() => decode(unsigned(5), [...text].map(wire))))).toEqual(expected);
  });

  test('a line that never ends is refused before it is kept', () => {
    const decoder = new ChunkedDecoder(unsigned(5));
    decoder.write(Buffer.alloc(1024, '0'), none);
    expect(answer(refusal(() => decoder.write(wire('0'), none)))).toEqual(terminated);
  });

  test('a chunk larger than what was declared is refused at its header', () => {
    const decoder = new ChunkedDecoder(unsigned(5));
    expect(answer(refusal(() => decoder.write(wire('6\r\n'), none)))).toEqual(wrongLength);
  });

  test('a trailer in a form without one is refused, signed or not', () => {
    const bytes = encodeSigned([Buffer.from('hello')], 'x-amz-checksum-crc32:NhCmhg==').wire;
    const bare = bytes.toString('latin1').replace(/x-amz-trailer-signature.*\r\n/, '');
    for (const input of [bytes, wire(bare)]) {
      expect(answer(refusal(() => decode(signed(5), [input])))).toEqual(terminated);
    }
  });

  test('after a refusal every further call is refused with the same error', () => {
    const decoder = new ChunkedDecoder(unsigned(5));
    const error = refusal(() => decoder.write(wire('x\r\n'), none));
    expect(refusal(() => decoder.write(wire('5\r\nhello\r\n0\r\n\r\n'), none))).toBe(error);
    expect(refusal(() => decoder.end())).toBe(error);
  });
});

describe('chunk signatures', () => {
  const data = [Buffer.alloc(9000, 'a'), Buffer.alloc(9000, 'b')];
  const trailer = 'x-amz-checksum-crc32:NhCmhg==';
  const { wire: bytes, signatures } = encodeSigned(data, trailer);
  const options = signed(18_000, true);
  const text = bytes.toString('latin1');
  const flip = (at: number): Buffer => {
    const copy = Buffer.from(bytes);
    copy[at] = copy[at] === 0x30 ? 0x31 : 0x30;
    return copy;
  };

  test.each([
    ['the first chunk', 0],
    ['the second chunk', 1],
    ['the last chunk', 2],
    ['the trailer', 3],
  ])('of %s: a wrong one is refused', (_name, index) => {
    const at = text.indexOf(String(signatures[index]));
    const error = refusal(() => decode(options, [flip(at)]));
    const provided = flip(at)
      .toString('latin1')
      .slice(at, at + 64);
    const previous = index === 0 ? seed : String(signatures[index - 1]);
    const stringToSign =
      index === 3
        ? trailerText(previous, `${trailer}\n`)
        : chunkText(previous, data[index] ?? Buffer.alloc(0));
    expect([error.status, error.code, error.extra]).toEqual([
      403,
      'SignatureDoesNotMatch',
      {
        AWSAccessKeyId: exampleKey,
        StringToSign: stringToSign,
        SignatureProvided: provided,
        StringToSignBytes: Buffer.from(stringToSign).toString('hex').match(/../g)?.join(' '),
      },
    ]);
  });

  test('cover every byte of data, trailer name and trailer value', () => {
    const places = [
      text.indexOf('aaaa'),
      text.lastIndexOf('aaaa') + 3,
      text.lastIndexOf('b'),
      text.indexOf('crc32:') + 4,
      text.indexOf('NhCmhg'),
    ];
    for (const at of places) {
      expect(refusal(() => decode(options, [flip(at)])).code).toBe('SignatureDoesNotMatch');
    }
  });

  test('cover the order of the chunks', () => {
    const [first, second] = [text.indexOf('2328'), text.indexOf('2328', 9000)];
    const last = text.lastIndexOf('0;chunk-signature');
    const swapped = text.slice(second, last) + text.slice(first, second) + text.slice(last);
    expect(refusal(() => decode(options, [wire(swapped)])).code).toBe('SignatureDoesNotMatch');
  });

  test('that are wrong are refused with the last byte of their chunk, not at the end of the body', () => {
    const decoder = new ChunkedDecoder(options);
    const damaged = flip(text.indexOf('aaaa'));
    const end = text.lastIndexOf('a\r\n2328') + 1;
    decoder.write(damaged.subarray(0, end - 1), none);
    expect(refusal(() => decoder.write(damaged.subarray(end - 1, end), none)).code).toBe(
      'SignatureDoesNotMatch',
    );
  });

  test('may not be left out', () => {
    const bare = text.replace(/;chunk-signature=[0-9a-f]{64}/, '');
    expect(answer(refusal(() => decode(options, [wire(bare)])))).toEqual(terminated);
    for (const none of ['', 'x'.repeat(64), 'a'.repeat(63), 'a'.repeat(65)]) {
      const other = text.replace(/chunk-signature=[0-9a-f]{64}/, `chunk-signature=${none}`);
      expect(answer(refusal(() => decode(options, [wire(other)])))).toEqual(terminated);
    }
    const unsignedTrailer = text.replace(/x-amz-trailer-signature.*\r\n/, '');
    expect(answer(refusal(() => decode(options, [wire(unsignedTrailer)])))).toEqual(terminated);
    const shortTrailer = text.replace(/(x-amz-trailer-signature:[0-9a-f]{63})[0-9a-f]/, '$1');
    expect(answer(refusal(() => decode(options, [wire(shortTrailer)])))).toEqual(terminated);
    const twice = text.replace(/(x-amz-trailer-signature.*\r\n)/, '$1$1');
    expect(answer(refusal(() => decode(options, [wire(twice)])))).toEqual(malformedTrailer);
  });
});

describe('the smallest chunk', () => {
  const three = (size: number) => [Buffer.alloc(8192, 'a'), Buffer.alloc(size, 'b'), Buffer.alloc(1, 'c')];

  test('may be of any size unless configured', () => {
    expect(decode(unsigned(8293), [encodeUnsigned(three(100))]).body.length).toBe(8293);
  });

  test('is enforced for all but the last when configured', () => {
    const options = { ...unsigned(8192 + 8191 + 1), minChunkSize: 8192 };
    const error = refusal(() => decode(options, [encodeUnsigned(three(8191))]));
    expect([error.status, error.code, error.message, error.extra]).toEqual([
      403,
      'InvalidChunkSizeError',
      'Only the last chunk is allowed to have a size less than 8192 bytes',
      { Chunk: 3, BadChunkSize: 8191 },
    ]);
    const fine = { ...unsigned(8192 + 8192 + 1), minChunkSize: 8192 };
    expect(decode(fine, [encodeUnsigned(three(8192))]).body.length).toBe(16_385);
  });
});
