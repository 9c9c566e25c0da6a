/** What names an answer, in its headers and in the log. */
import { randomFillSync } from 'node:crypto';

const idBytes = 8;
/** Random bytes for the next requests: to ask for many at once costs as much as to ask for a few. */
const pool = Buffer.alloc(idBytes * 256);
let used = pool.length;

/** Sixteen upper-case hex digits, the shape of AWS's. */
export function newRequestId(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += idBytes;
  return pool.toString('hex', used - idBytes, used).toUpperCase();
}

/** AWS's extended request ID. Here it says no more than the request ID does. */
export function hostIdOf(requestId: string): string {
  return Buffer.from(`partway:${requestId}`).toString('base64');
}

/** Headers that every answer has. */
export function namingHeaders(requestId: string): Record<string, string> {
  return { 'x-amz-request-id': requestId, 'x-amz-id-2': hostIdOf(requestId), server: 'Partway' };
}
