/** Lifecycle rules of a bucket ("Lifecycle configuration elements"): what they are. Pure. */
import type { XmlNode } from '../xml.ts';

export interface LifecycleRule {
  readonly id: string;
  readonly enabled: boolean;
  readonly filter: LifecycleFilter;
  readonly expiration?: { readonly days: number } | { readonly date: Date };
  /** Uploads that were begun this many days ago end. */
  readonly abortAfterDays?: number;
}

/** Which objects a rule is about: those that meet all of it. */
export interface LifecycleFilter {
  /** As it was written: the rule's own `Prefix`, a `Filter` of one predicate at most, or of several. */
  readonly form: 'prefix' | 'filter' | 'and';
  readonly prefix?: string;
  readonly tags: ReadonlyArray<readonly [key: string, value: string]>;
  /** Bytes; larger than this. */
  readonly largerThan?: number;
  /** Bytes; smaller than this. */
  readonly smallerThan?: number;
}

/** What a rule needs to know of an object. */
export interface LifecycleSubject {
  readonly key: string;
  /** Bytes as the client sees them. */
  readonly size: number;
  readonly lastModified: Date;
  readonly tags: Readonly<Record<string, string>>;
}

function appliesTo({ filter }: LifecycleRule, subject: LifecycleSubject): boolean {
  const { largerThan, smallerThan, tags } = filter;
  return (
    subject.key.startsWith(prefixOf(filter)) &&
    (largerThan === undefined || subject.size > largerThan) &&
    (smallerThan === undefined || subject.size < smallerThan) &&
    tags.every(([key, value]) => Object.hasOwn(subject.tags, key) && subject.tags[key] === value)
  );
}

export function prefixOf({ prefix }: LifecycleFilter): string {
  return prefix ?? '';
}

const dayMs = 24 * 60 * 60 * 1000;

/**
 * "Amazon S3 calculates the time by adding the number of days specified in the rule to the object creation time and rounding up the resulting
 * time to the next day at midnight UTC." Milliseconds since the epoch.
 */
export function midnightAfter(since: number, days: number): number {
  return Math.ceil((since + days * dayMs) / dayMs) * dayMs;
}

/** When the rule expires an object that it applies to; `undefined` when it never does. */
export function expiryOf({ enabled, expiration }: LifecycleRule, lastModified: Date): number | undefined {
  if (!enabled || expiration === undefined) return undefined;
  if ('date' in expiration) return expiration.date.getTime();
  return midnightAfter(lastModified.getTime(), expiration.days);
}

/** When the rule ends an upload of that key; `undefined` when it never does. */
export function abortTimeOf(rule: LifecycleRule, key: string, initiatedAt: number): number | undefined {
  const { abortAfterDays, enabled, filter } = rule;
  if (!enabled || abortAfterDays === undefined || !key.startsWith(prefixOf(filter))) return undefined;
  return midnightAfter(initiatedAt, abortAfterDays);
}

/** The rule that comes first, and when. */
export interface Due {
  readonly at: number;
  readonly rule: LifecycleRule;
}

export function firstDue(
  rules: readonly LifecycleRule[],
  timeOf: (rule: LifecycleRule) => number | undefined,
): Due | undefined {
  let first: Due | undefined;
  for (const rule of rules) {
    const at = timeOf(rule);
    if (at !== undefined && (first === undefined || at < first.at)) first = { at, rule };
  }
  return first;
}

export function expirationDue(rules: readonly LifecycleRule[], subject: LifecycleSubject): Due | undefined {
  return firstDue(rules, (rule) =>
    appliesTo(rule, subject) ? expiryOf(rule, subject.lastModified) : undefined,
  );
}

export function lifecycleContent(rules: readonly LifecycleRule[]): XmlNode {
  return { Rule: rules.map(ruleContent) };
}

function ruleContent({ abortAfterDays, enabled, expiration, filter, id }: LifecycleRule): XmlNode {
  return {
    ID: id,
    ...(filter.form === 'prefix' ? { Prefix: prefixOf(filter) } : { Filter: filterContent(filter) }),
    Status: enabled ? 'Enabled' : 'Disabled',
    Expiration:
      expiration === undefined
        ? undefined
        : 'date' in expiration
          ? { Date: expiration.date }
          : { Days: expiration.days },
    AbortIncompleteMultipartUpload:
      abortAfterDays === undefined ? undefined : { DaysAfterInitiation: abortAfterDays },
  };
}

function filterContent({ form, largerThan, prefix, smallerThan, tags }: LifecycleFilter): XmlNode {
  const predicates: XmlNode = {
    Prefix: prefix,
    Tag: tags.map(([Key, Value]) => ({ Key, Value })),
    ObjectSizeGreaterThan: largerThan,
    ObjectSizeLessThan: smallerThan,
  };
  return form === 'and' ? { And: predicates } : predicates;
}
