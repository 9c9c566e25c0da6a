/** Which failures of Redis are outages, and after which of them a call may be made again. */
import { UploadStoreUnavailable } from '../types.ts';

/**
 * Error codes by which Redis says that it cannot serve for now (redis.io, "Redis serialization protocol", and the replies that server.c
 * and cluster.c define): loading its data, a replica, out of memory, cluster or replication broken, disk failing, busy in a
 * script; and those by which it does not let us in, which a person has to mend.
 */
const outageCodes = [
  'LOADING',
  'READONLY',
  'OOM',
  'CLUSTERDOWN',
  'MASTERDOWN',
  'TRYAGAIN',
  'MOVED',
  'ASK',
  'NOREPLICAS',
  'MISCONF',
  'BUSY',
  'NOAUTH',
  'WRONGPASS',
  'NOPERM',
];

/** Inside a script the code follows the script's name in versions before 7. */
const outageReply = new RegExp(`(?:^|: -)(?:${outageCodes.join('|')})\\b`);

/** What ioredis says when a connection is not there, or breaks while a command is under way. */
const connectionLost =
  /^(?:Connection is closed\.?|Stream isn't writeable|Cluster isn't ready|Cluster is ended|Command aborted due to connection close|Reached the max retries per request limit|Socket timeout|Failed to refresh slots cache|All sentinels are unreachable|None of startup nodes|connect ETIMEDOUT|Too many Cluster redirections)/;

export type RedisFailure =
  /** The connection is gone. The command may have been carried out or not. */
  | 'lost'
  /** Redis did not answer in time, or said that it cannot. */
  | 'outage'
  | 'other';

export function classifyFailure(error: unknown): RedisFailure {
  if (!(error instanceof Error)) return 'other';
  const { message } = error;
  if (error.name === 'ReplyError') return outageReply.test(message) ? 'outage' : 'other';
  if (message === 'Command timed out') return 'outage';
  if (connectionLost.test(message)) return 'lost';
  const { code, syscall } = error as NodeJS.ErrnoException;
  return code !== undefined && (syscall !== undefined || /^E[A-Z]+$/.test(code)) ? 'lost' : 'other';
}

/** @param cause may be shown to people: the command that ioredis attaches to it, which can hold a password, is taken off */
export function unavailable(cause: unknown, reason?: string): UploadStoreUnavailable {
  const said = cause instanceof Error ? cause.message : undefined;
  const text = [reason, said?.startsWith('MOVED') ? `${said} (a cluster: use redis+cluster://)` : said];
  return new UploadStoreUnavailable(
    `the upload store in Redis is unavailable: ${text.filter((each) => each !== undefined).join(': ')}`,
    cause === undefined ? undefined : { cause: withoutCommand(cause) },
  );
}

export function withoutCommand(error: unknown): unknown {
  if (error instanceof Error && 'command' in error) delete error.command;
  return error;
}
