import { parseCopySourceRange } from '../../http/ranges.ts';
import { checksumInfo } from '../checksums/algorithms.ts';
import { aboutSource, headCopySource, maxCopySize, parseCopySource } from '../copy-source.ts';
import { grantCopy, openState } from '../encryption/read.ts';
import { partEncryption } from '../encryption/write.ts';
import { S3Error } from '../errors.ts';
import { quoteEtag } from '../etag.ts';
import { hashStream } from '../hashed-stream.ts';
import { partAlgorithm, storePart } from '../multipart/store-part.ts';
import { openUpload, settingsOf } from '../multipart/upload.ts';
import type { Operation } from '../operation.ts';
import { partNumberParameter } from '../parameters.ts';
import { plainSizeOf } from '../read.ts';
import { xmlReply } from '../reply.ts';
import { refuseBody } from '../request-body.ts';

/**
 * The part's ETag is the MD5 of the copied bytes, which no backend tells of a range: so they stream through here, once.
 */
export const uploadPartCopy: Operation = {
  action: 'UploadPartCopy',
  permission: 's3:PutObject',
  route: { method: 'PUT', on: 'object', sub: 'uploadId', copy: true },
  body: 'none',
  slow: true,
  async handle(context) {
    const { gateway, headers, signal } = context;
    const partNumber = partNumberParameter(context);
    refuseBody(context);
    const { part: current, upload } = await openUpload(context, partNumber);
    const settings = settingsOf(upload);
    const encryption = partEncryption(context, settings.encryption);
    const source = parseCopySource(headers.get('x-amz-copy-source') ?? '', gateway.settings.accessPoints);
    const info = await headCopySource(context, source);
    const grant = grantCopy(context, source, info);
    const rangeHeader = headers.get('x-amz-copy-source-range');
    const range =
      rangeHeader === undefined ? undefined : parseCopySourceRange(rangeHeader, plainSizeOf(info));
    const size = range === undefined ? plainSizeOf(info) : range.end - range.start + 1;
    if (size > maxCopySize) {
      throw new S3Error('InvalidRequest', {
        message: `The specified copy source is larger than the maximum allowable size for a copy source: ${maxCopySize}`,
      });
    }

    const { checksum: declared } = settings;
    const storage = gateway.storage.for(source.bucket);
    const body = await aboutSource(source, () => openState({ gateway, storage, info, range, signal }, grant));
    const hashed = hashStream(body, size, partAlgorithm(context, settings));
    const part = await storePart(context, upload, {
      partNumber,
      current,
      body: { stream: hashed.stream, size },
      digests: () => hashed.digests(),
      encryption,
      // A target that refuses before it reads would leave the source open.
    }).finally(() => hashed.stream.destroy());
    const content = {
      LastModified: new Date(part.modifiedAt),
      ETag: quoteEtag(part.etag),
      ...(declared !== undefined && {
        [checksumInfo[declared.algorithm].element]: part.checksums[declared.algorithm],
      }),
    };
    return xmlReply('CopyPartResult', content, encryption.headers);
  },
};
