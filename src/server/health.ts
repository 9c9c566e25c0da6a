/**
 * Liveness and readiness, on paths that cannot be a bucket: bucket names begin with a letter or a digit ("Bucket naming
 * rules"). Answered without authentication; they tell nothing but yes or no. Why not is in the log.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { namesBucket } from '../http/hosts.ts';
import type { Logger } from '../log.ts';

export interface Health {
  /** Answers health requests; `false` for all others. */
  answer(incoming: IncomingMessage, outgoing: ServerResponse): boolean;
}

interface HealthOptions {
  /** Rejects with what is not well. */
  readonly ready: () => Promise<void>;
  /** Below these domains the first path segment is a key, not a bucket. */
  readonly baseDomains: readonly string[];
  readonly log: Logger;
}

const readyTimeoutMs = 5_000;
/** Probes of several balancers share one look. */
const keepMs = 1_000;

export function createHealth({ ready, baseDomains, log }: HealthOptions): Health {
  let latest: { readonly at: number; readonly result: Promise<boolean> } | undefined;
  let wasReady = true;

  /** Logs changes only: a probe comes every few seconds. */
  const look = async (): Promise<boolean> => {
    const failure = await outcome(ready);
    if (failure !== undefined && wasReady) log.error('not ready', { error: failure });
    if (failure === undefined && !wasReady) log.info('ready again');
    wasReady = failure === undefined;
    return wasReady;
  };
  const isReady = (): Promise<boolean> => {
    const now = performance.now();
    if (latest === undefined || now - latest.at > keepMs) latest = { at: now, result: look() };
    return latest.result;
  };

  const isKey = (host: string | undefined): boolean => {
    return namesBucket(host, baseDomains);
  };

  return {
    answer(incoming, outgoing) {
      const { url, method } = incoming;
      if (url !== '/-/healthz' && url !== '/-/readyz') return false;
      if ((method !== 'GET' && method !== 'HEAD') || isKey(incoming.headers.host)) return false;
      if (url === '/-/healthz') send(outgoing, 200, { ok: true });
      else void isReady().then((ok) => send(outgoing, ok ? 200 : 503, { ok }));
      return true;
    },
  };
}

function send(outgoing: ServerResponse, status: number, body: object): void {
  const text = `${JSON.stringify(body)}\n`;
  outgoing.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
  });
  // Node leaves the body of an answer to HEAD out.
  outgoing.end(text);
}

/** Why it is not ready; `undefined` when it is. */
async function outcome(ready: () => Promise<void>): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer after ${readyTimeoutMs} ms`)), readyTimeoutMs);
  });
  try {
    await Promise.race([ready(), late]);
    return undefined;
  } catch (error) {
    return error ?? new Error('not ready');
  } finally {
    clearTimeout(timer);
  }
}
