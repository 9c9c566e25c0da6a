/** The three spellings of a moment that SigV4 and its errors use. */

/** Reads `20130524T000000Z`. `undefined` unless it is exactly that, and a date that exists. */
export function parseBasicDate(text: string): Date | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second] = match;
  return existing(new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`), text);
}

/** Reads a `Date` header: RFC 1123, or the ISO 8601 basic format that some signers put there. */
export function parseDateHeader(text: string): Date | undefined {
  if (!/^[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d (GMT|UTC|\+0000)$/.test(text)) {
    return parseBasicDate(text);
  }
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

/** `20130524T000000Z` */
export function basicDate(date: Date): string {
  return isoSeconds(date).replaceAll(/[-:]/g, '');
}

/** `2013-05-24T00:00:00Z` */
export function isoSeconds(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}

function existing(date: Date, text: string): Date | undefined {
  // `Date` rolls 31 February over into March.
  return !Number.isNaN(date.getTime()) && basicDate(date) === text ? date : undefined;
}
