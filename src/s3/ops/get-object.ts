import { isAdapterError } from '../../../adapters/errors.ts';
import type { ByteRange, GetObjectResult } from '../../../adapters/types.ts';
import { readConditions } from '../../http/conditions.ts';
import { parseRange } from '../../http/ranges.ts';
import { S3Error } from '../errors.ts';
import type { Operation, Reply, RequestContext } from '../operation.ts';
import { refuseVersionId } from '../parameters.ts';
import {
  judgeRead,
  objectHeaders,
  partSlice,
  plainSizeOf,
  readPartNumber,
  wholeChecksumHeaders,
} from '../read.ts';

/** Times that a read by part starts over because the object was replaced between its two requests. */
const maxAttempts = 5;

export const getObject: Operation = {
  action: 'GetObject',
  route: { method: 'GET', on: 'object' },
  body: 'none',
  async handle(context) {
    refuseVersionId(context);
    const partNumber = readPartNumber(context);
    return partNumber === undefined ? getBytes(context) : getPart(context, partNumber);
  },
};

async function getBytes(context: RequestContext): Promise<Reply> {
  const range = parseRange(context.headers.get('range'));
  const found = await open(context, range);
  const { body, info } = found;
  try {
    judgeRead(info, readConditions(context.headers));
    const size = plainSizeOf(info);
    if (range === undefined || found.range === undefined) {
      return {
        status: 200,
        headers: {
          ...objectHeaders(context, info),
          ...wholeChecksumHeaders(context, info),
          'content-length': String(size),
        },
        stream: body,
      };
    }
    const { end, start } = found.range;
    return {
      status: 206,
      headers: {
        ...objectHeaders(context, info),
        'content-length': String(end - start + 1),
        'content-range': `bytes ${start}-${end}/${size}`,
      },
      stream: body,
    };
  } catch (error) {
    body.destroy();
    throw error;
  }
}

/** One request to the backend; only a range out of reach takes a second one, since conditions are judged before it. */
async function open(context: RequestContext, range: ByteRange | undefined): Promise<GetObjectResult> {
  const { bucket, gateway, key, signal } = context;
  const storage = gateway.storage.for(bucket);
  try {
    return await storage.getObject({ bucket, key, signal, ...(range !== undefined && { range }) });
  } catch (error) {
    if (!isAdapterError(error, 'InvalidRange')) throw error;
    const info = await storage.headObject({ bucket, key, signal });
    judgeRead(info, readConditions(context.headers));
    const size = plainSizeOf(info);
    throw new S3Error('InvalidRange', {
      extra: { RangeRequested: context.headers.get('range') ?? '', ActualObjectSize: size },
      headers: { 'content-range': `bytes */${size}` },
      cause: error,
    });
  }
}

async function getPart(context: RequestContext, partNumber: number): Promise<Reply> {
  const { bucket, gateway, key, signal } = context;
  const storage = gateway.storage.for(bucket);
  for (let attempt = 1; ; attempt += 1) {
    const info = await storage.headObject({ bucket, key, signal });
    judgeRead(info, readConditions(context.headers));
    const slice = partSlice(context, info, partNumber);
    const headers = {
      ...objectHeaders(context, info),
      ...slice.headers,
      'content-length': String(slice.size),
      ...(slice.partsCount !== undefined && { 'x-amz-mp-parts-count': String(slice.partsCount) }),
    };
    if (slice.size === 0) return { status: 206, headers };
    const end = slice.start + slice.size - 1;
    try {
      const { body } = await storage.getObject({
        bucket,
        key,
        signal,
        version: info.version,
        range: { start: slice.start, end },
      });
      const contentRange = `bytes ${slice.start}-${end}/${plainSizeOf(info)}`;
      return { status: 206, headers: { ...headers, 'content-range': contentRange }, stream: body };
    } catch (error) {
      if (!isAdapterError(error, 'PreconditionFailed') || attempt === maxAttempts) throw error;
    }
  }
}
