import type { ServerResponse } from 'node:http';

/**
 * Whether the operating system has all bytes of an answer that were handed over so far. Never before the head is written: the adapter to
 * Node.js asks for up to three chunks that are ready at once before that, and holds them.
 */
export function isFlushed(outgoing: ServerResponse): boolean {
  return outgoing.headersSent && outgoing.socket?.writableLength === 0 && outgoing.writableLength === 0;
}
