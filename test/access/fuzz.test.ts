import fc from 'fast-check';
import { expect, it } from 'vitest';
import { anonymousCaller } from '../../src/access/caller.ts';
import { compilePolicy } from '../../src/access/policy/compile.ts';
import { evaluate } from '../../src/access/policy/evaluate.ts';
import { operators } from '../../src/access/policy/operators.ts';
import { PolicyFault } from '../../src/access/policy/types.ts';
import { validatePolicy } from '../../src/access/policy/validate.ts';

const home = { bucket: 'b', account: '123456789012', hasUser: () => true, hasId: () => true };

/** Words of the language and what is near them, so that much of it gets far. */
const word = fc.oneof(
  fc.constantFrom(
    '*',
    's3:*',
    's3:GetObject',
    's3:Put*',
    'arn:aws:s3:::b',
    'arn:aws:s3:::b/*',
    'arn:aws:s3:::b/$' + '{aws:username',
  ),
  fc.constantFrom(
    'Allow',
    'Deny',
    '2012-10-17',
    '10.0.0.0/8',
    '2001:db8::/129',
    'true',
    '12',
    '$' + '{}',
    '$' + '{aws:username}',
  ),
  fc.constantFrom('__proto__', 'constructor', 'arn:aws:iam::123456789012:user/a', 'arn:::::', '\ud800', ''),
  fc.string({ maxLength: 8 }),
);
const value: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  any: fc.oneof(
    { maxDepth: 3 },
    word,
    fc.constantFrom(null, 0, -1, true),
    fc.array(tie('any'), { maxLength: 3 }),
    fc.dictionary(word, tie('any'), { maxKeys: 3 }),
  ),
})).any;
const operator = fc
  .tuple(
    fc.constantFrom('', 'ForAnyValue:', 'ForAllValues:', 'ForSome:'),
    fc.constantFrom(...operators.keys(), 'Null', 'toString'),
    fc.constantFrom('', 'IfExists'),
  )
  .map((parts) => parts.join(''));
const key = fc.constantFrom(
  'aws:SourceIp',
  'aws:Referer',
  's3:prefix',
  's3:ExistingObjectTag/a',
  's3:nothing',
);
const conditions = fc.dictionary(
  operator,
  fc.dictionary(key, fc.oneof(word, fc.array(word, { maxLength: 3 }), value)),
);
const sound = fc.record(
  {
    Effect: fc.constantFrom('Allow', 'Deny'),
    Principal: fc.constantFrom('*', { AWS: '*' }, { AWS: home.account }),
    Action: fc.constantFrom('s3:*', 's3:GetObject', ['s3:GetObject', 's3:PutObject']),
    Resource: fc.constantFrom('arn:aws:s3:::b/*', [
      'arn:aws:s3:::b',
      'arn:aws:s3:::b/$' + '{aws:username}/*',
    ]),
    Condition: conditions,
  },
  { requiredKeys: ['Effect', 'Principal', 'Action', 'Resource'] },
);
const element = fc.constantFrom(
  'Effect',
  'Principal',
  'NotPrincipal',
  'Action',
  'NotAction',
  'Resource',
  'NotResource',
  'Condition',
  'Sid',
);
/** A sound one, or with one element that is anything. */
const statement = fc.oneof(
  sound,
  fc.tuple(sound, element, fc.oneof(word, value)).map(([base, name, other]) => ({ ...base, [name]: other })),
);
const policy = fc.oneof(
  fc
    .record({
      Version: fc.constantFrom('2012-10-17', '2008-10-17'),
      Statement: fc.oneof(statement, fc.array(statement, { maxLength: 3 })),
    })
    .map((each) => JSON.stringify(each)),
  value.map((each) => JSON.stringify(each) ?? ''),
  fc.string(),
);

it('whatever is sent as a policy is one, or is refused as none', () => {
  let taken = 0;
  fc.assert(
    fc.property(policy, (text) => {
      try {
        validatePolicy(text, home);
        taken += 1;
      } catch (error) {
        expect(error).toBeInstanceOf(PolicyFault);
      }
    }),
    { numRuns: 5_000 },
  );
  expect(taken).toBeGreaterThan(0);
});

it('whatever compiles can be asked anything', () => {
  const values = fc.dictionary(
    fc.constantFrom('aws:sourceip', 'aws:referer', 's3:prefix', 'aws:username'),
    fc.array(word),
  );
  fc.assert(
    fc.property(policy, values, word, word, (text, known, action, resource) => {
      let compiled: ReturnType<typeof compilePolicy>;
      try {
        compiled = compilePolicy(text);
      } catch (error) {
        expect(error).toBeInstanceOf(PolicyFault);
        return;
      }
      const caller = anonymousCaller('123456789012');
      const said = evaluate(compiled, { action, resource, caller, values: (name) => known[name] });
      expect(['Allow', 'Deny', undefined]).toContain(said);
    }),
    { numRuns: 5_000 },
  );
});
