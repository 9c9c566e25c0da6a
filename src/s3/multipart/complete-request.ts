/** What a CompleteMultipartUpload request says, and the object that it would make. Pure. */
import { createHash } from 'node:crypto';
import type { ObjectAttributes, ObjectChecksum } from '../../../adapters/types.ts';
import type { Headers } from '../../http/headers.ts';
import type { PartRecord } from '../../uploads/types.ts';
import {
  type ChecksumAlgorithm,
  type ChecksumType,
  checksumAlgorithms,
  checksumInfo,
  decodeChecksum,
} from '../checksums/algorithms.ts';
import { multipartChecksum, withoutPartCount } from '../checksums/multipart.ts';
import { readChecksumType } from '../checksums/upload-checksum.ts';
import { envelopeAttributes } from '../encryption/write.ts';
import { S3Error } from '../errors.ts';
import { multipartEtag } from '../etag.ts';
import type { CompletedPart } from '../xml/complete-multipart-upload.ts';
import { type UploadSettings, uploadChecksum } from './upload.ts';

/** Names the request: the same list of parts is the same Complete, however often it is sent. */
export function completionDigest(parts: readonly CompletedPart[]): string {
  const hash = createHash('sha256');
  for (const { etag, partNumber } of parts) hash.update(`${partNumber} ${etag}\n`);
  return hash.digest('hex');
}

/** What the request claims of the object. */
export interface CompletionClaims {
  readonly type: ChecksumType | undefined;
  readonly size: number | undefined;
  readonly checksum: { readonly algorithm: ChecksumAlgorithm; readonly value: string } | undefined;
}

/** Each header for itself; whether they are true is told when the parts are known. InvalidRequest with AWS's texts. */
export function readClaims(headers: Headers): CompletionClaims {
  return { type: readChecksumType(headers), size: readSize(headers), checksum: readChecksum(headers) };
}

function readSize(headers: Headers): number | undefined {
  const text = headers.get('x-amz-mp-object-size');
  if (text === undefined) return undefined;
  if (!/^-?\d+$/.test(text)) {
    throw invalidRequest(`Value for x-amz-mp-object-size header is invalid: '${text}'`);
  }
  const size = Number(text);
  if (size < 0) throw invalidRequest(`Value for x-amz-mp-object-size header is less than zero: '${text}'`);
  return size;
}

function readChecksum(headers: Headers): CompletionClaims['checksum'] {
  const [algorithm, another] = checksumAlgorithms.filter((name) => headers.has(checksumInfo[name].header));
  if (algorithm === undefined) return undefined;
  if (another !== undefined) {
    throw invalidRequest(
      'Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.',
    );
  }
  const { header } = checksumInfo[algorithm];
  const value = headers.get(header) ?? '';
  if (decodeChecksum(algorithm, withoutPartCount(value)) === undefined) {
    throw invalidRequest(`Value for ${header} header is invalid.`);
  }
  return { algorithm, value };
}

/** `x-amz-checksum-type` must be the upload's. */
export function judgeChecksumType({ type }: CompletionClaims, declared: UploadSettings['checksum']): void {
  if (type === undefined || type === declared?.type) return;
  throw invalidRequest(
    `The upload was created using the ${declared?.type ?? 'null'} checksum mode. The complete request must use the same checksum mode.`,
  );
}

/** `x-amz-mp-object-size` against the sum of the parts. */
export function judgeObjectSize({ size: claimed }: CompletionClaims, size: number): void {
  if (claimed === undefined || claimed === size) return;
  throw invalidRequest(
    `The provided 'x-amz-mp-object-size' header value ${claimed} does not match what was computed: ${size}`,
  );
}

/** The algorithms of 2026: AWS refuses their values where the upload declared none, and ignores those of the older ones. */
const neverIgnored: ReadonlySet<ChecksumAlgorithm> = new Set([
  'MD5',
  'SHA512',
  'XXHASH64',
  'XXHASH3',
  'XXHASH128',
]);

/**
 * The whole object's checksum in a header. When the upload declared no algorithm it is ignored, or InvalidRequest for the newer
 * algorithms. A FULL_OBJECT value counts also without `x-amz-checksum-type`: AWS refuses that as BadDigest, but tools that know only S3's
 * documentation send it.
 */
export function judgeObjectChecksum(
  { checksum: claimed }: CompletionClaims,
  checksum: ObjectChecksum | undefined,
  declared: boolean,
): void {
  if (claimed === undefined) return;
  const { algorithm, value: sent } = claimed;
  if (!declared && neverIgnored.has(algorithm)) {
    throw invalidRequest(
      `Checksum Type mismatch occurred, expected checksum Type: null, actual checksum Type: ${algorithm.toLowerCase()}`,
    );
  }
  if (!declared || checksum === undefined) return;
  const value = withoutPartCount(sent);
  const matches =
    checksum.algorithm === algorithm &&
    (sent === checksum.value || (value === sent && value === withoutPartCount(checksum.value)));
  if (!matches) {
    throw new S3Error('BadDigest', {
      // The upload's algorithm, whichever was sent: as AWS has it.
      message: `The ${checksum.algorithm.toLowerCase()} you specified did not match the calculated checksum.`,
    });
  }
}

/** What the finished object says of itself. */
export function finishedAttributes(
  uploadId: string,
  settings: UploadSettings,
  parts: readonly PartRecord[],
  defaultChecksum: ChecksumAlgorithm | undefined,
): ObjectAttributes {
  const checksum = finishedChecksum(settings, parts, defaultChecksum);
  const composite = checksum?.type === 'COMPOSITE' ? (checksum.algorithm as ChecksumAlgorithm) : undefined;
  return {
    etag: multipartEtag(parts.map((part) => part.etag)),
    headers: settings.headers,
    metadata: settings.metadata,
    ...(settings.tags !== undefined && { tags: settings.tags }),
    ...(checksum !== undefined && { checksum }),
    parts: parts.map((part) => {
      const value = composite === undefined ? undefined : part.checksums[composite];
      return {
        partNumber: part.partNumber,
        size: part.size,
        ...(value !== undefined && { checksum: value }),
      };
    }),
    uploadId,
    ...envelopeAttributes(
      settings.encryption,
      parts.reduce((sum, part) => sum + part.size, 0),
    ),
  };
}

function finishedChecksum(
  settings: UploadSettings,
  parts: readonly PartRecord[],
  defaultChecksum: ChecksumAlgorithm | undefined,
): ObjectChecksum | undefined {
  const declared = uploadChecksum(settings, defaultChecksum);
  if (declared === undefined) return undefined;
  const pieces: Array<{ checksum: string; size: number }> = [];
  for (const part of parts) {
    const checksum = part.checksums[declared.algorithm];
    // The default may have been switched on after the part was stored: then the object has none.
    if (checksum === undefined) return undefined;
    pieces.push({ checksum, size: part.size });
  }
  return {
    ...declared,
    value: multipartChecksum(declared.algorithm, declared.type, pieces),
    ...(settings.checksum !== undefined && { declared: true }),
  };
}

function invalidRequest(message: string): S3Error {
  return new S3Error('InvalidRequest', { message });
}
