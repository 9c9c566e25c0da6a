/** Bodies on their way in and out of the strict service. */
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createGunzip } from 'node:zlib';
import type { How } from './faults.ts';
import {
  type Conditions,
  demandConditions,
  demandMetadata,
  demandName,
  Refusal,
  type Resource,
  rangeOf,
} from './rules.ts';
import { answerTo, collect, objectPath, type Store } from './store.ts';

/** Longer than what closes a multipart upload: without it fake-gcs-server makes no object. */
const HELD_BACK = 256;

/**
 * A `multipart` upload. The bytes go on as they come, but for the last few: those wait until the object is ours alone
 * and its preconditions hold, so that both are one step as in the real service.
 */
export async function insert(
  store: Store,
  bucket: string,
  query: URLSearchParams,
  incoming: IncomingMessage,
  how: How | undefined,
): Promise<Resource> {
  const boundary = /boundary="?([^";]+)/.exec(incoming.headers['content-type'] ?? '')?.[1];
  if (boundary === undefined) throw new Refusal(400, 'badContent', 'no multipart/related');
  const chunks = (incoming as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  const { head, given } = await readHead(chunks, boundary);
  const name = query.get('name') ?? String(given['name'] ?? '');
  demandName(name);
  demandMetadata(given['metadata'] as Record<string, string> | undefined);

  const upstream = store.request(
    'POST',
    `/upload/storage/v1/b/${encodeURIComponent(bucket)}/o?uploadType=multipart`,
    {
      'content-type': String(incoming.headers['content-type']),
      'content-length': String(incoming.headers['content-length']),
    },
  );
  const answer = answerTo(upstream);
  answer.catch(() => undefined);
  try {
    let tail = head;
    let received = head.length;
    for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) {
      received += next.value.length;
      if (typeof how === 'object' && 'cutAfter' in how && received > how.cutAfter) throw new Cut();
      const joined = Buffer.concat([tail, next.value]);
      const cut = Math.max(0, joined.length - HELD_BACK);
      tail = joined.subarray(cut);
      if (cut > 0 && !upstream.write(joined.subarray(0, cut))) {
        await Promise.race([new Promise((resolve) => upstream.once('drain', resolve)), answer]);
      }
    }
    if (received !== Number(incoming.headers['content-length'])) throw new Cut();
    if (how === 'corrupt') {
      tail = Buffer.from(tail);
      const at = tail.lastIndexOf(`\r\n--${boundary}--`) - 1;
      tail[at] = (tail[at] ?? 0) ^ 1;
    }
    return await store.exclusively(bucket, [name], async () => {
      demandConditions(conditionsOf(query), await store.current(bucket, name));
      upstream.end(tail);
      const stored = await answer;
      const body = await collect(stored);
      if (stored.statusCode !== 200) {
        const { error } = JSON.parse(body.toString('utf8')) as { error: { message: string } };
        throw new Refusal(stored.statusCode ?? 500, 'invalid', error.message);
      }
      const raw = JSON.parse(body.toString('utf8')) as Resource;
      store.written(bucket, name, raw.generation, given);
      return store.render(bucket, raw);
    });
  } catch (error) {
    upstream.destroy();
    throw error;
  }
}

/** The connection is to be cut without an answer. */
export class Cut extends Error {}

async function readHead(
  chunks: AsyncIterator<Buffer>,
  boundary: string,
): Promise<{ readonly head: Buffer; readonly given: Record<string, unknown> }> {
  let head = Buffer.alloc(0);
  for (;;) {
    const start = head.indexOf('\r\n\r\n');
    const end = start === -1 ? -1 : head.indexOf(`\r\n--${boundary}`, start + 4);
    const bodyStart = end === -1 ? -1 : head.indexOf('\r\n\r\n', end);
    if (bodyStart !== -1) {
      return {
        head,
        given: JSON.parse(head.subarray(start + 4, end).toString('utf8')) as Record<string, unknown>,
      };
    }
    const next = await chunks.next();
    if (next.done === true) throw new Cut();
    head = Buffer.concat([head, next.value]);
  }
}

export function conditionsOf(query: URLSearchParams, prefix = 'if'): Conditions {
  return {
    ifGenerationMatch: query.get(`${prefix}GenerationMatch`) ?? undefined,
    ifMetagenerationMatch: query.get(`${prefix}MetagenerationMatch`) ?? undefined,
  };
}

/** The bytes of an object. `xml`: by the XML API, which alone gives custom metadata with them. */
export async function download(
  store: Store,
  target: { readonly bucket: string; readonly name: string; readonly xml: boolean },
  conditions: Conditions,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  how: How | undefined,
): Promise<void> {
  const { bucket, name } = target;
  const { object, bytes } = await store.exclusively(bucket, [name], async () => {
    const object = await store.current(bucket, name);
    if (object === undefined) {
      const bucketIs = await store.ask('GET', `/storage/v1/b/${encodeURIComponent(bucket)}`);
      const reason = bucketIs.status === 404 ? 'NoSuchBucket' : 'NoSuchKey';
      throw new Refusal(404, reason, `No such object: ${bucket}/${name}`);
    }
    demandConditions(conditions, object);
    const path = `${objectPath(bucket, name)}?alt=media&generation=${object.generation}`;
    // The server keeps what it gives from now on, whatever is written over the object.
    const request = store.request('GET', path, { 'accept-encoding': 'gzip', ...fakeRange(object, incoming) });
    request.end();
    return { object, bytes: await answerTo(request) };
  });
  outgoing.on('close', () => bytes.destroy());
  const range = rangeOf(incoming.headers.range, Number(object.size));
  outgoing.statusCode = range === undefined ? 200 : 206;
  for (const [field, value] of headersOf(object, target.xml)) outgoing.setHeader(field, value);
  const accepted = incoming.headers['accept-encoding'] ?? '';
  if (object['contentEncoding'] === 'gzip' && !/gzip/.test(String(accepted))) {
    // "Transcoding of gzip-compressed files": unpacked on the way, of a length nobody tells; ranges are ignored.
    outgoing.statusCode = 200;
    outgoing.removeHeader('content-encoding');
    bytes
      .pipe(createGunzip())
      .on('error', () => outgoing.destroy())
      .pipe(outgoing);
    return;
  }
  const size = Number(object.size);
  const { start, end } = range ?? { start: 0, end: size - 1 };
  outgoing.setHeader('content-length', end - start + 1);
  if (range !== undefined) outgoing.setHeader('content-range', `bytes ${start}-${end}/${size}`);
  await send(bytes, outgoing, how);
}

function fakeRange(object: Resource, incoming: IncomingMessage): { range?: string } {
  const range = rangeOf(incoming.headers.range, Number(object.size));
  return range === undefined ? {} : { range: `bytes=${range.start}-${range.end}` };
}

async function send(bytes: IncomingMessage, outgoing: ServerResponse, how: How | undefined): Promise<void> {
  let sent = 0;
  const closed = once(outgoing, 'close');
  for await (const chunk of bytes as AsyncIterable<Buffer>) {
    let next = chunk;
    if (typeof how === 'object' && 'cutAfter' in how && sent + chunk.length >= how.cutAfter) {
      outgoing.write(chunk.subarray(0, how.cutAfter - sent), () => outgoing.destroy());
      return;
    }
    if (how === 'corrupt' && sent === 0) {
      next = Buffer.from(chunk);
      next[0] = (next[0] ?? 0) ^ 1;
    }
    sent += chunk.length;
    if (!outgoing.write(next)) await Promise.race([once(outgoing, 'drain'), closed]);
    if (outgoing.destroyed) return;
  }
  outgoing.end();
}

/** "HTTP headers and query string parameters for XML API". */
function headersOf(object: Resource, xml: boolean): ReadonlyArray<readonly [string, string]> {
  const text = (field: string): string => String(object[field] ?? '');
  const hashes = [`crc32c=${text('crc32c')}`, ...(object['md5Hash'] ? [`md5=${text('md5Hash')}`] : [])];
  return [
    ['content-type', text('contentType')],
    ['cache-control', text('cacheControl')],
    ['content-disposition', text('contentDisposition')],
    ['content-encoding', text('contentEncoding')],
    ['content-language', text('contentLanguage')],
    ['x-goog-generation', object.generation],
    ['x-goog-metageneration', object.metageneration],
    ['x-goog-stored-content-length', object.size],
    ['x-goog-stored-content-encoding', text('contentEncoding') || 'identity'],
    ['x-goog-storage-class', object.storageClass],
    ['x-goog-hash', hashes.join(',')],
    // The later of both: whether a change of metadata moves it is not documented.
    ['last-modified', new Date(text('updated')).toUTCString()],
    // Package storage of the Go client, Reader.Metadata: "Only the XML and gRPC APIs support getting custom metadata".
    // How those are worded that no header can carry is not documented; they are left out.
    ...(xml
      ? Object.entries(object.metadata ?? {}).flatMap(([field, value]) =>
          /^[\w-]+$/.test(field) && /^[\x20-\x7e]*$/.test(value)
            ? [[`x-goog-meta-${field.toLowerCase()}`, value] as const]
            : [],
        )
      : []),
  ].filter((pair): pair is [string, string] => pair[1] !== '');
}
