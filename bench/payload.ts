/** Bodies in every payload form, framed once and sent many times: the bytes are shared, only signatures differ. */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { chunkSignature, emptyHash, type Seed, sha256, trailerSignature } from './sigv4.ts';

export const forms = [
  'sha256',
  'unsigned',
  'streaming-signed',
  'streaming-signed-trailer',
  'streaming-unsigned-crc32',
  'streaming-unsigned-crc64nvme',
] as const;
export type Form = (typeof forms)[number];

/** 64 KiB: what minio-go, the AWS common runtime and the JavaScript SDK cut a stream into. */
const chunkSize = 65_536;

export interface Payload {
  readonly form: Form;
  readonly size: number;
  /** The value of x-amz-content-sha256. */
  readonly contentSha256: string;
  /** Headers that the form asks for, Content-Length among them. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body's buffers for a request that was signed with this seed. */
  frame(seed: Seed): readonly Uint8Array[];
}

/** Bytes that do not compress, the same in every run: AES-like quality is not needed, speed of making them is. */
export function randomBytes(size: number): Buffer {
  const block = Buffer.alloc(Math.min(size, 1 << 20));
  let digest = createHash('sha512').update('partway').digest();
  for (let i = 0; i < block.length; i += 64) {
    digest = createHash('sha512').update(digest).digest();
    digest.copy(block, i);
  }
  const out = Buffer.alloc(size);
  // Each megabyte differs, so that no server can gain by storing one of them once.
  for (let i = 0; i < size; i += block.length) {
    block.copy(out, i);
    if (i + 4 <= size) out.writeUInt32BE(i >>> 0, i);
  }
  return out;
}

export function makePayload(form: Form, bytes: Buffer): Payload {
  const size = bytes.length;
  if (form === 'sha256' || form === 'unsigned') {
    return {
      form,
      size,
      contentSha256: form === 'sha256' ? sha256(bytes) : 'UNSIGNED-PAYLOAD',
      headers: { 'content-length': String(size) },
      frame: () => [bytes],
    };
  }
  const chunks: Buffer[] = [];
  for (let i = 0; i < size; i += chunkSize) chunks.push(bytes.subarray(i, i + chunkSize));
  const signed = form.startsWith('streaming-signed');
  const trailer =
    form === 'streaming-signed'
      ? ''
      : form.endsWith('crc64nvme')
        ? `x-amz-checksum-crc64nvme:${crc64nvme(bytes)}`
        : `x-amz-checksum-crc32:${crc32Base64(bytes)}`;
  const hashes = signed ? chunks.map((chunk) => sha256(chunk)) : [];
  const frame = signed
    ? (seed: Seed): Uint8Array[] => frameSigned(chunks, hashes, trailer, seed)
    : (): Uint8Array[] => frameUnsigned(chunks, trailer);
  const zeros: Seed = { amzDate: '', scope: '', key: Buffer.alloc(32), signature: '' };
  const length = frame(zeros).reduce((sum, buffer) => sum + buffer.length, 0);
  return {
    form,
    size,
    contentSha256: `STREAMING-${signed ? 'AWS4-HMAC-SHA256-PAYLOAD' : 'UNSIGNED-PAYLOAD'}${trailer === '' ? '' : '-TRAILER'}`,
    headers: {
      'content-encoding': 'aws-chunked',
      'content-length': String(length),
      'x-amz-decoded-content-length': String(size),
      ...(trailer === '' ? {} : { 'x-amz-trailer': trailer.slice(0, trailer.indexOf(':')) }),
    },
    frame,
  };
}

function frameSigned(
  chunks: readonly Buffer[],
  hashes: readonly string[],
  trailer: string,
  seed: Seed,
): Uint8Array[] {
  const out: Uint8Array[] = [];
  let signature = seed.signature;
  let lead = '';
  for (const [i, chunk] of chunks.entries()) {
    signature = chunkSignature(seed, signature, hashes[i] ?? emptyHash);
    out.push(Buffer.from(`${lead}${chunk.length.toString(16)};chunk-signature=${signature}\r\n`), chunk);
    lead = '\r\n';
  }
  signature = chunkSignature(seed, signature, emptyHash);
  const end = `${lead}0;chunk-signature=${signature}\r\n`;
  const tail =
    trailer === ''
      ? ''
      : `${trailer}\r\nx-amz-trailer-signature:${trailerSignature(seed, signature, `${trailer}\n`)}\r\n`;
  out.push(Buffer.from(`${end}${tail}\r\n`));
  return out;
}

function frameUnsigned(chunks: readonly Buffer[], trailer: string): Uint8Array[] {
  const out: Uint8Array[] = [];
  let lead = '';
  for (const chunk of chunks) {
    out.push(Buffer.from(`${lead}${chunk.length.toString(16)}\r\n`), chunk);
    lead = '\r\n';
  }
  out.push(Buffer.from(`${lead}0\r\n${trailer}\r\n\r\n`));
  return out;
}

function crc32Base64(bytes: Uint8Array): string {
  const out = Buffer.alloc(4);
  out.writeUInt32BE(crc32(bytes));
  return out.toString('base64');
}

/** CRC-64/NVME, reflected polynomial 0x9A6C9329AC4BC9B5, in two 32-bit halves. */
function crc64nvme(bytes: Uint8Array): string {
  const low = new Uint32Array(256);
  const high = new Uint32Array(256);
  for (let i = 0; i < 256; i++) {
    let value = BigInt(i);
    for (let bit = 0; bit < 8; bit++) value = value & 1n ? (value >> 1n) ^ 0x9a6c9329ac4bc9b5n : value >> 1n;
    low[i] = Number(value & 0xffffffffn);
    high[i] = Number(value >> 32n);
  }
  let lo = 0xffffffff;
  let hi = 0xffffffff;
  for (const byte of bytes) {
    const index = (lo ^ byte) & 0xff;
    lo = ((lo >>> 8) | (hi << 24)) ^ (low[index] ?? 0);
    hi = (hi >>> 8) ^ (high[index] ?? 0);
  }
  const out = Buffer.alloc(8);
  out.writeUInt32BE(~hi >>> 0, 0);
  out.writeUInt32BE(~lo >>> 0, 4);
  return out.toString('base64');
}
