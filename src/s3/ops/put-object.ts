import { readWritePrecondition } from '../../http/conditions.ts';
import { expirationHeaders } from '../bucket/lifecycle-headers.ts';
import { encryptionOf } from '../encryption/write.ts';
import { quoteEtag } from '../etag.ts';
import { checksumHeaders, objectChecksumOf } from '../object-checksum.ts';
import { readObjectSettings } from '../object-settings.ts';
import type { Operation } from '../operation.ts';
import { emptyReply } from '../reply.ts';
import { writeConditionally } from '../write-condition.ts';

export const putObject: Operation = {
  action: 'PutObject',
  permission: 's3:PutObject',
  route: { method: 'PUT', on: 'object' },
  body: 'object',
  async handle(context) {
    const { bucket, gateway, headers, key } = context;
    const settings = readObjectSettings(headers);
    const condition = readWritePrecondition(headers);
    const encryption = await encryptionOf(context);
    const expiration = expirationHeaders(context);
    const storage = gateway.storage.for(bucket);
    const size = context.body.objectSize();

    const info = await writeConditionally({ storage, bucket, key, condition }, async (conditional) => {
      const body = context.body.open({
        otherwise: gateway.settings.defaultChecksum,
        contentMd5As: 'hex',
      });
      return storage.putObject({
        bucket,
        key,
        body: encryption.body({ stream: body.stream, size }, 0),
        ...conditional.call,
        attributes: () => {
          const digests = body.digests();
          return {
            ...settings,
            etag: encryption.etag(digests.md5),
            ...objectChecksumOf(digests),
            ...encryption.attributes(size),
            ...conditional.attributes,
          };
        },
      });
    });
    return emptyReply(
      200,
      {
        etag: quoteEtag(info.attributes.etag),
        ...checksumHeaders(info.attributes.checksum),
        ...encryption.headers,
        ...(await expiration)(info),
      },
      { id: `${bucket}/${key}`, created_at: info.lastModified.toISOString(), size },
    );
  },
};
