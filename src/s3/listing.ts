/** What the object listings share: tokens, encoding, the page itself. */
import type { ListedObject, ListObjectsResult } from '../../adapters/types.ts';
import { S3Error } from './errors.ts';
import { encodeListingText } from './names.ts';
import type { RequestContext } from './operation.ts';
import { encodingType, integerParameter, pageLimit } from './parameters.ts';
import type { XmlNode } from './xml.ts';

/**
 * A continuation token is the last key of the page, and nothing of this process: it survives changes of the bucket and
 * another replica. The leading `1` names the format.
 */
export function encodeToken(lastEntry: string): string {
  return `1${Buffer.from(lastEntry, 'utf8').toString('base64url')}`;
}

export function decodeToken(token: string): string {
  const text = Buffer.from(token.slice(1), 'base64url').toString('utf8');
  if (text === '' || encodeToken(text) !== token) {
    throw new S3Error('InvalidArgument', {
      message: 'The continuation token provided is incorrect',
      extra: { ArgumentName: 'continuation-token' },
    });
  }
  return text;
}

export interface ListingRequest {
  readonly prefix: string | undefined;
  readonly delimiter: string | undefined;
  readonly maxKeys: number;
  readonly encoding: 'url' | undefined;
  /** Encodes a key or prefix the way the client asked. */
  readonly encode: (text: string) => string;
}

export function listingRequest(context: RequestContext): ListingRequest {
  const { query } = context.target;
  const encoding = encodingType(context);
  const delimiter = query.get('delimiter');
  return {
    prefix: query.get('prefix'),
    delimiter: delimiter === '' ? undefined : delimiter,
    maxKeys: Math.min(integerParameter(context, 'max-keys', pageLimit), pageLimit),
    encoding,
    encode: encoding === 'url' ? encodeListingText : (text) => text,
  };
}

/** One page; `max-keys=0` asks for none, and then nothing is said to follow. */
export async function listPage(
  context: RequestContext,
  request: ListingRequest,
  startAfter: string | undefined,
): Promise<ListObjectsResult> {
  const storage = context.gateway.storage.for(context.bucket);
  if (request.maxKeys === 0) {
    await storage.headBucket({ bucket: context.bucket, signal: context.signal });
    return { entries: [], truncated: false };
  }
  return storage.listObjects({
    bucket: context.bucket,
    ...(request.prefix !== undefined && request.prefix !== '' && { prefix: request.prefix }),
    ...(request.delimiter !== undefined && { delimiter: request.delimiter }),
    ...(startAfter !== undefined && startAfter !== '' && { startAfter }),
    limit: request.maxKeys,
    signal: context.signal,
  });
}

/** Name of the last entry of a page: where the next one starts. */
export function lastEntryOf(page: ListObjectsResult): string | undefined {
  const last = page.entries.at(-1);
  if (last === undefined) return undefined;
  return last.kind === 'object' ? last.info.key : last.prefix;
}

/** `Contents` and `CommonPrefixes` of a page. */
export function pageElements(
  context: RequestContext,
  page: ListObjectsResult,
  request: ListingRequest,
  options: { readonly owner: boolean },
): { readonly Contents: readonly XmlNode[]; readonly CommonPrefixes: readonly XmlNode[] } {
  const { owner } = context.gateway.settings;
  const contents: XmlNode[] = [];
  const prefixes: XmlNode[] = [];
  for (const entry of page.entries) {
    if (entry.kind === 'prefix') prefixes.push({ Prefix: request.encode(entry.prefix) });
    else contents.push(contentsOf(entry.info, request, options.owner ? owner : undefined));
  }
  return { Contents: contents, CommonPrefixes: prefixes };
}

function contentsOf(
  info: ListedObject,
  request: ListingRequest,
  owner: { readonly id: string; readonly displayName: string } | undefined,
): XmlNode {
  return {
    Key: request.encode(info.key),
    LastModified: info.lastModified,
    ETag: `"${info.etag}"`,
    ChecksumAlgorithm: info.checksum?.algorithm,
    ChecksumType: info.checksum?.type,
    Size: info.size,
    Owner: owner === undefined ? undefined : { ID: owner.id, DisplayName: owner.displayName },
    StorageClass: info.storageClass ?? 'STANDARD',
  };
}
