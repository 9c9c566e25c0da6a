/** The Condition block: all operators and all keys in it must hold; of a key's values, one is enough. */
import type { KeyValues } from './evaluate.ts';
import { operators, type Test } from './operators.ts';
import type { Template } from './template.ts';
import { type Condition, PolicyFault } from './types.ts';

export interface ConditionClause {
  /** As written: `ForAnyValue:StringLikeIfExists`. */
  readonly operator: string;
  /** As written, too. */
  readonly key: string;
  readonly values: readonly string[];
}

export interface OperatorName {
  readonly quantifier: 'ForAnyValue' | 'ForAllValues' | undefined;
  readonly base: string;
  readonly ifExists: boolean;
}

/** @throws PolicyFault for an operator that there is not */
export function readOperator(name: string): OperatorName {
  const [, quantifier, word = '', ifExists] =
    /^(?:(ForAnyValue|ForAllValues):)?(\w+?)(IfExists)?$/.exec(name) ?? [];
  const known = word === 'Null' ? ifExists === undefined && quantifier === undefined : operators.has(word);
  if (!known) throw new PolicyFault(`Invalid Condition type : ${name}`);
  return {
    quantifier: quantifier as OperatorName['quantifier'],
    base: word,
    ifExists: ifExists !== undefined,
  };
}

/** @throws PolicyFault */
export function compileCondition(
  { key: written, operator: name, values: wanted }: ConditionClause,
  variables: boolean,
  used: (template: Template) => void,
): Condition {
  const { base, ifExists, quantifier } = readOperator(name);
  const key = written.toLowerCase();
  if (base === 'Null') return isMissing(key, wanted);
  const operator = operators.get(base);
  if (operator === undefined) throw new PolicyFault(`Invalid Condition type : ${name}`);
  const tests = wanted.map((value) => operator.test(value, variables, used));
  const { negated } = operator;
  const holdsFor = (value: string, values: KeyValues): boolean =>
    tests.some((test: Test) => test(value, values)) !== negated;

  return (values) => {
    const found = values(key);
    if (found === undefined || found.length === 0) return whenMissing(quantifier, negated, ifExists);
    if (quantifier === 'ForAnyValue') return found.some((value) => holdsFor(value, values));
    // Without a quantifier, several values are compared as one: any may fit, or none may.
    return quantifier === 'ForAllValues' || negated
      ? found.every((value) => holdsFor(value, values))
      : found.some((value) => holdsFor(value, values));
  };
}

/** "If the key is not present, negated operators return true"; ForAllValues is true of nothing, ForAnyValue false. */
function whenMissing(quantifier: OperatorName['quantifier'], negated: boolean, ifExists: boolean): boolean {
  if (ifExists || quantifier === 'ForAllValues') return true;
  return quantifier === 'ForAnyValue' ? false : negated;
}

function isMissing(key: string, wanted: readonly string[]): Condition {
  const answers = wanted.map((value) => {
    const lower = value.toLowerCase();
    if (lower !== 'true' && lower !== 'false') {
      throw new PolicyFault(`Invalid value in Conditions: ${value} is neither true nor false`);
    }
    return lower === 'true';
  });
  return (values) => answers.includes(values(key) === undefined);
}
