/** Who may read an encrypted object, and its plain bytes. */
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import type { BodyStream, GetObjectResult, ObjectInfo, StorageAdapter } from '../../../adapters/types.ts';
import type { ResolvedRange } from '../../http/ranges.ts';
import { S3Error } from '../errors.ts';
import type { Gateway, RequestContext } from '../operation.ts';
import { type CustomerKey, readingKey, sourceKey } from './customer-key.ts';
import { type Envelope, envelopeOf, isKeyOf, type SealedEnvelope, saltBytes } from './envelope.ts';
import { readBytes, refuseSealed } from './foreign.ts';
import { headSize, runKey } from './format.ts';
import { runsOf, sliceOf } from './layout.ts';
import { Opener, type RunKeys, saltOf } from './opener.ts';
import { methodHeaders, requireKmsBesideKey } from './write.ts';

const method = 'x-amz-server-side-encryption';

export interface ObjectName {
  readonly bucket: string;
  readonly key: string;
}

/** That the request may read an object, and how. */
export interface ReadGrant {
  readonly name: ObjectName;
  readonly envelope: Envelope | undefined;
  /** What the answer says of the encryption. */
  readonly headers: Readonly<Record<string, string>>;
  /** `undefined`: the stored bytes are the plain ones. */
  readonly keys: (() => RunKeys) | undefined;
}

/** For GET and HEAD. InvalidRequest without the customer's key, or with one that there is no use for; AccessDenied with the wrong one. */
export function grantRead(context: RequestContext, info: ObjectInfo): ReadGrant {
  const { headers } = context;
  const asked = headers.get(method);
  if (asked !== undefined) {
    throw new S3Error('InvalidArgument', {
      message: `${method} header is not supported for this operation.`,
      extra: { ArgumentName: method, ArgumentValue: asked },
    });
  }
  requireKmsBesideKey(headers);
  return grant(context, context, info, readingKey(context), wrongKey);
}

/** For the source of a copy, whose key comes in headers of its own. */
export function grantCopy(context: RequestContext, name: ObjectName, info: ObjectInfo): ReadGrant {
  return grant(context, name, info, sourceKey(context));
}

const wrongKey =
  'Requests specifying Server Side Encryption with Customer provided keys must provide the correct secret key.';

function grant(
  { gateway }: RequestContext,
  { bucket, key }: ObjectName,
  info: ObjectInfo,
  customer: CustomerKey | undefined,
  denial?: string,
): ReadGrant {
  const envelope = envelopeOf(info.attributes);
  const name = { bucket, key };
  if (envelope?.type === 'SSE-C') {
    if (customer === undefined) {
      throw new S3Error('InvalidRequest', {
        message:
          'The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object.',
      });
    }
    if (!isKeyOf(envelope, customer.key)) {
      throw new S3Error('AccessDenied', denial === undefined ? {} : { message: denial });
    }
    const keys = (): RunKeys => keysUnder(customer.key, envelope, name);
    return { name, envelope, headers: customer.headers, keys };
  }
  if (customer !== undefined) {
    throw new S3Error('InvalidRequest', {
      message: 'The encryption parameters are not applicable to this object.',
    });
  }
  const headers = methodHeaders(envelope);
  if (envelope?.type !== 'SSE-S3') return { name, envelope, headers, keys: undefined };
  const keys = (): RunKeys => {
    const context = { ...name, envelopeSalt: saltBytes(envelope) };
    const dataKey = gateway.encryption.keys.unwrap(envelope.masterKey, envelope.wrapped, context);
    return keysUnder(dataKey, envelope, name);
  };
  return { name, envelope, headers, keys };
}

function keysUnder(baseKey: Buffer, envelope: SealedEnvelope, name: ObjectName): RunKeys {
  const envelopeSalt = saltBytes(envelope);
  return (partNumber, salt) => runKey(baseKey, salt, { ...name, envelopeSalt, partNumber });
}

/** A body that breaks before anybody reads it must not end the process: who reads it later learns of it. */
function listen(body: Readable): void {
  body.on('error', () => {});
}

export interface ReadCall {
  readonly gateway: Gateway;
  readonly storage: StorageAdapter;
  readonly signal: AbortSignal;
}

/**
 * The plain bytes of what has been opened: all of a sealed object, anything of another one. The stream is destroyed when it cannot be
 * read.
 */
export async function plainBody(
  call: ReadCall,
  found: GetObjectResult,
  grant: ReadGrant,
): Promise<BodyStream> {
  const { body, info } = found;
  listen(body);
  try {
    if (grant.keys !== undefined) {
      return await begun(new Opener(body, sliceOf(runsOf(info)), grant.keys()));
    }
    const at = { ...grant.name, version: info.version, signal: call.signal };
    await refuseSealed(call.gateway, call.storage, at, found);
    return body;
  } catch (error) {
    body.destroy();
    throw error;
  }
}

/**
 * The plain bytes of a state that a HEAD told of, all or a range; `PreconditionFailed` when it is no longer the object's. Of a sealed
 * object only the segments that the range lies in are read.
 */
export async function openState(
  call: ReadCall & { readonly info: ObjectInfo; readonly range?: ResolvedRange | undefined },
  grant: ReadGrant,
): Promise<BodyStream> {
  const { info, range, signal, storage } = call;
  const at = { ...grant.name, version: info.version, signal };
  if (grant.keys === undefined) {
    return plainBody(call, await storage.getObject({ ...at, ...(range !== undefined && { range }) }), grant);
  }
  const slice = sliceOf(runsOf(info), range);
  const { headAt } = slice;
  const keys = grant.keys();
  const opening = storage.getObject({ ...at, range: slice.stored });
  // Its failure is told below, also if that of the head comes first.
  opening.then(
    ({ body }) => listen(body),
    () => undefined,
  );
  try {
    const salt = headAt === undefined ? undefined : saltOf(await readBytes(storage, at, headAt, headSize));
    const { body } = await opening;
    return await begun(new Opener(body, slice, keys, salt));
  } catch (error) {
    opening.then(
      ({ body }) => body.destroy(),
      () => undefined,
    );
    throw error;
  }
}

/** Waits until the first bytes were found right: what is damaged there is an error instead of an answer that breaks off. */
async function begun(stream: Opener): Promise<Opener> {
  await once(stream, 'readable');
  return stream;
}
