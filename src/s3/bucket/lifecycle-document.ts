/** The body of PutBucketLifecycleConfiguration, judged with AWS's texts. */
import { randomUUID } from 'node:crypto';
import { S3Error } from '../errors.ts';
import { maxKeyBytes } from '../names.ts';
import {
  childrenNamed,
  malformedXml,
  optionalChild,
  optionalText,
  parseXml,
  requiredText,
  type XmlElement,
} from '../xml.ts';
import { type LifecycleFilter, type LifecycleRule, prefixOf } from './lifecycle.ts';

export const maxLifecycleBytes = 512 * 1024;
const maxRules = 1000;
const maxIdLength = 255;
const maxTags = 10;
/** Bytes; the largest size that AWS takes in a filter. */
const maxSize = 1_099_511_627_776_000;
const maxDays = 2_147_483_647;

/** What is not done is not promised. The elements of rules that nothing here would act on. */
const refused = ['Transition', 'NoncurrentVersionTransition', 'NoncurrentVersionExpiration'];

/** Throws MalformedXML, MaxMessageLengthExceeded, InvalidArgument, InvalidRequest, and NotImplemented for rules of other kinds. */
export function parseLifecycle(document: string | Uint8Array): readonly LifecycleRule[] {
  const root = parseXml(document, { root: 'LifecycleConfiguration', maxBytes: maxLifecycleBytes });
  const elements = childrenNamed(root, 'Rule');
  if (elements.length === 0 || elements.length > maxRules) throw malformedXml(`${elements.length} rules`);
  const ids = requireIds(elements);
  // "Lifecycle V2" is a configuration whose first rule has a Filter.
  const [first] = elements;
  const filtered = first !== undefined && optionalChild(first, 'Filter') !== undefined;
  const rules = elements.map((element, index) => parseRule(element, ids[index] ?? '', filtered));
  if (!filtered) refuseOverlaps(rules);
  for (const element of elements) refuseOtherKinds(element);
  return rules;
}

function requireIds(elements: readonly XmlElement[]): readonly string[] {
  const seen = new Set<string>();
  return elements.map((element) => {
    const id = optionalText(element, 'ID') ?? '';
    if (id === '') return Buffer.from(randomUUID()).toString('base64');
    if (id.length > maxIdLength)
      throw argument(`ID length should not exceed allowed limit of ${maxIdLength}`);
    if (seen.has(id)) throw argument('Rule ID must be unique. Found same ID for more than one rule');
    seen.add(id);
    return id;
  });
}

/** What is not understood may be what keeps objects: a rule that says more than is read here is none. */
function refuseUnknown({ children }: XmlElement, known: readonly string[]): void {
  const unknown = children.find(({ name }) => !known.includes(name));
  if (unknown !== undefined) throw malformedXml(`${unknown.name} is unknown`);
}

const predicateNames = ['Prefix', 'Tag', 'ObjectSizeGreaterThan', 'ObjectSizeLessThan'];

function parseRule(element: XmlElement, id: string, filtered: boolean): LifecycleRule {
  const status = requiredText(element, 'Status').trim();
  if (status !== 'Enabled' && status !== 'Disabled') throw malformedXml('Status');
  const actions = ['Expiration', 'AbortIncompleteMultipartUpload', ...refused];
  refuseUnknown(element, ['ID', 'Status', 'Filter', 'Prefix', ...actions]);
  const filter = parseFilter(element, filtered);
  if (!actions.some((name) => childrenNamed(element, name).length > 0)) {
    throw request('At least one action needs to be specified in a rule');
  }
  const expiration = parseExpiration(optionalChild(element, 'Expiration'));
  const abortAfterDays = parseAbort(optionalChild(element, 'AbortIncompleteMultipartUpload'), filter);
  return {
    id,
    enabled: status === 'Enabled',
    filter,
    ...(expiration !== undefined && { expiration }),
    ...(abortAfterDays !== undefined && { abortAfterDays }),
  };
}

function parseFilter(rule: XmlElement, filtered: boolean): LifecycleFilter {
  const filter = optionalChild(rule, 'Filter');
  const prefix = optionalText(rule, 'Prefix');
  if (filter === undefined && prefix === undefined) throw malformedXml('neither Filter nor Prefix');
  if (prefix !== undefined && filtered) {
    throw request(
      'Base level prefix cannot be used in Lifecycle V2, prefixes are only supported in the Filter.',
    );
  }
  if (filter !== undefined && !filtered) throw request('Filter element can only be used in Lifecycle V2.');
  if (prefix !== undefined) return judged({ form: 'prefix', prefix, tags: [] });

  const and = filter === undefined ? undefined : optionalChild(filter, 'And');
  const inner = and ?? filter ?? rule;
  refuseUnknown(inner, and === undefined ? [...predicateNames, 'And'] : predicateNames);
  const predicates = inner.children.length;
  if (and !== undefined ? predicates < 2 || filter?.children.length !== 1 : predicates > 1) {
    throw malformedXml('a Filter of several predicates is an And');
  }
  const within = optionalText(inner, 'Prefix');
  const largerThan = sizeOf(inner, 'ObjectSizeGreaterThan');
  const smallerThan = sizeOf(inner, 'ObjectSizeLessThan');
  return judged({
    form: and === undefined ? 'filter' : 'and',
    tags: childrenNamed(inner, 'Tag').map((tag) => [requiredText(tag, 'Key'), requiredText(tag, 'Value')]),
    ...(within !== undefined && { prefix: within }),
    ...(largerThan !== undefined && { largerThan }),
    ...(smallerThan !== undefined && { smallerThan }),
  });
}

function sizeOf(parent: XmlElement, name: string): number | undefined {
  const text = optionalText(parent, name)?.trim();
  if (text === undefined) return undefined;
  if (!/^-?\d{1,18}$/.test(text)) throw malformedXml(name);
  return Number(text);
}

function judged(filter: LifecycleFilter): LifecycleFilter {
  const { largerThan, smallerThan, tags } = filter;
  if (Buffer.byteLength(prefixOf(filter)) > maxKeyBytes) {
    throw argument(`The maximum size of a prefix is ${maxKeyBytes}.`);
  }
  if (tags.some(([key]) => key === '')) throw malformedXml('a tag without a key');
  if (new Set(tags.map(([key]) => key)).size < tags.length) {
    throw request('Duplicate Tag Keys are not allowed.');
  }
  if (tags.length > maxTags) throw argument(`Object tags cannot be greater than ${maxTags}`);
  if (largerThan !== undefined && (largerThan < 0 || largerThan > maxSize)) {
    throw request(`'ObjectSizeGreaterThan' should be between 0 and ${maxSize}.`);
  }
  if (smallerThan !== undefined && (smallerThan < 1 || smallerThan > maxSize)) {
    throw request(`'ObjectSizeLessThan' should be between 1 and ${maxSize}.`);
  }
  if (largerThan !== undefined && smallerThan !== undefined && smallerThan <= largerThan) {
    throw request("'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'.");
  }
  return filter;
}

function parseExpiration(expiration: XmlElement | undefined): LifecycleRule['expiration'] {
  if (expiration === undefined) return undefined;
  if (expiration.children.length !== 1) throw malformedXml('Expiration is not one of its forms');
  const days = optionalText(expiration, 'Days');
  if (days !== undefined) return { days: positive(days, "'Days' for Expiration action") };
  const date = optionalText(expiration, 'Date');
  if (date !== undefined) return { date: midnight(date.trim()) };
  if (optionalChild(expiration, 'ExpiredObjectDeleteMarker') !== undefined) {
    throw otherKind('ExpiredObjectDeleteMarker');
  }
  throw malformedXml('Expiration');
}

function parseAbort(abort: XmlElement | undefined, filter: LifecycleFilter): number | undefined {
  if (abort === undefined) return undefined;
  const days = positive(
    requiredText(abort, 'DaysAfterInitiation'),
    "'DaysAfterInitiation' for AbortIncompleteMultipartUpload action",
  );
  if (filter.tags.length > 0) throw request('AbortIncompleteMultipartUpload cannot be specified with Tags.');
  if (filter.largerThan !== undefined || filter.smallerThan !== undefined) {
    throw request('AbortIncompleteMultipartUpload cannot be specified with Object Size.');
  }
  return days;
}

function positive(text: string, what: string): number {
  const trimmed = text.trim();
  if (!/^[+-]?\d{1,12}$/.test(trimmed)) throw malformedXml(what);
  const value = Number(trimmed);
  if (value > maxDays) throw malformedXml(what);
  if (value < 1) throw argument(`${what} must be a positive integer`);
  return value;
}

/** ISO 8601; without a time zone it is UTC. */
function midnight(text: string): Date {
  const form = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?$/.exec(text);
  if (form === null) throw malformedXml('Date');
  const date = new Date(form[1] !== undefined && form[4] === undefined ? `${text}Z` : text);
  if (Number.isNaN(date.getTime())) throw malformedXml('Date');
  if (date.getTime() % (24 * 60 * 60 * 1000) !== 0) {
    throw new S3Error('InvalidArgument', {
      message: "'Date' must be at midnight GMT",
      extra: { ArgumentName: 'Date', ArgumentValue: text },
    });
  }
  return date;
}

/** Before filters, rules had to be about different keys. */
function refuseOverlaps(rules: readonly LifecycleRule[]): void {
  for (const [kind, isOf] of [
    ['Expiration', (rule: LifecycleRule) => rule.expiration !== undefined],
    ['AbortIncompleteMultipartUpload', (rule: LifecycleRule) => rule.abortAfterDays !== undefined],
  ] as const) {
    const prefixes = rules
      .filter(isOf)
      .map(({ filter }) => prefixOf(filter))
      .sort();
    // Sorted, a prefix stands right before the first that begins with it.
    for (const [index, prefix] of prefixes.entries()) {
      const next = prefixes[index + 1];
      if (next === undefined || !next.startsWith(prefix)) continue;
      throw request(`Found overlapping prefixes '${prefix}' and '${next}' for same action type '${kind}'`);
    }
  }
}

function refuseOtherKinds(rule: XmlElement): void {
  for (const name of refused) if (childrenNamed(rule, name).length > 0) throw otherKind(name);
}

function otherKind(element: string): S3Error {
  return new S3Error('NotImplemented', {
    message: `Lifecycle rules with ${element} are not implemented: objects have one version and one storage class here. Rules may have Expiration with Days or Date, and AbortIncompleteMultipartUpload.`,
    extra: { Header: element },
  });
}

function argument(message: string): S3Error {
  return new S3Error('InvalidArgument', { message });
}

function request(message: string): S3Error {
  return new S3Error('InvalidRequest', { message });
}
