/** The client side of aws-chunked, written apart from the decoder. */
import { createSecretKey } from 'node:crypto';
import { ChunkedDecoder, type ChunkedDecoderOptions } from '../../src/auth/aws-chunked.ts';
import {
  exampleKey,
  exampleScope,
  exampleSecret,
  exampleTimestamp,
  hmac,
  sha256,
  signingKey,
} from './signer.ts';

const key = signingKey(exampleSecret, exampleScope);

export const chunkSigning = (seedSignature: string) => ({
  accessKeyId: exampleKey,
  key: createSecretKey(key),
  scope: exampleScope,
  timestamp: exampleTimestamp,
  seedSignature,
});

export const seed = '4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9';

export interface Encoded {
  readonly wire: Buffer;
  readonly signatures: string[];
}

export function chunkText(previous: string, data: Buffer): string {
  return [
    'AWS4-HMAC-SHA256-PAYLOAD',
    exampleTimestamp,
    exampleScope,
    previous,
    sha256(''),
    sha256(data),
  ].join('\n');
}

export function trailerText(previous: string, lines: string): string {
  return ['AWS4-HMAC-SHA256-TRAILER', exampleTimestamp, exampleScope, previous, sha256(lines)].join('\n');
}

/** Signed chunks; `trailer` is written and signed when given. */
export function encodeSigned(chunks: readonly Buffer[], trailer?: string, seedSignature = seed): Encoded {
  const parts: Buffer[] = [];
  const signatures: string[] = [];
  let previous = seedSignature;
  for (const data of [...chunks, Buffer.alloc(0)]) {
    previous = hmac(key, chunkText(previous, data)).toString('hex');
    signatures.push(previous);
    parts.push(Buffer.from(`${data.length.toString(16)};chunk-signature=${previous}\r\n`), data);
    if (data.length > 0) parts.push(Buffer.from('\r\n'));
  }
  if (trailer !== undefined) {
    previous = hmac(key, trailerText(previous, `${trailer}\n`)).toString('hex');
    signatures.push(previous);
    parts.push(Buffer.from(`${trailer}\r\nx-amz-trailer-signature:${previous}\r\n`));
  }
  parts.push(Buffer.from('\r\n'));
  return { wire: Buffer.concat(parts), signatures };
}

export function encodeUnsigned(chunks: readonly Buffer[], trailer?: string): Buffer {
  const parts = chunks.flatMap((data) => [
    Buffer.from(`${data.length.toString(16)}\r\n`),
    data,
    Buffer.from('\r\n'),
  ]);
  return Buffer.concat([...parts, Buffer.from(`0\r\n${trailer === undefined ? '' : `${trailer}\r\n`}\r\n`)]);
}

/** What a decoder makes of these pieces. */
export function decode(options: ChunkedDecoderOptions, pieces: Iterable<Buffer>) {
  const decoder = new ChunkedDecoder(options);
  const data: Buffer[] = [];
  for (const piece of pieces) decoder.write(piece, (bytes) => data.push(Buffer.from(bytes)));
  const { trailers } = decoder.end();
  return { body: Buffer.concat(data), trailers: [...trailers] };
}
