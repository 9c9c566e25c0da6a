import { readWritePrecondition } from '../../http/conditions.ts';
import { expirationOfUpload } from '../bucket/lifecycle-headers.ts';
import { readingKey } from '../encryption/customer-key.ts';
import { methodHeaders, requireUploadKey } from '../encryption/write.ts';
import { quoteEtag } from '../etag.ts';
import { type Completion, completeUpload } from '../multipart/complete.ts';
import { completionDigest } from '../multipart/complete-request.ts';
import { noSuchUpload, settingsOf, viewUpload } from '../multipart/upload.ts';
import { checksumElements } from '../object-checksum.ts';
import { objectLocation } from '../object-location.ts';
import type { Operation, Reply, RequestContext } from '../operation.ts';
import { xmlReply } from '../reply.ts';
import { maxCompleteBytes, parseCompleteMultipartUpload } from '../xml/complete-multipart-upload.ts';

export const completeMultipartUpload: Operation = {
  action: 'CompleteMultipartUpload',
  permission: 's3:PutObject',
  route: { method: 'POST', on: 'object', sub: 'uploadId' },
  body: 'document',
  slow: true,
  async handle(context) {
    const document = await context.body.read(maxCompleteBytes, 'object');
    const view = await viewUpload(context);
    const { uploadId } = view.upload;
    const condition = readWritePrecondition(context.headers);
    const { encryption } = settingsOf(view.upload);
    requireUploadKey(encryption, readingKey(context));
    const headers = methodHeaders(encryption);
    const listed = parseCompleteMultipartUpload(document, uploadId);
    const digest = completionDigest(listed);
    if (view.status === 'completed') {
      // Replays skip conditions and touch nothing: the object may have been replaced since.
      if (view.digest === digest) return answer(context, view.result as unknown as Completion, headers);
      throw noSuchUpload(uploadId);
    }
    const completion = await completeUpload(context, {
      upload: view.upload,
      listed,
      digest,
      condition,
    });
    return answer(context, completion, { ...headers, ...(await expirationOfUpload(context, uploadId)) });
  },
};

function answer(
  context: RequestContext,
  completion: Completion,
  headers: Readonly<Record<string, string>>,
): Reply {
  const { bucket, key } = context;
  const content = {
    Location: objectLocation(context),
    Bucket: bucket,
    Key: key,
    ETag: quoteEtag(completion.etag),
    ...checksumElements(completion.checksum),
  };
  return xmlReply('CompleteMultipartUploadResult', content, headers);
}
