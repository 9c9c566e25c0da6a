/**
 * The three headers of a customer-provided key, and what AWS says when something is wrong with them ("Using server-side encryption with
 * customer-provided keys"; texts, arguments and order as recorded from AWS).
 */
import { createHash } from 'node:crypto';
import type { Headers } from '../../http/headers.ts';
import { S3Error } from '../errors.ts';
import type { RequestContext } from '../operation.ts';

export interface CustomerKey {
  readonly key: Buffer;
  /** What responses echo. */
  readonly headers: Readonly<Record<string, string>>;
}

const own = 'x-amz-server-side-encryption-customer-';
const source = 'x-amz-copy-source-server-side-encryption-customer-';
const method = 'x-amz-server-side-encryption';

/** Whether any of the three headers is there. */
export function namesCustomerKey(headers: Headers): boolean {
  return names(headers, own);
}

function names(headers: Headers, prefix: string): boolean {
  return ['algorithm', 'key', 'key-md5'].some((name) => headers.has(prefix + name));
}

type Request = Pick<RequestContext, 'gateway' | 'headers' | 'scheme'>;

/** The key to write with; `undefined` when the request names none. All three headers, and a key of 32 bytes. */
export function writeKey(request: Request): CustomerKey | undefined {
  const { headers } = request;
  if (!names(headers, own)) return undefined;
  requireSecure(request);
  const other = headers.get(method);
  if (other !== undefined) {
    throw invalid(
      'Server Side Encryption with Customer provided key is incompatible with the encryption method specified',
      other,
    );
  }
  return requireLength(readKey(headers, own, 'required'));
}

/**
 * The key to write a part with. `x-amz-server-side-encryption` means nothing on a part: the upload has decided that
 * (clients send it all the same).
 */
export function partKey(request: Request): CustomerKey | undefined {
  if (!names(request.headers, own)) return undefined;
  requireSecure(request);
  return requireLength(readKey(request.headers, own, 'required'));
}

/** The key to read with. AWS does without its MD5 here, and takes a key of another length for a wrong one. */
export function readingKey(request: Request): CustomerKey | undefined {
  if (!names(request.headers, own)) return undefined;
  requireSecure(request);
  return readKey(request.headers, own, 'optional');
}

/** The key to read the source of a copy with. */
export function sourceKey(request: Request): CustomerKey | undefined {
  if (!names(request.headers, source)) return undefined;
  requireSecure(request);
  return readKey(request.headers, source, 'optional');
}

function requireSecure({ gateway, scheme }: Request): void {
  if (scheme === 'https' || gateway.encryption.customerKeysOverHttp) return;
  throw new S3Error('InvalidRequest', {
    message:
      'Requests specifying Server Side Encryption with Customer provided keys must be made over a secure connection.',
  });
}

const must = 'Requests specifying Server Side Encryption with Customer provided keys must provide';

function readKey(headers: Headers, prefix: string, md5: 'required' | 'optional'): CustomerKey {
  const algorithm = headers.get(`${prefix}algorithm`);
  const encoded = headers.get(`${prefix}key`);
  const sentMd5 = headers.get(`${prefix}key-md5`);
  if (algorithm === undefined) throw invalid(`${must} a valid encryption algorithm.`);
  if (encoded === undefined) throw invalid(`${must} an appropriate secret key.`);
  if (sentMd5 === undefined && md5 === 'required') {
    throw invalid(`${must} the client calculated MD5 of the secret key.`);
  }
  if (algorithm !== 'AES256') {
    throw new S3Error('InvalidEncryptionAlgorithmError', {
      extra: { ArgumentName: method, ArgumentValue: algorithm },
    });
  }
  const key = Buffer.from(encoded, 'base64');
  if (key.length === 0) throw invalid('The secret key was invalid - too short.');
  const calculated = createHash('md5').update(key).digest('base64');
  if (sentMd5 !== undefined && sentMd5 !== calculated) {
    throw invalid('The calculated MD5 hash of the key did not match the hash that was provided.');
  }
  return { key, headers: { [`${own}algorithm`]: algorithm, [`${own}key-MD5`]: calculated } };
}

function requireLength(customer: CustomerKey): CustomerKey {
  if (customer.key.length === 32) return customer;
  throw invalid('The secret key was invalid for the specified algorithm.');
}

function invalid(message: string, value?: string): S3Error {
  return new S3Error('InvalidArgument', {
    message,
    extra: { ArgumentName: method, ...(value !== undefined && { ArgumentValue: value }) },
  });
}
