/**
 * Answers in JSON, for clients that ask for them: the same fields as the XML in snake_case, in an envelope that says whether it went
 * well. Status and headers stay S3's. docs/json.md and docs/openapi.yaml describe it.
 */
import { type S3Error, type S3ErrorCode, validationErrors } from './errors.ts';
import { listsOf } from './json-lists.ts';
import type { Reply } from './operation.ts';
import type { XmlNode, XmlValue } from './xml.ts';

export const jsonType = 'application/json';

type Json = string | number | boolean | readonly Json[] | { readonly [name: string]: Json };

/**
 * Whether `application/json` is what an `Accept` header likes best, alone (RFC 9110, 12.5.1). A header that likes something else as much,
 * such as `application/json, text/plain` with a wildcard, is one that HTTP libraries send unasked: those clients expect XML.
 */
export function prefersJson(accept: string | undefined): boolean {
  if (accept?.toLowerCase().includes(jsonType) !== true) return false;
  let json = 0;
  let others = 0;
  for (const range of accept.toLowerCase().split(',')) {
    const [type, ...parameters] = range.split(';').map((part) => part.trim());
    if (type === '') continue;
    const quality = qualityOf(parameters);
    if (type === jsonType) json = Math.max(json, quality);
    else others = Math.max(others, quality);
  }
  return json > others;
}

/** 1 unless given; nothing that cannot be read is preferred. */
function qualityOf(parameters: readonly string[]): number {
  const weight = parameters.find((parameter) => /^q\s*=/.test(parameter))?.replace(/^q\s*=\s*/, '');
  if (weight === undefined) return 1;
  return /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(weight) ? Number(weight) : 0;
}

/** The document of an answer that went well; of one without XML, its headers and what the operation adds. */
export function jsonSuccess(reply: Reply): string {
  const data = reply.xml === undefined ? withoutBody(reply) : contentOf(reply.xml);
  return JSON.stringify({ success: true, data });
}

function contentOf({ content, root }: NonNullable<Reply['xml']>): Json {
  return typeof content === 'string' ? { [snakeCase(root)]: content } : objectOf(root, content);
}

function withoutBody({ data, headers = {} }: Reply): Json {
  const told: Record<string, Json> = { ...data };
  for (const [name, value] of Object.entries(headers)) {
    const amz = name.startsWith('x-amz-');
    if (amz || name === 'etag' || name === 'location') {
      told[(amz ? name.slice('x-amz-'.length) : name).replaceAll('-', '_')] = value;
    }
  }
  return told;
}

function objectOf(element: string, node: XmlNode): Json {
  const object: Record<string, Json> = {};
  const lists = listsOf(element);
  for (const [name, value] of Object.entries(node)) {
    // Declarations of namespaces; other attributes are fields.
    if (value === undefined || name.startsWith('@xmlns')) continue;
    const isList = lists.includes(name);
    object[snakeCase(name.replace(/^@(?:.*:)?/, ''))] =
      isList && !Array.isArray(value) ? [jsonOf(name, value)] : jsonOf(name, value);
  }
  for (const name of lists) object[snakeCase(name)] ??= [];
  return object;
}

function jsonOf(name: string, value: Exclude<XmlValue, undefined>): Json {
  if (value instanceof Date) return value.toISOString();
  if (typeof value !== 'object') return value;
  if (isList(value)) return value.flatMap((item) => (item === undefined ? [] : [jsonOf(name, item)]));
  return objectOf(name, value);
}

/** `Array.isArray` does not narrow away readonly arrays. */
function isList(value: XmlValue): value is readonly XmlValue[] {
  return Array.isArray(value);
}

const names = new Map<string, string>([['ETag', 'etag']]);

/** `UploadId` → `upload_id`, `ChecksumCRC64NVME` → `checksum_crc64nvme`, `CORSRule` → `cors_rule`. */
export function snakeCase(name: string): string {
  let snake = names.get(name);
  if (snake === undefined) {
    snake = name
      .replace(/([a-z])([A-Z])/g, '$1_$2')
      .replace(/([A-Z])([A-Z][a-z])/g, '$1_$2')
      .replaceAll('-', '_')
      .toLowerCase();
    // Names are of elements that are written here: they are few.
    names.set(name, snake);
  }
  return snake;
}

/** What an error says, wherever it was found out. */
export interface ErrorFacts {
  readonly code: S3ErrorCode;
  readonly status: number;
  readonly message: string;
  readonly extra: S3Error['extra'];
  readonly requestId: string;
  readonly resource?: string | undefined;
}

export function jsonError({ code, extra, message, requestId, resource, status }: ErrorFacts): string {
  const details = Object.entries(extra).map(([name, value]) => [snakeCase(name), value]);
  return JSON.stringify({
    success: false,
    error: {
      code: validationErrors.has(code) ? 'VALIDATION_ERROR' : code,
      message,
      s3_code: code,
      status,
      field: fieldOf(code, message, extra),
      resource,
      request_id: requestId,
      details: details.length === 0 ? undefined : Object.fromEntries(details),
    },
  });
}

const fields: Partial<Record<S3ErrorCode, string>> = {
  AuthorizationHeaderMalformed: 'Authorization',
  BadDigest: 'Content-MD5',
  InvalidAccessPoint: 'Host',
  InvalidBucketName: 'Bucket',
  InvalidDigest: 'Content-MD5',
  InvalidPartNumber: 'partNumber',
  InvalidRange: 'Range',
  InvalidRedirectLocation: 'x-amz-website-redirect-location',
  InvalidStorageClass: 'x-amz-storage-class',
  KeyTooLongError: 'Key',
  MissingContentLength: 'Content-Length',
  NoSuchUpload: 'uploadId',
  XAmzContentSHA256Mismatch: 'x-amz-content-sha256',
};

/** The parameter or header that is wrong, where that is known. */
function fieldOf(code: S3ErrorCode, message: string, extra: S3Error['extra']): string | undefined {
  const named = extra['ArgumentName'] ?? extra['Header'] ?? extra['MissingHeaderName'];
  if (named !== undefined) return String(named);
  return /^Missing required header for this request: (\S+)$/.exec(message)?.[1] ?? fields[code];
}
