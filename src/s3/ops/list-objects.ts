import { lastEntryOf, listingRequest, listPage, pageElements } from '../listing.ts';
import type { Operation } from '../operation.ts';
import { xmlReply } from '../reply.ts';

/** ListObjects (version 1): `NextMarker` is given with a delimiter only; clients else go on after the last key. */
export const listObjects: Operation = {
  action: 'ListObjects',
  permission: 's3:ListBucket',
  route: { method: 'GET', on: 'bucket' },
  body: 'none',
  async handle(context) {
    const request = listingRequest(context);
    const marker = context.target.query.get('marker') ?? '';
    const page = await listPage(context, request, marker);
    const next = page.truncated && request.delimiter !== undefined ? lastEntryOf(page) : undefined;
    const { Contents, CommonPrefixes } = pageElements(context, page, request, { owner: true });
    return xmlReply(
      'ListBucketResult',
      {
        Name: context.bucket,
        Prefix: request.encode(request.prefix ?? ''),
        Marker: request.encode(marker),
        NextMarker: next === undefined ? undefined : request.encode(next),
        MaxKeys: request.maxKeys,
        Delimiter: request.delimiter === undefined ? undefined : request.encode(request.delimiter),
        EncodingType: request.encoding,
        IsTruncated: page.truncated,
        Contents,
        CommonPrefixes,
      },
      { 'x-amz-bucket-region': context.gateway.settings.region },
    );
  },
};
