/** An ioredis client for a target: fails promptly, reconnects by itself, and repeats nothing on its own account. */
import type { Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import type { RedisTarget } from './url.ts';

export type RedisClient = Redis | Cluster;

export interface ClientOptions {
  /** For one command, and for each step of connecting; milliseconds. */
  readonly timeoutMs: number;
  readonly tls: ConnectionOptions | undefined;
}

const longestPauseMs = 1_000;

/** Starts to connect at once. */
export function createClient(target: RedisTarget, { timeoutMs, tls }: ClientOptions): RedisClient {
  const common = {
    ...(target.username !== undefined && { username: target.username }),
    ...(target.password !== undefined && { password: target.password }),
    ...(target.tls && { tls: tls ?? {} }),
    connectionName: 'partway',
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
    // A peer that vanished without a word is noticed by the first command that it does not answer.
    socketTimeout: timeoutMs,
    keepAlive: 10_000,
    maxLoadingRetryTime: 500,
    // Commands under way when the connection breaks are rejected at once. Whether to send them again is decided in connection.ts.
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    reconnectOnError: reconnectToMaster(),
  } satisfies RedisOptions;
  switch (target.kind) {
    case 'server':
      return new Redis({
        ...common,
        host: target.address.host,
        port: target.address.port,
        db: target.db,
        enableOfflineQueue: false,
        retryStrategy: pause,
      });
    case 'sentinel':
      return new Redis({
        ...common,
        sentinels: [...target.sentinels],
        name: target.name,
        db: target.db,
        ...(target.sentinelUsername !== undefined && { sentinelUsername: target.sentinelUsername }),
        ...(target.sentinelPassword !== undefined && { sentinelPassword: target.sentinelPassword }),
        ...(target.tls && { enableTLSForSentinelMode: true, sentinelTLS: tls ?? {} }),
        sentinelCommandTimeout: timeoutMs,
        sentinelRetryStrategy: pause,
        enableOfflineQueue: false,
        retryStrategy: pause,
      });
    case 'cluster':
      return new Cluster([...target.nodes], {
        enableOfflineQueue: false,
        clusterRetryStrategy: pause,
        clusterNodeRetryStrategy: pause,
        slotsRefreshTimeout: timeoutMs,
        slotsRefreshInterval: 5_000,
        // A certificate names hosts: they must not be turned into addresses before the handshake.
        ...(target.tls && { dnsLookup: (address, callback) => callback(null, address) }),
        redisOptions: common,
      });
  }
}

/**
 * For good, whatever is under way. ioredis ends its sockets politely; one that is in the middle of a TLS handshake that fails then emits a
 * second error, which nobody listens to any more, and that ends the process (redis/ioredis#961).
 */
export function disconnect(client: RedisClient): void {
  const nodes = client instanceof Cluster ? client.nodes() : [client];
  client.disconnect();
  for (const { stream } of nodes as readonly { readonly stream?: Socket }[]) stream?.destroy();
}

/** After a failover the server may be a replica, and its name lead to another one. Not more than once a second: it may stay a replica. */
function reconnectToMaster(): (error: Error) => boolean {
  let last = Number.NEGATIVE_INFINITY;
  return (error) => {
    if (!error.message.startsWith('READONLY') || performance.now() - last < longestPauseMs) return false;
    last = performance.now();
    return true;
  };
}

/** Doubling from 50 ms, with jitter, so that replicas do not come back all at once. */
function pause(attempt: number): number {
  return Math.min(longestPauseMs, 25 * 2 ** Math.min(attempt, 10)) * (0.75 + Math.random() / 2);
}
