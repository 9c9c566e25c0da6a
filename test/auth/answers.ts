/** Requests, small changes to them, and what a client sees in answer. */
import { createAuthenticator } from '../../src/auth/authenticate.ts';
import { credentialSource } from '../../src/auth/credentials.ts';
import { S3Error } from '../../src/s3/errors.ts';
import { exampleAuthenticator, exampleCredential, type HeaderPairs, incoming } from './signer.ts';

export interface Sent {
  readonly method: string;
  readonly url: string;
  readonly headers: HeaderPairs;
}

export const authenticate = (request: Sent, authenticator = exampleAuthenticator) =>
  authenticator(incoming(request.method, request.url, request.headers));

export function refusal(request: Sent, authenticator = exampleAuthenticator): S3Error {
  try {
    authenticate(request, authenticator);
  } catch (error) {
    if (error instanceof S3Error) return error;
    throw error;
  }
  throw new Error('the request was accepted');
}

/** Status, code, message and extra elements: what a client sees. */
export function answer(request: Sent, authenticator = exampleAuthenticator) {
  const { status, code, message, extra } = refusal(request, authenticator);
  return [status, code, message, extra];
}

export function without(request: Sent, name: string): Sent {
  const { [name]: _gone, ...headers } = request.headers;
  return { ...request, headers };
}

export function withHeader(request: Sent, name: string, value: string): Sent {
  return { ...request, headers: { ...request.headers, [name]: value } };
}

export function authorization(request: Sent, pattern: string | RegExp, replacement: string): Sent {
  return withHeader(
    request,
    'authorization',
    (request.headers['authorization'] ?? '').replace(pattern, replacement),
  );
}

export const query = (request: Sent, pattern: string | RegExp, replacement: string): Sent => ({
  ...request,
  url: request.url.replace(pattern, replacement),
});

export const at = (clock: number) =>
  createAuthenticator({
    credentials: credentialSource([exampleCredential]),
    region: 'us-east-1',
    clock: () => clock,
  });

export const malformed = (message: string, extra = {}) => [
  400,
  'AuthorizationHeaderMalformed',
  `The authorization header is malformed; ${message}`,
  extra,
];
