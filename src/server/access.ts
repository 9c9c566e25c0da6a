/** One line for each request, when it is over. */
import { redactTarget } from '../log/redact.ts';
import type { Logger } from '../log.ts';
import type { Exchange } from './connection.ts';

/** @param bytes on the wire, HTTP's own included */
export function logAccess(
  log: Logger,
  exchange: Exchange,
  bytes: { readonly received: number; readonly sent: number },
): void {
  const { incoming, outgoing, notes } = exchange;
  const isProbe = incoming.url?.startsWith('/-/') === true;
  const level = isProbe ? 'debug' : 'info';
  if (!log.has(level)) return;
  log[level]('request', {
    method: incoming.method,
    path: redactTarget(incoming.url ?? ''),
    // What was answered, if an answer was begun.
    status: outgoing.headersSent ? outgoing.statusCode : undefined,
    aborted: outgoing.writableFinished ? undefined : true,
    ms: Math.round((performance.now() - exchange.startedAt) * 10) / 10,
    received: bytes.received,
    sent: bytes.sent,
    operation: notes.operation,
    error: notes.error,
    identity: notes.identity,
    accessKeyId: notes.accessKeyId,
    requestId: notes.requestId,
    remote: incoming.socket.remoteAddress,
  });
}
