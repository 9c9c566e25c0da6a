import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { accountCaller, anonymousCaller, type Caller, userCaller } from '../../src/access/caller.ts';
import { decide } from '../../src/access/decide.ts';
import { compileGrants, everything, noGrants } from '../../src/access/grants.ts';
import { compilePolicy } from '../../src/access/policy/compile.ts';
import { evaluate } from '../../src/access/policy/evaluate.ts';
import { matcher, matches, toPattern } from '../../src/access/wildcard.ts';

const account = '123456789012';
const alice = userCaller(account, { name: 'alice', id: 'a'.repeat(64), isOwner: false });
const bob = userCaller(account, { name: 'bob', id: 'b'.repeat(64), isOwner: false });
const root = accountCaller(account, 'c'.repeat(64));
const nobody = anonymousCaller(account);

interface Ask {
  readonly caller?: Caller;
  readonly action?: string;
  readonly resource?: string;
  readonly values?: Readonly<Record<string, string | readonly string[]>>;
}

/** What a policy of these statements says. */
function ask(
  statements: object | readonly object[],
  { action = 's3:GetObject', caller = alice, resource = 'arn:aws:s3:::b/k', values = {} }: Ask = {},
): string {
  const policy = compilePolicy(JSON.stringify({ Version: '2012-10-17', Statement: statements }));
  const lookup = (key: string): readonly string[] | undefined => {
    const value = values[key];
    return typeof value === 'string' ? [value] : value;
  };
  return evaluate(policy, { action, resource, caller, values: lookup }) ?? 'nothing';
}

const allow = { Effect: 'Allow', Principal: '*', Action: 's3:*', Resource: 'arn:aws:s3:::b/*' };
const deny = { ...allow, Effect: 'Deny' };

describe('statements', () => {
  it.each([
    ['an Allow', [allow], 'Allow'],
    ['a Deny', [deny], 'Deny'],
    ['a Deny after an Allow', [allow, deny], 'Deny'],
    ['an Allow after a Deny', [deny, allow], 'Deny'],
    ['a Deny of something else', [{ ...deny, Action: 's3:PutObject' }, allow], 'Allow'],
    ['nothing about it', [{ ...allow, Action: 's3:PutObject' }], 'nothing'],
  ])('%s', (_, statements, said) => {
    expect(ask(statements)).toBe(said);
  });

  it.each([
    ['s3:GetObject', 'Allow'],
    ['S3:getobject', 'Allow'],
    ['s3:Get*', 'Allow'],
    ['s3:?etObject', 'Allow'],
    ['*', 'Allow'],
    ['s3:GetObjectAcl', 'nothing'],
    ['s3:GetObject?', 'nothing'],
    ['s3:Put*', 'nothing'],
  ])('Action %s', (Action, said) => {
    expect(ask({ ...allow, Action })).toBe(said);
    expect(ask({ ...allow, Action: ['s3:Nothing', Action] })).toBe(said);
    const { Action: _, ...rest } = allow;
    expect(ask({ ...rest, NotAction: Action })).toBe(said === 'Allow' ? 'nothing' : 'Allow');
  });

  it.each([
    ['arn:aws:s3:::b/k', 'Allow'],
    ['arn:aws:s3:::b/*', 'Allow'],
    ['arn:aws:s3:::b*', 'Allow'],
    ['arn:aws:s3:::b/?', 'Allow'],
    ['*', 'Allow'],
    ['arn:aws:s3:::b', 'nothing'],
    ['arn:aws:s3:::b/K', 'nothing'],
    ['arn:aws:s3:::b/kk', 'nothing'],
    ['arn:aws:s3:::other/*', 'nothing'],
  ])('Resource %s', (Resource, said) => {
    expect(ask({ ...allow, Resource })).toBe(said);
    const { Resource: _, ...rest } = allow;
    expect(ask({ ...rest, NotResource: Resource })).toBe(said === 'Allow' ? 'nothing' : 'Allow');
  });

  it.each<[string, object, readonly Caller[]]>([
    ['everybody', { Principal: '*' }, [alice, bob, root, nobody]],
    ['everybody, as AWS', { Principal: { AWS: '*' } }, [alice, bob, root, nobody]],
    ['a user', { Principal: { AWS: `arn:aws:iam::${account}:user/alice` } }, [alice]],
    ['a user with a path', { Principal: { AWS: [`arn:aws:iam::${account}:user/team/alice`] } }, [alice]],
    ['the account', { Principal: { AWS: account } }, [root]],
    ['the account by ARN', { Principal: { AWS: `arn:aws:iam::${account}:root` } }, [root]],
    ['another account', { Principal: { AWS: '210987654321' } }, []],
    ['a canonical user', { Principal: { CanonicalUser: bob.id } }, [bob]],
    ['a service', { Principal: { Service: 'logging.s3.amazonaws.com' } }, []],
    ['all but a user', { NotPrincipal: { AWS: `arn:aws:iam::${account}:user/alice` } }, [bob, root, nobody]],
  ])('an Allow for %s', (_, principal, allowed) => {
    const { Principal: _all, ...rest } = allow;
    const callers = [alice, bob, root, nobody];
    expect(callers.filter((caller) => ask({ ...rest, ...principal }, { caller }) === 'Allow')).toEqual(
      allowed,
    );
  });

  it('a Deny for the account is for all its users', () => {
    const Principal = { AWS: account };
    const callers = [alice, bob, root, nobody];
    expect(callers.map((caller) => ask({ ...deny, Principal }, { caller }))).toEqual([
      'Deny',
      'Deny',
      'Deny',
      'nothing',
    ]);
  });

  it('a Deny for all but a user and the account is for the other users too', () => {
    // As AWS wants it written: "you must also specify the account ARN of the not-denied principal".
    const { Principal: _, ...rest } = deny;
    const NotPrincipal = { AWS: [`arn:aws:iam::${account}:user/alice`, `arn:aws:iam::${account}:root`] };
    const callers = [alice, bob, root, nobody];
    expect(callers.map((caller) => ask({ ...rest, NotPrincipal }, { caller }))).toEqual([
      'nothing',
      'Deny',
      'nothing',
      'Deny',
    ]);
  });
});

describe('variables', () => {
  const home = (version: string, pattern: string, values: Ask['values'], resource: string): string => {
    const statement = { ...allow, Resource: pattern };
    const policy = compilePolicy(JSON.stringify({ Version: version, Statement: statement }));
    const lookup = (key: string) => (values?.[key] === undefined ? undefined : [String(values[key])]);
    return evaluate(policy, { action: 's3:GetObject', resource, caller: alice, values: lookup }) ?? 'nothing';
  };
  const now = '2012-10-17';
  const user = { 'aws:username': 'al*' };
  it.each([
    [now, 'arn:aws:s3:::b/$' + '{aws:username}/*', user, 'arn:aws:s3:::b/al*/k', 'Allow'],
    // What stands in for a variable is no pattern.
    [now, 'arn:aws:s3:::b/$' + '{aws:username}/*', user, 'arn:aws:s3:::b/alice/k', 'nothing'],
    [now, 'arn:aws:s3:::b/$' + '{aws:username}/*', {}, 'arn:aws:s3:::b//k', 'nothing'],
    [now, 'arn:aws:s3:::b/$' + "{aws:username, 'guest'}/*", {}, 'arn:aws:s3:::b/guest/k', 'Allow'],
    [now, 'arn:aws:s3:::b/$' + '{AWS:UserName}', user, 'arn:aws:s3:::b/al*', 'Allow'],
    [now, 'arn:aws:s3:::b/$' + '{*}', {}, 'arn:aws:s3:::b/*', 'Allow'],
    [now, 'arn:aws:s3:::b/$' + '{*}', {}, 'arn:aws:s3:::b/k', 'nothing'],
    [now, 'arn:aws:s3:::b/$' + '{$}{x}', {}, 'arn:aws:s3:::b/$' + '{x}', 'Allow'],
    [
      '2008-10-17',
      'arn:aws:s3:::b/$' + '{aws:username}',
      user,
      'arn:aws:s3:::b/$' + '{aws:username}',
      'Allow',
    ],
    ['2008-10-17', 'arn:aws:s3:::b/$' + '{aws:username}', user, 'arn:aws:s3:::b/al*', 'nothing'],
  ])('%s %s with %o: %s', (version, pattern, values, resource, said) => {
    expect(home(version, pattern, values, resource)).toBe(said);
  });
});

describe('conditions', () => {
  const key = 'aws:referer';
  const holds = (operator: string, wanted: unknown, value?: string | readonly string[]): boolean =>
    ask(
      { ...allow, Condition: { [operator]: { [key]: wanted } } },
      value === undefined ? {} : { values: { [key]: value } },
    ) === 'Allow';

  it.each([
    ['StringEquals', 'a', 'a', true],
    ['StringEquals', 'a', 'A', false],
    ['StringEquals', ['x', 'a'], 'a', true],
    ['StringEquals', 'a*', 'ab', false],
    ['StringNotEquals', 'a', 'b', true],
    ['StringNotEquals', ['a', 'b'], 'b', false],
    ['StringEqualsIgnoreCase', 'A', 'a', true],
    ['StringNotEqualsIgnoreCase', 'A', 'a', false],
    ['StringLike', 'a*c?', 'abbbcd', true],
    ['StringLike', 'a*c?', 'abbbc', false],
    ['StringNotLike', 'a*', 'abc', false],
    ['NumericEquals', '10', '10.0', true],
    ['NumericEquals', 10, '10', true],
    ['NumericNotEquals', '10', '11', true],
    ['NumericLessThan', '10', '9', true],
    ['NumericLessThan', '10', '10', false],
    ['NumericLessThanEquals', '10', '10', true],
    ['NumericGreaterThan', '10', '9', false],
    ['NumericGreaterThanEquals', '10', '10', true],
    ['NumericLessThan', '10', 'few', false],
    ['DateEquals', '2026-01-01T00:00:00Z', '2026-01-01T01:00:00+01:00', true],
    ['DateNotEquals', '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z', false],
    ['DateLessThan', '2026-01-01', '2025-12-31T23:59:59Z', true],
    ['DateLessThan', '2026-01-01', '2026-01-01T00:00:00', false],
    ['DateLessThanEquals', '1767225600', '2026-01-01T00:00:00Z', true],
    ['DateGreaterThan', '2026-01-01T00:00:00Z', '1767225601', true],
    ['DateGreaterThanEquals', '2026-01-01T00:00:00Z', '1767225600', true],
    ['Bool', 'true', 'true', true],
    ['Bool', true, 'true', true],
    ['Bool', 'false', 'true', false],
    ['BinaryEquals', 'QmFzZTY0', 'QmFzZTY0', true],
    ['IpAddress', '10.0.0.0/8', '10.1.2.3', true],
    ['IpAddress', '10.0.0.0/8', '::ffff:10.1.2.3', true],
    ['IpAddress', '10.0.0.1', '10.0.0.2', false],
    ['IpAddress', ['10.0.0.0/8', '2001:db8::/32'], '2001:db8::1', true],
    ['IpAddress', '10.0.0.0/8', 'somewhere', false],
    ['NotIpAddress', '10.0.0.0/8', '11.0.0.1', true],
    ['ArnEquals', `arn:aws:iam::${account}:user/a*`, `arn:aws:iam::${account}:user/alice`, true],
    ['ArnLike', 'arn:aws:iam::*:user/alice', `arn:aws:iam::${account}:user/alice`, true],
    ['ArnLike', 'arn:aws:iam::*', `arn:aws:iam::${account}:user/alice`, false],
    ['ArnNotLike', 'arn:*:*:*:*:*', `arn:aws:iam::${account}:user/alice`, false],
  ] as const)('%s %j of %j: %s', (operator, wanted, value, expected) => {
    if (operator === 'ArnLike' && wanted === 'arn:aws:iam::*') {
      expect(() => holds(operator, wanted, value)).toThrow('is not an ARN');
      return;
    }
    expect(holds(operator, wanted, value)).toBe(expected);
  });

  it.each([
    ['StringEquals', false],
    ['StringNotEquals', true],
    ['StringEqualsIfExists', true],
    ['StringNotEqualsIfExists', true],
    ['ForAnyValue:StringEquals', false],
    ['ForAnyValue:StringNotEquals', false],
    ['ForAllValues:StringEquals', true],
    ['ForAllValues:StringEqualsIfExists', true],
    ['StringLike', false],
    ['StringNotLike', true],
  ])('%s of a missing key: %s', (operator, expected) => {
    expect(holds(operator, 'a')).toBe(expected);
  });

  it.each([
    ['ForAnyValue:StringEquals', ['a', 'b'], ['b', 'c'], true],
    ['ForAnyValue:StringEquals', ['a', 'b'], ['c', 'd'], false],
    ['ForAllValues:StringEquals', ['a', 'b'], ['a', 'b'], true],
    ['ForAllValues:StringEquals', ['a', 'b'], ['a', 'c'], false],
    ['ForAllValues:StringNotEquals', ['a', 'b'], ['c', 'd'], true],
    ['ForAllValues:StringNotEquals', ['a', 'b'], ['a', 'd'], false],
    ['ForAnyValue:StringNotEquals', ['a'], ['a', 'd'], true],
    ['ForAnyValue:StringLike', ['x*'], ['ax', 'xa'], true],
    ['StringEquals', ['a'], ['b', 'a'], true],
    ['StringNotEquals', ['a'], ['b', 'a'], false],
  ])('%s %j of %j: %s', (operator, wanted, values, expected) => {
    expect(holds(operator, wanted, values)).toBe(expected);
  });

  it.each([
    ['true', undefined, true],
    ['true', 'x', false],
    ['false', 'x', true],
    ['false', undefined, false],
    [true, undefined, true],
  ])('Null %s of %s: %s', (wanted, value, expected) => {
    expect(holds('Null', wanted, value)).toBe(expected);
  });

  it('must all hold, and know variables', () => {
    const Condition = {
      StringEquals: { 'aws:Referer': 'r', 'aws:UserAgent': 'u' },
      StringLike: { 's3:prefix': '$' + '{aws:username}/*' },
    };
    const all = { 'aws:referer': 'r', 'aws:useragent': 'u', 's3:prefix': 'al/x', 'aws:username': 'al' };
    expect(ask({ ...allow, Condition }, { values: all })).toBe('Allow');
    for (const missing of Object.keys(all)) {
      const values = Object.fromEntries(Object.entries(all).filter(([name]) => name !== missing));
      expect(ask({ ...allow, Condition }, { values })).toBe('nothing');
    }
  });
});

describe('a decision', () => {
  const policy = (statement: object) => compilePolicy(JSON.stringify({ Statement: statement }));
  const asked = { action: 's3:GetObject', bucket: 'b', key: 'k' };
  const reads = compileGrants([{ buckets: ['b'], prefix: '', actions: ['read'] }]);
  const values = () => undefined;
  it.each([
    ['nothing', noGrants, undefined, 'denied'],
    ['a grant', reads, undefined, 'allowed'],
    ['a policy', noGrants, allow, 'allowed'],
    ['a grant, against a policy', reads, deny, 'explicitly denied'],
    ['a policy of another key', noGrants, { ...allow, Resource: 'arn:aws:s3:::b/x' }, 'denied'],
  ] as const)('on %s', (_, grants, statement, expected) => {
    const question = { asked, caller: alice, grants, policy: statement && policy(statement), values };
    expect(decide(question)).toBe(expected);
  });

  it('leaves the owner the policy, whatever it says', () => {
    const all = policy({ ...deny, Resource: ['arn:aws:s3:::b', 'arn:aws:s3:::b/*'] });
    const of = (action: string, caller: Caller) =>
      decide({ asked: { action, bucket: 'b' }, caller, grants: everything, policy: all, values });
    for (const action of ['s3:GetBucketPolicy', 's3:PutBucketPolicy', 's3:DeleteBucketPolicy']) {
      expect([of(action, root), of(action, alice)]).toEqual(['allowed', 'explicitly denied']);
    }
    expect(of('s3:ListBucket', root)).toBe('explicitly denied');
  });

  it('keeps strangers out of a restricted bucket, however public its policy', () => {
    const open = policy(allow);
    const of = (caller: Caller, grants = noGrants) =>
      decide({ asked, caller, grants, policy: open, restrictsPublic: true, values });
    expect([of(nobody), of(alice), of(nobody, reads)]).toEqual(['denied', 'allowed', 'allowed']);
  });
});

describe('grants', () => {
  const grants = compileGrants([
    { buckets: ['logs-*', 'data'], prefix: 'a/', actions: ['list', 'read'] },
    { buckets: ['box'], prefix: '', actions: ['admin'] },
  ]);
  it.each([
    ['s3:GetObject', 'data', 'a/k', true],
    ['s3:GetObject', 'logs-1', 'a/k', true],
    ['s3:GetObject', 'logs', 'a/k', false],
    ['s3:GetObject', 'data', 'b/k', false],
    ['s3:PutObject', 'data', 'a/k', false],
    ['s3:DeleteObject', 'box', 'k', true],
    ['s3:PutBucketPolicy', 'box', undefined, true],
    ['s3:PutBucketPolicy', 'data', undefined, false],
    ['s3:GetBucketLocation', 'data', undefined, true],
    ['s3:GetBucketLocation', 'other', undefined, false],
    ['s3:CreateBucket', 'box', undefined, true],
  ])('%s on %s/%s: %s', (action, bucket, key, expected) => {
    expect(grants.allow({ action, bucket, key })).toBe(expected);
  });

  it('show of lists what lies below their prefix', () => {
    const list = (prefix: string | undefined) =>
      grants.allow({ action: 's3:ListBucket', bucket: 'data', prefix });
    expect([undefined, '', 'a', 'a/', 'a/b', 'b'].map(list)).toEqual([
      false,
      false,
      false,
      true,
      true,
      false,
    ]);
  });
});

describe('wildcards', () => {
  /** The same by regular expression. */
  const expected = (pattern: string, text: string): boolean =>
    new RegExp(
      `^${pattern
        .replace(/[.+^${}()|[\]\\]/g, '\\$&')
        .replaceAll('*', '[^]*')
        .replaceAll('?', '[^]')}$`,
    ).test(text);

  it('match as the expression does that they stand for', () => {
    const letters = (from: string) => fc.string({ unit: fc.constantFrom(...from), maxLength: 12 });
    fc.assert(
      fc.property(letters('ab*?/'), letters('ab/*'), (pattern, text) => {
        expect(matches(toPattern(pattern), text)).toBe(expected(pattern, text));
        expect(matcher(pattern)(text)).toBe(expected(pattern, text));
      }),
      { numRuns: 2000 },
    );
  });

  it('never take long', () => {
    const pattern = toPattern(`${'*a'.repeat(500)}b`);
    expect(matches(pattern, 'a'.repeat(1024))).toBe(false);
  });
});
