/** The three spellings of a moment that SigV4 and its errors use. */

/** Reads `20130524T000000Z`. `undefined` unless it is exactly that, and a date that exists. */
export function parseBasicDate(text: string): Date | undefined {
  if (!/^\d{8}T\d{6}Z$/.test(text)) return undefined;
  const at = (start: number, end: number): number => Number(text.slice(start, end));
  const [year, month, day] = [at(0, 4), at(4, 6) - 1, at(6, 8)];
  const [hour, minute, second] = [at(9, 11), at(11, 13), at(13, 15)];
  const date = new Date(0);
  date.setUTCFullYear(year, month, day);
  date.setUTCHours(hour, minute, second);
  // `Date` rolls 31 February over into March.
  const exists =
    date.getUTCFullYear() === year &&
    date.getUTCMonth() === month &&
    date.getUTCDate() === day &&
    date.getUTCHours() === hour &&
    date.getUTCMinutes() === minute &&
    date.getUTCSeconds() === second;
  return exists ? date : undefined;
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
