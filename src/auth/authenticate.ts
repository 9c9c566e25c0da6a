/**
 * Who sent a request. A pure check of its head: the body is verified while it streams, with what is returned here.
 *
 * Order of the checks, as on AWS: parse, credential scope, date, key, session token, unsigned headers, signature.
 */
import type { KeyObject } from 'node:crypto';
import { S3Error } from '../s3/errors.ts';
import type { Credential, CredentialSource, Identity } from './credentials.ts';
import { readHeaderAuth } from './header-auth.ts';
import { type PayloadForm, parseAnonymousPayloadForm } from './payload.ts';
import { queryMechanism, readQueryAuth, refuseSigV2Query } from './query-auth.ts';
import type { Headers, RequestToAuthenticate, SignedClaim } from './request.ts';
import type { ScopeRules } from './scope.ts';
import {
  type ChunkSigning,
  canonicalRequest,
  SigningKeys,
  scopeText,
  sign,
  signatureMismatch,
  signaturesEqual,
  stringToSign,
} from './sigv4.ts';

export type Authentication = AnonymousRequest | SignedRequest;

/** Nobody signed it. Whether that is allowed is not decided here. */
export interface AnonymousRequest {
  readonly kind: 'anonymous';
  readonly payload: PayloadForm;
  readonly hoisted: ReadonlyMap<string, string>;
}

/** Its head was signed by the holder of this key. */
export interface SignedRequest {
  readonly kind: 'signed';
  readonly scheme: 'header' | 'presigned' | 'form';
  readonly accessKeyId: string;
  readonly identity: Identity;
  /** Of the credential scope. */
  readonly region: string;
  readonly service: string;
  readonly payload: PayloadForm;
  /** `x-amz-*` query parameters of a presigned URL that act as headers (lower-case names); else empty. */
  readonly hoisted: ReadonlyMap<string, string>;
  /** With what the chunks of a signed streaming body are verified. */
  readonly signing: ChunkSigning;
}

export interface AuthenticatorOptions {
  readonly credentials: CredentialSource;
  readonly region: string;
  /** Regions that are also taken in a credential scope; none by default. */
  readonly acceptRegions?: readonly string[];
  /** Services taken in a credential scope; `s3` alone by default. */
  readonly services?: readonly string[];
  /** Milliseconds since the epoch; `Date.now` by default. */
  readonly clock?: () => number;
}

export type Authenticate = (request: RequestToAuthenticate) => Authentication;

/** Returns the check. It throws the S3Error that AWS answers; its result is trusted from then on. */
export function createAuthenticator(options: AuthenticatorOptions): Authenticate {
  const { credentials, clock = Date.now } = options;
  const rules = scopeRules(options);
  const outpostRules: ScopeRules = { ...rules, services: new Set([...rules.services, 's3-outposts']) };
  const keys = new SigningKeys();

  return (request) => {
    const now = new Date(clock());
    const claim = readClaim(
      request,
      request.target.accessPoint?.outpost === undefined ? rules : outpostRules,
      now,
    );
    if (claim === undefined) {
      const payload = parseAnonymousPayloadForm(request.headers.get('x-amz-content-sha256'));
      return { kind: 'anonymous', payload, hoisted: new Map() };
    }

    const credential = credentials.find(claim.accessKeyId);
    if (credential === undefined) throw unknownKey(claim.accessKeyId);
    checkSessionToken(claim, credential, now);
    refuseUnsignedHeaders(request.headers, claim.signedHeaders);
    const key = keys.get(credential, claim.scope);
    checkSignature(request, claim, key);

    return {
      kind: 'signed',
      scheme: claim.scheme,
      accessKeyId: claim.accessKeyId,
      identity: credential.identity,
      region: claim.scope.region,
      service: claim.scope.service,
      payload: claim.payload,
      hoisted: claim.hoisted,
      signing: {
        accessKeyId: claim.accessKeyId,
        key,
        scope: scopeText(claim.scope),
        timestamp: claim.timestamp,
        seedSignature: claim.signature,
      },
    };
  };
}

/** What a credential scope may name. */
export function scopeRules({
  acceptRegions = [],
  region,
  services = ['s3'],
}: AuthenticatorOptions): ScopeRules {
  return { region, regions: new Set([region, ...acceptRegions]), services: new Set(services) };
}

/** Which mechanism a request uses; exactly one is allowed. */
function readClaim(request: RequestToAuthenticate, rules: ScopeRules, now: Date): SignedClaim | undefined {
  const { headers, target } = request;
  const authorization = headers.get('authorization');
  const inQuery = queryMechanism(target.query);
  // An empty one claims nothing: S3 takes the request as nobody's.
  if (authorization !== undefined && authorization !== '') {
    if (inQuery !== undefined) throw twoMechanisms();
    return readHeaderAuth(authorization, headers, rules, now);
  }
  if (inQuery === 'sigv2') return refuseSigV2Query(target.query);
  if (inQuery === undefined) return undefined;
  if (target.query.has('Signature')) throw twoMechanisms();
  return readQueryAuth(target.query, headers, rules, now);
}

export function twoMechanisms(): S3Error {
  return new S3Error('InvalidArgument', {
    message:
      'Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified',
    // AWS repeats the header, and a token where that is wrong: both may be somebody's secrets, and errors end up in logs.
    extra: { ArgumentName: 'Authorization' },
  });
}

export function unknownKey(accessKeyId: string): S3Error {
  return new S3Error('InvalidAccessKeyId', { extra: { AWSAccessKeyId: accessKeyId } });
}

export function checkSessionToken(
  claim: Pick<SignedClaim, 'accessKeyId' | 'sessionToken'>,
  credential: Credential,
  now: Date,
): void {
  const { sessionToken, expiresAt } = credential;
  if (claim.sessionToken === undefined) {
    // To AWS, a temporary key without its token is no key at all.
    if (sessionToken !== undefined) throw unknownKey(claim.accessKeyId);
    return;
  }
  // Before the signature: what is said of a wrong one repeats the signed headers.
  if (sessionToken === undefined || !sessionToken.equals(claim.sessionToken)) {
    throw new S3Error('InvalidToken');
  }
  if (expiresAt !== undefined && now >= expiresAt) throw new S3Error('ExpiredToken');
}

/**
 * A header that changes what the request does must be signed, or whoever holds a presigned URL could turn an upload
 * into a copy. The body's hash is excused: it is the last line of the canonical request anyway.
 */
function refuseUnsignedHeaders(headers: Headers, signedHeaders: readonly string[]): void {
  const signed = new Set(signedHeaders);
  const missing = signed.has('host') ? [] : ['host'];
  for (const name of headers.keys()) {
    if (name.startsWith('x-amz-') && name !== 'x-amz-content-sha256' && !signed.has(name)) missing.push(name);
  }
  if (missing.length === 0) return;
  throw new S3Error('AccessDenied', {
    message: 'There were headers present in the request which were not signed',
    extra: { HeadersNotSigned: missing.join(', ') },
  });
}

function checkSignature(request: RequestToAuthenticate, claim: SignedClaim, key: KeyObject): void {
  const canonical = canonicalRequest({
    method: request.method,
    path: request.target.segments ?? request.target.path,
    query: request.target.query,
    headers: request.headers,
    signedHeaders: claim.signedHeaders,
    payloadHash: claim.payloadHash,
  });
  const text = stringToSign(claim.timestamp, claim.scope, canonical);
  if (signaturesEqual(sign(key, text), claim.signature)) return;
  throw signatureMismatch(claim.accessKeyId, text, claim.signature, Buffer.from(canonical, 'latin1'));
}
