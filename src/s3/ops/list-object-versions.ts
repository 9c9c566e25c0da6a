import { S3Error } from '../errors.ts';
import { type ListingRequest, lastEntryOf, listingRequest, listPage, pageElements } from '../listing.ts';
import type { Operation, RequestContext } from '../operation.ts';
import { xmlReply } from '../reply.ts';
import type { XmlNode } from '../xml.ts';

/** Every object of an unversioned bucket is the latest, and only, version of its key, called `null`. */
export const listObjectVersions: Operation = {
  action: 'ListObjectVersions',
  permission: 's3:ListBucketVersions',
  route: { method: 'GET', on: 'bucket', sub: 'versions' },
  body: 'none',
  async handle(context) {
    const { query } = context.target;
    const { request, versionMarker } = readRequest(context);
    const keyMarker = query.get('key-marker') ?? '';
    const page = await listPage(context, request, keyMarker);
    const next = page.truncated ? lastEntryOf(page) : undefined;
    const { Contents, CommonPrefixes } = pageElements(context, page, request, { owner: true });
    return xmlReply('ListVersionsResult', {
      Name: context.bucket,
      Prefix: request.encode(request.prefix ?? ''),
      KeyMarker: request.encode(keyMarker),
      VersionIdMarker: versionMarker,
      NextKeyMarker: next === undefined ? undefined : request.encode(next),
      NextVersionIdMarker: next !== undefined && page.entries.at(-1)?.kind === 'object' ? 'null' : undefined,
      MaxKeys: request.maxKeys,
      Delimiter: request.delimiter === undefined ? undefined : request.encode(request.delimiter),
      EncodingType: request.encoding,
      IsTruncated: page.truncated,
      Version: Contents.map(versionOf),
      CommonPrefixes,
    });
  },
};

function versionOf({ Key, ...rest }: XmlNode): XmlNode {
  return { Key, VersionId: 'null', IsLatest: true, ...rest };
}

/** With the one version that a key has, a marker of it goes on with the next key, as the key's own marker does. */
function readRequest(context: RequestContext): {
  readonly request: ListingRequest;
  readonly versionMarker: string;
} {
  const { query } = context.target;
  const request = listingRequest(context);
  const marker = query.get('version-id-marker');
  if (marker === undefined) return { request, versionMarker: '' };
  if ((query.get('key-marker') ?? '') === '') {
    throw invalid('A version-id marker cannot be specified without a key marker.', marker);
  }
  if (marker === '') throw invalid('A version-id marker cannot be empty.', marker);
  if (marker !== 'null') throw invalid('Invalid version id specified', marker);
  return { request, versionMarker: marker };
}

function invalid(message: string, value: string): S3Error {
  return new S3Error('InvalidArgument', {
    message,
    extra: { ArgumentName: 'version-id-marker', ArgumentValue: value },
  });
}
