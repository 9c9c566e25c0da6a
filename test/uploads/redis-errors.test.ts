import { ReplyError } from 'ioredis';
import { describe, expect, test } from 'vitest';
import { classifyFailure } from '../../src/uploads/redis/errors.ts';

const reply = (text: string): Error => new ReplyError(text) as Error;
const system = (code: string): Error =>
  Object.assign(new Error(`connect ${code}`), { code, syscall: 'connect' });

describe('failures of Redis', () => {
  test.each([
    'LOADING Redis is loading the dataset in memory',
    "READONLY You can't write against a read only replica.",
    "OOM command not allowed when used memory > 'maxmemory'.",
    "OOM command not allowed when used memory > 'maxmemory'. script: 0f3a, on @user_script:4.",
    "ERR Error running script (call to f_0f3a): @user_script:4: @user_script: 4: -OOM command not allowed when used memory > 'maxmemory'.",
    'CLUSTERDOWN The cluster is down',
    'CLUSTERDOWN Hash slot not served',
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    'NOREPLICAS Not enough good replicas to write.',
    'MISCONF Redis is configured to save RDB snapshots, but it is currently not able to persist on disk.',
    'BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.',
    'TRYAGAIN Multiple keys request during rehashing of slot',
    'MOVED 3999 127.0.0.1:6381',
    'NOAUTH Authentication required.',
    'WRONGPASS invalid username-password pair or user is disabled.',
    "NOPERM User partway has no permissions to run the 'evalsha' command",
  ])('%s: an outage', (text) => {
    expect(classifyFailure(reply(text))).toBe('outage');
  });

  test.each([
    new Error('Connection is closed.'),
    new Error("Stream isn't writeable and enableOfflineQueue options is false"),
    new Error("Cluster isn't ready and enableOfflineQueue options is false"),
    new Error('Command aborted due to connection close'),
    new Error(
      'Reached the max retries per request limit (which is 0). Refer to "maxRetriesPerRequest" option for details.',
    ),
    new Error("Socket timeout. Expecting data, but didn't receive any in 3000ms."),
    new Error('All sentinels are unreachable and retry is disabled.'),
    system('ECONNREFUSED'),
    system('ECONNRESET'),
    system('EPIPE'),
    system('ENOTFOUND'),
    system('EHOSTUNREACH'),
  ])('%s: the connection is lost', (error) => {
    expect(classifyFailure(error)).toBe('lost');
  });

  test.each([
    reply('WRONGTYPE Operation against a key holding the wrong kind of value script: f, on @user_script:3.'),
    reply("CROSSSLOT Keys in request don't hash to the same slot"),
    reply('ERR user_script:7: attempt to index a nil value'),
    reply('ERR a text that mentions OOM and READONLY'),
    new TypeError('x is not a function'),
    'a string',
  ])('%s: a defect, and shown as one', (error) => {
    expect(classifyFailure(error)).toBe('other');
  });

  test('no answer in time: an outage, and not tried again', () => {
    expect(classifyFailure(new Error('Command timed out'))).toBe('outage');
  });
});
