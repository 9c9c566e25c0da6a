/** Text with policy variables: `arn:aws:s3:::bucket/home/${aws:username}/*` ("IAM policy elements: Variables and tags"). */
import { hasWildcard, matches, type Pattern, toLiteral, toPattern } from '../wildcard.ts';
import type { KeyValues } from './evaluate.ts';

type Piece = Pattern | { readonly variable: string; readonly otherwise: string | undefined };

export interface Template {
  /** Whether the candidate fits; never, when a variable has no value and no default. */
  readonly matches: (candidate: string, values: KeyValues) => boolean;
  /** The text for comparisons that know no wildcards. */
  readonly text: (values: KeyValues) => string | undefined;
  readonly hasVariables: boolean;
  readonly hasWildcards: boolean;
  /** Lower-case keys of its variables. */
  readonly variables: readonly string[];
}

const variable = /\$\{([^}]*)\}/g;
/** `${*}`, `${?}` and `${$}` are the characters themselves. */
const escapes: ReadonlySet<string> = new Set(['*', '?', '$']);

/** @param variables whether the policy's version has them: 2012-10-17 */
export function parseTemplate(text: string, variables: boolean): Template {
  const pieces: Piece[] = [];
  let at = 0;
  for (const found of variables ? text.matchAll(variable) : []) {
    const [whole, inner = ''] = found;
    if (found.index > at) pieces.push(toPattern(text.slice(at, found.index)));
    at = found.index + whole.length;
    if (escapes.has(inner)) pieces.push(toLiteral(inner));
    else pieces.push(readVariable(inner));
  }
  if (at < text.length) pieces.push(toPattern(text.slice(at)));

  const used = pieces.flatMap((piece) => ('variable' in piece ? [piece.variable] : []));
  const isPlain = used.length === 0;
  const fixed = pieces.flatMap((piece) => ('variable' in piece ? [] : piece));
  const hasWildcards = hasWildcard(fixed);
  const literal = literalOf(pieces, text, variables);
  if (isPlain) {
    return {
      matches: hasWildcards ? (candidate) => matches(fixed, candidate) : (candidate) => candidate === literal,
      text: () => literal,
      hasVariables: false,
      hasWildcards,
      variables: [],
    };
  }
  return {
    matches(candidate, values) {
      const pattern: number[] = [];
      for (const piece of pieces) {
        if (!('variable' in piece)) pattern.push(...piece);
        else {
          const value = variableValue(piece, values);
          if (value === undefined) return false;
          pattern.push(...toLiteral(value));
        }
      }
      return matches(pattern, candidate);
    },
    text(values) {
      let missing = false;
      const filled = text.replace(variable, (_, inner: string) => {
        if (escapes.has(inner)) return inner;
        const value = variableValue(readVariable(inner), values);
        missing ||= value === undefined;
        return value ?? '';
      });
      return missing ? undefined : filled;
    },
    hasVariables: true,
    hasWildcards,
    variables: used,
  };
}

function literalOf(pieces: readonly Piece[], text: string, variables: boolean): string {
  return variables && pieces.length > 0 ? text.replace(/\$\{([*?$])\}/g, '$1') : text;
}

interface Variable {
  readonly variable: string;
  readonly otherwise: string | undefined;
}

/** `${key}` or `${key, 'default'}`. */
function readVariable(inner: string): Variable {
  const comma = inner.indexOf(',');
  if (comma < 0) return { variable: inner.trim().toLowerCase(), otherwise: undefined };
  const quoted = /^\s*'(.*)'\s*$/s.exec(inner.slice(comma + 1));
  return { variable: inner.slice(0, comma).trim().toLowerCase(), otherwise: quoted?.[1] };
}

/** A key with several values stands for none of them. */
function variableValue({ otherwise, variable: key }: Variable, values: KeyValues): string | undefined {
  const found = values(key);
  return found?.length === 1 ? found[0] : otherwise;
}
