/** The way of a request through the protocol: target → authentication → table → operation → answer. */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { isAdapterError } from '../../adapters/errors.ts';
import { type Authenticate, type Authentication, twoMechanisms } from '../auth/authenticate.ts';
import { refuseStreaming, requireHashOfNothing } from '../auth/payload.ts';
import type { AuthenticateForm } from '../auth/post-signature.ts';
import { type Origin, originOf, proxyTrust } from '../http/forwarded.ts';
import { type Headers, readHeaders } from '../http/headers.ts';
import type { HostReader } from '../http/hosts.ts';
import { newRequestId } from '../http/request-id.ts';
import { parseTarget, type Target } from '../http/target.ts';
import type { AccessNotes } from '../server/env.ts';
import { UploadStoreUnavailable } from '../uploads/types.ts';
import { handleIfAllowed } from './access/authorize.ts';
import { fromAdapterError, retryAfter } from './adapter-errors.ts';
import { type AnswerContext, answer, errorAnswer } from './answer.ts';
import { crossOriginAnswer, preflight } from './bucket/cross-origin.ts';
import { DamagedDocument } from './bucket/documents-of.ts';
import { S3Error } from './errors.ts';
import { keepAlive } from './keep-alive.ts';
import { createMatcher } from './match.ts';
import { requireBucketName } from './names.ts';
import type { Gateway, Logger, Operation, RequestContext } from './operation.ts';
import { RequestBody } from './request-body.ts';
import type { Shares } from './shares.ts';

/** A request as the server hands it over. */
export interface Exchange {
  readonly incoming: IncomingMessage;
  readonly secure: boolean;
  /** Aborts when the client is gone before the answer is out. */
  readonly signal: AbortSignal;
  /** Called once the answer is out, or cannot be. */
  readonly whenOver: (then: () => void) => void;
  /** Whether the operating system has all bytes that were written so far: their memory is not needed any more. */
  readonly isFlushed: () => boolean;
  /** Lets a client that waits (`Expect: 100-continue`) send its body. */
  readonly continue: () => void;
  /** What the access log tells. */
  readonly log: Logger;
  readonly notes: AccessNotes;
}

export interface DispatcherOptions {
  readonly gateway: Gateway;
  readonly authenticate: Authenticate;
  readonly authenticateForm: AuthenticateForm;
  readonly operations: readonly Operation[];
  readonly hosts: HostReader;
  /** Addresses and ranges of proxies whose `X-Forwarded-*` are believed. */
  readonly trustedProxies: readonly string[];
  readonly shares: Shares;
}

export type Dispatch = (exchange: Exchange) => Promise<Response>;

export function createDispatcher(options: DispatcherOptions): Dispatch {
  const { authenticate, authenticateForm, gateway, hosts, operations, shares } = options;
  const { accessPoints } = gateway.settings;
  const trusts = proxyTrust(options.trustedProxies);
  const match = createMatcher(operations);

  const readHead = ({ incoming, secure }: Exchange): RequestHead => {
    const method = incoming.method ?? '';
    const raw = readHeaders(incoming.rawHeaders);
    const origin = originOf(incoming.socket.remoteAddress, raw, trusts);
    // The client signed the host that it used.
    const sent = origin.host === undefined ? raw : new Map([...raw, ['host', origin.host]]);
    const target = parseTarget(incoming.url ?? '', sent.get('host'), { hosts, accessPoints });
    return { method, origin, sent, target, scheme: (origin.secure ?? secure) ? 'https' : 'http' };
  };

  const prepare = (
    exchange: Exchange,
    answering: AnswerContext,
    { method, origin, scheme, sent, target }: RequestHead,
  ): { operation: Operation; context: RequestContext } => {
    const { incoming, notes } = exchange;
    const auth = authenticate({ method, target, headers: sent });
    note(notes, auth);
    exchange.whenOver(shares.enter(notes.identity ?? 'anonymous'));

    const headers = withHoisted(sent, auth);
    const operation = match({
      method,
      bucket: target.bucket,
      key: target.key,
      parameters: target.query.names(),
      isCopy: headers.has('x-amz-copy-source'),
    });
    notes.operation = operation.action;
    judge(operation, target, headers, auth);
    const body = new RequestBody({ incoming, headers, auth, onFirstRead: exchange.continue });
    answering.body = body;
    const context: RequestContext = {
      gateway,
      requestId: answering.requestId,
      method,
      target,
      bucket: target.bucket ?? '',
      key: target.key ?? '',
      headers,
      auth,
      authenticateForm(fields) {
        if (auth.kind === 'signed') throw twoMechanisms();
        return note(notes, authenticateForm(fields));
      },
      scheme,
      client: {
        address: origin.address,
        tlsVersion: () => tlsVersion(incoming.socket),
      },
      body,
      signal: exchange.signal,
    };
    return { operation, context };
  };

  const respond = async (exchange: Exchange, answering: AnswerContext): Promise<Response> => {
    let subject: { bucket?: string; key?: string } = {};
    try {
      const head = readHead(exchange);
      const { method, sent, target } = head;
      answering.resource = resourceOf(target);
      if (method === 'OPTIONS') {
        exchange.notes.operation = 'OPTIONS';
        return await answer(await preflight(gateway, target, sent), answering);
      }
      if (sent.has('origin')) answering.crossOrigin = crossOriginAnswer(gateway, target, sent, method);
      const { context, operation } = prepare(exchange, answering, head);
      subject = context;
      const handled = handleIfAllowed(operation, context);
      if (operation.slow !== true) return await answer(await handled, answering);
      const translated = (error: unknown): S3Error => translate(error, context, gateway, exchange);
      return await keepAlive(handled, gateway.settings.keepAliveAfterMs, answering, translated);
    } catch (error) {
      return await errorAnswer(translate(error, subject, gateway, exchange), answering);
    }
  };

  return async (exchange) => {
    const requestId = newRequestId();
    exchange.notes.requestId = requestId;
    const answering: AnswerContext = { requestId, exchange };
    const response = await respond(exchange, answering);
    for (const [name, value] of Object.entries((await answering.crossOrigin) ?? {})) {
      if (name === 'vary') response.headers.append(name, value);
      else response.headers.set(name, value);
    }
    return response;
  };
}

/** `TLSv1.3` → `1.3` */
function tlsVersion(socket: Socket): string | undefined {
  return socket instanceof TLSSocket ? socket.getProtocol()?.replace('TLSv', '') : undefined;
}

/** What is known of a request before anything is judged. */
interface RequestHead {
  readonly method: string;
  readonly origin: Origin;
  readonly sent: Headers;
  readonly target: Target;
  readonly scheme: RequestContext['scheme'];
}

/** Names who sent it in the log. */
function note(notes: Exchange['notes'], auth: Authentication): Authentication {
  if (auth.kind === 'signed') {
    notes.identity = auth.identity.user?.name ?? auth.identity.displayName;
    notes.accessKeyId = auth.accessKeyId;
  }
  return auth;
}

/** A presigned URL may carry `x-amz-*` headers in its query; a header that is there wins. */
function withHoisted(headers: Headers, auth: Authentication): Headers {
  if (auth.hoisted.size === 0) return headers;
  return new Map([...auth.hoisted, ...headers]);
}

function judge(operation: Operation, target: Target, headers: Headers, auth: Authentication): void {
  if (operation.body !== 'object') refuseStreaming(auth.payload);
  if (operation.body === 'none') requireHashOfNothing(auth.payload, headers);
  if (target.bucket !== undefined) requireBucketName(target.bucket);
  if (target.accessPoint !== undefined) judgeAccessPoint(operation);
  if (headers.has('x-amz-copy-source') && operation.route.copy !== true) {
    throw new S3Error('InvalidArgument', {
      message: 'You can only specify a copy source header for copy requests.',
      extra: { ArgumentName: 'x-amz-copy-source', ArgumentValue: headers.get('x-amz-copy-source') ?? '' },
    });
  }
  const uploadId = target.query.get('uploadId') ?? '';
  if (target.query.has('partNumber') && uploadId === '' && operation.route.method === 'PUT') {
    throw new S3Error('InvalidArgument', {
      message: 'This operation does not accept partNumber without uploadId',
      extra: { ArgumentName: 'partNumber', ArgumentValue: 'partNumber' },
    });
  }
  if (
    operation.route.sub === 'uploadId' &&
    operation.route.method === 'PUT' &&
    !target.query.has('partNumber')
  ) {
    throw new S3Error('InvalidArgument', {
      message: 'This operation does not accept uploadId without partNumber',
      extra: { ArgumentName: 'uploadId', ArgumentValue: uploadId },
    });
  }
}

/** An access point lends a bucket's objects, not the bucket ("Access point compatibility"): nothing sets it up or ends it by that name. */
function judgeAccessPoint({ route: { method, on } }: Operation): void {
  if (on !== 'bucket' || (method !== 'PUT' && method !== 'DELETE')) return;
  throw new S3Error('MethodNotAllowed', {
    extra: { Method: method, ResourceType: 'ACCESSPOINT' },
    headers: { allow: 'GET, HEAD, POST' },
  });
}

/** As an error names it: the bucket, never the ARN of an access point. */
function resourceOf({ accessPoint, bucket = '', key = '', path }: Target): string {
  return accessPoint === undefined ? path : `/${bucket}/${key}`;
}

/** What a failure is to the client. What was not meant to happen is logged with its stack. */
function translate(
  error: unknown,
  subject: { readonly bucket?: string; readonly key?: string },
  gateway: Gateway,
  { notes, signal }: Exchange,
): S3Error {
  // What broke off because the client is gone fails with the signal's reason.
  const translated =
    signal.aborted && error === signal.reason
      ? new S3Error('RequestTimeout', { cause: error, close: true })
      : toS3Error(error, subject);
  notes.error = translated.code;
  const clientIsGone = signal.aborted && translated.code !== 'InternalError';
  if (error instanceof DamagedDocument) {
    gateway.log.error(error.advice, { requestId: notes.requestId, operation: notes.operation, error });
  } else if (translated.status >= 500 && translated.code !== 'NotImplemented' && !clientIsGone) {
    gateway.log.error('request failed', {
      requestId: notes.requestId,
      operation: notes.operation,
      code: translated.code,
      error,
    });
  } else if (isAdapterError(error, 'Forbidden')) {
    gateway.log.error(error.message, { requestId: notes.requestId, operation: notes.operation, error });
  }
  return translated;
}

function toS3Error(error: unknown, subject: { readonly bucket?: string; readonly key?: string }): S3Error {
  if (error instanceof S3Error) return error;
  if (isAdapterError(error)) {
    // A body that failed its checks makes the adapter fail: the check's error is the one to tell.
    if (error.cause instanceof S3Error) return error.cause;
    return fromAdapterError(error, subject);
  }
  if (error instanceof UploadStoreUnavailable) {
    return new S3Error('ServiceUnavailable', { headers: retryAfter(1), cause: error });
  }
  return new S3Error('InternalError', { cause: error });
}
