/** What the tests of uploads on Azure share. */
import type { BlockBlobClient } from '@azure/storage-blob';
import type { StorageAdapter, StoredPart } from '../../../adapters/types.ts';
import { bytes, KiB, part, type Upload } from '../../adapters/contract/kit.ts';
import type { AzureBench } from './kit.ts';
import type { BlobRequest } from './request.ts';

export const SIZE = 64 * KiB;

/** Parts of several blocks, and every copy in blocks. */
export const crampedLimits = {
  blockBytes: 25 * KiB,
  copyBytes: 0,
  putFromUrlBytes: 0,
  copyBlockBytes: 30 * KiB,
};

/** The private blob of an upload, past the rules. */
export function stagingBlob(bench: AzureBench, upload: Upload): BlockBlobClient {
  return bench.strict.direct
    .getContainerClient(bench.containerPrefix + upload.bucket)
    .getBlockBlobClient(`.partway/uploads/${upload.uploadId}`);
}

export const isStaging = ({ blob }: BlobRequest): boolean => blob.startsWith('.partway/uploads/');

export async function threeParts(
  adapter: StorageAdapter,
  upload: Upload,
): Promise<[StoredPart, StoredPart, StoredPart]> {
  return [
    await part(adapter, upload, 1, bytes(SIZE, 1)),
    await part(adapter, upload, 2, bytes(SIZE, 2)),
    await part(adapter, upload, 3, bytes(1000, 3)),
  ];
}

/** What {@link threeParts} make. */
export const three = Buffer.concat([bytes(SIZE, 1), bytes(SIZE, 2), bytes(1000, 3)]);
