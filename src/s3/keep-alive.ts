/**
 * Long operations: 200 and white space until the outcome is known ("CompleteMultipartUpload": "Amazon S3 periodically sends white
 * space characters to keep the connection from timing out").
 *
 * The declaration is the first thing sent, white space follows it, and nothing follows the root: parsers want the one, and the
 * JavaScript SDK takes a newline after `</Error>` for success. In JSON it is white space, then the document (RFC 8259, 2).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { responseOf } from '../http/response.ts';
import {
  type AnswerContext,
  answer,
  commonHeaders,
  errorAnswer,
  errorContent,
  errorJson,
  wantsJson,
} from './answer.ts';
import type { S3Error } from './errors.ts';
import { jsonSuccess, jsonType } from './json.ts';
import type { Reply } from './operation.ts';
import { xmlDeclaration, xmlElement } from './xml.ts';

const pulseMs = 5_000;

export async function keepAlive(
  work: Promise<Reply>,
  afterMs: number,
  context: AnswerContext,
  translate: (error: unknown) => S3Error,
): Promise<Response> {
  const outcome = work.then(
    (reply) => ({ reply }),
    (error: unknown) => ({ error: translate(error) }),
  );
  await Promise.race([outcome, arrived(context)]);
  const patience = delay(afterMs);
  const first = await Promise.race([outcome, patience.over]);
  patience.cancel();
  if (first !== 'slow') {
    return 'reply' in first ? answer(first.reply, context) : errorAnswer(first.error, context);
  }

  const json = wantsJson(context);
  const encoder = new TextEncoder();
  let pulse: NodeJS.Timeout | undefined;
  const body = new ReadableStream<Uint8Array>({
    async start(controller) {
      controller.enqueue(encoder.encode(json ? ' ' : xmlDeclaration));
      pulse = setInterval(() => controller.enqueue(encoder.encode(' ')), pulseMs);
      const last = await outcome;
      clearInterval(pulse);
      controller.enqueue(encoder.encode(json ? jsonDocument(last, context) : rootElement(last, context)));
      controller.close();
    },
    cancel() {
      // The client is gone; the work goes on and is remembered for its next try.
      clearInterval(pulse);
    },
  });
  const type = json ? { 'content-type': jsonType, vary: 'Accept' } : { 'content-type': 'application/xml' };
  return responseOf(200, { ...commonHeaders(context), ...type }, body);
}

function jsonDocument(last: { reply: Reply } | { error: S3Error }, context: AnswerContext): string {
  return 'error' in last ? errorJson(last.error, context) : jsonSuccess(last.reply);
}

function rootElement(last: { reply: Reply } | { error: S3Error }, context: AnswerContext): string {
  if ('error' in last) return xmlElement('Error', errorContent(last.error, context), { namespace: false });
  const { xml } = last.reply;
  return xml === undefined ? '' : xmlElement(xml.root, xml.content);
}

/** A client that is still sending its document is not kept waiting by us. */
async function arrived({ exchange: { incoming } }: AnswerContext): Promise<void> {
  while (!incoming.complete && !incoming.destroyed) await sleep(100, undefined, { ref: false });
}

function delay(ms: number): { readonly over: Promise<'slow'>; readonly cancel: () => void } {
  const { promise, resolve } = Promise.withResolvers<'slow'>();
  const timer = setTimeout(resolve, ms, 'slow');
  return { over: promise, cancel: () => clearTimeout(timer) };
}
