import { describe, expect, test } from 'vitest';
import { parseRedisUrl, RedisUrlError } from '../../src/uploads/redis/url.ts';

const open = { tls: false, username: undefined, password: undefined };

describe('Redis URLs', () => {
  test.each([
    ['redis://localhost', { ...open, kind: 'server', address: { host: 'localhost', port: 6379 }, db: 0 }],
    [
      'redis://10.0.0.1:7000/5',
      { ...open, kind: 'server', address: { host: '10.0.0.1', port: 7000 }, db: 5 },
    ],
    ['redis://[::1]:7000/', { ...open, kind: 'server', address: { host: '::1', port: 7000 }, db: 0 }],
    [
      'rediss://app:p%40ss%3Aw%2Ford@redis.example',
      {
        kind: 'server',
        tls: true,
        username: 'app',
        password: 'p@ss:w/ord',
        address: { host: 'redis.example', port: 6379 },
        db: 0,
      },
    ],
    [
      'redis://:only:colons@h',
      { ...open, password: 'only:colons', kind: 'server', address: { host: 'h', port: 6379 }, db: 0 },
    ],
    [
      'redis+sentinel://:secret@a,b:26380/my%20master/2?sentinelPassword=x%26y',
      {
        ...open,
        kind: 'sentinel',
        password: 'secret',
        sentinels: [
          { host: 'a', port: 26379 },
          { host: 'b', port: 26380 },
        ],
        name: 'my master',
        db: 2,
        sentinelUsername: undefined,
        sentinelPassword: 'x&y',
      },
    ],
    [
      'rediss+cluster://user:pw@a:1,b:2,[fe80::1]:3',
      {
        kind: 'cluster',
        tls: true,
        username: 'user',
        password: 'pw',
        nodes: [
          { host: 'a', port: 1 },
          { host: 'b', port: 2 },
          { host: 'fe80::1', port: 3 },
        ],
      },
    ],
  ])('%s', (url, target) => {
    expect(parseRedisUrl(url)).toEqual(target);
  });

  test.each([
    ['localhost:6379', /not a Redis URL/],
    ['http://localhost', /unknown scheme/],
    ['redis+unix:///run/redis', /unknown scheme/],
    ['redis://', /not a host and port/],
    ['redis://:secret@host:0', /not a host and port/],
    ['redis://:secret@host:70000', /not a host and port/],
    ['redis://:secret@host/x', /not a database number/],
    ['redis://:secret@a,b', /several hosts/],
    ['redis://:secret@a?timeout=1', /unknown parameter 'timeout'/],
    ['redis+sentinel://:secret@a', /master's name is missing/],
    ['redis+cluster://:secret@a/1', /database 0 only/],
    ['redis://:%zzsecret@a', /two hex digits/],
  ])('%s is refused, and its password not told', (url, message) => {
    const error = (() => {
      try {
        return parseRedisUrl(url);
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(error).toBeInstanceOf(RedisUrlError);
    expect(String(error)).toMatch(message);
    expect(String(error)).not.toContain('secret');
  });
});
