/** Everything that is wrong with a configuration, told at once. */

export interface Problem {
  /** The setting, as it is written where it was found: `PARTWAY_LISTEN`, `partway.yaml:3 listen`. */
  readonly key: string;
  readonly problem: string;
  /** What to do about it. */
  readonly fix: string;
}

export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(problems.map(({ key, problem, fix }) => `  ${key}: ${problem}\n    → ${fix}`).join('\n'));
    this.problems = problems;
  }
}

/** `did you mean 'listen'?` for a name close to one of `known`, else a list of them where it is short. */
export function suggestion(name: string, known: readonly string[]): string {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  if (best !== undefined) return `did you mean '${best}'?`;
  if (known.length === 0) return 'remove it';
  return known.length <= 12 ? `known here: ${known.join(', ')}` : 'remove it, or see docs/configuration.md';
}

/** Levenshtein distance. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const substituted = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(substituted, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
}
