import { parseCopySourceRange } from '../../http/ranges.ts';
import { checksumInfo } from '../checksums/algorithms.ts';
import { aboutSource, headCopySource, maxCopySize, parseCopySource } from '../copy-source.ts';
import { refuseEncryption } from '../encryption.ts';
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
  route: { method: 'PUT', on: 'object', sub: 'uploadId', copy: true },
  body: 'none',
  slow: true,
  async handle(context) {
    const { gateway, headers, signal } = context;
    const partNumber = partNumberParameter(context);
    refuseBody(context);
    const { part: current, upload } = await openUpload(context, partNumber);
    refuseEncryption(headers);
    const source = parseCopySource(headers.get('x-amz-copy-source') ?? '');
    const info = await headCopySource(context, source);
    const rangeHeader = headers.get('x-amz-copy-source-range');
    const range =
      rangeHeader === undefined ? undefined : parseCopySourceRange(rangeHeader, plainSizeOf(info));
    const size = range === undefined ? plainSizeOf(info) : range.end - range.start + 1;
    if (size > maxCopySize) {
      throw new S3Error('InvalidRequest', {
        message: `The specified copy source is larger than the maximum allowable size for a copy source: ${maxCopySize}`,
      });
    }

    const { checksum: declared } = settingsOf(upload);
    const { body } = await aboutSource(source, () =>
      gateway.storage
        .for(source.bucket)
        .getObject({ ...source, version: info.version, signal, ...(range !== undefined && { range }) }),
    );
    const hashed = hashStream(body, size, partAlgorithm(context, declared));
    const part = await storePart(context, upload, {
      partNumber,
      current,
      body: { stream: hashed.stream, size },
      digests: () => hashed.digests(),
    });
    return xmlReply('CopyPartResult', {
      LastModified: new Date(part.modifiedAt),
      ETag: quoteEtag(part.etag),
      ...(declared !== undefined && {
        [checksumInfo[declared.algorithm].element]: part.checksums[declared.algorithm],
      }),
    });
  },
};
