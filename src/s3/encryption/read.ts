/** Who may read an encrypted object, and its plain bytes. */
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import type { GetObjectResult, ObjectInfo, StorageAdapter } from '../../../adapters/types.ts';
import type { ResolvedRange } from '../../http/ranges.ts';
import { S3Error } from '../errors.ts';
import type { RequestContext } from '../operation.ts';
import { type CustomerKey, readingKey, sourceKey } from './customer-key.ts';
import { type Envelope, envelopeOf, isKeyOf, type SealedEnvelope, saltBytes } from './envelope.ts';
import { damaged, headSize, magic, runKey } from './format.ts';
import { runsOf, sliceOf } from './layout.ts';
import { Opener, type RunKeys, saltOf } from './opener.ts';
import { methodHeaders } from './write.ts';

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

/** The plain bytes of a whole object that has been opened. Its stream is destroyed when it cannot be read. */
export async function plainBody({ body, info }: GetObjectResult, { keys }: ReadGrant): Promise<Readable> {
  try {
    if (keys === undefined) {
      if (isForeign(info)) await refuseSealed(body);
      return body;
    }
    return await begun(new Opener(body, sliceOf(runsOf(info)), keys()));
  } catch (error) {
    body.destroy();
    throw error;
  }
}

export interface StateCall {
  readonly storage: StorageAdapter;
  /** As a HEAD told of it: no other state is read (`PreconditionFailed`). */
  readonly info: ObjectInfo;
  /** All of it without one. */
  readonly range?: ResolvedRange | undefined;
  readonly signal: AbortSignal;
}

/** The plain bytes of a state that is known already. */
export async function openState(call: StateCall, grant: ReadGrant): Promise<Readable> {
  const { info, range, signal, storage } = call;
  const at = { ...grant.name, version: info.version, signal };
  if (grant.keys === undefined) {
    if (isForeign(info) && range !== undefined && range.start > 0) await refuseSealedHead(storage, at);
    const found = await storage.getObject({ ...at, ...(range !== undefined && { range }) });
    return range === undefined || range.start === 0 ? plainBody(found, grant) : found.body;
  }
  const slice = sliceOf(runsOf(info), range);
  const keys = grant.keys();
  const opening = storage.getObject({ ...at, range: slice.stored });
  // Its failure is told below, also if that of the head comes first.
  opening.catch(() => undefined);
  try {
    const salt = slice.headAt === undefined ? undefined : saltOf(await readHead(storage, at, slice.headAt));
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

type Pinned = ObjectName & { readonly version: string; readonly signal: AbortSignal };

async function readHead(storage: StorageAdapter, at: Pinned, start: number): Promise<Buffer> {
  const { body } = await storage.getObject({ ...at, range: { start, end: start + headSize - 1 } });
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Waits until the first bytes were found right: what is damaged there is an error instead of an answer that breaks off. */
async function begun(stream: Readable): Promise<Readable> {
  await once(stream, 'readable');
  return stream;
}

/**
 * Whether another program wrote the object, as far as its attributes tell: adapters derive an ETag with a `-` for those. It may be a
 * sealed one whose attributes got lost (a file that was changed or moved has none in a local directory).
 */
function isForeign({ attributes, size }: ObjectInfo): boolean {
  return size >= headSize && attributes.parts === undefined && attributes.etag.includes('-');
}

/** Sealed bytes are never given out for the plain ones. */
async function refuseSealed(body: Readable): Promise<void> {
  let first: Buffer | null = null;
  while (first === null) {
    await once(body, 'readable');
    first = body.read(magic.length) as Buffer | null;
  }
  body.unshift(first);
  if (first.equals(magic)) throw sealedWithoutAttributes();
}

async function refuseSealedHead(storage: StorageAdapter, at: Pinned): Promise<void> {
  const head = await readHead(storage, at, 0);
  if (head.subarray(0, magic.length).equals(magic)) throw sealedWithoutAttributes();
}

function sealedWithoutAttributes(): Error {
  return damaged('what is known of it no longer belongs to its bytes');
}
