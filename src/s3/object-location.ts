import { percentEncode } from './names.ts';
import type { RequestContext } from './operation.ts';

/** URL of the object as the client addressed its bucket; the key's slashes are encoded too. */
export function objectLocation({ bucket, headers, key, scheme, target }: RequestContext): string {
  const path = target.style === 'path' ? `${bucket}/${percentEncode(key)}` : percentEncode(key);
  return `${scheme}://${headers.get('host') ?? ''}/${path}`;
}
