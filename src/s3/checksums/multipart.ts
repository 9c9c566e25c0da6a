/** The checksum of a multipart object, from those of its parts. */
import { type ChecksumAlgorithm, type ChecksumType, decodeChecksum } from './algorithms.ts';
import { combineCrcs, isCrc } from './crc-combine.ts';
import { createDigest } from './digests.ts';

/** A part's base64 checksum and its length in bytes, as the client sees it. */
export interface PartChecksum {
  readonly checksum: string;
  readonly size: number;
}

/**
 * Base64; COMPOSITE ends in `-N`. Parts in ascending order. FULL_OBJECT is for CRCs only, as CreateMultipartUpload enforces; a part's value that is not
 * the algorithm's is a fault of ours, not of the client.
 */
export function multipartChecksum(
  algorithm: ChecksumAlgorithm,
  type: ChecksumType,
  parts: readonly PartChecksum[],
): string {
  const pieces = parts.map(({ checksum, size }) => {
    const digest = decodeChecksum(algorithm, checksum);
    if (digest === undefined) throw new TypeError(`not a ${algorithm}: ${checksum}`);
    return { digest, size };
  });
  if (type === 'FULL_OBJECT') {
    if (!isCrc(algorithm)) throw new TypeError(`${algorithm} cannot be combined`);
    return combineCrcs(algorithm, pieces).toString('base64');
  }
  const whole = createDigest(algorithm);
  for (const { digest } of pieces) whole.update(digest);
  return `${whole.digest().toString('base64')}-${parts.length}`;
}

/** A COMPOSITE value without its `-N`: how GetObjectAttributes shows it, and how clients may send it at Complete. */
export function withoutPartCount(value: string): string {
  return value.replace(/-\d+$/, '');
}
