/** SigV4 in the `Authorization` header (S3 API reference, "Using the Authorization Header"). */
import { S3Error } from '../s3/errors.ts';
import { basicDate, isoSeconds, parseBasicDate, parseDateHeader } from './dates.ts';
import { parsePayloadForm } from './payload.ts';
import type { Headers, SignedClaim } from './request.ts';
import { parseCredential, type ScopeRules } from './scope.ts';
import { algorithm } from './sigv4.ts';

/** Largest difference in milliseconds between the clocks of client and gateway. */
export const maxSkewMs = 900_000;

/** What a request with an Authorization header claims, checked in all that needs no key. */
export function readHeaderAuth(
  authorization: string,
  headers: Headers,
  rules: ScopeRules,
  now: Date,
): SignedClaim {
  const components = parseAuthorization(authorization);
  const { accessKeyId, scope } = parseCredential(components.credential, 'header', rules);
  const { text, date, timestamp } = requestDate(headers);
  if (Math.abs(now.getTime() - date.getTime()) > maxSkewMs) {
    throw new S3Error('RequestTimeTooSkewed', {
      extra: { RequestTime: text, ServerTime: isoSeconds(now), MaxAllowedSkewMilliseconds: maxSkewMs },
    });
  }
  if (scope.date !== timestamp.slice(0, 8)) {
    throw malformed('Invalid credential date. Date is not the same as X-Amz-Date.');
  }
  const contentHash = headers.get('x-amz-content-sha256');
  if (contentHash === undefined) {
    throw new S3Error('InvalidRequest', {
      message: 'Missing required header for this request: x-amz-content-sha256',
    });
  }
  return {
    scheme: 'header',
    accessKeyId,
    scope,
    timestamp,
    signedHeaders: components.signedHeaders.toLowerCase().split(';'),
    signature: components.signature,
    sessionToken: headers.get('x-amz-security-token'),
    payloadHash: contentHash,
    payload: parsePayloadForm(contentHash),
    hoisted: new Map(),
  };
}

interface Components {
  readonly credential: string;
  readonly signedHeaders: string;
  readonly signature: string;
}

function parseAuthorization(authorization: string): Components {
  const space = authorization.indexOf(' ');
  if (space < 0) {
    throw invalidAuthorization("Authorization header is invalid -- one and only one ' ' (space) required");
  }
  refuseOtherScheme(authorization.slice(0, space).toUpperCase());

  const parts = authorization
    .slice(space + 1)
    .split(',')
    .map((part) => part.trim());
  if (parts.length !== 3) {
    throw malformed(
      'the authorization header requires three components: Credential, SignedHeaders, and Signature.',
    );
  }
  const values = new Map<string, string>();
  for (const part of parts) {
    const equals = part.indexOf('=');
    if (equals < 0) throw malformed(`the authorization component "${part}" is malformed.`);
    values.set(part.slice(0, equals), part.slice(equals + 1));
  }
  const component = (name: string): string => {
    const value = values.get(name);
    if (value === undefined || value === '') throw malformed(`missing ${name}.`);
    return value;
  };
  return {
    credential: component('Credential'),
    signedHeaders: component('SignedHeaders'),
    signature: component('Signature'),
  };
}

function refuseOtherScheme(scheme: string): void {
  switch (scheme) {
    case algorithm:
      return;
    case 'AWS':
      throw unsupportedMechanism();
    case 'AWS4-ECDSA-P256-SHA256':
      throw unsupportedSigV4a();
    default:
      throw invalidAuthorization('Unsupported Authorization Type');
  }
}

/** `x-amz-date` counts when it is there, readable or not; `Date` otherwise. */
function requestDate(headers: Headers): { text: string; date: Date; timestamp: string } {
  const amzDate = headers.get('x-amz-date');
  const text = amzDate ?? headers.get('date') ?? '';
  const date = amzDate === undefined ? parseDateHeader(text) : parseBasicDate(text);
  if (date !== undefined) return { text, date, timestamp: amzDate ?? basicDate(date) };
  throw new S3Error('AccessDenied', {
    message: 'AWS authentication requires a valid Date or x-amz-date header',
  });
}

function malformed(message: string): S3Error {
  return new S3Error('AuthorizationHeaderMalformed', {
    message: `The authorization header is malformed; ${message}`,
  });
}

/** AWS adds ArgumentValue; we do not: `Basic` and `Bearer` values are secrets meant for somebody else. */
function invalidAuthorization(message: string): S3Error {
  return new S3Error('InvalidArgument', { message, extra: { ArgumentName: 'Authorization' } });
}

/** Signature Version 2, in the header or the query. */
export function unsupportedMechanism(): S3Error {
  return new S3Error('InvalidRequest', {
    message: 'The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.',
  });
}

/** Signature Version 4A, which only multi-region access points ask for. */
export function unsupportedSigV4a(): S3Error {
  return new S3Error('NotImplemented', {
    message: 'AWS4-ECDSA-P256-SHA256 is not supported. Please use AWS4-HMAC-SHA256.',
    extra: { Header: 'Authorization' },
  });
}
