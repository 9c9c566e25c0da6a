/** Requests that browsers send for pages of another origin: their preflights, and what any answer tells such a page. */
import { isAdapterError } from '../../../adapters/errors.ts';
import type { Headers } from '../../http/headers.ts';
import type { Target } from '../../http/target.ts';
import { S3Error } from '../errors.ts';
import { isBucketName } from '../names.ts';
import type { Gateway, Reply } from '../operation.ts';
import { emptyReply } from '../reply.ts';
import {
  type CorsRule,
  type CrossOriginRequest,
  corsMethods,
  crossOriginHeaders,
  isHeaderName,
  parseCors,
} from './cors.ts';
import { remembering, storedOf } from './documents-of.ts';

const parse = remembering(parseCors);

/** CORS rules of the bucket; `undefined` when it has none. NoSuchBucket. */
export function corsOf(gateway: Gateway, bucket: string): Promise<readonly CorsRule[] | undefined> {
  return storedOf(gateway, bucket, 'cors', parse);
}

/**
 * The preflight of a browser ("OPTIONS object"). It is not signed, and tells whether a rule admits the request that is asked about, never whether
 * an object exists. AccessForbidden when not.
 */
export async function preflight(gateway: Gateway, target: Target, headers: Headers): Promise<Reply> {
  if (!headers.get('origin')) throw badRequest('Insufficient information. Origin request header needed.');
  const asked = headers.get('access-control-request-method');
  const forbidden = (message: string, resource: 'BUCKET' | 'OBJECT') =>
    new S3Error('AccessForbidden', {
      message: `CORSResponse: ${message}`,
      extra: { Method: asked ?? 'OPTIONS', ResourceType: resource },
    });

  const { bucket } = target;
  if (bucket === undefined || !isBucketName(bucket)) throw forbidden('Bucket not found', 'BUCKET');
  const rules = await corsOf(gateway, bucket).catch((error: unknown) => {
    if (isAdapterError(error, 'NoSuchBucket')) throw forbidden('Bucket not found', 'BUCKET');
    throw error;
  });
  if (rules === undefined) throw forbidden('CORS is not enabled for this bucket.', 'BUCKET');
  if (asked === undefined || !corsMethods.has(asked)) {
    throw badRequest(`Invalid Access-Control-Request-Method: ${asked ?? 'null'}`);
  }
  const unnamed = requestedHeaders(headers).find((name) => !isHeaderName(name));
  if (unnamed !== undefined) {
    throw badRequest(`Access-Control-Request-Headers "${unnamed}" contains invalid character.`);
  }
  const allowed = crossOriginHeaders(rules, crossOriginRequest(headers, asked));
  if (allowed === undefined) {
    // The spelling is AWS's.
    throw forbidden(
      "This CORS request is not allowed. This is usually because the evalution of Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.",
      target.key === undefined ? 'BUCKET' : 'OBJECT',
    );
  }
  return emptyReply(200, allowed);
}

/**
 * What is added to the answer of a request that names its origin, whatever the answer is: a page may see the errors too. Nothing when no
 * rule admits it. Never rejects: an answer is not lost for want of these headers.
 */
export async function crossOriginAnswer(
  gateway: Gateway,
  target: Target,
  headers: Headers,
  method: string,
): Promise<Readonly<Record<string, string>>> {
  const { bucket } = target;
  if (bucket === undefined || !isBucketName(bucket)) return {};
  try {
    const rules = await corsOf(gateway, bucket);
    return (rules && crossOriginHeaders(rules, crossOriginRequest(headers, method))) ?? {};
  } catch (error) {
    if (!isAdapterError(error, 'NoSuchBucket')) {
      gateway.log.warn('could not read the CORS rules of a bucket', { bucket, error });
    }
    return {};
  }
}

/** The method that a page announces decides, also when it comes with the request itself. */
function crossOriginRequest(headers: Headers, method: string): CrossOriginRequest {
  return {
    origin: headers.get('origin') ?? '',
    method: headers.get('access-control-request-method') ?? method,
    headers: requestedHeaders(headers).map((name) => name.toLowerCase()),
  };
}

function requestedHeaders(headers: Headers): readonly string[] {
  const names = (headers.get('access-control-request-headers') ?? '').split(',');
  return names.map((name) => name.trim()).filter((name) => name !== '');
}

function badRequest(message: string): S3Error {
  return new S3Error('BadRequest', { message });
}
