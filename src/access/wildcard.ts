/**
 * Patterns of the policy language: `*` stands for any run of characters, `?` for any single one ("IAM JSON policy elements:
 * Resource"). Matched without regular expressions, so that no pattern can be made to take exponential time.
 */

/** UTF-16 units, or one of the two below. */
export type Pattern = readonly number[];

const anyRun = -1;
const anyOne = -2;

export function toPattern(text: string): Pattern {
  return Array.from({ length: text.length }, (_, index) => {
    const char = text[index];
    return char === '*' ? anyRun : char === '?' ? anyOne : text.charCodeAt(index);
  });
}

/** Text that stands for itself. */
export function toLiteral(text: string): Pattern {
  return Array.from({ length: text.length }, (_, index) => text.charCodeAt(index));
}

export function hasWildcard(pattern: Pattern): boolean {
  return pattern.some((unit) => unit < 0);
}

/** Takes time in the product of both lengths at worst. */
export function matches(pattern: Pattern, text: string): boolean {
  let at = 0;
  let next = 0;
  /** Where to go on when what follows the latest `*` does not fit: it then takes one character more. */
  let afterRun = -1;
  let runEnd = 0;
  while (at < text.length) {
    const unit = pattern[next];
    if (unit === anyRun) {
      afterRun = next + 1;
      runEnd = at;
      next = afterRun;
    } else if (unit === anyOne || unit === text.charCodeAt(at)) {
      next += 1;
      at += 1;
    } else if (afterRun >= 0) {
      runEnd += 1;
      at = runEnd;
      next = afterRun;
    } else return false;
  }
  while (pattern[next] === anyRun) next += 1;
  return next === pattern.length;
}

/** The same as a function, the common forms without a walk. */
export function matcher(text: string): (candidate: string) => boolean {
  if (text === '*') return () => true;
  const pattern = toPattern(text);
  if (!hasWildcard(pattern)) return (candidate) => candidate === text;
  const head = text.slice(0, -1);
  if (text.endsWith('*') && !hasWildcard(toPattern(head))) return (candidate) => candidate.startsWith(head);
  return (candidate) => matches(pattern, candidate);
}
