/** How days are counted: the example of "Lifecycle rules: based on an object's age", and around midnight. */
import { expect, it } from 'vitest';
import { expirationDue, type LifecycleRule, midnightAfter } from '../../src/s3/bucket/lifecycle.ts';

it.each([
  ['2014-01-15T10:30:00.000Z', 3, '2014-01-19T00:00:00.000Z'],
  ['2014-01-15T00:00:00.000Z', 1, '2014-01-16T00:00:00.000Z'],
  ['2014-01-15T00:00:00.001Z', 1, '2014-01-17T00:00:00.000Z'],
  ['2014-01-15T23:59:59.999Z', 1, '2014-01-17T00:00:00.000Z'],
  ['2024-02-28T12:00:00.000Z', 1, '2024-03-01T00:00:00.000Z'],
  ['2023-12-31T12:00:00.000Z', 365, '2024-12-31T00:00:00.000Z'],
])('what is of %s comes of age in %i days at %s', (since, days, due) => {
  expect(new Date(midnightAfter(Date.parse(since), days)).toISOString()).toBe(due);
});

it('the rule that comes first counts, and a disabled one never', () => {
  const subject = { key: 'a/b', size: 5, lastModified: new Date('2014-01-15T10:30:00Z'), tags: { t: '1' } };
  const rule = (id: string, over: Partial<LifecycleRule>): LifecycleRule => ({
    id,
    enabled: true,
    filter: { form: 'filter', tags: [] },
    ...over,
  });
  const rules = [
    rule('late', { expiration: { days: 9 } }),
    rule('off', { expiration: { days: 1 }, enabled: false }),
    rule('tag', { expiration: { days: 3 }, filter: { form: 'filter', tags: [['t', '1']] } }),
    rule('other tag', { expiration: { days: 1 }, filter: { form: 'filter', tags: [['t', '2']] } }),
    rule('inherited', { expiration: { days: 1 }, filter: { form: 'filter', tags: [['constructor', '']] } }),
    rule('size', { expiration: { days: 1 }, filter: { form: 'filter', tags: [], largerThan: 5 } }),
    rule('uploads', { abortAfterDays: 1 }),
  ];
  const due = expirationDue(rules, subject);
  expect([due?.rule.id, due?.at]).toEqual(['tag', Date.parse('2014-01-19T00:00:00Z')]);
  const past = [...rules, rule('date', { expiration: { date: new Date('2000-01-01') } })];
  expect(expirationDue(past, subject)?.rule.id).toBe('date');
});
