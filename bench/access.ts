/**
 * What it costs to know who asks and to decide whether they may: identity lookup, the remembered policy of the bucket, its evaluation.
 * `node bench/access.ts`
 */
import { parseTarget } from '../src/http/target.ts';
import { createIdentities } from '../src/identities.ts';
import { requireAccess } from '../src/s3/access/authorize.ts';
import type { Gateway, RequestContext } from '../src/s3/operation.ts';

const accountId = '123456789012';
const people = 1_000;
const rounds = 200_000;

const identities = createIdentities({ id: 'a'.repeat(64), displayName: 'bench' }, accountId, {
  credentials: [{ accessKeyId: 'ACCOUNT', secretAccessKey: 'secret' }],
  identities: Array.from({ length: people }, (_, index) => ({
    name: `user-${index}`,
    displayName: `user-${index}`,
    canonicalId: index.toString(16).padStart(64, '0'),
    administrator: false,
    keys: [{ accessKeyId: `KEY${index}`, secretAccessKey: 'secret' }],
    grants: Array.from({ length: 10 }, (_each, place) => ({
      buckets: [place === 9 ? 'bucket' : `team-${place}-*`],
      prefix: place === 9 ? 'granted/' : '',
      actions: ['list', 'read', 'write'] as const,
    })),
  })),
  anonymous: [],
});

const everybodysHome = {
  Effect: 'Allow',
  Principal: '*',
  Action: ['s3:GetObject', 's3:PutObject'],
  Resource: `arn:aws:s3:::bucket/home/$\{aws:username}/*`,
  Condition: {
    IpAddress: { 'aws:SourceIp': ['10.0.0.0/8', '127.0.0.0/8'] },
    StringLike: { 'aws:UserAgent': ['aws-cli/*', 'Boto3/*'] },
  },
};

function policyOf(statements: number): string {
  const others = Array.from({ length: statements - 1 }, (_, index) => ({
    Effect: index % 2 === 0 ? 'Deny' : 'Allow',
    Principal: { AWS: `arn:aws:iam::${accountId}:user/user-${index}` },
    Action: 's3:*Object*',
    Resource: `arn:aws:s3:::bucket/*/part-${index}/*`,
  }));
  return JSON.stringify({ Version: '2012-10-17', Statement: [...others, everybodysHome] });
}

function contextOf(policy: string | undefined): (accessKeyId: string, key: string) => RequestContext {
  const text = Promise.resolve(policy);
  const gateway = {
    access: identities,
    settings: { region: 'us-east-1' },
    documents: { get: () => text },
  } as unknown as Gateway;
  const headers = new Map([['user-agent', 'Boto3/1.42']]);
  const target = parseTarget('/bucket/key', 'localhost');
  const client = { address: '127.0.0.1', tlsVersion: () => undefined };
  return (accessKeyId, key) => {
    const identity = identities.find(accessKeyId)?.identity;
    return {
      gateway,
      headers,
      target,
      client,
      bucket: 'bucket',
      key,
      auth: { kind: 'signed', scheme: 'header', accessKeyId, identity },
    } as unknown as RequestContext;
  };
}

async function measure(policy: string | undefined, keyFor: (user: number) => string): Promise<number> {
  const context = contextOf(policy);
  const run = async (count: number): Promise<number> => {
    const start = process.cpuUsage();
    for (let index = 0; index < count; index += 1) {
      const user = index % people;
      const key = keyFor(user);
      await requireAccess(context(`KEY${user}`, key), { action: 's3:GetObject', bucket: 'bucket', key });
    }
    const { system, user } = process.cpuUsage(start);
    return (user + system) / count;
  };
  await run(rounds / 10);
  return run(rounds);
}

const home = (user: number): string => `home/user-${user}/reports/2026/11/22/report.parquet`;
const granted = (user: number): string => `granted/user-${user}/reports/2026/11/22/report.parquet`;
const full = 104;
console.log('µs of CPU for each request\n');
for (const [what, policy, keyFor] of [
  ['a grant, no policy', undefined, granted],
  ['a policy of 2 statements', policyOf(2), home],
  ['a policy of 10 statements', policyOf(10), home],
  [`a policy of ${full} statements, ${(policyOf(full).length / 1024).toFixed(1)} KiB`, policyOf(full), home],
] as const) {
  console.log(`${(await measure(policy, keyFor)).toFixed(2).padStart(8)}  ${what}`);
}
