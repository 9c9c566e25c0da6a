/** The checksum algorithms of Amazon S3 ("Checking object integrity for data uploads") and their base64 values. */

/** In the order in which AWS's error texts list them. */
export const checksumAlgorithms = [
  'CRC32',
  'CRC32C',
  'CRC64NVME',
  'MD5',
  'SHA1',
  'SHA256',
  'SHA512',
  'XXHASH128',
  'XXHASH3',
  'XXHASH64',
] as const;

export type ChecksumAlgorithm = (typeof checksumAlgorithms)[number];

/** Of a multipart object: over the parts' digests, or over all bytes. An object of one request is FULL_OBJECT whatever its algorithm. */
export type ChecksumType = 'COMPOSITE' | 'FULL_OBJECT';

export interface ChecksumInfo {
  /** Bytes of the raw digest. */
  readonly bytes: number;
  /** Request and response header, and trailer: `x-amz-checksum-crc32`. */
  readonly header: string;
  /** XML element: `ChecksumCRC32`. */
  readonly element: string;
  /** What a multipart upload may ask for; the first is the default. */
  readonly types: readonly [ChecksumType, ...ChecksumType[]];
}

function info(name: string, bytes: number, ...types: [ChecksumType, ...ChecksumType[]]): ChecksumInfo {
  return { bytes, header: `x-amz-checksum-${name.toLowerCase()}`, element: `Checksum${name}`, types };
}

export const checksumInfo: Readonly<Record<ChecksumAlgorithm, ChecksumInfo>> = {
  CRC32: info('CRC32', 4, 'COMPOSITE', 'FULL_OBJECT'),
  CRC32C: info('CRC32C', 4, 'COMPOSITE', 'FULL_OBJECT'),
  CRC64NVME: info('CRC64NVME', 8, 'FULL_OBJECT'),
  MD5: info('MD5', 16, 'COMPOSITE'),
  SHA1: info('SHA1', 20, 'COMPOSITE'),
  SHA256: info('SHA256', 32, 'COMPOSITE'),
  SHA512: info('SHA512', 64, 'COMPOSITE'),
  XXHASH128: info('XXHASH128', 16, 'COMPOSITE'),
  XXHASH3: info('XXHASH3', 8, 'COMPOSITE'),
  XXHASH64: info('XXHASH64', 8, 'COMPOSITE'),
};

const byHeader = new Map(checksumAlgorithms.map((name) => [checksumInfo[name].header, name]));
const byElement = new Map(checksumAlgorithms.map((name) => [checksumInfo[name].element, name]));

/** Case-insensitive, as on AWS. */
export function checksumAlgorithmNamed(name: string): ChecksumAlgorithm | undefined {
  const upper = name.toUpperCase();
  return checksumAlgorithms.find((algorithm) => algorithm === upper);
}

/** `name` in lower case. */
export function checksumAlgorithmOfHeader(name: string): ChecksumAlgorithm | undefined {
  return byHeader.get(name);
}

export function checksumAlgorithmOfElement(name: string): ChecksumAlgorithm | undefined {
  return byElement.get(name);
}

/** The raw digest, or `undefined` unless `base64` is the canonical form of exactly as many bytes as the algorithm has. */
export function decodeChecksum(algorithm: ChecksumAlgorithm, base64: string): Buffer | undefined {
  return decodeBase64(base64, checksumInfo[algorithm].bytes);
}

/** Strict: standard alphabet, padding, no spaces, exactly `bytes` long. */
export function decodeBase64(base64: string, bytes: number): Buffer | undefined {
  if (base64.length !== Math.ceil(bytes / 3) * 4) return undefined;
  const raw = Buffer.from(base64, 'base64');
  return raw.length === bytes && raw.toString('base64') === base64 ? raw : undefined;
}
