/** The body of DeleteObjects. */
import { S3Error } from '../errors.ts';
import { unquoteEtag } from '../etag.ts';
import { keyProblem } from '../names.ts';
import {
  childrenNamed,
  malformedXml,
  optionalText,
  parseXml,
  requiredText,
  type XmlElement,
} from '../xml.ts';

export interface ObjectToDelete {
  /** Untrimmed, never empty. */
  readonly key: string;
  readonly versionId?: string;
  /** Delete only while the object has this ETag (without quotes; `*` is any). */
  readonly ifMatch?: string;
}

export interface DeleteObjectsRequest {
  /** Answer with failures only. */
  readonly quiet: boolean;
  readonly objects: readonly ObjectToDelete[];
}

/** "The XML body … can contain up to 1,000 keys": keys of 1,024 bytes, each byte an entity at worst. */
export const maxDeleteBytes = 8 * 1024 * 1024;
const maxObjects = 1000;

/** Throws MaxMessageLengthExceeded, MalformedXML, KeyTooLongError, and NotImplemented for the conditions of directory buckets. */
export function parseDeleteObjects(body: Uint8Array): DeleteObjectsRequest {
  const root = parseXml(body, { root: 'Delete', maxBytes: maxDeleteBytes });
  const objects = childrenNamed(root, 'Object');
  if (objects.length === 0 || objects.length > maxObjects) throw malformedXml(`${objects.length} objects`);
  return { quiet: parseBoolean(optionalText(root, 'Quiet')), objects: objects.map(parseObject) };
}

function parseObject(object: XmlElement): ObjectToDelete {
  const key = requiredText(object, 'Key');
  if (key === '') throw malformedXml('empty Key');
  const problem = keyProblem(key);
  if (problem !== undefined) throw problem;
  for (const condition of ['LastModifiedTime', 'Size']) {
    if (optionalText(object, condition) === undefined) continue;
    throw new S3Error('NotImplemented', {
      extra: { Header: condition, additionalMessage: 'Only directory buckets support this condition' },
    });
  }
  const versionId = optionalText(object, 'VersionId')?.trim();
  const etag = optionalText(object, 'ETag');
  return {
    key,
    ...(versionId === undefined || versionId === '' ? {} : { versionId }),
    ...(etag === undefined ? {} : { ifMatch: unquoteEtag(etag) }),
  };
}

function parseBoolean(text: string | undefined): boolean {
  switch (text?.trim()) {
    case undefined:
    case 'false':
    case '0':
      return false;
    case 'true':
    case '1':
      return true;
    default:
      throw malformedXml('Quiet is no boolean');
  }
}
