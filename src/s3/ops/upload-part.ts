import { checksumInfo } from '../checksums/algorithms.ts';
import { partEncryption } from '../encryption/write.ts';
import { quoteEtag } from '../etag.ts';
import { judgePartChecksum, partAlgorithm, storePart } from '../multipart/store-part.ts';
import { openUpload, settingsOf, type UploadSettings } from '../multipart/upload.ts';
import type { Operation, RequestContext } from '../operation.ts';
import { partNumberParameter } from '../parameters.ts';
import { emptyReply } from '../reply.ts';

export const uploadPart: Operation = {
  action: 'UploadPart',
  permission: 's3:PutObject',
  route: { method: 'PUT', on: 'object', sub: 'uploadId' },
  body: 'object',
  async handle(context) {
    const partNumber = partNumberParameter(context);
    const { part: current, upload } = await openUpload(context, partNumber);
    const settings = settingsOf(upload);
    const encryption = partEncryption(context, settings.encryption);
    const { checksum: declared } = settings;
    judgePartChecksum(declared, context.body.checksumAlgorithm() ?? contentMd5(context, declared));
    const size = context.body.objectSize();
    const body = context.body.open({ always: partAlgorithm(context, settings) });

    const part = await storePart(context, upload, {
      partNumber,
      current,
      body: { stream: body.stream, size },
      digests: () => body.digests(),
      encryption,
    });
    // What was sent is echoed; what the upload declared is told even if the server had to compute it.
    const shown = body.digests().sent ?? declared?.algorithm;
    return emptyReply(
      200,
      {
        etag: quoteEtag(part.etag),
        ...(shown !== undefined && { [checksumInfo[shown].header]: part.checksums[shown] ?? '' }),
        ...encryption.headers,
      },
      {
        id: `${upload.uploadId}/${partNumber}`,
        created_at: new Date(part.modifiedAt).toISOString(),
        size,
        ...Object.fromEntries(
          Object.entries(part.checksums).map(([name, value]) => [`checksum_${name.toLowerCase()}`, value]),
        ),
      },
    );
  },
};

/** The JavaScript SDK sends the checksum of an MD5 upload as Content-MD5, which is verified like any other. */
function contentMd5({ headers }: RequestContext, declared: UploadSettings['checksum']): 'MD5' | undefined {
  if (declared?.algorithm !== 'MD5' || !headers.has('content-md5')) return undefined;
  return headers.get('x-amz-sdk-checksum-algorithm')?.toUpperCase() === 'MD5' ? 'MD5' : undefined;
}
