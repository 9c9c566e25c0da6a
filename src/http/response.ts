import { validateHeaderName, validateHeaderValue } from 'node:http';
import { getRequestListener } from '@hono/node-server';

/**
 * The `Response` of Hono's adapter to Node.js: it hands status, headers and bytes on as they are given, where the global one takes them apart
 * and has a body read back out of a stream. The adapter gives it away only by putting it in the global one's place, where it must not
 * stay: programs beside us tell an answer to `fetch` by that.
 */
const LightResponse = lightResponse();

type Body = Uint8Array | ReadableStream<Uint8Array> | null;
type ResponseClass = new (
  body: Body,
  init: { readonly status: number; readonly headers: Readonly<Record<string, string>> },
) => Response;

function lightResponse(): ResponseClass {
  const { Request, Response } = globalThis;
  getRequestListener(() => new Response());
  const light = globalThis.Response as ResponseClass;
  Object.assign(globalThis, { Request, Response });
  return light;
}

/**
 * An answer for Node.js. Throws on a header that cannot stand in a head: names that are no tokens, values beyond latin1 or with control
 * characters. Content-Length is to be the last header: after it, Node.js takes Content-Disposition for UTF-8 that was read as latin1.
 */
export function responseOf(status: number, headers: Readonly<Record<string, string>>, body: Body): Response {
  for (const [name, value] of Object.entries(headers)) {
    validateHeaderName(name);
    validateHeaderValue(name, value);
  }
  return new LightResponse(body, { status, headers });
}
