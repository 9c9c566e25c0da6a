/** loadConfig: the YAML file and the environment in, a sound Config out, or every problem at once. */
import { existsSync } from 'node:fs';
import { relative, resolve, sep } from 'node:path';
import { readAccessPoints } from './config/access-points.ts';
import { readIdentities } from './config/identities.ts';
import { parseMasterKeys } from './config/master-keys.ts';
import { checkKeyPair } from './config/named-files.ts';
import { ConfigError } from './config/problems.ts';
import { type Environment, Reader } from './config/reader.ts';
import { readCredentials, readRouting } from './config/routing.ts';
import { environmentName, settings, type Values } from './config/settings.ts';
import type { Config } from './config/types.ts';
import { isLoopback, memoryShare } from './config/values.ts';

export { ConfigError, type Problem } from './config/problems.ts';
export type * from './config/types.ts';

export interface LoadOptions {
  /** The configuration file. Default: PARTWAY_CONFIG, else `partway.yaml` in `cwd` if there is one. */
  readonly file?: string | undefined;
  readonly env: Environment;
  readonly cwd: string;
  /** Whether a person watches the log: chooses its format unless that is configured. */
  readonly terminal?: boolean;
}

const defaultFile = 'partway.yaml';
/** Structured, in the file only. */
const sections = ['credentials', 'identities', 'anonymous', 'backends', 'buckets', 'accessPoints'];

/** The environment wins over the file. @throws ConfigError with every problem */
export function loadConfig({ file, env, cwd, terminal = false }: LoadOptions): Config {
  const reader = new Reader(env, cwd);
  const name =
    file ??
    (env['PARTWAY_CONFIG'] || undefined) ??
    (existsSync(resolve(cwd, defaultFile)) ? defaultFile : undefined);
  const mapping = name === undefined ? {} : reader.open(name);
  reader.refuseUnknown(mapping, [], settings, sections);
  reader.refuseUnknownVariables(settings, ['PARTWAY_CONFIG']);
  const values = reader.read(settings, mapping, [], { environment: true });
  const credentials = readCredentials(reader, values, mapping['credentials']);
  const { anonymous, identities } = readIdentities(reader, mapping, {
    accountId: values.accountId,
    credentials,
    file: values.identitiesFile,
    env,
    cwd,
  });
  const routing = readRouting(reader, topLevelBackends(values), mapping);

  const config: Config = {
    file: name === undefined ? undefined : resolve(cwd, name),
    listen: values.listen,
    tls: readTls(reader, values),
    allowInsecureListen: values.allowInsecureListen,
    region: values.region,
    acceptRegions: values.acceptRegions,
    baseDomains: values.baseDomains,
    accessPoints: readAccessPoints(reader, mapping['accessPoints'], values.region),
    trustedProxies: values.trustedProxies,
    allowSseCOverHttp: values.allowSseCOverHttp,
    encryption: {
      keys: parseMasterKeys(values['encryption.keys'] ?? ''),
      backendAtRest: values['encryption.backendAtRest'],
      kms: values['encryption.kms'],
    },
    defaultChecksum: values.defaultChecksum === 'none' ? undefined : values.defaultChecksum,
    credentials,
    accountId: values.accountId,
    identities,
    anonymous,
    stateDir: values.stateDir,
    workers: values.workers,
    durability: values.durability,
    ...routing,
    redis:
      values['redis.url'] === undefined
        ? undefined
        : { url: values['redis.url'], keyPrefix: values['redis.keyPrefix'] },
    uploads: {
      maxAgeMs: values['uploads.maxAge'],
      retentionMs: values['uploads.retention'],
      leaseMs: values['uploads.lease'],
    },
    janitor: { intervalMs: values['janitor.interval'] },
    limits: {
      maxConnections: values['limits.maxConnections'],
      maxRequests: values['limits.maxRequests'],
      maxRequestsPerConnection: values['limits.maxRequestsPerConnection'],
      maxRequestsPerIdentity: values['limits.maxRequestsPerIdentity'],
      maxMemory:
        values['limits.maxMemory'] === 'auto' ? memoryShare(values.workers) : values['limits.maxMemory'],
    },
    timeouts: {
      headersMs: values['timeouts.headers'],
      idleMs: values['timeouts.idle'],
      keepAliveMs: values['timeouts.keepAlive'],
      backendMs: values['timeouts.backend'],
      redisMs: values['timeouts.redis'],
      drainMs: values['timeouts.drain'],
    },
    log: { level: values['log.level'], format: values['log.format'] ?? (terminal ? 'pretty' : 'json') },
  };
  checkTogether(reader, config);
  if (reader.problems.length > 0) throw new ConfigError(reader.problems);
  return config;
}

function topLevelBackends(values: Values<typeof settings>): Parameters<typeof readRouting>[1] {
  return {
    backend: values.backend,
    values: {
      local: { root: values['fs.root'] },
      azure: {
        connectionString: values['azure.connectionString'],
        account: values['azure.account'],
        accountKey: values['azure.accountKey'],
        sasToken: values['azure.sasToken'],
        endpoint: values['azure.endpoint'],
        containerPrefix: values['azure.containerPrefix'],
        staging: values['azure.staging'],
      },
      gcs: {
        projectId: values['gcs.projectId'],
        keyFile: values['gcs.keyFile'],
        endpoint: values['gcs.endpoint'],
        location: values['gcs.location'],
        bucketPrefix: values['gcs.bucketPrefix'],
      },
    },
  };
}

function readTls(reader: Reader, values: Values<typeof settings>): Config['tls'] {
  const certFile = values['tls.certFile'];
  const keyFile = values['tls.keyFile'];
  if (certFile === undefined && keyFile === undefined) return undefined;
  if (certFile === undefined || keyFile === undefined) {
    const missing = certFile === undefined ? 'tls.certFile' : 'tls.keyFile';
    reader.report(
      `${missing} (${environmentName(missing)})`,
      'is missing',
      'give certificate and key, or neither',
    );
    return undefined;
  }
  checkKeyPair(reader, { certFile, keyFile });
  return { certFile, keyFile };
}

/** What no setting can be blamed for alone. */
function checkTogether(reader: Reader, config: Config): void {
  const { host } = config.listen;
  const misspelt = reader.isFaulty('accessKeyId', 'secretAccessKey');
  if (!hasKeys(config) && !misspelt && !config.allowInsecureListen && !isLoopback(host)) {
    reader.report(
      `listen (${environmentName('listen')})`,
      `${host} can be reached from other machines, and no credentials are configured`,
      `set ${environmentName('accessKeyId')} and ${environmentName('secretAccessKey')}, or listen on 127.0.0.1, or accept it with ${environmentName('allowInsecureListen')}=true`,
    );
  }
  for (const backend of config.backends) {
    if (backend.kind === 'local' && isInside(config.stateDir, backend.root)) {
      reader.report(
        `stateDir (${environmentName('stateDir')})`,
        `${config.stateDir} lies inside ${backend.root}, whose files are served`,
        'choose a directory outside it',
      );
    }
  }
}

/** Whether anybody could sign a request: if not, a key pair is generated. */
export function hasKeys({ credentials, identities }: Pick<Config, 'credentials' | 'identities'>): boolean {
  return credentials.length > 0 || identities.some(({ keys }) => keys.length > 0);
}

function isInside(path: string, directory: string): boolean {
  const way = relative(directory, path);
  return way !== '..' && !way.startsWith(`..${sep}`);
}
