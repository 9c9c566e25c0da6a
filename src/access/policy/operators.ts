/** How condition operators compare ("IAM JSON policy elements: Condition operators"). */
import { BlockList, isIPv4, isIPv6 } from 'node:net';
import { matches, toPattern } from '../wildcard.ts';
import type { KeyValues } from './evaluate.ts';
import { parseTemplate, type Template } from './template.ts';
import { PolicyFault } from './types.ts';

/** Whether one value of the request satisfies one value of the policy. */
export type Test = (value: string, values: KeyValues) => boolean;

export interface Operator {
  /** `NotEquals` and its like hold when no value of the policy fits, and when the key is missing. */
  readonly negated: boolean;
  /** @throws PolicyFault when the value is not of the operator's kind */
  readonly test: (value: string, variables: boolean, used: (template: Template) => void) => Test;
}

type Compile = Operator['test'];

function template(compare: (wanted: string, value: string) => boolean): Compile {
  return (text, variables, used) => {
    const parsed = parseTemplate(text, variables);
    used(parsed);
    if (!parsed.hasVariables) {
      const wanted = parsed.text(() => undefined) ?? text;
      return (value) => compare(wanted, value);
    }
    return (value, values) => {
      const wanted = parsed.text(values);
      return wanted !== undefined && compare(wanted, value);
    };
  };
}

const equals = template((wanted, value) => wanted === value);
const equalsIgnoringCase = template((wanted, value) => wanted.toLowerCase() === value.toLowerCase());

const like: Compile = (text, variables, used) => {
  const parsed = parseTemplate(text, variables);
  used(parsed);
  return parsed.matches;
};

/** Each of the six parts by itself: a `*` does not reach over a colon. */
const arnLike: Compile = (text, variables, used) => {
  const parsed = parseTemplate(text, variables);
  used(parsed);
  if (parsed.hasVariables) return parsed.matches;
  const patterns = arnParts(text).map(toPattern);
  if (patterns.length !== 6) throw new PolicyFault(`Invalid value in Conditions: ${text} is not an ARN`);
  return (value) => {
    const parts = arnParts(value);
    return parts.length === 6 && patterns.every((pattern, index) => matches(pattern, parts[index] ?? ''));
  };
};

function arnParts(arn: string): readonly string[] {
  const parts = arn.split(':');
  return parts.length <= 6 ? parts : [...parts.slice(0, 5), parts.slice(5).join(':')];
}

function numeric(compare: (value: number, wanted: number) => boolean): Compile {
  return (text) => {
    const wanted = toNumber(text);
    if (Number.isNaN(wanted)) throw new PolicyFault(`Invalid value in Conditions: ${text} is not a number`);
    // What is not a number compares as false.
    return (value) => compare(toNumber(value), wanted);
  };
}

function toNumber(text: string): number {
  return /^[+-]?\d{1,20}(\.\d{1,20})?$/.test(text) ? Number(text) : Number.NaN;
}

function date(compare: (value: number, wanted: number) => boolean): Compile {
  return (text) => {
    const wanted = toTime(text);
    if (Number.isNaN(wanted)) throw new PolicyFault(`Invalid value in Conditions: ${text} is not a date`);
    return (value) => compare(toTime(value), wanted);
  };
}

/** Milliseconds. ISO 8601, or seconds since 1970. */
function toTime(text: string): number {
  if (/^\d{1,12}$/.test(text) && text.length > 4) return Number(text) * 1000;
  const iso = /^\d{4}(-\d\d(-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?)?)?)?$/;
  if (!iso.test(text)) return Number.NaN;
  // A time without a zone is UTC.
  return Date.parse(/T[\d:.]+$/.test(text) ? `${text}Z` : text);
}

const boolean: Compile = (text) => {
  const wanted = text.toLowerCase();
  if (wanted !== 'true' && wanted !== 'false') {
    throw new PolicyFault(`Invalid value in Conditions: ${text} is neither true nor false`);
  }
  return (value) => value.toLowerCase() === wanted;
};

const ipAddress: Compile = (text) => {
  const [address = '', bits, ...rest] = text.split('/');
  const width = isIPv4(address) ? 32 : isIPv6(address) ? 128 : 0;
  const length = bits === undefined ? width : /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN;
  if (width === 0 || rest.length > 0 || !(length <= width)) {
    throw new PolicyFault('Invalid IP address in Conditions');
  }
  const list = new BlockList();
  list.addSubnet(address, length, width === 32 ? 'ipv4' : 'ipv6');
  return (value) => {
    // A dual-stack socket shows IPv4 peers as ::ffff:a.b.c.d.
    const plain = value.startsWith('::ffff:') && value.includes('.') ? value.slice(7) : value;
    return isIPv4(plain) ? list.check(plain, 'ipv4') : isIPv6(plain) && list.check(plain, 'ipv6');
  };
};

function pair(name: string, negatedName: string, test: Compile): ReadonlyArray<[string, Operator]> {
  return [
    [name, { negated: false, test }],
    [negatedName, { negated: true, test }],
  ];
}

function single(name: string, test: Compile): [string, Operator] {
  return [name, { negated: false, test }];
}

export const operators: ReadonlyMap<string, Operator> = new Map([
  ...pair('StringEquals', 'StringNotEquals', equals),
  ...pair('StringEqualsIgnoreCase', 'StringNotEqualsIgnoreCase', equalsIgnoringCase),
  ...pair('StringLike', 'StringNotLike', like),
  ...pair(
    'NumericEquals',
    'NumericNotEquals',
    numeric((value, wanted) => value === wanted),
  ),
  single(
    'NumericLessThan',
    numeric((value, wanted) => value < wanted),
  ),
  single(
    'NumericLessThanEquals',
    numeric((value, wanted) => value <= wanted),
  ),
  single(
    'NumericGreaterThan',
    numeric((value, wanted) => value > wanted),
  ),
  single(
    'NumericGreaterThanEquals',
    numeric((value, wanted) => value >= wanted),
  ),
  ...pair(
    'DateEquals',
    'DateNotEquals',
    date((value, wanted) => value === wanted),
  ),
  single(
    'DateLessThan',
    date((value, wanted) => value < wanted),
  ),
  single(
    'DateLessThanEquals',
    date((value, wanted) => value <= wanted),
  ),
  single(
    'DateGreaterThan',
    date((value, wanted) => value > wanted),
  ),
  single(
    'DateGreaterThanEquals',
    date((value, wanted) => value >= wanted),
  ),
  single('Bool', boolean),
  single('BinaryEquals', equals),
  ...pair('IpAddress', 'NotIpAddress', ipAddress),
  ...pair('ArnEquals', 'ArnNotEquals', arnLike),
  ...pair('ArnLike', 'ArnNotLike', arnLike),
]);
