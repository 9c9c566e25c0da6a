/** aws-chunked bodies, right and wrong ("Signature calculations for the Authorization header: transferring payload in multiple chunks"). */
import { createHash, createHmac } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { Dice } from './dice.ts';
import { type Draft, type Signed, toWire } from './draft.ts';
import { nastyText } from './values.ts';

export const streamingPayloads = [
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER',
  'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
] as const;

const emptyHash = createHash('sha256').digest('hex');

/** Sends the draft's body in chunks; `broken` spoils the framing in some way. */
export function toChunkedWire(draft: Draft, host: string, dice: Dice, broken: boolean): Buffer {
  const payload = dice.pick(streamingPayloads);
  const size = dice.chance(0.3) ? 8192 : dice.int(1, 70_000);
  const trailer = payload.endsWith('TRAILER');
  const fault = broken ? dice.pick(faults) : 'none';
  const declared = fault === 'length' ? draft.body.length + dice.int(-3, 3) : draft.body.length;
  const chunked: Draft = {
    ...draft,
    payload,
    headers: [
      ...draft.headers,
      ['x-amz-decoded-content-length', String(declared)],
      ...(dice.chance(0.5) ? ([['content-encoding', 'aws-chunked']] as [string, string][]) : []),
      ...(trailer ? ([['x-amz-trailer', 'x-amz-checksum-crc32']] as [string, string][]) : []),
    ],
  };
  return toWire(chunked, host, (signing) => {
    const signed = !payload.includes('UNSIGNED');
    const out: string[] = [];
    let previous = signing.seed;
    const chunk = (data: Buffer): void => {
      let extension = '';
      if (signed) {
        previous = sign(signing, 'AWS4-HMAC-SHA256-PAYLOAD', previous, [emptyHash, hash(data)]);
        extension = `;chunk-signature=${fault === 'signature' ? previous.replace(/./, dice.pick(['0', '1', 'x'])) : previous}`;
      }
      if (fault === 'extension') extension += `;${nastyText(dice)}`;
      const length = fault === 'size' ? nastyText(dice) : data.length.toString(16);
      const end = fault === 'newline' ? dice.pick(['\n', '\r', '', '\r\n\r\n']) : '\r\n';
      out.push(`${length}${extension}${end}`, data.toString('latin1'));
      if (data.length > 0 || !trailer) out.push('\r\n');
    };
    for (let at = 0; at < draft.body.length; at += size) chunk(draft.body.subarray(at, at + size));
    if (fault !== 'no last chunk') chunk(Buffer.of());
    if (trailer) out.push(trailerText(draft.body, fault, signed, signing, previous, dice), '\r\n');
    const bytes = Buffer.from(out.join(''), 'latin1');
    return fault === 'cut' ? bytes.subarray(0, dice.int(0, bytes.length)) : bytes;
  });
}

const faults = [
  'length',
  'signature',
  'extension',
  'size',
  'newline',
  'no last chunk',
  'cut',
  'checksum',
  'trailer',
];

function trailerText(
  body: Buffer,
  fault: string,
  signed: boolean,
  signing: Omit<Signed, 'bytes'>,
  previous: string,
  dice: Dice,
): string {
  const raw = Buffer.alloc(4);
  raw.writeUInt32BE(fault === 'checksum' ? 0 : crc32(body));
  const name = fault === 'trailer' ? nastyText(dice) : 'x-amz-checksum-crc32';
  const line = `${name}:${raw.toString('base64')}`;
  if (!signed) return `${line}\r\n`;
  const signature = sign(signing, 'AWS4-HMAC-SHA256-TRAILER', previous, [hash(Buffer.from(`${line}\n`))]);
  return `${line}\r\nx-amz-trailer-signature:${signature}\r\n`;
}

function sign(
  { key, scope, timestamp }: Omit<Signed, 'bytes'>,
  algorithm: string,
  previous: string,
  hashes: readonly string[],
): string {
  return createHmac('sha256', key)
    .update([algorithm, timestamp, scope, previous, ...hashes].join('\n'))
    .digest('hex');
}

function hash(data: Buffer): string {
  return data.length === 0 ? emptyHash : createHash('sha256').update(data).digest('hex');
}
