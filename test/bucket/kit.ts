import { createHash } from 'node:crypto';
import { type RawAnswer, type RawRequest, send } from '../kit/raw-request.ts';
import type { BucketSubject } from './suite.ts';

/** A signed PUT of a document, with the digest that AWS asks for. */
export function putDocument(
  subject: Pick<BucketSubject, 'endpoint'>,
  path: string,
  sub: string,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<RawAnswer> {
  return send(subject.endpoint, {
    method: 'PUT',
    path,
    query: { [sub]: '' },
    body,
    headers: { 'content-md5': createHash('md5').update(body).digest('base64'), ...headers },
  });
}

export function ask(
  subject: BucketSubject,
  method: string,
  path: string,
  sub: string,
  more: Partial<RawRequest> = {},
): Promise<RawAnswer> {
  return send(subject.endpoint, { method, path, query: { [sub]: '' }, ...more });
}

/** Code and message of an error, with its status. */
export function failure({ element, status }: RawAnswer): readonly [number, ...Array<string | undefined>] {
  const message = element('Message')?.replaceAll('&quot;', '"');
  return [status, element('Code'), message];
}
