import { isAdapterError } from '../../../adapters/errors.ts';
import type { ByteRange, GetObjectResult, ObjectInfo } from '../../../adapters/types.ts';
import { readConditions } from '../../http/conditions.ts';
import { isAllOfNothing, parseRange, type ResolvedRange, resolveRange } from '../../http/ranges.ts';
import { expirationHeaders } from '../bucket/lifecycle-headers.ts';
import { namesCustomerKey } from '../encryption/customer-key.ts';
import { grantRead, openState, plainBody, type ReadGrant } from '../encryption/read.ts';
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

/** Times that a read starts over because the object was replaced between its two requests. */
const maxAttempts = 5;

export const getObject: Operation = {
  action: 'GetObject',
  permission: 's3:GetObject',
  route: { method: 'GET', on: 'object' },
  body: 'none',
  async handle(context) {
    refuseVersionId(context);
    const partNumber = readPartNumber(context);
    const range = parseRange(context.headers.get('range'));
    const reply = await (partNumber !== undefined
      ? getState(context, (info) => partOf(context, info, partNumber))
      : range !== undefined && namesCustomerKey(context.headers)
        ? getState(context, (info) => rangeOf(context, info, range))
        : getBytes(context, range));
    logDamage(context, reply);
    return reply;
  },
};

/** One request to the backend, unless it finds a range of sealed bytes to be wanted, which lies elsewhere. */
async function getBytes(context: RequestContext, range: ByteRange | undefined): Promise<Reply> {
  const expiration = expirationHeaders(context);
  const found = await open(context, range);
  const { body, info } = found;
  let grant: ReadGrant;
  let described: Readonly<Record<string, string>>;
  try {
    grant = grantRead(context, info);
    judgeRead(info, readConditions(context.headers));
    described = { ...objectHeaders(context, info), ...grant.headers, ...(await expiration)(info) };
  } catch (error) {
    body.destroy();
    throw error;
  }
  if (range !== undefined && grant.keys !== undefined) {
    body.destroy();
    return getState(context, (state) => rangeOf(context, state, range), info);
  }
  const size = plainSizeOf(info);
  const { bucket, gateway, signal } = context;
  const stream = await plainBody({ gateway, storage: gateway.storage.for(bucket), signal }, found, grant);
  if (range === undefined || found.range === undefined) {
    return {
      status: 200,
      headers: { ...described, ...wholeChecksumHeaders(context, info), 'content-length': String(size) },
      stream,
    };
  }
  return { status: 206, headers: { ...described, ...rangeHeaders(found.range, size) }, stream };
}

/** Only a range out of reach takes a second request, since the key and conditions are judged before it. */
async function open(context: RequestContext, range: ByteRange | undefined): Promise<GetObjectResult> {
  const { bucket, gateway, key, signal } = context;
  const storage = gateway.storage.for(bucket);
  try {
    return await storage.getObject({ bucket, key, signal, ...(range !== undefined && { range }) });
  } catch (error) {
    if (!isAdapterError(error, 'InvalidRange')) throw error;
    const info = await storage.headObject({ bucket, key, signal });
    grantRead(context, info);
    judgeRead(info, readConditions(context.headers));
    const size = plainSizeOf(info);
    if (range !== undefined && isAllOfNothing(range, size)) return open(context, undefined);
    throw outOfReach(context, size, error);
  }
}

function outOfReach({ headers }: RequestContext, size: number, cause?: unknown): S3Error {
  return new S3Error('InvalidRange', {
    extra: { RangeRequested: headers.get('range') ?? '', ActualObjectSize: size },
    headers: { 'content-range': `bytes */${size}` },
    cause,
  });
}

/** What is to be sent of a state of the object. */
interface Portion {
  /** `undefined` for no bytes at all. */
  readonly range: ResolvedRange | undefined;
  /** 206 unless it says otherwise. */
  readonly status?: 200;
  readonly headers: Readonly<Record<string, string>>;
}

/** Looks at the object first, and then reads of that very state what is wanted of it. */
async function getState(
  context: RequestContext,
  portionOf: (info: ObjectInfo) => Portion,
  known?: ObjectInfo,
): Promise<Reply> {
  const { bucket, gateway, key, signal } = context;
  const storage = gateway.storage.for(bucket);
  const expiration = expirationHeaders(context);
  let info = known;
  for (let attempt = 1; ; attempt += 1) {
    info ??= await storage.headObject({ bucket, key, signal });
    const grant = grantRead(context, info);
    judgeRead(info, readConditions(context.headers));
    const { headers, range, status = 206 } = portionOf(info);
    const described = {
      ...objectHeaders(context, info),
      ...grant.headers,
      ...(await expiration)(info),
      ...headers,
    };
    if (range === undefined) return { status, headers: { ...described, 'content-length': '0' } };
    try {
      const stream = await openState({ gateway, storage, info, range, signal }, grant);
      const whole = { ...described, ...rangeHeaders(range, plainSizeOf(info)) };
      return { status: 206, headers: whole, stream };
    } catch (error) {
      if (!isAdapterError(error, 'PreconditionFailed') || attempt === maxAttempts) throw error;
    }
    info = undefined;
  }
}

function rangeOf(context: RequestContext, info: ObjectInfo, asked: ByteRange): Portion {
  const size = plainSizeOf(info);
  const range = resolveRange(asked, size);
  if (isAllOfNothing(asked, size)) {
    return { range: undefined, status: 200, headers: wholeChecksumHeaders(context, info) };
  }
  if (range === undefined) throw outOfReach(context, size);
  return { range, headers: {} };
}

function partOf(context: RequestContext, info: ObjectInfo, partNumber: number): Portion {
  const { headers, partsCount, size, start } = partSlice(context, info, partNumber);
  return {
    range: size === 0 ? undefined : { start, end: start + size - 1 },
    headers: {
      ...headers,
      ...(partsCount !== undefined && { 'x-amz-mp-parts-count': String(partsCount) }),
    },
  };
}

function rangeHeaders({ end, start }: ResolvedRange, size: number): Record<string, string> {
  return {
    'content-length': String(end - start + 1),
    'content-range': `bytes ${start}-${end}/${size}`,
  };
}

/** The answer is out by then, and can only break off: the log says why. */
function logDamage({ bucket, gateway, key, requestId }: RequestContext, { stream }: Reply): void {
  stream?.once('error', (error) => {
    if (isAdapterError(error, 'Corrupt')) gateway.log.error(error.message, { requestId, bucket, key, error });
  });
}
