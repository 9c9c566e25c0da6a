/** Reading objects. Ranges and states are the service's work; suffix ranges, which it does not know, cost a HEAD. */
import { Readable } from 'node:stream';
import { AdapterError, isAdapterError } from '../errors.ts';
import type { GetObjectCall, GetObjectResult } from '../types.ts';
import type { AzureContext } from './context.ts';
import { DownloadBody } from './download.ts';
import { about, answeredBlob, describe, lookAt, maxLooks } from './look.ts';

export async function getObject(azure: AzureContext, call: GetObjectCall): Promise<GetObjectResult> {
  for (let look = 1; ; look++) {
    const result = await tryGet(azure, call, look === maxLooks);
    if (result !== undefined) return result;
  }
}

/** `undefined`: the object changed between two requests; look again. */
async function tryGet(
  azure: AzureContext,
  call: GetObjectCall,
  lastLook: boolean,
): Promise<GetObjectResult | undefined> {
  const { bucket, key, range, signal } = call;
  const blob = azure.object(bucket, key);
  let start = 0;
  let count: number | undefined;
  let ifMatch = call.version;
  if (range !== undefined && 'suffix' in range) {
    // The service knows no suffix ranges: the size is asked for first.
    const { size, version } = (await lookAt(azure, call)).info;
    if (ifMatch !== undefined && ifMatch !== version)
      throw new AdapterError('PreconditionFailed', `the object '${key}' is in another state`);
    if (range.suffix < 1 || size === 0) throw outOfReach(size);
    start = Math.max(0, size - range.suffix);
    ifMatch = version;
  } else if (range !== undefined) {
    start = range.start;
    count = range.end === undefined ? undefined : range.end - range.start + 1;
    if (count !== undefined && count < 1)
      throw new AdapterError('InvalidRange', 'the range ends before it starts');
  }
  const open = (from: number, length: number | undefined, etag: string | undefined) =>
    azure.send(about('read the object', blob), signal, (abortSignal) =>
      // Resuming is ours: the SDK's own does not survive a reset connection.
      blob.download(from, length, {
        abortSignal,
        maxRetryRequests: 0,
        ...(etag === undefined ? {} : { conditions: { ifMatch: etag } }),
      }),
    );
  let answer: Awaited<ReturnType<typeof open>>;
  try {
    answer = await open(start, count, ifMatch);
  } catch (error) {
    const changed = isAdapterError(error, 'PreconditionFailed') && call.version === undefined;
    if (changed && !lastLook) return undefined;
    throw error;
  }
  const source = answer.readableStreamBody as Readable | undefined;
  if (source === undefined) throw new AdapterError('Internal', 'the service answered a read without a body');
  // Until the wrapper listens, a cut connection must not end the process.
  source.on('error', ignore);
  try {
    const total = /\/(\d+)$/.exec(answer.contentRange ?? '')?.[1];
    const size = total === undefined ? (answer.contentLength ?? 0) : Number(total);
    if (range !== undefined && start >= size) throw outOfReach(size);
    const end = count === undefined ? size - 1 : Math.min(size, start + count) - 1;
    const native = answeredBlob(answer, size);
    const info = await describe(azure, call, native, lastLook);
    if (info === undefined) {
      source.destroy();
      return undefined;
    }
    if (size === 0) {
      source.destroy();
      return { info, range: undefined, body: Readable.from([], { objectMode: false }) };
    }
    const body = new DownloadBody({
      source,
      start,
      end,
      stallMs: azure.limits.stallMs,
      tries: azure.limits.tries,
      signal,
      async reopen(from) {
        const again = await open(from, end - from + 1, native.etag);
        return again.readableStreamBody as Readable;
      },
    });
    return { info, range: { start, end }, body };
  } catch (error) {
    source.destroy();
    throw error;
  }
}

function outOfReach(size: number): AdapterError {
  return new AdapterError('InvalidRange', `the range is out of reach of the ${size} bytes of the object`);
}

function ignore(): void {}
