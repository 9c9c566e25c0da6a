import type { PartRecord } from '../../uploads/types.ts';
import { abortHeaders } from '../bucket/lifecycle-headers.ts';
import { type ChecksumAlgorithm, checksumInfo } from '../checksums/algorithms.ts';
import { initiatorOf, noSuchUpload, openUpload, settingsOf } from '../multipart/upload.ts';
import type { Operation } from '../operation.ts';
import { integerParameter, pageLimit } from '../parameters.ts';
import { xmlReply } from '../reply.ts';
import type { XmlNode } from '../xml.ts';

export const listParts: Operation = {
  action: 'ListParts',
  permission: 's3:ListMultipartUploadParts',
  route: { method: 'GET', on: 'object', sub: 'uploadId' },
  body: 'none',
  async handle(context) {
    const { gateway, bucket, key } = context;
    const { owner } = gateway.settings;
    const limit = Math.min(integerParameter(context, 'max-parts', pageLimit), pageLimit);
    const after = integerParameter(context, 'part-number-marker', 0);
    const { upload } = await openUpload(context);
    const page =
      limit === 0
        ? { parts: [], truncated: false }
        : await gateway.uploads.listParts(upload.uploadId, { after, limit });
    if (page === undefined) throw noSuchUpload(upload.uploadId);
    const { checksum, headers } = settingsOf(upload);
    const parts: XmlNode = {
      Bucket: bucket,
      Key: key,
      UploadId: upload.uploadId,
      Initiator: initiatorOf(gateway, upload),
      Owner: { ID: owner.id, DisplayName: owner.displayName },
      StorageClass: headers['x-amz-storage-class'] ?? 'STANDARD',
      PartNumberMarker: after,
      NextPartNumberMarker: page.parts.at(-1)?.partNumber ?? 0,
      MaxParts: limit,
      IsTruncated: page.truncated,
      ChecksumAlgorithm: checksum?.algorithm,
      ChecksumType: checksum?.type,
      Part: page.parts.map((part) => partElement(part, checksum?.algorithm)),
    };
    return xmlReply('ListPartsResult', parts, await abortHeaders(context, upload.initiatedAt));
  },
};

function partElement(part: PartRecord, algorithm: ChecksumAlgorithm | undefined): XmlNode {
  return {
    PartNumber: part.partNumber,
    LastModified: new Date(part.modifiedAt),
    ETag: `"${part.etag}"`,
    Size: part.size,
    ...(algorithm !== undefined && { [checksumInfo[algorithm].element]: part.checksums[algorithm] }),
  };
}
