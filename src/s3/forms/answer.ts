/** How a form upload that went well is answered ("POST Object": success_action_redirect, success_action_status). */
import { percentEncode } from '../names.ts';
import type { Reply } from '../operation.ts';
import { emptyReply } from '../reply.ts';
import type { FormFields } from './fields.ts';

export interface Stored {
  readonly bucket: string;
  readonly key: string;
  /** Quoted. */
  readonly etag: string;
  readonly location: string;
}

export function formReply(
  fields: FormFields,
  { bucket, etag, key, location }: Stored,
  more: Readonly<Record<string, string>>,
): Reply {
  const redirect = redirectUrl(fields.get('success_action_redirect') ?? fields.get('redirect'));
  if (redirect !== undefined) {
    const query = [`bucket=${formEncode(bucket)}`, `key=${formEncode(key)}`, `etag=${formEncode(etag)}`];
    return emptyReply(303, { ...more, etag, location: withQuery(redirect, query.join('&')) });
  }
  const headers = { ...more, etag, location };
  switch (fields.get('success_action_status')) {
    case '200':
      return emptyReply(200, headers);
    case '201':
      return {
        status: 201,
        headers,
        xml: {
          root: 'PostResponse',
          content: { Location: location, Bucket: bucket, Key: key, ETag: etag },
          // AWS names none here, and clients look its elements up without one.
          namespace: false,
        },
      };
    default:
      return emptyReply(204, headers);
  }
}

/** An absolute web address, kept as it was sent; anything else is ignored, as on AWS. A header line cannot hold a line's end. */
function redirectUrl(text: string | undefined): string | undefined {
  if (text === undefined || !/^https?:\/\/[^/?#]/i.test(text) || !URL.canParse(text)) return undefined;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return /[\0-\x1f\x7f]/.test(text) ? undefined : Buffer.from(text).toString('latin1');
}

/** Behind the query that is there, before a fragment. */
function withQuery(url: string, query: string): string {
  const hash = url.indexOf('#');
  const [page, fragment] = hash < 0 ? [url, ''] : [url.slice(0, hash), url.slice(hash)];
  return `${page}${page.includes('?') ? '&' : '?'}${query}${fragment}`;
}

function formEncode(text: string): string {
  return percentEncode(text).replaceAll('%20', '+');
}
