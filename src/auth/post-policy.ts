/**
 * The policy document of a browser-based upload ("Creating a POST policy"): what the fields of the form and the size of its file must
 * be. Pure. Texts as AWS answers them, where they were recorded.
 */
import { S3Error } from '../s3/errors.ts';

export interface SizeRange {
  readonly min: number;
  readonly max: number;
}

export type PostCondition =
  | {
      readonly operator: 'eq' | 'starts-with';
      /** As the policy spells it; a name without `$` matches nothing. */
      readonly name: string;
      readonly value: string;
      readonly text: string;
    }
  | {
      readonly operator: 'content-length-range';
      readonly range: SizeRange | undefined;
      readonly text: string;
    };

export interface PostPolicy {
  readonly expiration: Date;
  readonly conditions: readonly PostCondition[];
}

/** Reads base64 of a document. InvalidPolicyDocument. */
export function parsePostPolicy(base64: string): PostPolicy {
  if (!/^[A-Za-z0-9+/\s]*={0,2}$/.test(base64.trimEnd())) throw invalid('invalid Base64 encoding.');
  const text = Buffer.from(base64, 'base64').toString('utf8');
  if (text.trim() === '') throw invalid("Expecting '{' but found End-of-Input");
  const document = parseJson(text);
  if (!isObject(document)) throw invalid('Invalid JSON.');

  const stranger = Object.keys(document).find((name) => !['expiration', 'conditions'].includes(name));
  if (stranger !== undefined) throw invalid(`Unexpected: '${stranger.toLowerCase()}'`);
  const { conditions, expiration } = document;
  if (expiration === undefined) throw invalid('Policy missing expiration.');
  if (typeof expiration !== 'string') throw invalid('Invalid JSON.');
  const expires = parseExpiration(expiration);
  if (expires === undefined) throw invalid(`Invalid 'expiration' value: '${expiration}'`);
  if (conditions === undefined) throw invalid('Policy missing conditions.');
  if (!Array.isArray(conditions)) throw invalid("Invalid 'conditions' value: must be a List.");
  return { expiration: expires, conditions: conditions.map(parseCondition) };
}

/** JSON, and the two escapes that S3 has besides ("Character Escaping"): `\$` and `\v`. */
function parseJson(text: string): unknown {
  const own: Readonly<Record<string, string>> = { '\\$': '$', '\\v': '\\u000b' };
  try {
    return JSON.parse(text.replaceAll(/\\./g, (pair) => own[pair] ?? pair));
  } catch (cause) {
    throw invalid('Invalid JSON.', cause);
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** ISO 8601 in UTC, to the second or finer; no offset. */
function parseExpiration(value: string): Date | undefined {
  const seconds = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d{1,9})?Z$/.exec(value)?.[1];
  const date = new Date(seconds === undefined ? Number.NaN : value);
  // `Date` rolls 31 February over into March.
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(seconds ?? '-') ? date : undefined;
}

function parseCondition(condition: unknown): PostCondition {
  if (Array.isArray(condition)) return parseList(condition);
  if (!isObject(condition)) throw invalid('Invalid condition test: must be a List or Object.');
  const entries = Object.entries(condition);
  const [entry] = entries;
  if (entry === undefined || entries.length > 1) {
    throw invalid('Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.');
  }
  const [name, value] = entry;
  if (value === null) throw invalid('Invalid JSON.');
  if (typeof value !== 'string') throw invalid('Invalid Simple-Condition: value must be a string.');
  return { operator: 'eq', name: `$${name}`, value, text: listText(['eq', `$${name}`, value]) };
}

function parseList(list: readonly unknown[]): PostCondition {
  const [first, ...operands] = list;
  if (first === undefined) throw invalid('Invalid Condition: missing operation identifier.');
  if (typeof first !== 'string') throw invalid('Invalid JSON.');
  const operator = first.toLowerCase();
  if (operator !== 'eq' && operator !== 'starts-with' && operator !== 'content-length-range') {
    throw invalid(`Invalid Condition: unknown operation '${first}'.`);
  }
  const [a, b] = operands;
  if (operands.length !== 2) throw invalid(`Invalid ${operator}: wrong number of arguments.`);
  const text = listText(list);
  if (operator === 'content-length-range') return { operator, range: parseRange(a, b), text };
  if (typeof a !== 'string' || typeof b !== 'string') throw invalid('Invalid JSON.');
  return { operator, name: a, value: b, text };
}

/** Numbers or their decimal text; other text is a condition that nothing meets. */
function parseRange(a: unknown, b: unknown): SizeRange | undefined {
  const [min, max] = [a, b].map((bound) => {
    if (typeof bound === 'string') return /^-?\d{1,15}$/.test(bound) ? Number(bound) : Number.NaN;
    if (typeof bound === 'number' && Number.isSafeInteger(bound)) return bound;
    throw invalid('Invalid JSON.');
  }) as [number, number];
  return Number.isNaN(min) || Number.isNaN(max) ? undefined : { min, max };
}

function listText(list: readonly unknown[]): string {
  return `[${list.map((item) => JSON.stringify(item)).join(', ')}]`;
}

/** What needs no condition ("Each form field that you specify in a form … must appear in the list of conditions"). */
const exempt: ReadonlySet<string> = new Set(['policy', 'x-amz-signature', 'file']);

/**
 * Holds a form against its policy: AccessDenied when it has expired, a condition fails, or a field is not covered. A condition on a
 * field that is absent fails whatever it asks for.
 * @param fields by lower-case name
 * @returns the sizes that the file may have
 */
export function judgePostPolicy(
  policy: PostPolicy,
  fields: ReadonlyMap<string, string>,
  bucket: string,
  now: Date,
): SizeRange {
  if (now >= policy.expiration) throw denied('Policy expired.');
  const range = { min: 0, max: Number.POSITIVE_INFINITY };
  const covered = new Set<string>();
  for (const condition of policy.conditions) {
    if (condition.operator === 'content-length-range') {
      if (condition.range === undefined) throw denied(`Policy Condition failed: ${condition.text}`);
      range.min = Math.max(range.min, condition.range.min);
      range.max = Math.min(range.max, condition.range.max);
      continue;
    }
    const name = condition.name.toLowerCase();
    const field = name.slice(1);
    const value = field === 'bucket' ? bucket : fields.get(field);
    if (!name.startsWith('$') || value === undefined || !holds(condition, field, value)) {
      throw denied(`Policy Condition failed: ${condition.text}`);
    }
    covered.add(field);
  }
  for (const name of fields.keys()) {
    if (covered.has(name) || exempt.has(name) || name.startsWith('x-ignore-')) continue;
    throw denied(`Extra input fields: ${name}`);
  }
  return range;
}

function holds(
  condition: { readonly operator: 'eq' | 'starts-with'; readonly value: string },
  field: string,
  value: string,
): boolean {
  if (condition.operator === 'eq') return value === condition.value;
  // "Content-Types values for a starts-with condition that include commas are interpreted as lists."
  const values = field === 'content-type' ? value.split(',').map((type) => type.trim()) : [value];
  return values.every((one) => one.startsWith(condition.value));
}

function invalid(reason: string, cause?: unknown): S3Error {
  return new S3Error('InvalidPolicyDocument', { message: `Invalid Policy: ${reason}`, cause });
}

function denied(reason: string): S3Error {
  return new S3Error('AccessDenied', { message: `Invalid according to Policy: ${reason}` });
}
