/** Request headers as the client sent them, and what an object keeps of them. */
import { S3Error } from '../s3/errors.ts';

/** Values by lower-case name, repeated headers joined by `,` in order; characters are the wire's bytes (latin1). */
export type Headers = ReadonlyMap<string, string>;

/**
 * From `IncomingMessage.rawHeaders`: Node's own `headers` drops repetitions of some names and joins the rest by `, `, while AWS joins
 * user metadata, and signers their canonical headers, by a bare comma. NotImplemented for two of Authorization.
 */
export function readHeaders(rawHeaders: readonly string[]): Headers {
  const headers = new Map<string, string>();
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? '').toLowerCase();
    const value = rawHeaders[index + 1] ?? '';
    const earlier = headers.get(name);
    if (name === 'authorization' && earlier !== undefined) {
      throw new S3Error('NotImplemented', { extra: { Header: 'Authorization' } });
    }
    headers.set(name, earlier === undefined ? value : `${earlier},${value}`);
  }
  return headers;
}

const keptVerbatim = [
  'cache-control',
  'content-disposition',
  'content-language',
  'content-type',
  'expires',
] as const;

/** The standard headers that an object gives back on reading. Empty ones are as good as absent. */
export function readObjectHeaders(headers: Headers): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of keptVerbatim) {
    const value = headers.get(name);
    if (value !== undefined && value !== '') kept[name] = value;
  }
  const encoding = withoutAwsChunked(headers.get('content-encoding') ?? '');
  if (encoding !== '') kept['content-encoding'] = encoding;
  return kept;
}

/** `aws-chunked` describes the request's framing, not the object ("Signature calculations: transferring payload in multiple chunks"). */
function withoutAwsChunked(encoding: string): string {
  if (!/aws-chunked/i.test(encoding)) return encoding;
  return encoding
    .split(',')
    .filter((token) => token.trim() !== '' && token.trim().toLowerCase() !== 'aws-chunked')
    .join(',')
    .trim();
}

const metadataPrefix = 'x-amz-meta-';
/** "The size of user-defined metadata is limited to 2 KB": names without prefix and values, in bytes. */
const maxMetadataBytes = 2048;

/** User metadata: names without prefix, values as received. MetadataTooLarge above 2 KiB in all. */
export function readUserMetadata(headers: Headers): Record<string, string> {
  const entries: Array<[string, string]> = [];
  let size = 0;
  for (const [header, value] of headers) {
    if (!header.startsWith(metadataPrefix)) continue;
    const name = header.slice(metadataPrefix.length);
    entries.push([name, value]);
    // One character is one byte: they are latin1.
    size += name.length + value.length;
  }
  if (size > maxMetadataBytes) {
    throw new S3Error('MetadataTooLarge', { extra: { Size: size, MaxSizeAllowed: maxMetadataBytes } });
  }
  // Not by assignment: a header may be called x-amz-meta-__proto__.
  return Object.fromEntries(entries);
}
