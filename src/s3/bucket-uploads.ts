import { isAdapterError } from '../../adapters/errors.ts';
import type { Gateway } from './operation.ts';

const pageSize = 100;

/**
 * Ends every upload of a bucket that is gone or has just been made. A crash between the bucket's deletion and this leaves uploads
 * without a bucket; making the bucket again ends them too, so that a new bucket never shows them. One that is being completed at this
 * moment is left to that Complete, which finds no bucket.
 */
export async function endUploadsOf(gateway: Gateway, bucket: string): Promise<void> {
  const storage = gateway.storage.for(bucket);
  let after: string | undefined;
  for (;;) {
    const uploads = await gateway.uploads.uploadsOf(bucket, {
      limit: pageSize,
      ...(after !== undefined && { after }),
    });
    for (const { key, state, uploadId } of uploads) {
      const result = await gateway.uploads.abort(uploadId);
      if (result.outcome === 'busy') {
        if (result.stalled === undefined) continue;
        await gateway.uploads.abort(uploadId, result.stalled.claim);
      }
      try {
        await storage.abortUpload({ bucket, key, uploadId, state });
      } catch (error) {
        // Its staging went with the bucket.
        if (!isAdapterError(error, 'NoSuchBucket')) throw error;
      }
      await gateway.uploads.cleaned(uploadId);
    }
    after = uploads.at(-1)?.uploadId;
    if (uploads.length < pageSize || after === undefined) return;
  }
}
