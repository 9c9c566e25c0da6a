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
  const typeName = headers.get('x-amz-checksum-type');
  if (name === undefined || name === '') {
    if (typeName === undefined) return undefined;
    throw invalid(
      'The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.',
    );
  }
  const algorithm = readChecksumAlgorithm(name);
  const { types } = checksumInfo[algorithm];
  if (typeName === undefined) return { algorithm, type: types[0] };
  const type = typeName.toUpperCase();
  if (type !== 'COMPOSITE' && type !== 'FULL_OBJECT') {
    throw invalid('Value for x-amz-checksum-type header is invalid.');
  }
  if (!types.includes(type)) {
    throw invalid(
      `The ${type} checksum type cannot be used with the ${algorithm.toLowerCase()} checksum algorithm.`,
    );
  }
  return { algorithm, type };
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
