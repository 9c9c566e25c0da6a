/** What GetObject and HeadObject share: headers of an object, conditions, parts, overrides. */
import type { ObjectInfo, ObjectPart } from '../../adapters/types.ts';
import { judgeReadConditions, type ReadConditions } from '../http/conditions.ts';
import { S3Error } from './errors.ts';
import { quoteEtag } from './etag.ts';
import { checksumHeaders } from './object-checksum.ts';
import type { RequestContext } from './operation.ts';

const overrides: ReadonlyMap<string, string> = new Map([
  ['response-cache-control', 'cache-control'],
  ['response-content-disposition', 'content-disposition'],
  ['response-content-encoding', 'content-encoding'],
  ['response-content-language', 'content-language'],
  ['response-content-type', 'content-type'],
  ['response-expires', 'expires'],
]);

/** Headers that describe the whole object; what part of it is sent is the caller's. */
export function objectHeaders(context: RequestContext, info: ObjectInfo): Record<string, string> {
  const { attributes } = info;
  const headers: Record<string, string> = {
    'content-type': 'binary/octet-stream',
    ...attributes.headers,
    etag: quoteEtag(attributes.etag),
    'last-modified': info.lastModified.toUTCString(),
    'accept-ranges': 'bytes',
  };
  for (const [name, value] of Object.entries(attributes.metadata)) headers[`x-amz-meta-${name}`] = value;
  const tagCount = Object.keys(attributes.tags ?? {}).length;
  if (tagCount > 0) headers['x-amz-tagging-count'] = String(tagCount);
  return { ...headers, ...readOverrides(context) };
}

function readOverrides(context: RequestContext): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [parameter, header] of overrides) {
    const value = context.target.query.get(parameter);
    if (value === undefined) continue;
    if (context.auth.kind === 'anonymous') {
      throw new S3Error('InvalidRequest', {
        message: 'Request specific response headers cannot be used for anonymous GET requests.',
      });
    }
    // What cannot stand in a header line would end it and begin another.
    if (/[^\t\x20-\x7e\x80-\u{10ffff}]/u.test(value)) {
      throw new S3Error('InvalidArgument', {
        message: 'Header value cannot be represented using ISO-8859-1.',
        extra: { ArgumentName: parameter, ArgumentValue: value },
      });
    }
    headers[header] = Buffer.from(value, 'utf8').toString('latin1');
  }
  return headers;
}

/** Bytes as the client sees them. */
export function plainSizeOf(info: ObjectInfo): number {
  return info.attributes.plainSize ?? info.size;
}

/** NotModified (with the validators that a 304 repeats) or PreconditionFailed. */
export function judgeRead(info: ObjectInfo, conditions: ReadConditions): void {
  const verdict = judgeReadConditions(conditions, {
    etag: info.attributes.etag,
    lastModified: info.lastModified,
  });
  if (verdict.outcome === 'ok') return;
  if (verdict.outcome === 'precondition-failed') {
    throw new S3Error('PreconditionFailed', { extra: { Condition: verdict.condition } });
  }
  const headers: Record<string, string> = {
    etag: quoteEtag(info.attributes.etag),
    'last-modified': info.lastModified.toUTCString(),
  };
  for (const name of ['cache-control', 'expires']) {
    const value = info.attributes.headers[name];
    if (value !== undefined) headers[name] = value;
  }
  throw new S3Error('NotModified', { headers });
}

/** Checksums are told to who asks, and never of less than the whole object ("Checking object integrity"). */
export function wholeChecksumHeaders(context: RequestContext, info: ObjectInfo): Record<string, string> {
  return wantsChecksum(context) ? checksumHeaders(info.attributes.checksum) : {};
}

function wantsChecksum(context: RequestContext): boolean {
  return context.headers.get('x-amz-checksum-mode')?.toUpperCase() === 'ENABLED';
}

export interface PartSlice {
  /** Of plain bytes. */
  readonly start: number;
  readonly size: number;
  /** `undefined` for an object that was not written by parts. */
  readonly partsCount: number | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

/** `partNumber` of a read; `undefined` when it is not asked for. */
export function readPartNumber(context: RequestContext): number | undefined {
  const text = context.target.query.get('partNumber');
  if (text === undefined) return undefined;
  if (context.headers.has('range')) {
    throw new S3Error('InvalidRequest', {
      message: 'Cannot specify both Range header and partNumber query parameter',
    });
  }
  const value = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > 10_000) {
    throw new S3Error('InvalidArgument', {
      message: 'Part number must be an integer between 1 and 10000, inclusive',
      extra: { ArgumentName: 'partNumber', ArgumentValue: text },
    });
  }
  return value;
}

/** Where the Nth part lies. InvalidPartNumber when the object has fewer. */
export function partSlice(context: RequestContext, info: ObjectInfo, partNumber: number): PartSlice {
  const { parts } = info.attributes;
  const count = parts?.length ?? 1;
  if (partNumber > count) {
    throw new S3Error('InvalidPartNumber', {
      extra: { PartNumberRequested: partNumber, ActualPartCount: count },
    });
  }
  if (parts === undefined) {
    return {
      start: 0,
      size: plainSizeOf(info),
      partsCount: undefined,
      headers: wholeChecksumHeaders(context, info),
    };
  }
  const before = parts.slice(0, partNumber - 1).reduce((sum, part) => sum + part.size, 0);
  const part = parts[partNumber - 1] as ObjectPart;
  return {
    start: before,
    size: part.size,
    partsCount: count,
    headers: partChecksumHeaders(context, info, part),
  };
}

/** A part's own checksum if the upload was COMPOSITE; the object's if it has one part only; else none. */
function partChecksumHeaders(
  context: RequestContext,
  info: ObjectInfo,
  part: ObjectPart,
): Record<string, string> {
  const { checksum, parts } = info.attributes;
  if (!wantsChecksum(context) || checksum === undefined) return {};
  if (checksum.type === 'COMPOSITE') {
    return part.checksum === undefined ? {} : checksumHeaders({ ...checksum, value: part.checksum });
  }
  return parts?.length === 1 ? checksumHeaders(checksum) : {};
}
