import { readWritePrecondition, type WritePrecondition } from '../../http/conditions.ts';
import type { UploadView } from '../../uploads/types.ts';
import { expirationOfUpload } from '../bucket/lifecycle-headers.ts';
import { readingKey } from '../encryption/customer-key.ts';
import { methodHeaders, requireUploadKey } from '../encryption/write.ts';
import { quoteEtag } from '../etag.ts';
import { type Completion, completeUpload, judgeCondition } from '../multipart/complete.ts';
import { completionDigest, readClaims } from '../multipart/complete-request.ts';
import { noSuchUpload, settingsOf, viewUpload } from '../multipart/upload.ts';
import { checksumElements } from '../object-checksum.ts';
import { objectLocation } from '../object-location.ts';
import type { Operation, Reply, RequestContext } from '../operation.ts';
import { xmlReply } from '../reply.ts';
import {
  type CompletedPart,
  maxCompleteBytes,
  parseCompleteMultipartUpload,
} from '../xml/complete-multipart-upload.ts';

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
    // A header that cannot be is refused of replays too, whose conditions and claims nobody looks at.
    const claims = readClaims(context.headers);
    const { encryption } = settingsOf(view.upload);
    requireUploadKey(encryption, readingKey(context));
    const headers = methodHeaders(encryption);
    const listed = await listedParts(context, view, condition, document);
    const digest = completionDigest(listed);
    if (view.status === 'completed') {
      if (view.digest !== digest) throw noSuchUpload(uploadId);
      // Replays skip conditions and touch nothing: the object may have been replaced since. Its bucket may be gone.
      await context.gateway.storage.for(context.bucket).headBucket({ bucket: context.bucket });
      return answer(context, view.result as unknown as Completion, headers);
    }
    const completion = await completeUpload(context, {
      upload: view.upload,
      listed,
      digest,
      condition,
      claims,
    });
    return answer(context, completion, { ...headers, ...(await expirationOfUpload(context, uploadId)) });
  },
};

async function listedParts(
  context: RequestContext,
  view: Exclude<UploadView, { status: 'none' }>,
  condition: WritePrecondition | undefined,
  document: Uint8Array,
): Promise<readonly CompletedPart[]> {
  try {
    return parseCompleteMultipartUpload(document, view.upload.uploadId);
  } catch (error) {
    // The condition comes first, and is judged together with the parts where there are some.
    if (condition !== undefined && view.status !== 'completed') {
      await judgeCondition(context, view.upload, condition);
    }
    throw error;
  }
}

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
