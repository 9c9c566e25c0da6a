/** The encryption that a bucket gives to what is written without a word about it ("Setting default server-side encryption behavior"). */
import type { EncryptionSettings } from '../encryption/settings.ts';
import { S3Error } from '../errors.ts';
import type { Gateway } from '../operation.ts';
import {
  childrenNamed,
  malformedXml,
  optionalChild,
  optionalText,
  parseXml,
  requiredText,
  type XmlElement,
  type XmlNode,
} from '../xml.ts';
import { remembering, storedOf } from './documents-of.ts';

export interface BucketEncryption {
  /** `aws:kms` is this too where configuration says so. */
  readonly algorithm: 'AES256';
  /** Given back as it was set; only KMS has bucket keys. */
  readonly bucketKeyEnabled: boolean;
}

export const maxEncryptionBytes = 64 * 1024;

/**
 * `undefined` for a rule that only says that nothing is blocked, which is so in any case. Throws MalformedXML, InvalidArgument, and
 * NotImplemented for what is not offered.
 * @param kms what becomes of `aws:kms` and `aws:kms:dsse`
 */
export function parseBucketEncryption(
  document: string | Uint8Array,
  kms: EncryptionSettings['kms'],
): BucketEncryption | undefined {
  const root = parseXml(document, {
    root: 'ServerSideEncryptionConfiguration',
    maxBytes: maxEncryptionBytes,
  });
  const [rule, another] = childrenNamed(root, 'Rule');
  if (rule === undefined || another !== undefined) throw malformedXml('not one Rule');
  const blocking = optionalChild(rule, 'BlockedEncryptionTypes');
  if (blocking !== undefined) refuseBlocking(blocking);
  const byDefault = optionalChild(rule, 'ApplyServerSideEncryptionByDefault');
  if (byDefault === undefined && blocking !== undefined) return undefined;
  if (byDefault === undefined) throw malformedXml('ApplyServerSideEncryptionByDefault is missing');
  requireOffered(requiredText(byDefault, 'SSEAlgorithm').trim(), byDefault, kms);
  return { algorithm: 'AES256', bucketKeyEnabled: bucketKeyOf(rule) };
}

function requireOffered(algorithm: string, byDefault: XmlElement, kms: EncryptionSettings['kms']): void {
  switch (algorithm) {
    case 'AES256':
      if (optionalChild(byDefault, 'KMSMasterKeyID') === undefined) return;
      throw new S3Error('InvalidArgument', {
        message:
          'a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse',
        extra: { ArgumentName: 'ApplyServerSideEncryptionByDefault' },
      });
    case 'aws:kms':
    case 'aws:kms:dsse':
      if (kms === 'AES256') return;
      throw new S3Error('NotImplemented', {
        extra: { Header: 'SSEAlgorithm', additionalMessage: algorithm },
      });
    default:
      throw malformedXml('SSEAlgorithm');
  }
}

function bucketKeyOf(rule: XmlElement): boolean {
  const text = optionalText(rule, 'BucketKeyEnabled')?.trim();
  if (text === 'true') return true;
  if (text === 'false' || text === undefined) return false;
  throw malformedXml('BucketKeyEnabled is no boolean');
}

/** No kind of encryption is blocked, which is what `NONE` asks for. */
function refuseBlocking(blocked: XmlElement): void {
  for (const { text } of childrenNamed(blocked, 'EncryptionType')) {
    if (text.trim() === 'NONE') continue;
    throw new S3Error('NotImplemented', {
      extra: { Header: 'BlockedEncryptionTypes', additionalMessage: text.trim() },
    });
  }
}

export function bucketEncryptionContent({ algorithm, bucketKeyEnabled }: BucketEncryption): XmlNode {
  return {
    Rule: {
      ApplyServerSideEncryptionByDefault: { SSEAlgorithm: algorithm },
      BucketKeyEnabled: bucketKeyEnabled,
    },
  };
}

const parse = remembering((text) => parseBucketEncryption(text, 'refuse'));

/** `undefined` when the bucket was not told to encrypt. NoSuchBucket. */
export function bucketEncryptionOf(
  gateway: Pick<Gateway, 'documents'>,
  bucket: string,
): Promise<BucketEncryption | undefined> {
  return storedOf(gateway, bucket, 'encryption', parse);
}
