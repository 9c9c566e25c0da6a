/** What every part of the adapter shares: clients by bucket and key, and the one way in which requests are sent. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { BlobServiceClient, BlockBlobClient, ContainerClient } from '@azure/storage-blob';
import type { Body } from '../types.ts';
import { BodyReader } from './body.ts';
import type { Connection, CopySource } from './client.ts';
import { type About, StalledError, toFailure } from './errors.ts';
import { blobName, containerName } from './names.ts';

export interface Limits {
  /** Attempts at one request, the first included. */
  readonly tries: number;
  /** Longest pause before a further attempt; a service that asks for a longer one is believed, and the call fails. */
  readonly maxPauseMs: number;
  /** Until the service has answered a request without a body. */
  readonly requestMs: number;
  /** The same for copies inside the service, which answer once they are done, and for long lists of blocks. */
  readonly copyMs: number;
  /** How long a body may stand still through the service's fault. */
  readonly stallMs: number;
  /** How long the lease of another attempt at the same upload is respected. */
  readonly leasePatienceMs: number;
  /** Bytes of a body that are sent in one Put Blob, held in memory. */
  readonly singlePutBytes: number;
  /** Bytes of all bodies that are held in memory at a time; beyond it they are staged. */
  readonly bufferedBytes: number;
  /** Bytes of a Put Block: "Put Block" allows 4,000 MiB. */
  readonly blockBytes: number;
  /** Largest source of a Copy Blob From URL: "256 MiB". */
  readonly copyBytes: number;
  /** Largest source of a Put Blob From URL: "5,000 MiB". */
  readonly putFromUrlBytes: number;
  /** Bytes of a Put Block From URL, so that each is done well before idle connections are cut. */
  readonly copyBlockBytes: number;
  /** Puts Block From URL of one copy that are under way at a time. */
  readonly copyConcurrency: number;
}

/** Making a client costs some 50 µs. */
const maxCachedClients = 1000;
/** A second try reaches past one dead connection; a service that is silent again stays so. */
const silentTries = 2;

export interface Sending {
  /** 1 for what must not be sent twice. */
  readonly tries?: number;
  readonly timeoutMs?: number;
}

export interface AzureContext {
  readonly service: BlobServiceClient;
  readonly limits: Limits;
  readonly containerPrefix: string;
  readonly staging: 'private' | 'direct';
  /** Bytes of bodies held in memory now. */
  buffered: number;
  /** Put Blob From URL was answered "not implemented" (Azurite does): blocks are copied instead. */
  lacksPutFromUrl: boolean;
  container(bucket: string): ContainerClient;
  /** By blob name, not by key. */
  blob(bucket: string, name: string): BlockBlobClient;
  object(bucket: string, key: string): BlockBlobClient;
  source(blob: BlockBlobClient): Promise<CopySource>;
  /** Sends a request that may be sent again, within the limits. Failures are AdapterErrors, or the signal's reason. */
  send<T>(
    about: About,
    signal: AbortSignal | undefined,
    request: (abortSignal: AbortSignal) => Promise<T>,
    sending?: Sending,
  ): Promise<T>;
  /** Sends a body once. What the body's own stream threw is thrown as it is. */
  sendBody<T>(
    about: About,
    signal: AbortSignal | undefined,
    body: Body,
    request: (reader: BodyReader, abortSignal: AbortSignal) => Promise<T>,
  ): Promise<T>;
  /** Work that nobody waits for but {@link close}: its failure is only wasted space. */
  background(work: Promise<unknown>): void;
  close(): Promise<void>;
}

export function createContext(
  connection: Connection,
  options: {
    readonly limits: Limits;
    readonly containerPrefix: string;
    readonly staging: 'private' | 'direct';
  },
): AzureContext {
  const { service } = connection;
  const { limits, containerPrefix, staging } = options;
  const running = new Set<Promise<unknown>>();
  const containers = new Map<string, ContainerClient>();
  const container = (bucket: string): ContainerClient => {
    const known = containers.get(bucket);
    if (known !== undefined) return known;
    const made = service.getContainerClient(containerName(bucket, containerPrefix));
    if (containers.size >= maxCachedClients) containers.clear();
    containers.set(bucket, made);
    return made;
  };
  const blob = (bucket: string, name: string): BlockBlobClient => container(bucket).getBlockBlobClient(name);
  return {
    service,
    limits,
    containerPrefix,
    staging,
    buffered: 0,
    lacksPutFromUrl: false,
    container,
    blob,
    object: (bucket, key) => blob(bucket, blobName(key)),
    source: (client) => connection.source(client),
    send: (about, signal, request, sending) => send(limits, about, signal, request, sending),
    sendBody: (about, signal, body, request) => sendBody(limits, about, signal, body, request),
    background(work) {
      const settled = work.then(
        () => undefined,
        () => undefined,
      );
      running.add(settled);
      void settled.then(() => running.delete(settled));
    },
    async close() {
      await Promise.all(running);
      connection.close();
    },
  };
}

async function send<T>(
  limits: Limits,
  about: About,
  signal: AbortSignal | undefined,
  request: (abortSignal: AbortSignal) => Promise<T>,
  { tries = limits.tries, timeoutMs = limits.requestMs }: Sending = {},
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    const abort = new AbortController();
    const stop = (): void => abort.abort(signal?.reason);
    signal?.addEventListener('abort', stop, { once: true });
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      abort.abort();
    }, timeoutMs);
    try {
      return await request(abort.signal);
    } catch (thrown) {
      signal?.throwIfAborted();
      const cause = late ? new StalledError(`no answer within ${timeoutMs} ms`, { cause: thrown }) : thrown;
      const { error, transient, pauseMs } = toFailure(cause, about);
      // Full jitter over a doubling pause; at least what the service asked for.
      const jittered = Math.random() * Math.min(limits.maxPauseMs, 100 * 2 ** attempt);
      const pause = Math.max(jittered, pauseMs);
      if (!transient || attempt >= (late ? Math.min(tries, silentTries) : tries) || pause > limits.maxPauseMs)
        throw error;
      await pauseFor(pause, signal);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
    }
  }
}

async function sendBody<T>(
  limits: Limits,
  about: About,
  signal: AbortSignal | undefined,
  body: Body,
  request: (reader: BodyReader, abortSignal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const abort = new AbortController();
  const stop = (): void => abort.abort(signal?.reason);
  signal?.addEventListener('abort', stop, { once: true });
  const reader = new BodyReader(body, abort, limits.stallMs);
  try {
    return await request(reader, abort.signal);
  } catch (thrown) {
    // A request that was answered before its body was sent would wait for the rest for ever.
    abort.abort(thrown);
    signal?.throwIfAborted();
    const { failure } = reader;
    if (failure !== undefined && !(failure.reason instanceof StalledError)) throw failure.reason;
    throw toFailure(failure?.reason ?? thrown, about).error;
  } finally {
    signal?.removeEventListener('abort', stop);
    reader.release();
  }
}

async function pauseFor(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(ms, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
