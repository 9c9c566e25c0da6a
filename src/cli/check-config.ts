/** `partway check-config`: what is configured, and what the services say to it. */
import { accessSync, constants, existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { buildBackends } from '../backends.ts';
import { reason } from '../config/reader.ts';
import { type Config, hasKeys, type IdentityConfig } from '../config.ts';
import { checkBackend } from '../storage.ts';
import { describeBackend } from './banner.ts';

const answerMs = 15_000;

/** Prints a summary without secrets. @returns exit status: 1 when a service does not let us work */
export async function checkConfig(config: Config, print: (text: string) => void): Promise<number> {
  print(`${summary(config)}\n`);
  const problems = await checkServices(config);
  for (const problem of problems) print(`\n  ${problem}\n`);
  print(problems.length === 0 ? '\nEverything answers.\n' : '\n');
  return problems.length === 0 ? 0 : 1;
}

function summary(config: Config): string {
  const keys = config.credentials.map(({ accessKeyId }) => accessKeyId).join(', ');
  const rows: ReadonlyArray<readonly [string, string]> = [
    ['file', config.file ?? 'none; environment and defaults only'],
    ['listen', `${config.listen.host}:${config.listen.port}${config.tls === undefined ? '' : ' (TLS)'}`],
    ['region', [config.region, ...config.acceptRegions].join(', ')],
    [
      'keys',
      keys !== '' ? keys : hasKeys(config) ? 'those of the identities' : `generated, in ${config.stateDir}`,
    ],
    ...config.identities.map((identity) => ['identity', describeIdentity(identity)] as const),
    ...config.anonymous.map((grant) => ['anonymous', describeGrant(grant)] as const),
    ...config.backends.map((backend) => ['backend', describeBackend(backend)] as const),
    ...config.buckets.map(({ pattern, backend }) => ['buckets', `${pattern} → ${backend}`] as const),
    ['uploads', config.redis === undefined ? `embedded store in ${config.stateDir}` : 'Redis'],
    ['AES256', describeMasterKeys(config)],
    ['processes', String(config.workers)],
  ];
  return rows.map(([name, value]) => `  ${name.padEnd(10)} ${value}`).join('\n');
}

function describeIdentity({ administrator, grants, keys, name }: IdentityConfig): string {
  const may = administrator ? 'everything' : grants.map(describeGrant).join('; ') || 'nothing by itself';
  return `${name} (${keys.length === 1 ? '1 key' : `${keys.length} keys`}): ${may}`;
}

function describeGrant({ actions, buckets, prefix }: IdentityConfig['grants'][number]): string {
  return `${actions.join(', ')} in ${buckets.map((bucket) => (prefix === '' ? bucket : `${bucket}/${prefix}`)).join(', ')}`;
}

function describeMasterKeys({ encryption, redis, stateDir }: Config): string {
  const [current] = encryption.keys;
  if (current !== undefined) return `under the master key ${current.id}`;
  return redis === undefined
    ? `under a generated master key, in ${stateDir}`
    : 'not offered: encryption.keys is not set';
}

/** Something is kept there unless Redis and keys are configured. Looks only: a directory that is missing is made at the start. */
function checkStateDir({ stateDir, redis, ...config }: Config): string | undefined {
  if (redis !== undefined && hasKeys(config)) return undefined;
  let directory = stateDir;
  while (!existsSync(directory) && dirname(directory) !== directory) directory = dirname(directory);
  try {
    accessSync(`${directory}/.`, constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    return `stateDir (PARTWAY_STATE_DIR): ${directory} cannot be written to: ${reason(error)}; make it writable, or name another directory`;
  }
}

/** What the backends, the upload store and its directory say, when it is not "fine". */
async function checkServices(config: Config): Promise<readonly string[]> {
  const { backends } = await buildBackends(config);
  const answers = await Promise.all([
    ...backends.map((backend) => answer(backend.name, checkBackend(backend))),
    ...(config.redis === undefined
      ? []
      : [answer('redis.url (PARTWAY_REDIS_URL)', checkRedis(config.redis, config.uploads.retentionMs))]),
  ]);
  await Promise.all(backends.map((backend) => backend.adapter.close()));
  return [checkStateDir(config), ...answers].filter((text) => text !== undefined);
}

async function checkRedis(
  redis: NonNullable<Config['redis']>,
  retentionMs: number,
): Promise<string | undefined> {
  const { createRedisStore } = await import('../uploads/redis/index.ts');
  const store = createRedisStore({ ...redis, retentionMs });
  try {
    await store.check();
    return undefined;
  } finally {
    await store.close();
  }
}

async function answer(name: string, check: Promise<string | undefined>): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`${name}: no answer within ${answerMs / 1000} s`), answerMs);
  });
  try {
    return await Promise.race([check, late]);
  } catch (error) {
    if (!(error instanceof Error)) return `${name}: ${String(error)}`;
    const cause = error.cause instanceof Error ? error.cause.message : '';
    return `${name}: ${error.message}${error.message.includes(cause) ? '' : `: ${cause}`}`;
  } finally {
    clearTimeout(timer);
  }
}
