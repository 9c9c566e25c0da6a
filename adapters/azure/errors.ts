/**
 * From the SDK's errors to ours. Codes are those of "Status and error codes" and "Blob Storage error codes" in the Azure
 * Storage REST reference. What is not known here is `Internal`, never "missing".
 */
import { AdapterError, type AdapterErrorKind } from '../errors.ts';

/** What was being done, for messages and for telling the two sides of a copy apart. */
export interface About {
  /** In the infinitive: `store the object`. */
  readonly doing: string;
  readonly container?: string;
  readonly blob?: string;
  readonly subject?: 'source' | 'target';
}

export interface Failure {
  readonly error: AdapterError;
  /** The same request may succeed a moment later. */
  readonly transient: boolean;
  /** What the service asked for in Retry-After. */
  readonly pauseMs: number;
}

/**
 * What the service said, as the cause of an AdapterError. The SDK's own errors hold request and response: URLs with a SAS,
 * headers, bodies. None of that may reach a log, nor stay in memory.
 */
export class AzureError extends Error {
  override readonly name = 'AzureError';
  /** Error code of the service, or of the network. */
  readonly code: string | undefined;
  readonly status: number | undefined;
  /** Microsoft's support asks for it. */
  readonly requestId: string | undefined;

  constructor(facts: Facts) {
    super(facts.message);
    this.code = facts.code ?? facts.network;
    this.status = facts.status;
    this.requestId = facts.requestId;
  }
}

/** Ours: the service did not answer, or took no bytes, for this long. */
export class StalledError extends Error {
  override readonly name = 'StalledError';
}

const writer = `'Storage Blob Data Contributor'`;

const byCode: Readonly<Record<string, AdapterErrorKind>> = {
  ContainerNotFound: 'NoSuchBucket',
  ContainerDisabled: 'Forbidden',
  // Everywhere but in createBucket: what is being deleted is gone.
  ContainerBeingDeleted: 'NoSuchBucket',
  ContainerAlreadyExists: 'BucketExists',
  BlobNotFound: 'NoSuchObject',
  // "If-None-Match: *" on a write is 409 for a blob that exists, every other condition 412.
  BlobAlreadyExists: 'PreconditionFailed',
  ConditionNotMet: 'PreconditionFailed',
  TargetConditionNotMet: 'PreconditionFailed',
  SourceConditionNotMet: 'PreconditionFailed',
  InvalidRange: 'InvalidRange',
  InvalidResourceName: 'InvalidName',
  RequestBodyTooLarge: 'TooLarge',
  BlockCountExceedsLimit: 'TooLarge',
  BlockListTooLong: 'TooLarge',
  MaxBlobSizeConditionNotMet: 'TooLarge',
  ServerBusy: 'Throttled',
  IngressIsOverAccountLimit: 'Throttled',
  EgressIsOverAccountLimit: 'Throttled',
  OperationsPerSecondIsOverAccountLimit: 'Throttled',
  OperationTimedOut: 'Unavailable',
  InternalError: 'Unavailable',
  ServerUnavailable: 'Unavailable',
  AccountBeingCreated: 'Unavailable',
  // Another tool holds a lease or a copy on the blob: it ends by itself.
  LeaseIdMissing: 'Unavailable',
  LeaseAlreadyPresent: 'Unavailable',
  LeaseLost: 'Unavailable',
  LeaseIdMismatchWithBlobOperation: 'Unavailable',
  LeaseNotPresentWithBlobOperation: 'Unavailable',
  LeaseNotPresentWithLeaseOperation: 'Unavailable',
  PendingCopyOperation: 'Unavailable',
  Md5Mismatch: 'Corrupt',
  Crc64Mismatch: 'Corrupt',
  AccountIsDisabled: 'Forbidden',
  BlobArchived: 'Forbidden',
  BlobBeingRehydrated: 'Forbidden',
  BlobImmutableDueToPolicy: 'Forbidden',
  UnauthorizedBlobOverwrite: 'Forbidden',
};

/** What the owner of the account can do about a refusal. */
const remedies: Readonly<Record<string, string>> = {
  AuthenticationFailed:
    'the credentials are wrong, expired, or signed with a clock that is more than 15 minutes off: check the account name, the key or SAS, and the time',
  AuthorizationFailure: `the network rules of the account or the SAS forbid it: allow this address, or use a SAS with the permissions rwdlac on containers and objects`,
  AuthorizationPermissionMismatch: `the identity lacks a role: assign it ${writer} on the storage account`,
  InsufficientAccountPermissions: `the identity lacks a role: assign it ${writer} on the storage account`,
  AuthorizationResourceTypeMismatch:
    'the SAS does not cover this resource type: make an account SAS for service, container and object',
  AuthorizationServiceMismatch: 'the SAS does not cover the blob service: make an account SAS for it',
  AuthorizationSourceIPMismatch: 'the SAS or the network rules of the account exclude this address',
  AuthorizationProtocolMismatch: 'the SAS demands HTTPS: use an https endpoint',
  KeyBasedAuthenticationNotPermitted:
    'the account forbids keys and SAS: leave them out, so that the ambient Azure identity is used',
  PublicAccessNotPermitted: 'no credentials were sent: configure a key, a SAS or an identity',
  NoAuthenticationInformation: 'no credentials were sent: configure a key, a SAS or an identity',
  InvalidAuthenticationInfo: 'the credentials are malformed: check the key or SAS',
  UnauthorizedBlobOverwrite: `the SAS may create but not overwrite: give it the permission w, or assign ${writer}`,
  AccountIsDisabled: 'the storage account is disabled',
  ContainerDisabled: 'the container is disabled',
  BlobArchived: 'the blob is in the archive tier: rehydrate it first',
  BlobBeingRehydrated: 'the blob is still being rehydrated from the archive tier',
  BlobImmutableDueToPolicy: 'an immutability policy or legal hold protects the blob',
};

const pauses: Readonly<Partial<Record<AdapterErrorKind, number>>> = { Throttled: 2, Unavailable: 1 };

export function toFailure(thrown: unknown, about: About): Failure {
  if (thrown instanceof AdapterError) return { error: thrown, transient: false, pauseMs: 0 };
  const facts = readFacts(thrown);
  const kind = kindOf(facts);
  const retryAfter = facts.retryAfter ?? pauses[kind];
  const subject = isOfSource(facts.code) ? 'source' : about.subject;
  const error = new AdapterError(kind, message(kind, facts, about), {
    cause: facts.name === 'RestError' ? new AzureError(facts) : thrown,
    ...(subject === undefined ? {} : { subject }),
    ...(retryAfter === undefined ? {} : { retryAfter }),
  });
  // A lease ends in its own time, not in ours.
  const transient =
    kind === 'Throttled' || (kind === 'Unavailable' && !(facts.code ?? '').startsWith('Lease'));
  return { error, transient, pauseMs: (facts.retryAfter ?? 0) * 1000 };
}

export function toAdapterError(thrown: unknown, about: About): AdapterError {
  return toFailure(thrown, about).error;
}

/** The service's error code, when it was the service that answered. */
export function serviceCode(thrown: unknown): string | undefined {
  const cause = thrown instanceof AdapterError ? thrown.cause : undefined;
  return cause instanceof AzureError && cause.status !== undefined ? cause.code : undefined;
}

/** HTTP status of the service's answer. */
export function serviceStatus(thrown: unknown): number | undefined {
  const cause = thrown instanceof AdapterError ? thrown.cause : undefined;
  return cause instanceof AzureError ? cause.status : undefined;
}

interface Facts {
  readonly name: string;
  readonly message: string;
  readonly status: number | undefined;
  readonly code: string | undefined;
  /** `ECONNRESET` and the like, when no answer came. */
  readonly network: string | undefined;
  /** Seconds. */
  readonly retryAfter: number | undefined;
  readonly requestId: string | undefined;
  /** Of a copy: how the read of its source was answered. */
  readonly sourceStatus: number | undefined;
}

interface RestErrorLike extends Error {
  readonly code?: unknown;
  readonly statusCode?: unknown;
  readonly response?: { readonly headers?: { get(name: string): string | undefined } };
}

function readFacts(thrown: unknown): Facts {
  const error = (thrown instanceof Error ? thrown : new Error(String(thrown))) as RestErrorLike;
  const status = typeof error.statusCode === 'number' ? error.statusCode : undefined;
  const given = typeof error.code === 'string' ? error.code : undefined;
  const header = (name: string): string | undefined => error.response?.headers?.get(name);
  const seconds = Number(header('retry-after') ?? Number.NaN);
  const sourceStatus = Number(header('x-ms-copy-source-status-code') ?? Number.NaN);
  return {
    name: error.name,
    message: (error.message.split('\n', 1)[0] ?? '').slice(0, 500),
    status,
    code: status === undefined ? undefined : (header('x-ms-error-code') ?? given),
    network: status === undefined ? given : undefined,
    retryAfter: Number.isFinite(seconds) ? Math.max(0, seconds) : undefined,
    requestId: header('x-ms-request-id'),
    sourceStatus: Number.isFinite(sourceStatus) ? sourceStatus : undefined,
  };
}

function kindOf(facts: Facts): AdapterErrorKind {
  const { name, status, code, sourceStatus } = facts;
  if (name === 'AbortError') return 'Aborted';
  if (name === 'StalledError') return 'Unavailable';
  if (/^(Aggregate)?Authentication|^CredentialUnavailable/.test(name)) return 'Forbidden';
  if (code === 'CannotVerifyCopySource') return ofSource(sourceStatus ?? status);
  const known = code === undefined ? undefined : byCode[code];
  if (known !== undefined) return known;
  switch (status) {
    case undefined:
      return name === 'RestError' ? 'Unavailable' : 'Internal';
    case 401:
    case 403:
      return 'Forbidden';
    case 412:
      return 'PreconditionFailed';
    case 413:
      return 'TooLarge';
    case 416:
      return 'InvalidRange';
    case 429:
      return 'Throttled';
    case 408:
    case 500:
    case 502:
    case 503:
    case 504:
      return 'Unavailable';
    default:
      return 'Internal';
  }
}

function isOfSource(code: string | undefined): boolean {
  return code === 'CannotVerifyCopySource' || code === 'SourceConditionNotMet';
}

function ofSource(status: number | undefined): AdapterErrorKind {
  switch (status) {
    case 401:
    case 403:
      return 'Forbidden';
    case 404:
      return 'NoSuchObject';
    case 412:
      return 'PreconditionFailed';
    case 429:
    case 503:
      return 'Throttled';
    default:
      return 'Unavailable';
  }
}

function message(kind: AdapterErrorKind, facts: Facts, about: About): string {
  const { code, status, network } = facts;
  const where = [about.container, about.blob].filter((part) => part !== undefined).join('/');
  const answer =
    status === undefined
      ? network === undefined
        ? facts.message
        : `no answer (${network}): ${facts.message}`
      : `${status} ${code ?? facts.message}`;
  const remedy = kind === 'Forbidden' ? remedyFor(code, status) : remedyForNetwork(network);
  const did = status === undefined ? 'could not' : 'refused to';
  return `Azure ${did} ${about.doing}${where === '' ? '' : ` (${where})`}: ${answer}${remedy}`;
}

function remedyFor(code: string | undefined, status: number | undefined): string {
  const known = code === undefined ? undefined : remedies[code];
  if (known !== undefined) return `; ${known}`;
  if (status === undefined)
    return '; no Azure identity was found: configure a key or SAS, or a managed or workload identity';
  return `; the credentials do not allow it: assign the identity ${writer} on the storage account, or use a key or SAS that does`;
}

function remedyForNetwork(network: string | undefined): string {
  switch (network) {
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return '; the host name is unknown: check the account name or endpoint';
    case 'ECONNREFUSED':
      return '; nothing listens there: check the endpoint';
    default:
      return '';
  }
}
