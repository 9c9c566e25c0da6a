/** Redis URLs: one server, a master behind sentinels, or a cluster; each with TLS or without. */

export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

interface Common {
  readonly tls: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
}

export type RedisTarget =
  | (Common & { readonly kind: 'server'; readonly address: RedisAddress; readonly db: number })
  | (Common & {
      readonly kind: 'sentinel';
      readonly sentinels: readonly RedisAddress[];
      /** The master's name, as the sentinels know it. */
      readonly name: string;
      readonly db: number;
      readonly sentinelUsername: string | undefined;
      readonly sentinelPassword: string | undefined;
    })
  | (Common & { readonly kind: 'cluster'; readonly nodes: readonly RedisAddress[] });

/** A Redis URL that cannot be used. The message says what is wrong, and holds no part of the URL that might be secret. */
export class RedisUrlError extends Error {
  override readonly name = 'RedisUrlError';
}

const form =
  /^(?<scheme>[a-z+]+):\/\/(?:(?<credentials>[^@/?#]*)@)?(?<hosts>[^@/?#]*)(?:\/(?<path>[^?#]*))?(?:\?(?<query>[^#]*))?$/i;

/**
 * - `redis://[user:password@]host[:6379][/db]`, with TLS `rediss://`
 * - `redis+sentinel://[user:password@]host[:26379],host…/master[/db][?sentinelUsername=…&sentinelPassword=…]`, `rediss+sentinel://`
 * - `redis+cluster://[user:password@]host[:6379],host…`, `rediss+cluster://`
 *
 * User, password, master's name and values of the query are percent-decoded.
 *
 * @throws RedisUrlError
 */
export function parseRedisUrl(url: string): RedisTarget {
  const parts = form.exec(url)?.groups;
  if (parts === undefined) throw new RedisUrlError('not a Redis URL: expected redis://host:port');
  const scheme = /^redis(s?)(?:\+(sentinel|cluster))?$/i.exec(parts['scheme'] ?? '');
  if (scheme === null) {
    throw new RedisUrlError(
      'unknown scheme: expected redis://, rediss://, redis+sentinel:// or redis+cluster://',
    );
  }
  const [user, ...password] = (parts['credentials'] ?? '').split(':');
  const common: Common = {
    tls: scheme[1] !== '',
    username: textOrNone(user),
    password: textOrNone(password.join(':')),
  };
  const query = new URLSearchParams(parts['query'] ?? '');
  const path = (parts['path'] ?? '').split('/');
  const hosts = parts['hosts'] ?? '';

  switch (scheme[2]?.toLowerCase()) {
    case 'sentinel': {
      const [name = '', db] = path;
      if (name === '') {
        throw new RedisUrlError("the master's name is missing: redis+sentinel://host:26379/mymaster");
      }
      refuseOthers(query, ['sentinelUsername', 'sentinelPassword']);
      return {
        ...common,
        kind: 'sentinel',
        sentinels: addresses(hosts, 26_379),
        name: decode(name),
        db: database(db),
        sentinelUsername: query.get('sentinelUsername') ?? undefined,
        sentinelPassword: query.get('sentinelPassword') ?? undefined,
      };
    }
    case 'cluster': {
      refuseOthers(query, []);
      if (database(path[0]) !== 0) throw new RedisUrlError('a Redis Cluster has database 0 only');
      return { ...common, kind: 'cluster', nodes: addresses(hosts, 6_379) };
    }
    default: {
      refuseOthers(query, []);
      const [address, another] = addresses(hosts, 6_379);
      if (address === undefined || another !== undefined) {
        throw new RedisUrlError(
          'several hosts: use redis+sentinel:// or redis+cluster://, which say how they belong together',
        );
      }
      return { ...common, kind: 'server', address, db: database(path[0]) };
    }
  }
}

function addresses(text: string, defaultPort: number): readonly RedisAddress[] {
  return text.split(',').map((each) => {
    const found = /^(?:\[([0-9a-f:.]+)\]|([^:[\]\s]+))(?::(\d{1,5}))?$/i.exec(each);
    const host = found?.[1] ?? found?.[2];
    const port = Number(found?.[3] ?? defaultPort);
    if (host === undefined || port < 1 || port > 65_535) {
      throw new RedisUrlError(`not a host and port: '${each}'`);
    }
    return { host, port };
  });
}

function database(text: string | undefined): number {
  if (text === undefined || text === '') return 0;
  if (!/^\d{1,6}$/.test(text)) throw new RedisUrlError(`not a database number: '${text}'`);
  return Number(text);
}

function refuseOthers(query: URLSearchParams, known: readonly string[]): void {
  for (const name of query.keys()) {
    if (!known.includes(name)) throw new RedisUrlError(`unknown parameter '${name}'`);
  }
}

function textOrNone(text: string | undefined): string | undefined {
  return text === undefined || text === '' ? undefined : decode(text);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    throw new RedisUrlError('a % that is not followed by two hex digits: write it as %25', { cause: error });
  }
}
