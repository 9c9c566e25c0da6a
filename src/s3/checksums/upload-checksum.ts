/** What CreateMultipartUpload declares of checksums. */
import type { Headers } from '../../http/headers.ts';
import { S3Error } from '../errors.ts';
import {
  type ChecksumAlgorithm,
  type ChecksumType,
  checksumAlgorithmNamed,
  checksumAlgorithms,
  checksumInfo,
} from './algorithms.ts';

export interface UploadChecksum {
  readonly algorithm: ChecksumAlgorithm;
  readonly type: ChecksumType;
}

/** `undefined` when no algorithm is named. InvalidRequest with AWS's texts otherwise. */
export function readUploadChecksum(headers: Headers): UploadChecksum | undefined {
  const name = headers.get('x-amz-checksum-algorithm');
  const type = readChecksumType(headers);
  if (name === undefined || name === '') {
    if (type === undefined) return undefined;
    throw invalid(
      'The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.',
    );
  }
  const algorithm = readChecksumAlgorithm(name);
  const { types } = checksumInfo[algorithm];
  if (type === undefined) return { algorithm, type: types[0] };
  if (!types.includes(type)) {
    throw invalid(
      `The ${type} checksum type cannot be used with the ${algorithm.toLowerCase()} checksum algorithm.`,
    );
  }
  return { algorithm, type };
}

/** `x-amz-checksum-type`, as CreateMultipartUpload and CompleteMultipartUpload take it. */
export function readChecksumType(headers: Headers): ChecksumType | undefined {
  const type = headers.get('x-amz-checksum-type')?.toUpperCase();
  if (type === undefined || type === 'COMPOSITE' || type === 'FULL_OBJECT') return type;
  throw invalid('Value for x-amz-checksum-type header is invalid.');
}

/** The value of `x-amz-checksum-algorithm`, as CreateMultipartUpload and CopyObject take it. */
export function readChecksumAlgorithm(name: string): ChecksumAlgorithm {
  const algorithm = checksumAlgorithmNamed(name);
  if (algorithm !== undefined) return algorithm;
  throw invalid(
    `Checksum algorithm provided is unsupported. Please try again with any of the valid types: [${checksumAlgorithms.join(', ')}]`,
  );
}

function invalid(message: string): S3Error {
  return new S3Error('InvalidRequest', { message });
}
