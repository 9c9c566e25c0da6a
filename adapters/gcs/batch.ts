/**
 * Removing many private objects. "Sending batch requests" (Cloud Storage documentation): up to 100 calls in one request,
 * each with an answer of its own.
 */
import { randomBytes } from 'node:crypto';
import { objectPath, type Resource } from './api.ts';
import { hasStatus, isTransient, ServiceFailure } from './errors.ts';
import type { Gcs } from './gcs.ts';
import { mapInFlight } from './parallel.ts';

const MAX_CALLS = 100;
const IN_FLIGHT = 4;

export interface Removable {
  readonly name: string;
  /** Named, it is removed for good also where the bucket keeps old versions ("Object Versioning"). */
  readonly generation?: string;
}

type Signal = AbortSignal | undefined;

/** Removes what is still there of them. */
export async function removeAll(
  gcs: Gcs,
  bucket: string,
  objects: readonly Removable[],
  signal?: Signal,
): Promise<void> {
  const batches = Array.from({ length: Math.ceil(objects.length / MAX_CALLS) }, (_, i) =>
    objects.slice(i * MAX_CALLS, (i + 1) * MAX_CALLS),
  );
  await mapInFlight(batches, IN_FLIGHT, async (batch) => {
    let left: readonly Removable[] = batch;
    await gcs.api.transport.retry(signal, async () => {
      const outcomes = await removeOnce(gcs, bucket, left, signal);
      left = outcomes.flatMap(({ object, failure }) => (failure === undefined ? [] : [object]));
      const failures = outcomes.flatMap(({ failure }) => failure ?? []);
      // One that no further try helps is told before one that is only late.
      const [worst] = failures.toSorted((a, b) => Number(isTransient(a)) - Number(isTransient(b)));
      if (worst !== undefined) throw worst;
    });
  });
}

/** Removes everything whose name starts with `prefix`. */
export async function removeUnder(gcs: Gcs, bucket: string, prefix: string, signal: Signal): Promise<void> {
  for await (const page of privatePages(gcs, bucket, prefix, signal)) {
    await removeAll(gcs, bucket, page, signal);
  }
}

/** Private objects by pages of up to 1,000, old versions too. None when the bucket is gone. */
export async function* privatePages(
  gcs: Gcs,
  bucket: string,
  prefix: string,
  signal: Signal,
): AsyncGenerator<readonly Resource[]> {
  let pageToken: string | undefined;
  do {
    const query = { prefix, versions: 'true', maxResults: 1000, pageToken };
    let page: Awaited<ReturnType<Gcs['api']['list']>>;
    try {
      page = await gcs.api.list(bucket, query, signal);
    } catch (error) {
      if (hasStatus(error, 404)) return;
      throw error;
    }
    yield page.items ?? [];
    pageToken = page.nextPageToken === '' ? undefined : page.nextPageToken;
  } while (pageToken !== undefined);
}

interface Outcome {
  readonly object: Removable;
  readonly failure?: ServiceFailure;
}

async function removeOnce(
  gcs: Gcs,
  bucket: string,
  objects: readonly Removable[],
  signal: Signal,
): Promise<readonly Outcome[]> {
  const boundary = `partway-${randomBytes(12).toString('hex')}`;
  const calls = objects.map(({ name, generation }, i) => {
    const query = generation === undefined ? '' : `?generation=${generation}`;
    const call = `DELETE ${objectPath(bucket, name)}${query} HTTP/1.1`;
    return `--${boundary}\r\nContent-Type: application/http\r\nContent-ID: <${i + 1}>\r\n\r\n${call}\r\n\r\n\r\n`;
  });
  const body = Buffer.from(`${calls.join('')}--${boundary}--\r\n`);
  const headers = {
    'content-type': `multipart/mixed; boundary=${boundary}`,
    'content-length': body.length,
  };
  const answer = await gcs.api.transport.send(
    { method: 'POST', path: '/batch/storage/v1', headers, signal },
    [body],
  );
  const statuses = batchStatuses(answer.incoming.headers['content-type'] ?? '', answer.body.toString('utf8'));
  return objects.map((object, i) => {
    const { status, message } = statuses[i] ?? {
      status: 500,
      message: 'the batch has no answer to this call',
    };
    if ((status >= 200 && status < 300) || status === 404) return { object };
    return { object, failure: new ServiceFailure(status, undefined, message) };
  });
}

/** The answers stand in the order of the calls. */
function batchStatuses(
  contentType: string,
  text: string,
): ReadonlyArray<{ status: number; message: string }> {
  const boundary = /boundary="?([^";]+)/.exec(contentType)?.[1];
  if (boundary === undefined) throw new Error('the answer to a batch is no multipart');
  return text.split(`--${boundary}`).flatMap((part) => {
    const [, status] = /^HTTP\/[\d.]+ (\d{3})/m.exec(part) ?? [];
    if (status === undefined) return [];
    const [, message] = /"message":\s*"([^"]*)"/.exec(part) ?? [];
    return [{ status: Number(status), message: message ?? 'no message' }];
  });
}
