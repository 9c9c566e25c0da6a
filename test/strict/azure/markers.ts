/** "List Blobs": the marker is opaque. Here it is sealed with a key, and goes on only with the listing that gave it. */
import { createHmac, randomBytes } from 'node:crypto';

export class Markers {
  readonly #key = randomBytes(16);

  /** The answer to a listing, its marker sealed. */
  hide(query: URLSearchParams, xml: string): string {
    return xml.replace(
      /<NextMarker>([^<]+)<\/NextMarker>/,
      (_, marker: string) => `<NextMarker>${this.#seal(unescapeXml(marker), scopeOf(query))}</NextMarker>`,
    );
  }

  /** The emulator's marker; `undefined` for one that was made up or comes from another listing. */
  open(sealed: string, query: URLSearchParams): string | undefined {
    const marker = Buffer.from(sealed.split('!')[2] ?? '', 'hex').toString();
    return this.#seal(marker, scopeOf(query)) === sealed ? marker : undefined;
  }

  #seal(marker: string, scope: string): string {
    const mac = createHmac('sha256', this.#key).update(`${scope}\n${marker}`).digest('hex');
    return `2!${mac}!${Buffer.from(marker).toString('hex')}`;
  }
}

/** A marker goes on with the listing that gave it: same prefix, same delimiter, same start. */
function scopeOf(query: URLSearchParams): string {
  return JSON.stringify([query.get('prefix'), query.get('delimiter'), query.get('startFrom')]);
}

function unescapeXml(text: string): string {
  return text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&apos;', "'")
    .replace(/&#x([0-9a-fA-F]+);/g, (_, hex: string) => String.fromCodePoint(Number.parseInt(hex, 16)))
    .replaceAll('&amp;', '&');
}
