/** What AWS refuses of a policy when it is put, beyond its grammar. What is stored is not judged again: users come and go. */
import { bucketActions, objectActions, policyActions } from '../actions.ts';
import { hasWildcard, matcher, matches, toPattern } from '../wildcard.ts';
import { keyGoesWith } from './applicability.ts';
import { compileDocument } from './compile.ts';
import type { ConditionClause } from './conditions.ts';
import { readPolicy, type StatementDocument } from './document.ts';
import { conditionKeyNamed } from './keys.ts';
import { readPrincipal } from './principals.ts';
import { type Policy, PolicyFault } from './types.ts';

export interface PolicyHome {
  readonly bucket: string;
  readonly account: string;
  readonly hasUser: (name: string) => boolean;
  readonly hasId: (canonicalId: string) => boolean;
}

/** @throws PolicyFault with AWS's text */
export function validatePolicy(text: string, home: PolicyHome): Policy {
  const document = readPolicy(text);
  for (const statement of document.statements) {
    requirePrincipals(statement, home);
    const actions = requireActions(statement);
    requireResources(statement, home.bucket);
    for (const clause of statement.conditions) requireCondition(clause, statement, actions);
    requireMatch(statement, actions, home.bucket);
  }
  return compileDocument(document);
}

/** As AWS does, which knows every principal: one that is not there is a spelling mistake. */
function requirePrincipals({ effect, principal }: StatementDocument, home: PolicyHome): void {
  // "Using it with "Effect":"Allow" is not supported" ("AWS JSON policy elements: NotPrincipal").
  if (effect === 'Allow' && principal.not) throw new PolicyFault('Allow with NotPrincipal is not allowed.');
  if (principal.names === '*') return;
  for (const { kind, name } of principal.names) {
    // Services and federations are never callers here, and harmless.
    if (kind === 'Service' || kind === 'Federated') continue;
    const read = readPrincipal(kind, name);
    const known =
      read !== undefined &&
      (read.kind === 'canonical'
        ? home.hasId(read.id)
        : read.account === home.account && (read.kind === 'account' || home.hasUser(read.name)));
    if (!known) throw new PolicyFault('Invalid principal in policy');
  }
}

/** For each pattern of Action, what it stands for. Of NotAction nothing: it stands for the rest. */
function requireActions({ action }: StatementDocument): ReadonlyArray<readonly string[]> {
  return action.patterns.map((pattern) => {
    // No pattern reaches over the name of the service.
    if (pattern !== '*' && !/^s3:/i.test(pattern)) throw new PolicyFault('Policy has invalid action');
    const test = matcher(pattern.toLowerCase());
    const meant = policyActions.filter((each) => test(each.toLowerCase()));
    if (meant.length === 0) throw new PolicyFault('Policy has invalid action');
    return meant;
  });
}

const arnHead = 'arn:aws:s3:::';

/** Of the bucket itself, or of objects in it. */
function requireResources({ resource }: StatementDocument, bucket: string): void {
  for (const arn of resource.patterns) {
    const name = arn.startsWith(arnHead) ? arn.slice(arnHead.length) : undefined;
    if (name === undefined || !matches(toPattern(bucketPart(name)), bucket)) {
      throw new PolicyFault('Policy has invalid resource');
    }
  }
}

function bucketPart(name: string): string {
  const slash = name.indexOf('/');
  return slash < 0 ? name : name.slice(0, slash);
}

/** Each action must be possible on one of the resources at least. */
function requireMatch(
  { action, resource }: StatementDocument,
  actions: ReadonlyArray<readonly string[]>,
  bucket: string,
): void {
  if (action.not || resource.not) return;
  const names = resource.patterns.map((arn) => arn.slice(arnHead.length));
  const onBucket = names.some((name) => !name.includes('/') && matches(toPattern(name), bucket));
  // `bucket*` reaches over the slash.
  const onObjects = names.some((name) => name.includes('/') || name.includes('*'));
  for (const meant of actions) {
    const fits = meant.some(
      (each) => (onBucket && bucketActions.has(each)) || (onObjects && objectActions.has(each)),
    );
    if (!fits) throw new PolicyFault('Action does not apply to any resource(s) in statement');
  }
}

/** Whoever names actions means each of them; of a pattern's actions one is enough. */
function requireCondition(
  { key }: ConditionClause,
  { action }: StatementDocument,
  actions: ReadonlyArray<readonly string[]>,
): void {
  if (!conditionKeyNamed(key)) throw new PolicyFault('Policy has an invalid condition key');
  if (action.not) return;
  const named = actions.filter((_, index) => !hasWildcard(toPattern(action.patterns[index] ?? '')));
  const applies =
    named.every((meant) => meant.every((each) => keyGoesWith(key, each))) &&
    actions.flat().some((each) => keyGoesWith(key, each));
  if (!applies) {
    throw new PolicyFault('Conditions do not apply to combination of actions and resources in statement');
  }
}
