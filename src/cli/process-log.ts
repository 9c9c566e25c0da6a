import type { BackendConfig, Config, Credential } from '../config.ts';
import { createLogger, type Logger } from '../log.ts';
import { parseRedisUrl } from '../uploads/redis/url.ts';

/** The log of a serving process. Configured secrets never show in it, wherever they turn up. */
export function createProcessLog(config: Config, credentials: readonly Credential[]): Logger {
  const log = createLogger({
    ...config.log,
    color: process.stderr.isTTY && process.env['NO_COLOR'] === undefined,
    secrets: secretsOf(config, credentials),
  });
  process.on('uncaughtException', (error) => {
    log.error('uncaught failure, the process ends', { error });
    log.flushSync();
    process.exit(1);
  });
  return log;
}

/** What must not show wherever it turns up. */
export function secretsOf(config: Config, credentials: readonly Credential[]): readonly string[] {
  return [
    ...credentials.map((credential) => credential.secretAccessKey),
    ...config.backends.flatMap(backendSecrets),
    ...redisSecrets(config.redis),
    ...config.encryption.keys.map(({ key }) => key),
  ];
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
