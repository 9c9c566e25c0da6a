import type { ServerResponse } from 'node:http';

const nothing = Buffer.alloc(0);

/**
 * Node writes heads as latin1, but as UTF-8 one that is flushed before the body has begun: a header value with bytes above 0x7f (user
 * metadata) would leave encoded twice. An empty chunk takes the head along in the right encoding.
 */
export function flushHeadAsLatin1(outgoing: ServerResponse): void {
  outgoing.flushHeaders = () => {
    outgoing.write(nothing);
  };
}
