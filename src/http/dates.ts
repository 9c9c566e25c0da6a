/** HTTP dates (RFC 9110, section 5.6.7). */

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

const imfFixdate = /^\w{3}, (\d{2}) (\w{3}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT$/;
const rfc850 = /^\w{6,9}, (\d{2})-(\w{3})-(\d{2}) (\d{2}):(\d{2}):(\d{2}) GMT$/;
const asctime = /^\w{3} (\w{3}) ([ \d]\d) (\d{2}):(\d{2}):(\d{2}) (\d{4})$/;

/** All three forms that a recipient must understand; anything else is `undefined`. The day of the week is not checked. */
export function parseHttpDate(text: string | undefined, now = Date.now()): Date | undefined {
  const trimmed = text?.trim() ?? '';
  let match = imfFixdate.exec(trimmed);
  if (match !== null) {
    const [, day, month, year, hour, minute, second] = match;
    return toDate(Number(year), month, day, hour, minute, second);
  }
  match = rfc850.exec(trimmed);
  if (match !== null) {
    const [, day, month, year, hour, minute, second] = match;
    return toDate(fullYear(Number(year), now), month, day, hour, minute, second);
  }
  match = asctime.exec(trimmed);
  if (match !== null) {
    const [, month, day, hour, minute, second, year] = match;
    return toDate(Number(year), month, day, hour, minute, second);
  }
  return undefined;
}

/** Two digits that seem more than 50 years ahead mean the past. */
function fullYear(twoDigits: number, now: number): number {
  const thisYear = new Date(now).getUTCFullYear();
  const year = thisYear - (thisYear % 100) + twoDigits;
  return year > thisYear + 50 ? year - 100 : year;
}

function toDate(year: number, monthName = '', ...rest: Array<string | undefined>): Date | undefined {
  const month = months.indexOf(monthName);
  const [day = 0, hour = 0, minute = 0, second = 0] = rest.map(Number);
  if (month < 0 || hour > 23 || minute > 59 || second > 60) return undefined;
  // A leap second is the last one of its day as well.
  const date = new Date(Date.UTC(year, month, day, hour, minute, Math.min(second, 59)));
  // 31 February and the like would roll over.
  return date.getUTCFullYear() === year && date.getUTCDate() === day ? date : undefined;
}
