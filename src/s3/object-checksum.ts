/** An object's own checksum: from digests when it is written, as headers and elements when it is read. */
import type { ObjectChecksum } from '../../adapters/types.ts';
import { checksumAlgorithmNamed, checksumInfo } from './checksums/algorithms.ts';
import type { BodyDigests } from './request-body.ts';
import type { XmlNode } from './xml.ts';

/** An object written in one request is FULL_OBJECT whatever its algorithm. */
export function objectChecksumOf(digests: BodyDigests): { readonly checksum?: ObjectChecksum } {
  const { checksum } = digests;
  if (checksum === undefined) return {};
  return { checksum: { algorithm: checksum.algorithm, type: 'FULL_OBJECT', value: checksum.value } };
}

export function checksumHeaders(checksum: ObjectChecksum | undefined): Record<string, string> {
  if (checksum === undefined) return {};
  return { [headerOf(checksum)]: checksum.value, 'x-amz-checksum-type': checksum.type };
}

/** `ChecksumCRC32` and `ChecksumType`, as result documents carry them. */
export function checksumElements(checksum: ObjectChecksum | undefined): XmlNode {
  if (checksum === undefined) return {};
  return { [`Checksum${checksum.algorithm}`]: checksum.value, ChecksumType: checksum.type };
}

function headerOf(checksum: ObjectChecksum): string {
  const algorithm = checksumAlgorithmNamed(checksum.algorithm);
  return algorithm === undefined
    ? `x-amz-checksum-${checksum.algorithm.toLowerCase()}`
    : checksumInfo[algorithm].header;
}
