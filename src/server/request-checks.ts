/** What is judged of a request before anybody looks at what it asks for. */
import type { IncomingMessage } from 'node:http';
import { maxHeaderSection, type Refusal, refusals } from './refusal.ts';

/** What Node reads of request line and headers at most: enough for the longest key and query beside a section that is too large. */
export const maxHeaderSize = 64 * 1024;

/** The fault of a request's headers, if any. The request line is not counted. */
export function headerFault(incoming: IncomingMessage): Refusal | undefined {
  const { rawHeaders } = incoming;
  let size = 0;
  let hosts = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    // `Name: value\r\n`; values are latin1, a character is a byte.
    size += name.length + (rawHeaders[index + 1]?.length ?? 0) + 4;
    if (name.length === 4 && name.toLowerCase() === 'host') hosts += 1;
  }
  const coding = incoming.headers['transfer-encoding'];
  if (size > maxHeaderSection) return refusals.headersTooLarge;
  // RFC 9112, 3.2: a request without Host, or with more than one, is answered 400. HTTP/1.0 knows no Host.
  if (hosts > 1 || (hosts === 0 && incoming.httpVersion !== '1.0')) return refusals.malformed;
  // RFC 9112, 6.1: a coding that is not understood is 501. `gzip, chunked` would store bytes that the client did not mean.
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') return refusals.transferCoding;
  return undefined;
}
