/** The body of PutObjectTagging and PutBucketTagging. */
import { requireTags, type TagLimit, type Tags } from '../tagging-header.ts';
import {
  childrenNamed,
  malformedXml,
  optionalChild,
  parseXml,
  requiredText,
  type XmlElement,
} from '../xml.ts';

export const maxTaggingBytes = 64 * 1024;

/** Throws MalformedXML, and what {@link requireTags} says of the tags. */
export function parseTagging(body: Uint8Array, limit?: TagLimit): Tags {
  const root = parseXml(body, { root: 'Tagging', maxBytes: maxTaggingBytes });
  const set = optionalChild(root, 'TagSet');
  if (set === undefined) throw malformedXml('TagSet is missing');
  return tagsWithin(set, limit);
}

export function tagsWithin(set: XmlElement, limit?: TagLimit): Tags {
  return requireTags(
    childrenNamed(set, 'Tag').map((tag) => [requiredText(tag, 'Key'), requiredText(tag, 'Value')] as const),
    limit,
  );
}
