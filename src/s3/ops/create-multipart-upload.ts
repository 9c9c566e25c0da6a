import { newUploadId } from '../../uploads/id.ts';
import { abortHeaders } from '../bucket/lifecycle-headers.ts';
import { readUploadChecksum } from '../checksums/upload-checksum.ts';
import { encryptionOf } from '../encryption/write.ts';
import { settingsJson } from '../multipart/upload.ts';
import { readObjectSettings } from '../object-settings.ts';
import type { Operation } from '../operation.ts';
import { xmlReply } from '../reply.ts';
import { refuseBody } from '../request-body.ts';
import { liveObject } from '../write-condition.ts';

export const createMultipartUpload: Operation = {
  action: 'CreateMultipartUpload',
  permission: 's3:PutObject',
  route: { method: 'POST', on: 'object', sub: 'uploads' },
  body: 'none',
  async handle(context) {
    const { auth, bucket, gateway, headers, key } = context;
    refuseBody(context);
    const object = readObjectSettings(headers);
    const checksum = readUploadChecksum(headers);
    const encryption = await encryptionOf(context);
    const storage = gateway.storage.for(bucket);
    const live = await liveObject(storage, bucket, key);

    const uploadId = newUploadId();
    const initiatedAt = Date.now();
    const state = await storage.beginUpload({ bucket, key, uploadId });
    try {
      await gateway.uploads.create({
        uploadId,
        bucket,
        key,
        initiatedAt,
        initiator: auth.kind === 'signed' ? auth.identity.id : 'anonymous',
        settings: settingsJson({
          ...object,
          ...(checksum !== undefined && { checksum }),
          ...(encryption.envelope !== undefined && { encryption: encryption.envelope }),
          base: live === undefined ? null : { version: live.version },
        }),
        state,
      });
    } catch (error) {
      gateway.background('free an upload that was not recorded', () =>
        storage.abortUpload({ bucket, key, uploadId, state }),
      );
      throw error;
    }
    return xmlReply(
      'InitiateMultipartUploadResult',
      { Bucket: bucket, Key: key, UploadId: uploadId },
      {
        ...(checksum !== undefined && {
          'x-amz-checksum-algorithm': checksum.algorithm,
          'x-amz-checksum-type': checksum.type,
        }),
        ...encryption.headers,
        ...(await abortHeaders(context, initiatedAt)),
      },
    );
  },
};
