/** What every answer must be, whatever was asked. */
import { type S3ErrorCode, s3Errors } from '../../src/s3/errors.ts';
import type { WireAnswer } from './wire.ts';

const refusedByAuthentication: ReadonlySet<string> = new Set([
  'AccessDenied',
  'AuthorizationHeaderMalformed',
  'AuthorizationQueryParametersError',
  'InvalidAccessKeyId',
  'InvalidToken',
  'RequestTimeTooSkewed',
  'SignatureDoesNotMatch',
]);

export interface Verdict {
  /** What is wrong; `undefined` when nothing is. */
  readonly fault?: string;
  /** `200`, or the error's code. */
  readonly outcome: string;
  readonly authenticated: boolean;
}

export function judge(answer: WireAnswer, method: string): Verdict {
  const { body, headers, status } = answer;
  const wrong = (fault: string): Verdict => ({ fault, outcome: String(status), authenticated: true });
  if (!headers.has('x-amz-request-id')) return wrong('no x-amz-request-id');
  if (!headers.has('date')) return wrong('no date');
  if (status === 500) return wrong('500');
  if (status < 400) {
    return body.includes('<Error>') && headers.get('content-type') === 'application/xml'
      ? wrong('an error with the status of success')
      : { outcome: String(status), authenticated: true };
  }
  // No document: the status is all there is.
  if (method === 'HEAD' || status === 304) return { outcome: String(status), authenticated: status !== 403 };
  if (headers.get('content-type') !== 'application/xml') return wrong('an error that is no XML');
  const text = body.toString('utf8');
  const code = /^<\?xml [^>]*\?>\n?<Error><Code>(\w+)<\/Code><Message>/.exec(text)?.[1];
  if (code === undefined || !text.endsWith('</Error>')) return wrong('an error that is no S3 error');
  if (!Object.hasOwn(s3Errors, code)) return wrong(`an unknown code, ${code}`);
  if (s3Errors[code as S3ErrorCode].status !== status) return wrong(`${code} with status ${status}`);
  if (status === 503 && !headers.has('retry-after')) return wrong('503 without Retry-After');
  return { outcome: code, authenticated: !refusedByAuthentication.has(code) };
}
