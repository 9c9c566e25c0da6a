/**
 * Whether a policy lets the public in ("Blocking public access to your Amazon S3 storage", "The meaning of public"): an Allow for
 * everybody that no condition holds to fixed values of what strangers cannot choose.
 */
import { type ConditionClause, readOperator } from './conditions.ts';
import type { PolicyDocument, StatementDocument } from './document.ts';

export function isPublicDocument({ statements }: PolicyDocument): boolean {
  return statements.some(isPublicStatement);
}

function isPublicStatement({ conditions, effect, principal }: StatementDocument): boolean {
  if (effect === 'Deny') return false;
  const isForAll = principal.not || principal.names === '*';
  return isForAll && !conditions.some(narrows);
}

/** Keys whose values strangers cannot choose. */
const fixing: ReadonlySet<string> = new Set(
  [
    'aws:PrincipalAccount aws:PrincipalArn aws:PrincipalOrgID aws:PrincipalOrgPaths aws:SourceAccount aws:SourceArn',
    'aws:SourceOrgID aws:SourceVpc aws:SourceVpce aws:userid aws:username',
    's3:DataAccessPointAccount s3:DataAccessPointArn',
  ]
    .join(' ')
    .toLowerCase()
    .split(' '),
);
const positive: ReadonlySet<string> = new Set([
  'StringEquals',
  'StringEqualsIgnoreCase',
  'StringLike',
  'ArnEquals',
  'ArnLike',
]);

function narrows({ key, operator, values }: ConditionClause): boolean {
  const { base, ifExists, quantifier } = readOperator(operator);
  // Both hold of requests that have no such key.
  if (ifExists || quantifier === 'ForAllValues') return false;
  const name = key.toLowerCase();
  if (name === 'aws:sourceip') return base === 'IpAddress' && values.every(isNarrowRange);
  return fixing.has(name) && positive.has(base) && values.every(isFixed);
}

/** "A fixed value is one that doesn't contain a wildcard or an IAM policy variable." */
function isFixed(value: string): boolean {
  return !/[*?]|\$\{/.test(value);
}

/** "This includes values broader than /8 for IPv4 and /32 for IPv6 (excluding RFC 1918 private ranges)." */
function isNarrowRange(range: string): boolean {
  const [address = '', bits] = range.split('/');
  if (bits === undefined) return true;
  return Number(bits) >= (address.includes(':') ? 32 : 8);
}
