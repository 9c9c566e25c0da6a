/** What a case of bad input is: a request that must be refused in these words, and must change nothing. */
import type { RawRequest } from '../kit/raw-request.ts';

/** What is there before any case is tried. */
export interface World {
  readonly bucket: string;
  /** An object of ten bytes, `0123456789`. */
  readonly plain: string;
  readonly plainEtag: string;
  /** Its Last-Modified, as a header has it. */
  readonly plainModified: string;
  /** An object of two parts, 5 MiB and 3 bytes. */
  readonly multipart: string;
  /** Open uploads of key `upload-…`, by what their creator declared. Part 1 of 100 bytes and part 2 of 10 are stored in each. */
  readonly uploads: Readonly<Record<UploadKind, OpenUpload>>;
}

export type UploadKind = 'undeclared' | 'composite' | 'full' | 'customer';

export interface OpenUpload {
  readonly key: string;
  readonly id: string;
  /** Unquoted ETags of parts 1 and 2. */
  readonly etags: readonly [string, string];
  /** CRC32 of parts 1 and 2. */
  readonly crc32: readonly [string, string];
}

export interface BadCase {
  readonly operation: string;
  readonly what: string;
  readonly request: (world: World) => RawRequest;
  readonly status: number;
  /** Neither code nor message: the answer to HEAD has no body. */
  readonly code: string | undefined;
  readonly message: string | undefined;
  /** Further elements of the error. */
  readonly extra?: Readonly<Record<string, string>> | ((world: World) => Readonly<Record<string, string>>);
  /** Its judgement needs the backend: tried on all of them. */
  readonly backend?: true;
}

/** Cases of one operation, as rows: what is wrong, the request, and the answer. */
export function casesOf(
  operation: string,
  rows: ReadonlyArray<
    readonly [
      what: string,
      request: BadCase['request'],
      status: number,
      code: string | undefined,
      message: string | undefined,
      extra?: BadCase['extra'],
      backend?: 'backend' | undefined,
    ]
  >,
): readonly BadCase[] {
  return rows.map(([what, request, status, code, message, extra, backend]) => ({
    operation,
    what,
    request,
    status,
    code,
    message,
    ...(extra !== undefined && { extra }),
    ...(backend !== undefined && { backend: true }),
  }));
}
