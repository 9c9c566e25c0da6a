/** The public access block of a bucket ("Blocking public access to your Amazon S3 storage"). */
import type { Gateway } from '../operation.ts';
import { malformedXml, optionalText, parseXml, type XmlElement, type XmlNode } from '../xml.ts';
import { remembering, storedOf } from './documents-of.ts';

export interface PublicAccessBlock {
  /** Nothing is left to block: no bucket takes access control lists. */
  readonly blockPublicAcls: boolean;
  readonly ignorePublicAcls: boolean;
  /** Refuse bucket policies that are public. */
  readonly blockPublicPolicy: boolean;
  /** Let a public policy allow nothing to who is not of the account. */
  readonly restrictPublicBuckets: boolean;
}

export const maxBlockBytes = 16 * 1024;

/** Throws MalformedXML. */
export function parsePublicAccessBlock(document: string | Uint8Array): PublicAccessBlock {
  const root = parseXml(document, { root: 'PublicAccessBlockConfiguration', maxBytes: maxBlockBytes });
  return {
    blockPublicAcls: flag(root, 'BlockPublicAcls'),
    ignorePublicAcls: flag(root, 'IgnorePublicAcls'),
    blockPublicPolicy: flag(root, 'BlockPublicPolicy'),
    restrictPublicBuckets: flag(root, 'RestrictPublicBuckets'),
  };
}

/** An element that is missing is false. */
function flag(root: XmlElement, name: string): boolean {
  const text = optionalText(root, name)?.trim().toLowerCase();
  if (text === 'true') return true;
  if (text === 'false' || text === undefined) return false;
  throw malformedXml(`${name} is no boolean`);
}

export function publicAccessBlockContent(block: PublicAccessBlock): XmlNode {
  return {
    BlockPublicAcls: block.blockPublicAcls,
    IgnorePublicAcls: block.ignorePublicAcls,
    BlockPublicPolicy: block.blockPublicPolicy,
    RestrictPublicBuckets: block.restrictPublicBuckets,
  };
}

const parse = remembering(parsePublicAccessBlock);

/** `undefined` when the bucket has none. NoSuchBucket. */
export function publicAccessBlockOf(
  gateway: Pick<Gateway, 'documents'>,
  bucket: string,
): Promise<PublicAccessBlock | undefined> {
  return storedOf(gateway, bucket, 'publicAccessBlock', parse);
}
