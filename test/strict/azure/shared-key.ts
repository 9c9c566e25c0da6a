/** "Authorize with Shared Key": for requests that the proxy changes or makes. */
import { createHmac } from 'node:crypto';
import { devAccount } from '../../setup/azurite.ts';

/** The Authorization header of a request without a body. `url` is the path with its query. */
export function sharedKey(method: string, url: string, headers: Readonly<Record<string, string>>): string {
  const { pathname, searchParams } = new URL(url, 'http://localhost');
  const get = (name: string): string => headers[name] ?? '';
  const own = Object.keys(headers)
    .filter((name) => name.startsWith('x-ms-'))
    .sort()
    .map((name) => `${name}:${get(name)}\n`)
    .join('');
  const parameters = [...searchParams]
    .map(([name, value]) => `\n${name.toLowerCase()}:${value}`)
    .sort()
    .join('');
  const text = [
    method,
    get('content-encoding'),
    get('content-language'),
    get('content-length') === '0' ? '' : get('content-length'),
    get('content-md5'),
    get('content-type'),
    get('x-ms-date') === '' ? get('date') : '',
    get('if-modified-since'),
    get('if-match'),
    get('if-none-match'),
    get('if-unmodified-since'),
    get('range'),
    `${own}/${devAccount.name}${pathname}${parameters}`,
  ].join('\n');
  const signature = createHmac('sha256', Buffer.from(devAccount.key, 'base64'))
    .update(text, 'utf8')
    .digest('base64');
  return `SharedKey ${devAccount.name}:${signature}`;
}
