/** The body of CreateBucket. */
import { S3Error } from '../errors.ts';
import { bucketTagLimit, type Tags } from '../tagging-header.ts';
import { optionalChild, optionalText, parseXml } from '../xml.ts';
import { tagsWithin } from './tagging.ts';

const maxBytes = 64 * 1024;

export interface CreateBucketConfiguration {
  /** The LocationConstraint that is asked for. */
  readonly location?: string;
  readonly tags?: Tags;
}

/** An empty body asks for nothing. Throws MalformedXML, what tags may not be, and NotImplemented for directory buckets. */
export function parseCreateBucketConfiguration(body: Uint8Array): CreateBucketConfiguration {
  if (body.byteLength === 0) return {};
  const root = parseXml(body, { root: 'CreateBucketConfiguration', maxBytes });
  for (const name of ['Location', 'Bucket']) {
    if (optionalChild(root, name) === undefined) continue;
    throw new S3Error('NotImplemented', { extra: { Header: `CreateBucketConfiguration/${name}` } });
  }
  const location = optionalText(root, 'LocationConstraint')?.trim() ?? '';
  const tags = optionalChild(root, 'Tags');
  return {
    ...(location !== '' && { location }),
    ...(tags !== undefined && { tags: tagsWithin(tags, bucketTagLimit) }),
  };
}
