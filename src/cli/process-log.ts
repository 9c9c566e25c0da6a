import type { BackendConfig, Config, Credential, KeyConfig } from '../config.ts';
import type { Admission } from '../identities.ts';
import { createLogger, type Logger } from '../log.ts';
import { parseRedisUrl } from '../uploads/redis/url.ts';

export interface ProcessLog extends Logger {
  /** Secrets that came later. Those of before stay hidden too. */
  hide(secrets: readonly string[]): void;
}

/** The log of a serving process. Configured secrets never show in it, wherever they turn up. */
export function createProcessLog(config: Config, credentials: readonly Credential[]): ProcessLog {
  let secrets = secretsOf(config, credentials);
  const log = createLogger({
    ...config.log,
    color: process.stderr.isTTY && process.env['NO_COLOR'] === undefined,
    secrets: () => secrets,
  });
  process.on('uncaughtException', (error) => {
    log.error('uncaught failure, the process ends', { error });
    log.flushSync();
    process.exit(1);
  });
  return {
    ...log,
    hide(more) {
      secrets = [...new Set([...secrets, ...more])];
    },
  };
}

/** What must not show wherever it turns up. */
export function secretsOf(config: Config, credentials: readonly Credential[]): readonly string[] {
  return [
    ...secretsOfAdmission({ ...config, credentials }),
    ...config.backends.flatMap(backendSecrets),
    ...redisSecrets(config.redis),
    ...config.encryption.keys.map(({ key }) => key),
  ];
}

export function secretsOfAdmission({ credentials, identities }: Admission): readonly string[] {
  const keys: readonly KeyConfig[] = [...credentials, ...identities.flatMap((identity) => identity.keys)];
  return keys.flatMap(({ secretAccessKey, sessionToken }) =>
    sessionToken === undefined ? [secretAccessKey] : [secretAccessKey, sessionToken],
  );
}

function backendSecrets(backend: BackendConfig): readonly string[] {
  if (backend.kind !== 'azure') return [];
  return [backend.connectionString, backend.accountKey, backend.sasToken].filter(
    (secret) => secret !== undefined,
  );
}

function redisSecrets(redis: Config['redis']): readonly string[] {
  if (redis === undefined) return [];
  const target = parseRedisUrl(redis.url);
  const passwords = [target.password, target.kind === 'sentinel' ? target.sentinelPassword : undefined];
  return passwords.filter((password) => password !== undefined);
}
