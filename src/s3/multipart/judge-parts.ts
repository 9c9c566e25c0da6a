/** CompleteMultipartUpload's list of parts against the parts that were stored. Pure: nothing changes here. */
import type { PartRecord } from '../../uploads/types.ts';
import { S3Error } from '../errors.ts';
import type { CompletedPart } from '../xml/complete-multipart-upload.ts';
import type { UploadSettings } from './upload.ts';

/** Every part but the last ("Amazon S3 multipart upload limits"). */
const minPartSize = 5 * 1024 * 1024;

/**
 * The stored parts that the list names, in its order.
 * InvalidPart, BadDigest and InvalidRequest for a part that is not what the client says, EntityTooSmall for a short one in the middle.
 */
export function judgeParts(
  listed: readonly CompletedPart[],
  stored: ReadonlyMap<number, PartRecord>,
  checksum: UploadSettings['checksum'],
  uploadId: string,
): readonly PartRecord[] {
  const parts = listed.map((part) => judgePart(part, stored.get(part.partNumber), checksum, uploadId));
  for (const part of parts.slice(0, -1)) {
    if (part.size >= minPartSize) continue;
    throw new S3Error('EntityTooSmall', {
      extra: {
        ProposedSize: part.size,
        MinSizeAllowed: minPartSize,
        PartNumber: part.partNumber,
        ETag: part.etag,
      },
    });
  }
  return parts;
}

function judgePart(
  listed: CompletedPart,
  stored: PartRecord | undefined,
  declared: UploadSettings['checksum'],
  uploadId: string,
): PartRecord {
  const invalid = (): S3Error =>
    new S3Error('InvalidPart', {
      extra: { UploadId: uploadId, PartNumber: listed.partNumber, ETag: listed.etag },
    });
  if (stored === undefined || stored.etag !== listed.etag.toLowerCase()) throw invalid();

  const { checksum } = listed;
  if (checksum === undefined) {
    if (declared?.type !== 'COMPOSITE') return stored;
    throw new S3Error('InvalidRequest', {
      message: `The upload was created using a ${declared.algorithm.toLowerCase()} checksum. The complete request must include the checksum for each part. It was missing for part ${listed.partNumber} in the request.`,
    });
  }
  if (declared === undefined) throw invalid();
  if (declared.algorithm !== checksum.algorithm) {
    throw new S3Error('BadDigest', {
      message: `The ${checksum.algorithm.toLowerCase()} you specified for part ${listed.partNumber} did not match what we received.`,
    });
  }
  if (stored.checksums[checksum.algorithm] !== checksum.value) throw invalid();
  return stored;
}
