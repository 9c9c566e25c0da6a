/** The tags of a bucket ("Using cost allocation S3 bucket tags"). */
import type { Gateway } from '../operation.ts';
import { bucketTagLimit, type Tags } from '../tagging-header.ts';
import { parseTagging } from '../xml/tagging.ts';
import { type XmlNode, xml } from '../xml.ts';
import { remembering, storedOf } from './documents-of.ts';

export function taggingContent(tags: Tags): XmlNode {
  return { TagSet: { Tag: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) } };
}

const parse = remembering((text) => parseTagging(Buffer.from(text), bucketTagLimit));

/** `undefined` when the bucket has none. NoSuchBucket. */
export function bucketTagsOf(gateway: Pick<Gateway, 'documents'>, bucket: string): Promise<Tags | undefined> {
  return storedOf(gateway, bucket, 'tagging', parse);
}

/** An empty set is none. */
export async function keepBucketTags(
  gateway: Pick<Gateway, 'documents'>,
  bucket: string,
  tags: Tags,
): Promise<void> {
  const text = Object.keys(tags).length === 0 ? undefined : xml('Tagging', taggingContent(tags));
  await gateway.documents.put(bucket, 'tagging', text);
}
