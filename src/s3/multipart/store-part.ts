/** Stage, verify, record: what UploadPart and UploadPartCopy have in common. */
import { isAdapterError } from '../../../adapters/errors.ts';
import type { Body } from '../../../adapters/types.ts';
import type { PartRecord, UploadRecord } from '../../uploads/types.ts';
import { retryAfter } from '../adapter-errors.ts';
import type { ChecksumAlgorithm } from '../checksums/algorithms.ts';
import type { WriteEncryption } from '../encryption/write.ts';
import { S3Error } from '../errors.ts';
import type { RequestContext } from '../operation.ts';
import type { BodyDigests } from '../request-body.ts';
import { noSuchUpload, type UploadSettings, uploadChecksum } from './upload.ts';

/** A part must carry the checksum that the upload declared; FULL_OBJECT uploads may leave it to the server. */
export function judgePartChecksum(
  declared: UploadSettings['checksum'],
  sent: ChecksumAlgorithm | undefined,
): void {
  if (declared === undefined || declared.algorithm === sent) return;
  if (sent === undefined && declared.type === 'FULL_OBJECT') return;
  throw new S3Error('InvalidRequest', {
    message: `Checksum Type mismatch occurred, expected checksum Type: ${declared.algorithm.toLowerCase()}, actual checksum Type: ${sent?.toLowerCase() ?? 'null'}`,
  });
}

/** What must be known of each part so that the finished object has its checksum without being read again. */
export function partAlgorithm(
  { gateway }: RequestContext,
  settings: Pick<UploadSettings, 'checksum' | 'encryption'>,
): ChecksumAlgorithm | undefined {
  return uploadChecksum(settings, gateway.settings.defaultChecksum)?.algorithm;
}

export interface PartToStore {
  readonly partNumber: number;
  readonly current: PartRecord | undefined;
  readonly body: Body;
  /** Valid once the body has ended. */
  readonly digests: () => BodyDigests;
  readonly encryption: WriteEncryption;
}

/**
 * The part counts from the moment the store has recorded it. Bytes that an upload no longer takes are freed, and so are those of a part
 * that was replaced; both after the answer, since a failure there wastes space only.
 */
export async function storePart(
  context: RequestContext,
  upload: UploadRecord,
  call: PartToStore,
): Promise<PartRecord> {
  const { bucket, gateway, key } = context;
  const { uploadId, state } = upload;
  const storage = gateway.storage.for(bucket);
  const stored = call.encryption.body(call.body, call.partNumber);
  const token = await storage
    .putPart({
      bucket,
      key,
      uploadId,
      state,
      partNumber: call.partNumber,
      body: stored,
      ...(call.current !== undefined && { current: call.current.token }),
    })
    .catch(async (error: unknown) => {
      // Its staging is gone because the upload has ended while the body was on its way, or because something is wrong.
      if (isAdapterError(error, 'NoSuchPart')) await requireOpen(context, uploadId);
      throw error;
    });
  const discard = ({ partNumber, storedSize, token }: PartRecord): void =>
    gateway.background('free a part', () =>
      storage.discardParts({
        bucket,
        key,
        uploadId,
        state,
        parts: [{ partNumber, size: storedSize, token }],
      }),
    );

  const { checksums, md5 } = call.digests();
  const part: PartRecord = {
    partNumber: call.partNumber,
    etag: call.encryption.etag(md5),
    size: call.body.size,
    storedSize: stored.size,
    modifiedAt: Date.now(),
    checksums,
    token,
  };
  // When the store fails here it may have recorded the part all the same: its bytes must stay. The janitor knows which are not needed.
  const outcome = await gateway.uploads.recordPart(uploadId, part);
  if (outcome.recorded) {
    if (outcome.replaced !== undefined) discard(outcome.replaced);
    return part;
  }
  discard(part);
  await requireOpen(context, uploadId);
  // A Complete that is under way may still fail and leave the upload open: the client shall ask again.
  throw new S3Error('SlowDown', { headers: retryAfter(1) });
}

async function requireOpen({ gateway }: RequestContext, uploadId: string): Promise<void> {
  const { status } = await gateway.uploads.get(uploadId);
  if (status === 'none' || status === 'completed') throw noSuchUpload(uploadId);
}
