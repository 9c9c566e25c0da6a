/** Replies and errors as HTTP responses. */
import type { IncomingMessage } from 'node:http';
import type { BodyStream } from '../../adapters/types.ts';
import { drain } from '../http/body.ts';
import { hostIdOf, namingHeaders } from '../http/request-id.ts';
import { responseOf } from '../http/response.ts';
import type { Exchange } from './dispatch.ts';
import type { S3Error } from './errors.ts';
import { jsonError, jsonSuccess, jsonType, prefersJson } from './json.ts';
import type { Reply } from './operation.ts';
import type { RequestBody } from './request-body.ts';
import { type XmlNode, xml } from './xml.ts';

export interface AnswerContext {
  readonly requestId: string;
  readonly exchange: Exchange;
  /** The request's path, for errors. */
  resource?: string;
  body?: RequestBody;
  /** What the bucket's CORS rules add to the answer. */
  crossOrigin?: Promise<Readonly<Record<string, string>>>;
}

/** Statuses that have no body and no length of one (RFC 9110, sections 15.3.5 and 15.4.5). */
const bodiless: ReadonlySet<number> = new Set([204, 304]);

export async function answer(reply: Reply, context: AnswerContext): Promise<Response> {
  const { headers = {}, status } = reply;
  const common = commonHeaders(context);
  await settleRequest(context, common);
  if (reply.stream !== undefined) {
    const body = reply.stream.bytes ?? byteStream(reply.stream, context);
    return responseOf(status, { ...common, ...headers }, body);
  }
  if (saysInJson(reply, context)) {
    return textResponse(jsonSuccess(reply), status, { ...common, ...headers }, jsonType);
  }
  if (reply.xml !== undefined) {
    const { content, namespace = true, root } = reply.xml;
    const text = xml(root, content, { namespace });
    return textResponse(text, status, { ...common, ...headers });
  }
  const length = bodiless.has(status) || 'content-length' in headers ? {} : { 'content-length': '0' };
  return responseOf(status, { ...common, ...headers, ...length }, null);
}

export async function errorAnswer(error: S3Error, context: AnswerContext): Promise<Response> {
  const headers: Record<string, string> = { ...commonHeaders(context), ...error.headers };
  await settleRequest(context, headers);
  if (error.close) headers['connection'] = 'close';
  if (bodiless.has(error.status)) return responseOf(error.status, headers, null);
  if (wantsJson(context)) return textResponse(errorJson(error, context), error.status, headers, jsonType);
  const document = xml('Error', errorContent(error, context), { namespace: false });
  return textResponse(document, error.status, headers);
}

export function wantsJson({ exchange }: AnswerContext): boolean {
  return prefersJson(exchange.incoming.headers.accept);
}

/**
 * XML, or nothing where there might be something to say: the bytes of objects (`headers` hold their length), answers to HEAD and to
 * preflights, redirections, and 204 stay what they are.
 */
function saysInJson({ headers = {}, status, xml }: Reply, context: AnswerContext): boolean {
  if (!wantsJson(context)) return false;
  if (xml !== undefined) return true;
  const { method } = context.exchange.incoming;
  const isEmpty = (status === 200 || status === 201) && !('content-length' in headers);
  return isEmpty && method !== 'HEAD' && method !== 'OPTIONS';
}

export function errorJson(error: S3Error, { requestId, resource }: AnswerContext): string {
  const { code, extra, message, status } = error;
  return jsonError({ code, status, message, extra, requestId, resource });
}

export function errorContent(error: S3Error, context: AnswerContext): XmlNode {
  return {
    Code: error.code,
    Message: error.message,
    ...error.extra,
    Resource: context.resource,
    RequestId: context.requestId,
    HostId: hostIdOf(context.requestId),
  };
}

export function commonHeaders({ requestId }: AnswerContext): Record<string, string> {
  return namingHeaders(requestId);
}

/** HEAD answers carry the headers of the body that they leave out. */
function textResponse(
  text: string,
  status: number,
  headers: Record<string, string>,
  type = 'application/xml',
): Response {
  // As bytes: Node.js writes a head together with a text in the text's encoding, which is not latin1.
  const body = Buffer.from(text);
  const all = {
    ...headers,
    ...(type === jsonType && { vary: 'Accept' }),
    'content-type': type,
    'content-length': String(body.length),
  };
  return responseOf(status, all, body);
}

/** What is left of the request is read and thrown away, or the connection is closed: never is it read as the next request. */
async function settleRequest(context: AnswerContext, headers: Record<string, string>): Promise<void> {
  const { body, exchange } = context;
  const clean = await (body === undefined ? settleUnread(exchange.incoming) : body.settle());
  if (!clean) headers['connection'] = 'close';
}

/** Of a request that was refused before anybody knew who sends it, no more than this is read for the sake of its connection. */
const unread = { maxBytes: 64 * 1024, timeoutMs: 1_000 };

async function settleUnread(incoming: IncomingMessage): Promise<boolean> {
  const { headers } = incoming;
  // Node calls a request complete a moment after it has handed it over, also one that has no body (RFC 9112, 6).
  const length =
    headers['transfer-encoding'] === undefined ? Number(headers['content-length'] ?? 0) : undefined;
  if (incoming.complete || length === 0) return true;
  if (headers.expect !== undefined || length === undefined || length > unread.maxBytes) return false;
  return drain(incoming, unread);
}

/** Chunks that wait to be used again: more than a connection takes before it asks for a rest. */
const maxUnflushed = 16;

/**
 * A download as a pull-based stream without a queue of its own: the socket asks, the file is read. Cancelling (the client is
 * gone) destroys the source. A source that fails after the head is out can be told by a broken connection only: fewer bytes than
 * promised, never other ones.
 */
function byteStream(source: BodyStream, { exchange, requestId }: AnswerContext): ReadableStream<Uint8Array> {
  const chunks = source[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  /** Chunks that the operating system may not have yet. */
  const given: Buffer[] = [];
  let cancelled = false;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await chunks.next();
          // The source ended because the client is gone: the stream is closed already.
          if (cancelled) return;
          if (exchange.isFlushed()) for (const chunk of given.splice(0)) source.recycle?.(chunk);
          if (done === true) {
            controller.close();
            return;
          }
          // A connection that always has a little left to send must not keep all of the object here.
          if (given.push(value) > maxUnflushed) given.shift();
          controller.enqueue(value);
        } catch (error) {
          if (cancelled) return;
          exchange.log.error('a download broke off', { requestId, error });
          exchange.incoming.socket.destroy();
          controller.close();
        }
      },
      cancel(reason) {
        cancelled = true;
        source.destroy(reason instanceof Error ? reason : undefined);
      },
    },
    { highWaterMark: 0 },
  );
}
