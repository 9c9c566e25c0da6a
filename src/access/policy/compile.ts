/** Policy text → something that answers fast. */
import { matcher } from '../wildcard.ts';
import { compileCondition } from './conditions.ts';
import { type PolicyDocument, readPolicy, type StatementDocument } from './document.ts';
import { compilePrincipal } from './principals.ts';
import { isPublicDocument } from './public.ts';
import { parseTemplate, type Template } from './template.ts';
import type { Policy, Statement } from './types.ts';

/** @throws PolicyFault */
export function compilePolicy(text: string): Policy {
  return compileDocument(readPolicy(text));
}

/** @throws PolicyFault */
export function compileDocument(document: PolicyDocument): Policy {
  const { hasVariables, statements } = document;
  const uses = new Set<string>();
  const used = (template: Template): void => {
    for (const key of template.variables) uses.add(key);
  };
  const compiled = statements.map((statement): Statement => {
    for (const { key } of statement.conditions) uses.add(key.toLowerCase());
    return {
      effect: statement.effect,
      isFor: compilePrincipal(statement),
      isAbout: compileAction(statement.action),
      isOn: compileResource(statement.resource, hasVariables, used),
      conditions: statement.conditions.map((clause) => compileCondition(clause, hasVariables, used)),
    };
  });
  return { statements: compiled, uses, isPublic: isPublicDocument(document) };
}

/** Actions are compared without case. */
function compileAction({ not, patterns }: StatementDocument['action']): Statement['isAbout'] {
  const tests = patterns.map((pattern) => matcher(pattern.toLowerCase()));
  return (action) => tests.some((test) => test(action)) !== not;
}

function compileResource(
  { not, patterns }: StatementDocument['resource'],
  hasVariables: boolean,
  used: (template: Template) => void,
): Statement['isOn'] {
  const templates = patterns.map((pattern) => parseTemplate(pattern, hasVariables));
  templates.forEach(used);
  return (resource, values) => templates.some((template) => template.matches(resource, values)) !== not;
}
