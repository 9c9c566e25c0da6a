import { parseHttpDate } from '../../http/dates.ts';
import type { UploadRecord } from '../../uploads/types.ts';
import { abortUpload } from '../multipart/abort.ts';
import { openUpload } from '../multipart/upload.ts';
import type { Operation, RequestContext } from '../operation.ts';
import { emptyReply } from '../reply.ts';
import { preconditionFailed } from '../write-condition.ts';

export const abortMultipartUpload: Operation = {
  action: 'AbortMultipartUpload',
  permission: 's3:AbortMultipartUpload',
  route: { method: 'DELETE', on: 'object', sub: 'uploadId' },
  body: 'none',
  async handle(context) {
    const { upload } = await openUpload(context);
    judgeInitiatedTime(context, upload);
    await abortUpload(context.gateway, upload);
    return emptyReply(204);
  },
};

/** `x-amz-if-match-initiated-time`: what is no date, or not the time at which the upload began, fails. */
function judgeInitiatedTime({ headers }: RequestContext, { initiatedAt }: UploadRecord): void {
  const asked = headers.get('x-amz-if-match-initiated-time');
  if (asked === undefined) return;
  // HTTP dates have no fractions of a second.
  if (parseHttpDate(asked)?.getTime() === Math.floor(initiatedAt / 1000) * 1000) return;
  throw preconditionFailed('If-Match-Initiated-Time');
}
