/** How an object or part that is about to be written is encrypted. */
import { randomBytes } from 'node:crypto';
import type { Body, ObjectAttributes, StorageAdapter } from '../../../adapters/types.ts';
import { S3Error } from '../errors.ts';
import type { RequestContext } from '../operation.ts';
import { type CustomerKey, partKey, writeKey } from './customer-key.ts';
import {
  customerEnvelope,
  type Envelope,
  envelopeJson,
  isKeyOf,
  isSealed,
  type ManagedEnvelope,
  newSalt,
  saltBytes,
} from './envelope.ts';
import type { MasterKey } from './master-keys.ts';
import { sealUnsized } from './seal-unsized.ts';
import { seal } from './sealer.ts';
import type { EncryptionSettings } from './settings.ts';

const method = 'x-amz-server-side-encryption';
const kmsKeyId = `${method}-aws-kms-key-id`;

/** What a write needs of the request; a form upload can make one of its fields. */
export type WriteRequest = Pick<RequestContext, 'bucket' | 'gateway' | 'headers' | 'key' | 'scheme'>;

/**
 * As the request asks, else as the bucket wants it. A copy that asks for nothing in a bucket that wants nothing does not lose the protection
 * that its source had: it is SSE-S3, as every such copy is on AWS.
 * @param source how the source of a copy is encrypted
 */
export async function encryptionOf(request: WriteRequest, source?: Envelope): Promise<WriteEncryption> {
  const { bucket, gateway } = request;
  const customer = writeKey(request);
  if (customer !== undefined) {
    return new WriteEncryption(request, customerEnvelope(customer.key), customer);
  }
  if (!asksForManaged(request)) {
    const wanted = await gateway.encryption.bucketDefault?.(bucket);
    if (wanted === undefined && source === undefined) return new WriteEncryption(request);
  }
  return managed(request, gateway.storage.for(bucket));
}

function isKmsMethod(asked: string | undefined): boolean {
  return asked === 'aws:kms' || asked === 'aws:kms:dsse';
}

/** InvalidArgument for a KMS key without KMS, of reads too. */
export function requireKmsBesideKey(headers: RequestContext['headers']): void {
  const asked = headers.get(method);
  if (!headers.has(kmsKeyId) || isKmsMethod(asked)) return;
  throw invalid(
    'Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms',
    asked,
  );
}

/** Whether the request asks for keys that the gateway keeps. InvalidArgument for what S3 does not know, NotImplemented for what is not offered. */
function asksForManaged({ gateway, headers }: WriteRequest): boolean {
  const asked = headers.get(method);
  const isKms = isKmsMethod(asked);
  requireKmsBesideKey(headers);
  if (asked === undefined) return false;
  if (asked === 'AES256') return true;
  if (isKms && gateway.encryption.kms === 'AES256') return true;
  if (isKms || asked === 'aws:fsx' || asked === 'aws:backup') {
    throw new S3Error('NotImplemented', { extra: { Header: method } });
  }
  throw invalid('The encryption method specified is not supported', asked);
}

function managed(request: WriteRequest, storage: StorageAdapter): WriteEncryption {
  const by = requireManagedKeys(request.gateway.encryption, storage);
  if (by === 'backend') return new WriteEncryption(request, { type: 'backend' });
  const { dataKey, envelope } = newManaged(request, by);
  return new WriteEncryption(request, envelope, { key: dataKey, headers: {} });
}

/** What answers for SSE-S3: the backend, or a key of the gateway. NotImplemented when there is none. */
export function requireManagedKeys(
  { backendAtRest, keys }: EncryptionSettings,
  storage: StorageAdapter,
): MasterKey | 'backend' {
  if (backendAtRest && storage.capabilities.encryptsAtRest) return 'backend';
  const { current } = keys;
  if (current !== undefined) return current;
  throw new S3Error('NotImplemented', {
    message:
      'Encryption with keys of the gateway is not available: its operator has to configure encryption.keys, the same for every gateway that shares this storage.',
    extra: { Header: method },
  });
}

function newManaged(
  { bucket, gateway, key }: WriteRequest,
  current: MasterKey,
): { readonly dataKey: Buffer; readonly envelope: ManagedEnvelope } {
  const dataKey = randomBytes(32);
  const envelopeSalt = newSalt();
  const wrapped = gateway.encryption.keys.wrap(current, dataKey, { bucket, key, envelopeSalt });
  const salt = envelopeSalt.toString('base64');
  return { dataKey, envelope: { type: 'SSE-S3', salt, masterKey: current.id, wrapped } };
}

/** How a part is encrypted: as its upload is. InvalidRequest when it brings a customer's key that the upload has not, another one, or none. */
export function partEncryption(request: WriteRequest, envelope: Envelope | undefined): WriteEncryption {
  const customer = partKey(request);
  if ((customer !== undefined) !== (envelope?.type === 'SSE-C')) {
    throw new S3Error('InvalidRequest', {
      message:
        'The multipart upload initiate requested encryption. Subsequent part requests must include the appropriate encryption parameters.',
    });
  }
  if (envelope?.type === 'SSE-C') {
    requireUploadKey(envelope, customer);
    return new WriteEncryption(request, envelope, customer);
  }
  if (envelope?.type !== 'SSE-S3') return new WriteEncryption(request, envelope);
  const { bucket, key } = request;
  const context = { bucket, key, envelopeSalt: saltBytes(envelope) };
  const dataKey = request.gateway.encryption.keys.unwrap(envelope.masterKey, envelope.wrapped, context);
  return new WriteEncryption(request, envelope, { key: dataKey, headers: {} });
}

/** A key that comes with CompleteMultipartUpload must be the upload's; AWS's tools send it, and nothing needs it. */
export function requireUploadKey(envelope: Envelope | undefined, customer: CustomerKey | undefined): void {
  if (customer === undefined) return;
  if (envelope?.type === 'SSE-C' && isKeyOf(envelope, customer.key)) return;
  throw new S3Error('InvalidRequest', {
    message: 'The provided encryption parameters did not match the ones used originally.',
  });
}

/** An encryption that was decided upon, or none. */
export class WriteEncryption {
  readonly envelope: Envelope | undefined;
  readonly #key: CustomerKey | undefined;
  readonly #request: WriteRequest;

  constructor(request: WriteRequest, envelope?: Envelope, key?: CustomerKey) {
    this.#request = request;
    this.envelope = envelope;
    this.#key = key;
  }

  /** What the answer says of it. */
  get headers(): Readonly<Record<string, string>> {
    if (this.envelope?.type === 'SSE-C') return this.#key?.headers ?? {};
    return methodHeaders(this.envelope);
  }

  /** Whether bytes pass through unchanged, so that a backend may copy them by itself. */
  get isPlain(): boolean {
    return this.#key === undefined;
  }

  /** The body as it is stored. @param partNumber 0 for an object that is written in one request */
  body(body: Body, partNumber: number): Body {
    if (!isSealed(this.envelope) || this.#key === undefined) return body;
    const { bucket, key } = this.#request;
    return seal(body, this.#key.key, { bucket, key, envelopeSalt: saltBytes(this.envelope), partNumber });
  }

  /** As {@link body}, of an object's bytes whose number is not known before their end. */
  unsized(plain: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
    if (!isSealed(this.envelope) || this.#key === undefined) return plain;
    const { bucket, key } = this.#request;
    const envelopeSalt = saltBytes(this.envelope);
    return sealUnsized(plain, this.#key.key, { bucket, key, envelopeSalt, partNumber: 0 });
  }

  /** "Objects encrypted by SSE-C have ETags that are not an MD5 digest of their object data": nothing is told of what is in them. */
  etag(md5: string): string {
    return this.envelope?.type === 'SSE-C' ? randomBytes(16).toString('hex') : md5;
  }

  attributes(plainSize: number): Pick<ObjectAttributes, 'encryption' | 'plainSize'> {
    return envelopeAttributes(this.envelope, plainSize);
  }
}

export function envelopeAttributes(
  envelope: Envelope | undefined,
  plainSize: number,
): Pick<ObjectAttributes, 'encryption' | 'plainSize'> {
  if (envelope === undefined) return {};
  return { encryption: envelopeJson(envelope), ...(isSealed(envelope) && { plainSize }) };
}

/** `x-amz-server-side-encryption`, which an object under a customer's key does not have. */
export function methodHeaders(envelope: Envelope | undefined): Readonly<Record<string, string>> {
  return envelope === undefined || envelope.type === 'SSE-C' ? {} : { [method]: 'AES256' };
}

function invalid(message: string, value?: string): S3Error {
  const extra = { ArgumentName: method, ...(value !== undefined && { ArgumentValue: value }) };
  return new S3Error('InvalidArgument', { message, extra });
}
