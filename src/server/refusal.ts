/** S3 errors that the server itself answers, before the application is asked or when it cannot be. */
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { hostIdOf, namingHeaders, newRequestId } from '../http/request-id.ts';
import { discardBytes } from '../http/slabs.ts';
import { type S3ErrorCode, s3Errors } from '../s3/errors.ts';
import { jsonError, jsonType, prefersJson } from '../s3/json.ts';
import { xml } from '../s3/xml.ts';

export interface Refusal {
  readonly code: S3ErrorCode;
  /** AWS's text where it differs from the table's. */
  readonly message?: string;
  /** Elements that AWS adds after Message. */
  readonly extra?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** "The maximum size of the request header section is 8 KB" (Amazon S3, "RequestHeaderSectionTooLarge"). */
export const maxHeaderSection = 8192;

export const refusals = {
  malformed: { code: 'BadRequest', message: 'An error occurred when parsing the HTTP request.' },
  headersTooLarge: {
    code: 'RequestHeaderSectionTooLarge',
    extra: { MaxSizeAllowed: String(maxHeaderSection) },
  },
  transferCoding: { code: 'NotImplemented', extra: { Header: 'Transfer-Encoding' } },
  timeout: { code: 'RequestTimeout' },
  incompleteBody: { code: 'IncompleteBody' },
  connect: { code: 'MethodNotAllowed' },
  busy: { code: 'SlowDown', headers: { 'Retry-After': '1' } },
  badTarget: { code: 'InvalidURI' },
  internal: { code: 'InternalError' },
} as const satisfies Record<string, Refusal>;

export interface RefusalAnswer {
  readonly requestId: string;
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string;
}

/**
 * Headers and body of a refusal; always with `Connection: close`, because what is left of the request is not read.
 * `accept`: the request's header, where it could be read.
 */
export function refusalAnswer(refusal: Refusal, accept?: string): RefusalAnswer {
  const requestId = newRequestId();
  const { code, extra = {} } = refusal;
  const { status } = s3Errors[code];
  const message = refusal.message ?? s3Errors[code].message;
  const json = prefersJson(accept);
  const body = json
    ? jsonError({ code, status, message, extra, requestId })
    : xml(
        'Error',
        { Code: code, Message: message, ...extra, RequestId: requestId, HostId: hostIdOf(requestId) },
        { namespace: false },
      );
  const headers = {
    ...namingHeaders(requestId),
    'Content-Type': json ? jsonType : 'application/xml',
    'Content-Length': String(Buffer.byteLength(body)),
    Connection: 'close',
    ...refusal.headers,
  };
  return { requestId, status, headers, body };
}

/** @returns the request ID of the answer */
export function refuse(incoming: IncomingMessage, outgoing: ServerResponse, refusal: Refusal): string {
  const { requestId, status, headers, body } = refusalAnswer(refusal, incoming.headers.accept);
  // Kept until the answer is out, and then for the garbage collector, the bodies of a refused crowd would take hundreds of megabytes.
  incoming.on('data', discardBytes);
  outgoing.writeHead(status, headers);
  outgoing.end(incoming.method === 'HEAD' ? undefined : body);
  return requestId;
}

/** For connections on which there is no request to answer: what came could not be read as one. */
export function refuseOnSocket(socket: Socket, refusal: Refusal, accept?: string): void {
  const { status, headers, body } = refusalAnswer(refusal, accept);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nDate: ${new Date().toUTCString()}\r\n${lines.join('')}\r\n${body}`,
  );
}
