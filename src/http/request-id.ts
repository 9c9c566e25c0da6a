/** What names an answer, in its headers and in the log. */
import { randomBytes } from 'node:crypto';

/** Sixteen upper-case hex digits, the shape of AWS's. */
export function newRequestId(): string {
  return randomBytes(8).toString('hex').toUpperCase();
}

/** AWS's extended request ID. Here it says no more than the request ID does. */
export function hostIdOf(requestId: string): string {
  return Buffer.from(`partway:${requestId}`).toString('base64');
}

/** Headers that every answer has. */
export function namingHeaders(requestId: string): Record<string, string> {
  return { 'x-amz-request-id': requestId, 'x-amz-id-2': hostIdOf(requestId), server: 'Partway' };
}
