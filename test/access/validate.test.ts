import { describe, expect, it } from 'vitest';
import { compilePolicy } from '../../src/access/policy/compile.ts';
import { maxPolicyBytes } from '../../src/access/policy/document.ts';
import { validatePolicy } from '../../src/access/policy/validate.ts';

const account = '123456789012';
const home = {
  bucket: 'b',
  account,
  hasUser: (name: string) => name === 'alice',
  hasId: (id: string) => id === 'c'.repeat(64),
};
const good = { Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: 'arn:aws:s3:::b/*' };

function text(statement: object, rest: object = {}): string {
  return JSON.stringify({ Version: '2012-10-17', ...rest, Statement: [statement] });
}

/** What AWS would say; empty when it would say nothing. */
function fault(policy: string): string {
  try {
    validatePolicy(policy, home);
    return '';
  } catch (error) {
    return error instanceof Error && error.name === 'PolicyFault' ? error.message : String(error);
  }
}

function without(name: keyof typeof good): object {
  return Object.fromEntries(Object.entries(good).filter(([key]) => key !== name));
}

const badSyntax = 'Invalid policy syntax.';
const badPrincipal = 'Invalid principal in policy';
const badAction = 'Policy has invalid action';
const badResource = 'Policy has invalid resource';
const inapplicable = 'Conditions do not apply to combination of actions and resources in statement';
const mismatch = 'Action does not apply to any resource(s) in statement';

describe('a policy is refused', () => {
  it.each([
    ['no JSON', 'hello', "Policies must be valid JSON and the first byte must be '{'"],
    ['a list', '[]', "Policies must be valid JSON and the first byte must be '{'"],
    ['a space before it', ` ${text(good)}`, "Policies must be valid JSON and the first byte must be '{'"],
    ['broken JSON', '{"Version":', 'This policy contains invalid Json'],
    ['nothing in it', '{}', 'Missing required field Statement'],
    ['no statement', '{"Statement":[]}', 'Could not parse the policy: Statement is empty!'],
    ['a statement that is none', '{"Statement":["x"]}', badSyntax],
    [
      'another version',
      text(good, { Version: '2020-01-01' }),
      'The policy must contain a valid version string',
    ],
    ['a field more', text(good, { Comment: '' }), 'Unknown field Comment'],
    ['a field more in the statement', text({ ...good, Comment: '' }), 'Unknown field Comment'],
    [
      'too much',
      text({ ...good, Sid: 'x'.repeat(maxPolicyBytes) }),
      `Normalized policy document exceeds the maximum allowed size of ${maxPolicyBytes} bytes`,
    ],
    ['no effect', text(without('Effect')), 'Missing required field Effect'],
    ['another effect', text({ ...good, Effect: 'allow' }), 'Invalid effect: allow'],
    ['no principal', text(without('Principal')), 'Missing required field Principal'],
    [
      'all but one allowed',
      text({ ...without('Principal'), NotPrincipal: { AWS: account } }),
      'Allow with NotPrincipal is not allowed.',
    ],
    ['no action', text(without('Action')), 'Missing required field Action'],
    ['no resource', text(without('Resource')), 'Missing required field Resource'],
    ['both of a pair', text({ ...good, NotAction: 's3:PutObject' }), badSyntax],
    ['a principal that is a word', text({ ...good, Principal: 'alice' }), badPrincipal],
    [
      'a user that is not there',
      text({ ...good, Principal: { AWS: `arn:aws:iam::${account}:user/alic` } }),
      badPrincipal,
    ],
    [
      'a user of another account',
      text({ ...good, Principal: { AWS: 'arn:aws:iam::210987654321:user/alice' } }),
      badPrincipal,
    ],
    [
      'a pattern for users',
      text({ ...good, Principal: { AWS: `arn:aws:iam::${account}:user/a*` } }),
      badPrincipal,
    ],
    ['a role', text({ ...good, Principal: { AWS: `arn:aws:iam::${account}:role/r` } }), badPrincipal],
    [
      'an unknown canonical user',
      text({ ...good, Principal: { CanonicalUser: 'd'.repeat(64) } }),
      badPrincipal,
    ],
    ['an unknown kind of principal', text({ ...good, Principal: { GCP: 'x' } }), badPrincipal],
    ['no principal in the list', text({ ...good, Principal: { AWS: [] } }), badPrincipal],
    ['an action that is none', text({ ...good, Action: 's3:GetObjects' }), badAction],
    ['an action of another service', text({ ...good, Action: 'ec2:*' }), badAction],
    ['a pattern that begins before the service', text({ ...good, Action: '*GetObject' }), badAction],
    ['a number for an action', text({ ...good, Action: 7 }), badAction],
    ['another bucket', text({ ...good, Resource: 'arn:aws:s3:::c/*' }), badResource],
    ['no ARN', text({ ...good, Resource: 'b/*' }), badResource],
    ['everything', text({ ...good, Resource: '*' }), badResource],
    ['an action on objects for the bucket', text({ ...good, Resource: 'arn:aws:s3:::b' }), mismatch],
    ['an action on buckets for objects', text({ ...good, Action: 's3:ListBucket' }), mismatch],
    ['one action of two', text({ ...good, Action: ['s3:GetObject', 's3:ListBucket'] }), mismatch],
    [
      'an operator that is none',
      text({ ...good, Condition: { StringIs: { 'aws:Referer': 'x' } } }),
      'Invalid Condition type : StringIs',
    ],
    [
      'an unknown quantifier',
      text({ ...good, Condition: { 'ForSome:StringEquals': { 'aws:Referer': 'x' } } }),
      'Invalid Condition type : ForSome:StringEquals',
    ],
    [
      'NullIfExists',
      text({ ...good, Condition: { NullIfExists: { 'aws:Referer': 'true' } } }),
      'Invalid Condition type : NullIfExists',
    ],
    [
      'a key that is none',
      text({ ...good, Condition: { StringEquals: { 's3:color': 'x' } } }),
      'Policy has an invalid condition key',
    ],
    [
      'a key that says nothing',
      text({ ...good, Condition: { StringEquals: { 's3:ExistingObjectTag/': 'x' } } }),
      'Policy has an invalid condition key',
    ],
    [
      'a key of lists only',
      text({ ...good, Condition: { StringEquals: { 's3:prefix': 'x' } } }),
      inapplicable,
    ],
    [
      'a key of lists of keys on a list of uploads',
      text({
        ...good,
        Action: 's3:ListBucketMultipartUploads',
        Condition: { StringEquals: { 's3:prefix': 'x' } },
      }),
      inapplicable,
    ],
    [
      'a key of versions',
      text({ ...good, Condition: { StringEquals: { 's3:VersionId': 'x' } } }),
      inapplicable,
    ],
    [
      'a key of writes on a read',
      text({ ...good, Condition: { StringEquals: { 's3:x-amz-acl': 'private' } } }),
      inapplicable,
    ],
    ...['acl', 'grant-read', 'copy-source', 'metadata-directive', 'server-side-encryption'].map((name) => [
      `a key of writes on a read and a write: ${name}`,
      text({
        ...good,
        Action: ['s3:GetObject', 's3:PutObject'],
        Condition: { StringEquals: { [`s3:x-amz-${name}`]: 'x' } },
      }),
      inapplicable,
    ]),
    ...['s3:PutObject', 's3:DeleteObject', ['s3:DeleteObject', 's3:DeleteObjectTagging']].map((Action) => [
      `tags of what is there on ${Action}`,
      text({ ...good, Action, Condition: { StringEquals: { 's3:ExistingObjectTag/a': 'x' } } }),
      inapplicable,
    ]),
    [
      'tags of a request that has none',
      text({
        ...good,
        Action: 's3:PutObjectAcl',
        Condition: { StringEquals: { 's3:RequestObjectTag/a': 'x' } },
      }),
      inapplicable,
    ],
    [
      'an address that is none',
      text({ ...good, Condition: { IpAddress: { 'aws:SourceIp': '10.0.0.0/33' } } }),
      'Invalid IP address in Conditions',
    ],
    [
      'a number that is none',
      text({ ...good, Condition: { NumericEquals: { 's3:signatureAge': 'x' } } }),
      'Invalid value in Conditions: x is not a number',
    ],
    [
      'a date that is none',
      text({ ...good, Condition: { DateEquals: { 'aws:CurrentTime': 'today' } } }),
      'Invalid value in Conditions: today is not a date',
    ],
    [
      'a value that is a mapping',
      text({ ...good, Condition: { StringEquals: { 'aws:Referer': {} } } }),
      badSyntax,
    ],
  ])('%s', (_, policy, expected) => {
    expect(fault(policy)).toBe(expected);
  });
});

describe('a policy is taken', () => {
  it.each([
    ['one statement', JSON.stringify({ Statement: good })],
    ['with names', text({ ...good, Sid: 'a' }, { Id: 'p' })],
    ['for the account', text({ ...good, Principal: { AWS: [account, `arn:aws:iam::${account}:root`] } })],
    ['for a user', text({ ...good, Principal: { AWS: `arn:aws:iam::${account}:user/alice` } })],
    ['for a canonical user', text({ ...good, Principal: { CanonicalUser: 'c'.repeat(64) } })],
    ['for a service', text({ ...good, Principal: { Service: 'logging.s3.amazonaws.com' } })],
    [
      'all actions on both',
      text({ ...good, Action: 's3:*', Resource: ['arn:aws:s3:::b', 'arn:aws:s3:::b/*'] }),
    ],
    [
      'actions of both kinds',
      text({
        ...good,
        Action: ['s3:GetObject', 's3:ListBucket'],
        Resource: ['arn:aws:s3:::b', 'arn:aws:s3:::b/*'],
      }),
    ],
    ['a pattern over the slash', text({ ...good, Resource: 'arn:aws:s3:::b*' })],
    ['NotAction', text({ ...without('Action'), NotAction: 's3:DeleteBucket' })],
    ['NotResource', text({ ...without('Resource'), NotResource: 'arn:aws:s3:::b/x/*' })],
    [
      'a list of its prefix',
      text({
        ...good,
        Action: 's3:ListBucket',
        Resource: 'arn:aws:s3:::b',
        Condition: { StringLike: { 's3:prefix': ['a/*'] } },
      }),
    ],
    ...['s3:*', '*', 's3:PutObject*', 's3:PutObject'].map((Action) => [
      `an ACL on ${Action}`,
      text({ ...good, Action, Condition: { StringEquals: { 's3:x-amz-acl': 'private' } } }),
    ]),
    ...['s3:GetObject', 's3:GetObjectAttributes', 's3:GetObjectVersion', 's3:DeleteObjectTagging'].map(
      (Action) => [
        `tags of what is there on ${Action}`,
        text({ ...good, Action, Condition: { StringEquals: { 's3:ExistingObjectTag/a': 'x' } } }),
      ],
    ),
    ['a key in capitals', text({ ...good, Condition: { BoolIfExists: { 'AWS:SECURETRANSPORT': false } } })],
    [
      'a key of a service that is not here',
      text({ ...good, Condition: { StringEquals: { 'aws:SourceVpce': 'vpce-1' } } }),
    ],
    [
      '20 KiB but for white space',
      `${text({ ...good, Sid: 'x'.repeat(maxPolicyBytes - 200) })}${' '.repeat(1000)}`,
    ],
  ])('%s', (_, policy) => {
    expect(fault(policy)).toBe('');
  });
});

describe('a policy is public', () => {
  const isPublic = (statement: object): boolean => compilePolicy(text(statement)).isPublic;
  const when = (Condition: object): object => ({ ...good, Condition });
  it.each([
    ['for everybody', good, true],
    ['for all but one', { ...without('Principal'), NotPrincipal: { AWS: account } }, true],
    ['denied to everybody', { ...good, Effect: 'Deny' }, false],
    ['for a user', { ...good, Principal: { AWS: `arn:aws:iam::${account}:user/alice` } }, false],
    ['from a network', when({ IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } }), false],
    ['from half the world', when({ IpAddress: { 'aws:SourceIp': '0.0.0.0/1' } }), true],
    [
      'from a network and half the world',
      when({ IpAddress: { 'aws:SourceIp': ['10.0.0.0/8', '128.0.0.0/1'] } }),
      true,
    ],
    ['from too much of IPv6', when({ IpAddress: { 'aws:SourceIp': '2000::/3' } }), true],
    ['not from a network', when({ NotIpAddress: { 'aws:SourceIp': '10.0.0.0/8' } }), true],
    ['over TLS', when({ Bool: { 'aws:SecureTransport': 'true' } }), true],
    ['from a page', when({ StringEquals: { 'aws:Referer': 'https://example.com/' } }), true],
    ['through an endpoint', when({ StringEquals: { 'aws:SourceVpce': 'vpce-1' } }), false],
    ['through any endpoint', when({ StringLike: { 'aws:SourceVpce': 'vpce-*' } }), true],
    [
      'through an endpoint if there is one',
      when({ StringEqualsIfExists: { 'aws:SourceVpce': 'vpce-1' } }),
      true,
    ],
    ['for whoever', when({ StringEquals: { 'aws:userid': '$' + '{aws:username}' } }), true],
  ])('%s: %s', (_, statement, expected) => {
    expect(isPublic(statement)).toBe(expected);
  });
});
