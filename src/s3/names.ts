/** Names of buckets and keys: what is legal, and how they are encoded in answers. Pure. */
import { S3Error } from './errors.ts';

/** Lower-case labels of letters, digits and inner hyphens, joined by single dots. */
const labels = /^[a-z0-9]+(?:-+[a-z0-9]+)*(?:\.[a-z0-9]+(?:-+[a-z0-9]+)*)*$/;
const ipv4 = /^\d+\.\d+\.\d+\.\d+$/;
const reservedPrefixes = ['xn--', 'sthree-', 'amzn-s3-demo-'];
const reservedSuffixes = ['-s3alias', '--ol-s3', '.mrap', '--x-s3', '--table-s3'];

/** "General purpose bucket naming rules". */
export function isBucketName(name: string): boolean {
  return (
    name.length >= 3 &&
    name.length <= 63 &&
    labels.test(name) &&
    !ipv4.test(name) &&
    !reservedPrefixes.some((prefix) => name.startsWith(prefix)) &&
    !reservedSuffixes.some((suffix) => name.endsWith(suffix))
  );
}

/** InvalidBucketName. */
export function requireBucketName(name: string): void {
  if (!isBucketName(name)) throw new S3Error('InvalidBucketName', { extra: { BucketName: name } });
}

/** Bytes of UTF-8 ("Creating object key names"). */
export const maxKeyBytes = 1024;

/** The error to answer for a key that no object can have. */
export function keyProblem(key: string): S3Error | undefined {
  const size = Buffer.byteLength(key);
  if (size > maxKeyBytes) {
    return new S3Error('KeyTooLongError', { extra: { Size: size, MaxSizeAllowed: maxKeyBytes } });
  }
  // A lone surrogate has no UTF-8: two different keys would become one.
  return key.isWellFormed() ? undefined : new S3Error('InvalidURI', { extra: { URI: key.toWellFormed() } });
}

/** RFC 3986: everything but `A–Z a–z 0–9 - . _ ~` as `%XX` of its UTF-8, slashes too. */
export function percentEncode(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** `encoding-type=url` of listings: as {@link percentEncode}, but slashes stay and a space is `+`. */
export function encodeListingText(text: string): string {
  return percentEncode(text).replaceAll('%2F', '/').replaceAll('%20', '+');
}
