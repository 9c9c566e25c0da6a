import { abortUpload } from '../multipart/abort.ts';
import { openUpload } from '../multipart/upload.ts';
import type { Operation } from '../operation.ts';
import { emptyReply } from '../reply.ts';

export const abortMultipartUpload: Operation = {
  action: 'AbortMultipartUpload',
  permission: 's3:AbortMultipartUpload',
  route: { method: 'DELETE', on: 'object', sub: 'uploadId' },
  body: 'none',
  async handle(context) {
    const { upload } = await openUpload(context);
    await abortUpload(context.gateway, upload);
    return emptyReply(204);
  },
};
