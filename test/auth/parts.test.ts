import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { Secret } from '../../src/auth/credentials.ts';
import { type PayloadForm, parseDecodedLength, refuseStreaming } from '../../src/auth/payload.ts';
import { deriveSigningKey, SigningKeys } from '../../src/auth/sigv4.ts';
import { announcedTrailer, trailerValue } from '../../src/auth/trailer.ts';
import { exampleCredential, exampleSecret } from './signer.ts';

const code = (name: string) => expect.objectContaining({ code: name });

describe('the signing key', () => {
  const scope = { date: '20120215', region: 'us-east-1', service: 'iam' };

  test('is the one that AWS documents', () => {
    // AWS general reference, "Examples of how to derive a signing key for Signature Version 4".
    const key = deriveSigningKey(new Secret('wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'), scope);
    expect(key.export().toString('hex')).toBe(
      'f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d',
    );
  });

  test('is kept, but never longer than the secret it came from', () => {
    const keys = new SigningKeys();
    const first = keys.get(exampleCredential, scope);
    expect(keys.get(exampleCredential, scope)).toBe(first);
    const rotated = { ...exampleCredential, secretAccessKey: new Secret('rotated') };
    expect(keys.get(rotated, scope).equals(first)).toBe(false);
    expect(keys.get(exampleCredential, scope).equals(first)).toBe(true);
    expect(keys.size).toBe(1);
  });

  test('differs with each part of the scope', () => {
    const keys = new SigningKeys();
    const scopes = [
      scope,
      { ...scope, date: '20120216' },
      { ...scope, region: 'x' },
      { ...scope, service: 's3' },
    ];
    const derived = scopes.map((one) => keys.get(exampleCredential, one).export().toString('hex'));
    expect(new Set(derived).size).toBe(4);
  });

  test('is forgotten when too many are kept, the least used first', () => {
    const keys = new SigningKeys(2);
    const on = (day: number) => keys.get(exampleCredential, { ...scope, date: `2012021${day}` });
    const [first, second] = [on(1), on(2)];
    expect(on(1)).toBe(first);
    on(3);
    expect(keys.size).toBe(2);
    expect(on(1)).toBe(first);
    expect(on(2)).not.toBe(second);
  });
});

test('a secret compares equal to itself alone', () => {
  const secret = new Secret(exampleSecret);
  expect([secret.equals(exampleSecret), secret.equals(''), secret.equals(`${exampleSecret}x`)]).toEqual([
    true,
    false,
    false,
  ]);
  // It is still of use to whoever asks for it.
  expect(createHmac('sha256', secret.reveal()).update('').digest()).toEqual(
    createHmac('sha256', exampleSecret).update('').digest(),
  );
});

describe('x-amz-decoded-content-length', () => {
  test.each([
    ['0', 0],
    ['66560', 66_560],
    ['5368709120', 5_368_709_120],
  ])('%s', (value, length) => {
    expect(parseDecodedLength(value)).toBe(length);
  });

  test.each([
    undefined,
    '',
    '-1',
    '1.5',
    '1e3',
    '0x10',
    ' 1',
    'abc',
    '1,1',
    '9007199254740993',
    '99999999999999999',
  ])('%s is MissingContentLength', (value) => {
    expect(() => parseDecodedLength(value)).toThrow(code('MissingContentLength'));
  });
});

test('a streaming form is refused where no object is sent', () => {
  const forms: PayloadForm[] = [{ kind: 'unsigned' }, { kind: 'sha256', hex: '' }];
  for (const form of forms) expect(() => refuseStreaming(form)).not.toThrow();
  const streams: PayloadForm[] = [
    { kind: 'streaming-signed', trailer: false },
    { kind: 'streaming-signed', trailer: true },
    { kind: 'streaming-unsigned-trailer' },
  ];
  for (const form of streams) {
    expect(() => refuseStreaming(form)).toThrow(
      expect.objectContaining({
        code: 'InvalidRequest',
        message: 'The value of x-amz-content-sha256 header is invalid.',
      }),
    );
  }
});

describe('the trailer', () => {
  const form: PayloadForm = { kind: 'streaming-unsigned-trailer' };
  const known = (name: string): boolean => name === 'x-amz-checksum-crc32';
  const announced = (value: string | undefined, payload: PayloadForm = form) =>
    announcedTrailer(value, payload, known);

  test('may be announced by one supported name', () => {
    expect(announced('x-amz-checksum-crc32')).toBe('x-amz-checksum-crc32');
    expect(announced(' X-Amz-Checksum-CRC32 ')).toBe('x-amz-checksum-crc32');
    expect(announced(undefined)).toBeUndefined();
    expect(announced('x-amz-checksum-crc32', { kind: 'streaming-signed', trailer: true })).toBe(
      'x-amz-checksum-crc32',
    );
  });

  test.each(['', 'x-amz-meta-a', 'x-amz-checksum-md4', 'x-amz-checksum-crc32,x-amz-checksum-crc32'])(
    'may not be announced as %j',
    (value) => {
      expect(() => announced(value)).toThrow(
        expect.objectContaining({
          status: 400,
          code: 'InvalidRequest',
          message: 'The value specified in the x-amz-trailer header is not supported',
        }),
      );
    },
  );

  test('may not be announced for a body that has none', () => {
    const bodies: PayloadForm[] = [
      { kind: 'unsigned' },
      { kind: 'sha256', hex: '' },
      { kind: 'streaming-signed', trailer: false },
    ];
    for (const body of bodies) {
      expect(() => announced('x-amz-checksum-crc32', body)).toThrow(code('MalformedTrailerError'));
    }
  });

  test('must be exactly what was announced', () => {
    const name = 'x-amz-checksum-crc32';
    expect(trailerValue(name, new Map([[name, 'v']]))).toBe('v');
    expect(trailerValue(undefined, new Map())).toBeUndefined();
    for (const [expected, sent] of [
      [name, []],
      [name, [['x-amz-checksum-sha1', 'v']]],
      [
        name,
        [
          [name, 'v'],
          ['x-other', 'v'],
        ],
      ],
      [undefined, [[name, 'v']]],
    ] as const) {
      expect(() => trailerValue(expected, new Map(sent))).toThrow(code('MalformedTrailerError'));
    }
  });
});
