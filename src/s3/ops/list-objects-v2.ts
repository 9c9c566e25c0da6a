import { S3Error } from '../errors.ts';
import { decodeToken, encodeToken, lastEntryOf, listingRequest, listPage, pageElements } from '../listing.ts';
import type { Operation } from '../operation.ts';
import { xmlReply } from '../reply.ts';

export const listObjectsV2: Operation = {
  action: 'ListObjectsV2',
  permission: 's3:ListBucket',
  route: { method: 'GET', on: 'bucket', sub: 'list-type' },
  body: 'none',
  async handle(context) {
    const { query } = context.target;
    const listType = query.get('list-type');
    if (listType !== '2') {
      throw new S3Error('InvalidArgument', {
        message: 'Invalid List Type specified in Request',
        extra: { ArgumentName: 'list-type', ArgumentValue: listType ?? '' },
      });
    }
    const request = listingRequest(context);
    const token = query.get('continuation-token');
    if (token === '') {
      throw new S3Error('InvalidArgument', {
        message: 'The continuation token provided is incorrect',
        extra: { ArgumentName: 'continuation-token' },
      });
    }
    const startAfter = query.get('start-after');
    const page = await listPage(context, request, token === undefined ? startAfter : decodeToken(token));
    const last = page.truncated ? lastEntryOf(page) : undefined;
    const owner = query.get('fetch-owner')?.toLowerCase() === 'true';
    const { Contents, CommonPrefixes } = pageElements(context, page, request, { owner });
    return xmlReply(
      'ListBucketResult',
      {
        Name: context.bucket,
        Prefix: request.encode(request.prefix ?? ''),
        ContinuationToken: token,
        NextContinuationToken: last === undefined ? undefined : encodeToken(last),
        // Not shown beside a token, which alone says where this page begins.
        StartAfter: startAfter === undefined || token !== undefined ? undefined : request.encode(startAfter),
        KeyCount: page.entries.length,
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
