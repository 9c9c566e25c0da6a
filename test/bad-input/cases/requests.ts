/** Requests as the cases spell them. */
import type { RawRequest } from '../../kit/raw-request.ts';
import type { UploadKind, World } from '../case.ts';

export type Headers = Readonly<Record<string, string>>;

export const onObject =
  (method: string, headers: Headers = {}, query: Headers = {}, body = '') =>
  ({ bucket, plain }: World): RawRequest => ({ method, path: `/${bucket}/${plain}`, headers, query, body });

export const onBucket =
  (method: string, query: Headers = {}, headers: Headers = {}, body = '') =>
  ({ bucket }: World): RawRequest => ({ method, path: `/${bucket}`, headers, query, body });

/** A request for an upload under way. */
export const onUpload =
  (
    method: string,
    kind: UploadKind,
    call: { readonly query?: Headers; readonly headers?: Headers; readonly body?: string } = {},
  ) =>
  ({ bucket, uploads }: World): RawRequest => ({
    method,
    path: `/${bucket}/${uploads[kind].key}`,
    query: { uploadId: uploads[kind].id, ...call.query },
    headers: call.headers ?? {},
    body: call.body ?? '',
  });

export const md5OfSomethingElse = '1B2M2Y8AsgTpgAmY7PhCfg==';
