/** The JSON of a policy, held against its grammar ("Grammar of the IAM JSON policy language"). */

import type { ConditionClause } from './conditions.ts';
import { PolicyFault } from './types.ts';

export interface PolicyDocument {
  /** 2012-10-17 has variables, 2008-10-17 (also when none is given) has not. */
  readonly hasVariables: boolean;
  readonly statements: readonly StatementDocument[];
}

export interface StatementDocument {
  readonly effect: 'Allow' | 'Deny';
  readonly principal: { readonly not: boolean; readonly names: Principals };
  readonly action: { readonly not: boolean; readonly patterns: readonly string[] };
  readonly resource: { readonly not: boolean; readonly patterns: readonly string[] };
  readonly conditions: readonly ConditionClause[];
}

/** `*` for everybody, or names by kind. */
export type Principals = '*' | ReadonlyArray<{ readonly kind: string; readonly name: string }>;

/** "Bucket policies are limited to 20 KB in size." White space does not count. */
export const maxPolicyBytes = 20_480;

type Mapping = Readonly<Record<string, unknown>>;

/** @throws PolicyFault with AWS's text */
export function readPolicy(text: string): PolicyDocument {
  const root = parse(text);
  if (Buffer.byteLength(JSON.stringify(root)) > maxPolicyBytes) {
    throw new PolicyFault(
      `Normalized policy document exceeds the maximum allowed size of ${maxPolicyBytes} bytes`,
    );
  }
  refuseUnknown(root, ['Version', 'Id', 'Statement']);
  const { Version: version, Statement: listed } = root;
  if (version !== undefined && version !== '2012-10-17' && version !== '2008-10-17') {
    throw new PolicyFault('The policy must contain a valid version string');
  }
  if (root['Id'] !== undefined && typeof root['Id'] !== 'string') throw badSyntax();
  if (listed === undefined) throw new PolicyFault('Missing required field Statement');
  const statements: readonly unknown[] = Array.isArray(listed) ? listed : [listed];
  if (statements.length === 0) throw new PolicyFault('Could not parse the policy: Statement is empty!');
  return { hasVariables: version === '2012-10-17', statements: statements.map(readStatement) };
}

function parse(text: string): Mapping {
  if (!text.startsWith('{')) {
    throw new PolicyFault("Policies must be valid JSON and the first byte must be '{'");
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new PolicyFault('This policy contains invalid Json', { cause });
  }
  return mapping(value);
}

function readStatement(value: unknown): StatementDocument {
  const statement = mapping(value);
  refuseUnknown(statement, [
    'Sid',
    'Effect',
    'Principal',
    'NotPrincipal',
    'Action',
    'NotAction',
    'Resource',
    'NotResource',
    'Condition',
  ]);
  const { Effect: effect, Sid: sid } = statement;
  if (sid !== undefined && typeof sid !== 'string') throw badSyntax();
  if (effect === undefined) throw new PolicyFault('Missing required field Effect');
  if (effect !== 'Allow' && effect !== 'Deny') throw new PolicyFault(`Invalid effect: ${String(effect)}`);
  const principal = eitherOf(statement, 'Principal');
  const action = eitherOf(statement, 'Action');
  const resource = eitherOf(statement, 'Resource');
  return {
    effect,
    principal: { not: principal.not, names: readPrincipals(principal.value) },
    action: { not: action.not, patterns: texts(action.value, 'Policy has invalid action') },
    resource: { not: resource.not, patterns: texts(resource.value, 'Policy has invalid resource') },
    conditions: statement['Condition'] === undefined ? [] : readConditions(statement['Condition']),
  };
}

/** Of an element and its negation exactly one must be there. */
function eitherOf(statement: Mapping, name: string): { readonly not: boolean; readonly value: unknown } {
  const plain = statement[name];
  const negated = statement[`Not${name}`];
  if (plain !== undefined && negated !== undefined) throw badSyntax();
  if (plain === undefined && negated === undefined) throw new PolicyFault(`Missing required field ${name}`);
  return plain === undefined ? { not: true, value: negated } : { not: false, value: plain };
}

function readPrincipals(value: unknown): Principals {
  const fault = 'Invalid principal in policy';
  if (value === '*') return '*';
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new PolicyFault(fault);
  const names = Object.entries(value).flatMap(([kind, listed]) =>
    texts(listed, fault).map((name) => ({ kind, name })),
  );
  if (names.length === 0) throw new PolicyFault(fault);
  return names.some(({ kind, name }) => kind === 'AWS' && name === '*') ? '*' : names;
}

function readConditions(value: unknown): readonly ConditionClause[] {
  return Object.entries(mapping(value)).flatMap(([operator, keys]) =>
    Object.entries(mapping(keys)).map(([key, wanted]) => ({
      operator,
      key,
      values: (Array.isArray(wanted) ? wanted : [wanted]).map(conditionValue),
    })),
  );
}

function conditionValue(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw badSyntax();
}

/** A text or a list of texts, at least one. */
function texts(value: unknown, fault: string): readonly string[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  const found = list.filter((item) => typeof item === 'string');
  if (found.length === 0 || found.length < list.length) throw new PolicyFault(fault);
  return found;
}

function mapping(value: unknown): Mapping {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw badSyntax();
  return value as Mapping;
}

function refuseUnknown(found: Mapping, known: readonly string[]): void {
  const unknown = Object.keys(found).find((name) => !known.includes(name));
  if (unknown !== undefined) throw new PolicyFault(`Unknown field ${unknown}`);
}

function badSyntax(): PolicyFault {
  return new PolicyFault('Invalid policy syntax.');
}
