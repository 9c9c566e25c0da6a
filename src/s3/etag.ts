/** ETags as Amazon S3 makes them: the MD5 of the bytes, or the MD5 over the parts' MD5s and their number. */
import { createHash } from 'node:crypto';

/** `hex(MD5(raw part MD5s))-N`, also for one part. Parts in ascending order, their MD5s in hex. */
export function multipartEtag(partMd5s: readonly string[]): string {
  const hash = createHash('md5');
  for (const md5 of partMd5s) hash.update(md5, 'hex');
  return `${hash.digest('hex')}-${partMd5s.length}`;
}

export function quoteEtag(etag: string): string {
  return `"${etag}"`;
}

/** Takes one pair of quotes off, if there is one: clients send ETags both ways. Surrounding white space goes too. */
export function unquoteEtag(text: string): string {
  const trimmed = text.trim();
  return trimmed.length >= 2 && trimmed.startsWith('"') && trimmed.endsWith('"')
    ? trimmed.slice(1, -1)
    : trimmed;
}
