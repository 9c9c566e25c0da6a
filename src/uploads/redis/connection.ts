/**
 * Calls to Redis with a deadline. A call waits for a connection that has just been lost, is made again when the connection breaks
 * under it (every script may be sent twice), and rejects with `UploadStoreUnavailable` when that does not help in time.
 */
import type { ConnectionOptions } from 'node:tls';
import type { Logger } from '../../log.ts';
import { adviceFrom } from './advice.ts';
import { createClient, disconnect, type RedisClient } from './client.ts';
import { classifyFailure, unavailable, withoutCommand } from './errors.ts';
import { type ScriptName, scripts } from './scripts.ts';
import type { RedisTarget } from './url.ts';

export type Argument = string | number | Buffer;
export type Reply = readonly [tag: string, ...values: unknown[]];

export interface Connection {
  /** One script. The server's time is taken from the reply; `late` never comes back. */
  run(
    name: ScriptName,
    keys: readonly string[],
    args: readonly Argument[],
    timeoutMs?: number,
  ): Promise<Reply>;
  /** As `run`, with Buffers in place of strings. */
  runBinary(name: ScriptName, keys: readonly string[], args: readonly Argument[]): Promise<readonly Buffer[]>;
  /** Single commands that may be repeated. */
  call<T>(command: (client: RedisClient) => Promise<T>): Promise<T>;
  /** The server's time, as far as is known; milliseconds since the epoch. */
  now(): number;
  close(): Promise<void>;
}

export interface ConnectionSettings {
  readonly timeoutMs: number;
  readonly tls: ConnectionOptions | undefined;
  readonly log: Pick<Logger, 'info' | 'warn'> | undefined;
}

type Invoke = (...args: readonly Argument[]) => Promise<unknown>;

const maxAttempts = 4;
/** What is under way when a call is given up must be too late by then, whatever clocks round off. */
const fenceMarginMs = 25;

export function connect(target: RedisTarget, settings: ConnectionSettings): Connection {
  const { log, timeoutMs } = settings;
  const client = createClient(target, settings);
  const commands = defineCommands(client);
  const readiness = watchReadiness(client, log);
  /** The server's clock less ours. A reply is older than its arrival, so this errs on the side of giving up early. */
  let clockOffset = 0;
  let closed = false;

  /** Resolves when commands can be sent. After an outage has lasted for a while nobody waits any more. */
  const ready = async (deadline: number): Promise<void> => {
    if (client.status === 'ready') return;
    if (closed) throw unavailable(undefined, 'it was closed');
    const until = Math.min(deadline, readiness.lostAt() + timeoutMs);
    if (!(await readiness.wait(until - performance.now()))) {
      throw unavailable(readiness.lastError(), 'there is no connection');
    }
  };

  const attempt = async <T>(command: () => Promise<T>, deadline: number): Promise<T> => {
    for (let attempts = 1; ; attempts++) {
      await ready(deadline);
      try {
        return await withDeadline(command(), deadline);
      } catch (error) {
        const failure = classifyFailure(error);
        if (failure === 'lost' && attempts < maxAttempts && performance.now() < deadline) continue;
        if (failure === 'other') throw error;
        throw unavailable(error);
      }
    }
  };

  const runScript = async (
    command: { readonly invoke: Invoke; readonly writes: boolean },
    keys: readonly string[],
    args: readonly Argument[],
    limitMs: number,
  ): Promise<readonly unknown[]> => {
    const deadline = performance.now() + limitMs;
    for (let late = 0; ; late++) {
      const reply = await attempt(() => {
        const leftMs = deadline - performance.now() - fenceMarginMs;
        const fence = Math.floor(Date.now() + clockOffset + leftMs);
        return command.invoke(...keys, ...(command.writes ? [fence, ...args] : args));
      }, deadline);
      if (!Array.isArray(reply)) throw new Error('an unexpected reply of a script');
      const [time, ...values] = reply as readonly unknown[];
      clockOffset = Number(time) - Date.now();
      if (String(values[0]) !== 'late') return values;
      // Refused, hence not carried out. Either time is up, or the clocks differ and this reply has told by how much.
      if (late > 0 || performance.now() >= deadline)
        throw unavailable(undefined, 'it was too late to carry out a call');
    }
  };

  return {
    async run(name, keys, args, limitMs = timeoutMs) {
      const values = await runScript(commands[name].text, keys, args, limitMs);
      return values as unknown as Reply;
    },
    async runBinary(name, keys, args) {
      const [, ...values] = await runScript(commands[name].binary, keys, args, timeoutMs);
      return values as Buffer[];
    },
    call: (command) => attempt(() => command(client), performance.now() + timeoutMs),
    now: () => Date.now() + clockOffset,
    async close() {
      closed = true;
      readiness.stop();
      if (client.status === 'ready')
        await withDeadline(client.quit(), performance.now() + timeoutMs).catch(() => {});
      disconnect(client);
    },
  };
}

function defineCommands(client: RedisClient) {
  const define = (name: string) => {
    const script = scripts[name as ScriptName];
    const command = `partway_${name}`;
    client.defineCommand(command, { lua: script.lua, numberOfKeys: script.keys });
    const methods = client as unknown as Record<string, Invoke | undefined>;
    const bound = (method: string) => {
      const invoke = methods[method];
      if (invoke === undefined) throw new Error(`ioredis did not define ${method}`);
      return { invoke: invoke.bind(client), writes: script.writes };
    };
    return { text: bound(command), binary: bound(`${command}Buffer`) };
  };
  return Object.fromEntries(Object.keys(scripts).map((name) => [name, define(name)])) as Record<
    ScriptName,
    ReturnType<typeof define>
  >;
}

/** Follows the connection, tells the log of changes, and wakes who waits. */
function watchReadiness(client: RedisClient, log: ConnectionSettings['log']) {
  const waiting = new Set<(ready: boolean) => void>();
  let lostAt = performance.now();
  let lastError: unknown;
  let state: 'connecting' | 'ready' | 'lost' | 'stopped' = 'connecting';

  const settle = (ready: boolean): void => {
    const all = [...waiting];
    waiting.clear();
    for (const done of all) done(ready);
  };
  const lose = (): void => {
    if (state !== 'ready' && state !== 'connecting') return;
    if (state === 'ready') lostAt = performance.now();
    state = 'lost';
    log?.warn('the upload store in Redis cannot be reached', { error: lastError });
  };
  client.on('ready', () => {
    if (state === 'stopped') return;
    if (state === 'lost') log?.info('the upload store in Redis is back');
    state = 'ready';
    lastError = undefined;
    settle(true);
  });
  client.on('error', (error: Error & { readonly command?: { readonly name: string } }) => {
    // Where SELECT is refused, ioredis goes on in database 0, which is somebody else's.
    if (error.command?.name === 'select') client.disconnect(true);
    // That a connection is gone says less than what ended it.
    if (lastError === undefined || !error.message.startsWith("Stream isn't writeable"))
      lastError = withoutCommand(error);
    if (client.status !== 'ready') lose();
  });
  client.on('close', lose);
  if (log !== undefined) client.once('ready', () => void advise(client, log));
  client.on('end', () => settle(false));

  return {
    lostAt: () => lostAt,
    lastError: () => lastError,
    stop: () => {
      state = 'stopped';
      settle(false);
    },
    /** Whether the client became ready in time. */
    wait: (limitMs: number): Promise<boolean> => {
      if (limitMs <= 0) return Promise.resolve(false);
      return new Promise((resolve) => {
        const done = (ready: boolean): void => {
          clearTimeout(timer);
          waiting.delete(done);
          resolve(ready);
        };
        const timer = setTimeout(done, limitMs, false);
        waiting.add(done);
      });
    },
  };
}

/** Once, and only if Redis tells: a managed one may not. */
async function advise(client: RedisClient, log: Pick<Logger, 'info' | 'warn'>): Promise<void> {
  try {
    for (const line of adviceFrom(await client.info())) log.warn(line);
  } catch (error) {
    log.info('Redis does not tell how it is set up', { error: withoutCommand(error) });
  }
}

/** ioredis's own time limit begins anew with each command; this one is the call's. */
async function withDeadline<T>(work: Promise<T>, deadline: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error('Command timed out')),
      Math.max(0, deadline - performance.now()),
    );
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}
