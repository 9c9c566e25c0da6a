import { readConditions } from '../../http/conditions.ts';
import { isAllOfNothing, parseRange, resolveRange } from '../../http/ranges.ts';
import { expirationHeaders } from '../bucket/lifecycle-headers.ts';
import { grantRead } from '../encryption/read.ts';
import { S3Error } from '../errors.ts';
import type { Operation } from '../operation.ts';
import { refuseVersionId } from '../parameters.ts';
import {
  judgeRead,
  objectHeaders,
  partSlice,
  plainSizeOf,
  readPartNumber,
  wholeChecksumHeaders,
} from '../read.ts';
import { emptyReply } from '../reply.ts';

export const headObject: Operation = {
  action: 'HeadObject',
  permission: 's3:GetObject',
  route: { method: 'HEAD', on: 'object' },
  body: 'none',
  async handle(context) {
    refuseVersionId(context);
    const { bucket, gateway, headers, key, signal } = context;
    const partNumber = readPartNumber(context);
    const expiration = expirationHeaders(context);
    const info = await gateway.storage.for(bucket).headObject({ bucket, key, signal });
    const grant = grantRead(context, info);
    judgeRead(info, readConditions(headers));
    const described = { ...objectHeaders(context, info), ...grant.headers, ...(await expiration)(info) };
    const size = plainSizeOf(info);

    if (partNumber !== undefined) {
      const slice = partSlice(context, info, partNumber);
      return emptyReply(206, {
        ...described,
        ...slice.headers,
        'content-length': String(slice.size),
        ...(slice.size > 0 && {
          'content-range': `bytes ${slice.start}-${slice.start + slice.size - 1}/${size}`,
        }),
        ...(slice.partsCount !== undefined && { 'x-amz-mp-parts-count': String(slice.partsCount) }),
      });
    }
    const asked = parseRange(headers.get('range'));
    if (asked === undefined || isAllOfNothing(asked, size)) {
      return emptyReply(200, {
        ...described,
        ...wholeChecksumHeaders(context, info),
        'content-length': String(size),
      });
    }
    const range = resolveRange(asked, size);
    if (range === undefined) {
      throw new S3Error('InvalidRange', { headers: { 'content-range': `bytes */${size}` } });
    }
    return emptyReply(206, {
      ...described,
      'content-length': String(range.end - range.start + 1),
      'content-range': `bytes ${range.start}-${range.end}/${size}`,
    });
  },
};
