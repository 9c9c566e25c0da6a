/** Reading, describing and removing one object. */
import type { IncomingMessage } from 'node:http';
import { AdapterError } from '../errors.ts';
import type {
  ByteRange,
  DeleteObjectCall,
  GetObjectCall,
  GetObjectResult,
  ObjectCall,
  ObjectInfo,
  SetAttributesCall,
} from '../types.ts';
import type { Resource } from './api.ts';
import { METADATA_KEY, type NativeField, nativeFields, nativeHeaders } from './attributes.ts';
import { fromBase64 } from './crc32c.ts';
import { checkedBody } from './download.ts';
import { hasStatus, mayHaveHappened } from './errors.ts';
import {
  bucketExists,
  calling,
  describe,
  type Gcs,
  live,
  ownDescription,
  preconditions,
  publication,
  publish,
} from './gcs.ts';
import { nameOf } from './names.ts';

export function headObject(gcs: Gcs, { bucket, key, signal }: ObjectCall): Promise<ObjectInfo> {
  return calling(
    gcs,
    { action: 'describe an object', bucket, signal, missing: 'NoSuchObject' },
    async (from) => describe(gcs, from, key, await gcs.api.get(from, nameOf(key), {}, signal), signal),
  );
}

export function getObject(gcs: Gcs, call: GetObjectCall): Promise<GetObjectResult> {
  const { bucket, key, range, signal } = call;
  return calling(gcs, { action: 'read an object', bucket, signal, missing: 'NoSuchObject' }, async (from) => {
    const name = nameOf(key);
    const conditions = call.version === undefined ? {} : preconditions({ version: call.version });
    if (range !== undefined && 'suffix' in range && range.suffix === 0) {
      await gcs.api.get(from, name, conditions, signal);
      throw new AdapterError('InvalidRange', 'a range of no bytes');
    }
    for (;;) {
      const wanted = range === undefined ? {} : { range: rangeHeader(range) };
      const incoming = await gcs.api.read(from, name, { ...conditions, ...wanted, signal });
      try {
        const read = await opened(gcs, from, call, name, incoming);
        if (read !== undefined) return read;
        // It was replaced between two questions about it: ask for what is there now.
      } catch (error) {
        incoming.destroy();
        throw error;
      }
      incoming.destroy();
    }
  });
}

/** `undefined` when the object was replaced before all of its description could be had. */
async function opened(
  gcs: Gcs,
  bucket: string,
  call: GetObjectCall,
  name: string,
  incoming: IncomingMessage,
): Promise<GetObjectResult | undefined> {
  const { key, signal } = call;
  const { resource, range, length } = readHead(name, incoming);
  if (call.range !== undefined) demandRange(call.range, Number(resource.size), range);
  let described = resource;
  if (resource.metadata === undefined || resource.metageneration === '') {
    // Another tool's: only the JSON API gives its metadata as it was written. (And an emulator's, which tells less.)
    const now = await live(gcs, bucket, name, signal);
    const metageneration = resource.metageneration || now?.metageneration;
    if (now?.generation !== resource.generation || now.metageneration !== metageneration) return undefined;
    described = now;
  }
  const info = await describe(gcs, bucket, key, described, signal);
  const crc32c = length === info.size ? fromBase64(resource.crc32c) : undefined;
  const { pause, timeoutMs } = gcs.api.transport;
  const body = await checkedBody(incoming, {
    length,
    crc32c,
    timeoutMs,
    pause: (error, attempt) => pause(error, attempt, signal),
    reopen: (from) =>
      restOf(gcs, bucket, resource, { start: (range?.start ?? 0) + from, end: range?.end ?? 0 }, signal),
  });
  return { info, range, body };
}

/** Bytes `start` to `end`, inclusive, of the generation that was read before. */
async function restOf(
  gcs: Gcs,
  bucket: string,
  { generation, name }: Resource,
  { start, end }: { readonly start: number; readonly end: number },
  signal: AbortSignal | undefined,
): Promise<IncomingMessage> {
  let incoming: IncomingMessage;
  try {
    const options = { ifGenerationMatch: generation, range: `bytes=${start}-${end}`, once: true, signal };
    incoming = await gcs.api.read(bucket, name, options);
  } catch (error) {
    if (!hasStatus(error, 404, 412)) throw error;
    throw new AdapterError('PreconditionFailed', 'the object was replaced while it was read', {
      cause: error,
    });
  }
  const { range, resource } = readHead(name, incoming);
  if (resource.generation === generation && range?.start === start && range.end === end) return incoming;
  incoming.destroy();
  throw new Error('the answer has other bytes than asked for');
}

function rangeHeader(range: ByteRange): string {
  return 'suffix' in range ? `bytes=-${range.suffix}` : `bytes=${range.start}-${range.end ?? ''}`;
}

/** Ranges that cannot be had are answered with all of the bytes, or none, as often as with an error. */
function demandRange(
  asked: ByteRange,
  size: number,
  given: { readonly start: number; readonly end: number } | undefined,
): void {
  const start = 'suffix' in asked ? Math.max(0, size - asked.suffix) : asked.start;
  const end = 'suffix' in asked ? size - 1 : Math.min(asked.end ?? size - 1, size - 1);
  if (start >= size) throw new AdapterError('InvalidRange', `the object has ${size} bytes`);
  if (given?.start !== start || given.end !== end)
    throw new Error('the answer has other bytes than asked for');
}

/** "HTTP headers and query string parameters for XML API". */
function readHead(
  name: string,
  incoming: IncomingMessage,
): { resource: Resource; range: { start: number; end: number } | undefined; length: number } {
  const header = (field: string): string | undefined => {
    const value = incoming.headers[field];
    return Array.isArray(value) ? value.join(', ') : value;
  };
  const demanded = (field: string): string => {
    const value = header(field);
    if (value === undefined) throw new Error(`the answer has no ${field}`);
    return value;
  };
  const size = Number(demanded('x-goog-stored-content-length'));
  const [, start, end] = /^bytes (\d+)-(\d+)\//.exec(header('content-range') ?? '') ?? [];
  // Of no bytes there is no range, whatever an answer to a suffix of them says (`bytes 0--1/0`, of an emulator).
  const range =
    size === 0
      ? undefined
      : incoming.statusCode === 206
        ? { start: Number(start), end: Number(end) }
        : { start: 0, end: size - 1 };
  const length = range === undefined ? 0 : range.end - range.start + 1;
  if (Number(header('content-length') ?? length) !== length) {
    throw new Error('the answer has another length than the stored bytes');
  }
  const hashes = new Map(
    (header('x-goog-hash') ?? '').split(/,\s*/).map((hash) => {
      const cut = hash.indexOf('=');
      return [hash.slice(0, cut), hash.slice(cut + 1)] as const;
    }),
  );
  const crc32c = hashes.get('crc32c');
  const own = header(`x-goog-meta-${METADATA_KEY}`);
  return {
    range,
    length,
    resource: {
      name,
      size: String(size),
      generation: demanded('x-goog-generation'),
      metageneration: header('x-goog-metageneration') ?? '',
      timeCreated: demanded('last-modified'),
      ...(crc32c === undefined ? {} : { crc32c }),
      ...(own === undefined ? {} : { metadata: { [METADATA_KEY]: own } }),
    },
  };
}

export function deleteObject(gcs: Gcs, { bucket, key, condition, signal }: DeleteObjectCall): Promise<void> {
  return calling(
    gcs,
    { action: 'delete an object', bucket, signal, missing: 'NoSuchObject' },
    async (from) => {
      const name = nameOf(key);
      let perhapsDone = false;
      for (let attempt = 1; ; attempt++) {
        try {
          await gcs.api.remove(from, name, preconditions(condition), signal);
          return;
        } catch (error) {
          if (hasStatus(error, 404)) {
            // Gone is what was wanted, unless a state was named; one whose answer was lost was ours.
            const gone = condition === undefined || perhapsDone;
            if (await bucketExists(gcs, from, signal)) {
              if (gone) return;
              throw new AdapterError('PreconditionFailed', 'there is no such object', { cause: error });
            }
          }
          perhapsDone ||= mayHaveHappened(error);
          await gcs.api.transport.pause(error, attempt, signal);
        }
      }
    },
  );
}

/** Custom metadata of another tool stays beside ours while both fit well. */
const maxForeignMetadata = 4096;

export function setAttributes(
  gcs: Gcs,
  { bucket, key, version, attributes, signal }: SetAttributesCall,
): Promise<ObjectInfo> {
  return calling(
    gcs,
    { action: 'change the metadata of an object', bucket, signal, missing: 'NoSuchObject' },
    async (target) => {
      const name = nameOf(key);
      const conditions = preconditions({ version });
      const now = await gcs.api.get(target, name, conditions, signal);
      const others = Object.entries(now.metadata ?? {}).filter(([field]) => field !== METADATA_KEY);
      const taken = others.reduce(
        (sum, [field, value]) => sum + Buffer.byteLength(field) + Buffer.byteLength(value),
        0,
      );
      const kept = taken <= maxForeignMetadata;
      const next = publication(attributes, {
        writtenAt: ownDescription(now)?.writtenAt ?? new Date(now.timeCreated),
        taken: kept ? taken : 0,
      });
      const native = nativeHeaders(attributes);
      const fields = {
        ...Object.fromEntries(
          (Object.keys(nativeFields) as NativeField[]).map((field) => [field, native[field] ?? null]),
        ),
        metadata: {
          ...(kept ? {} : Object.fromEntries(others.map(([field]) => [field, null]))),
          ...next.resource.metadata,
        },
      };
      return publish(gcs, { bucket: target, name, key, signal }, next, () =>
        gcs.api.patch(target, name, fields, conditions, signal),
      );
    },
  );
}
