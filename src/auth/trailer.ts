/** The one trailing checksum that `x-amz-trailer` may announce (S3 API reference, "Trailing headers"). */
import { S3Error } from '../s3/errors.ts';
import type { PayloadForm } from './payload.ts';

/**
 * The header name announced by `x-amz-trailer`, lower case; `undefined` when nothing is announced.
 * Throws InvalidRequest for a name that `isSupported` does not know, MalformedTrailerError for a body without trailer.
 */
export function announcedTrailer(
  value: string | undefined,
  form: PayloadForm,
  isSupported: (name: string) => boolean,
): string | undefined {
  if (value === undefined) return undefined;
  const name = value.trim().toLowerCase();
  if (!isSupported(name)) {
    throw new S3Error('InvalidRequest', {
      message: 'The value specified in the x-amz-trailer header is not supported',
    });
  }
  if (!hasTrailer(form)) throw new S3Error('MalformedTrailerError');
  return name;
}

/**
 * The value of the announced trailer once the body has ended. Throws MalformedTrailerError when it is missing, or when
 * a trailer came that nobody announced.
 */
export function trailerValue(
  announced: string | undefined,
  trailers: ReadonlyMap<string, string>,
): string | undefined {
  const expected = announced === undefined ? 0 : 1;
  const value = announced === undefined ? undefined : trailers.get(announced);
  if (trailers.size !== expected || (announced !== undefined && value === undefined)) {
    throw new S3Error('MalformedTrailerError');
  }
  return value;
}

export function hasTrailer(form: PayloadForm): boolean {
  return form.kind === 'streaming-unsigned-trailer' || (form.kind === 'streaming-signed' && form.trailer);
}
