import type { ChecksumAlgorithm } from '../../src/s3/checksums/algorithms.ts';
import { createDigest } from '../../src/s3/checksums/digests.ts';

/** Base64. */
export function checksumOf(algorithm: ChecksumAlgorithm, bytes: Uint8Array): string {
  const digest = createDigest(algorithm);
  digest.update(bytes);
  return digest.digest().toString('base64');
}
