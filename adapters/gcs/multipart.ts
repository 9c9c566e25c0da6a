/**
 * Multipart uploads: each part a private object of its own, put together at the end by composing. The JSON API knows no
 * multipart upload; the XML API's cannot be completed under a condition.
 */
import { AdapterError } from '../errors.ts';
import type {
  CompleteUploadCall,
  DiscardPartsCall,
  ObjectInfo,
  PartToken,
  PutPartCall,
  StoredPart,
  UploadCall,
  UploadState,
  WriteCondition,
} from '../types.ts';
import { type Preconditions, type Resource, readBody, STORAGE_CLASS } from './api.ts';
import { removeAll, removeUnder } from './batch.ts';
import { demandTotal, MAX_SOURCES, type Piece, piecesGone, reduce, total } from './compose.ts';
import { fromBase64 } from './crc32c.ts';
import { BUCKET_VIEWER, hasStatus, isTransient } from './errors.ts';
import {
  calling,
  demandSize,
  describe,
  discard,
  type Gcs,
  live,
  nonce,
  ownDescription,
  type Publication,
  preconditions,
  publication,
  publish,
  versionOf,
} from './gcs.ts';
import { nameOf, UPLOADS } from './names.ts';

/** Where a part's bytes are. An empty part has none: `name` is missing. */
export interface Token {
  /** Below the upload's own prefix. */
  readonly name?: string;
  readonly generation?: string;
  readonly crc32c?: string;
  readonly size: number;
}

export function folderOf(uploadId: string): string {
  return `${UPLOADS}${uploadId}/`;
}

export function beginUpload(gcs: Gcs, { bucket, key, signal }: UploadCall): Promise<UploadState> {
  return calling(gcs, { action: 'begin an upload', bucket, signal, role: BUCKET_VIEWER }, async (to) => {
    nameOf(key);
    await gcs.api.getBucket(to, signal);
    return {};
  });
}

export function putPart(gcs: Gcs, call: PutPartCall): Promise<PartToken> {
  const { bucket, uploadId, partNumber, body, signal } = call;
  return calling(gcs, { action: 'store a part', bucket, signal, missing: 'NoSuchBucket' }, async (to) => {
    demandSize(body.size);
    if (body.size === 0) {
      await readBody(body, signal);
      return { size: 0 } satisfies Token;
    }
    const name = `${String(partNumber).padStart(5, '0')}-${nonce()}`;
    const stored = await gcs.api.insertStream(to, folderOf(uploadId) + name, body, signal);
    return {
      name,
      generation: stored.generation,
      crc32c: stored.crc32c ?? '',
      size: body.size,
    } satisfies Token;
  });
}

function piecesOf(uploadId: string, parts: readonly StoredPart[]): readonly Piece[] {
  return parts.flatMap((part) => {
    const { name, generation, crc32c, size } = part.token as unknown as Token;
    if (size === 0) return [];
    const crc = fromBase64(crc32c);
    if (name === undefined || generation === undefined || crc === undefined || size !== part.size) {
      throw new AdapterError('Corrupt', `the record of part ${part.partNumber} is damaged`);
    }
    return [{ name: folderOf(uploadId) + name, generation, size, crc32c: crc }];
  });
}

export function completeUpload(gcs: Gcs, call: CompleteUploadCall): Promise<ObjectInfo> {
  const { bucket, key, uploadId, signal } = call;
  return calling(gcs, { action: 'complete an upload', bucket, signal, missing: 'NoSuchPart' }, async (to) => {
    const name = nameOf(key);
    const pieces = piecesOf(uploadId, call.parts);
    const { size } = total(pieces);
    demandSize(size);
    const earlier = await finished(gcs, to, call, name);
    if (earlier.info !== undefined) return earlier.info;
    // Asked again by the last compose, which decides; a tree of them for nothing can be spared.
    if (call.condition !== undefined && !holds(call.condition, earlier.resource)) {
      throw new AdapterError('PreconditionFailed', 'the object is not in the state that was named');
    }
    const nodes: string[] = [];
    const attempt = nonce();
    const steps = countNodes(pieces.length) + 1;
    try {
      const sources = await reduce(gcs, to, pieces, {
        signal,
        nameFor(level, index) {
          const node = `${folderOf(uploadId)}composed-${attempt}-${level}-${index}`;
          nodes.push(node);
          return node;
        },
        onStep: progress(call, steps, size),
      });
      return await publishPieces(gcs, to, name, call, sources, earlier.resource);
    } catch (error) {
      // In an outage there is no tidying up; they go with the upload.
      if (!isTransient(error)) await discard(gcs, to, nodes);
      throw error;
    }
  });
}

function countNodes(pieces: number): number {
  let nodes = 0;
  for (let left = pieces; left > MAX_SOURCES; ) {
    const groups = Math.ceil(left / MAX_SOURCES);
    nodes += left % MAX_SOURCES === 1 ? groups - 1 : groups;
    left = groups;
  }
  return nodes;
}

function progress({ onProgress }: CompleteUploadCall, steps: number, size: number): () => void {
  let done = 0;
  return () => {
    done += 1;
    onProgress?.(Math.floor((size * done) / steps), size);
  };
}

/** What is live under the key, and whether this very upload put it there: a Complete that is repeated, or raced. */
async function finished(
  gcs: Gcs,
  bucket: string,
  { key, uploadId, signal }: CompleteUploadCall,
  name: string,
): Promise<{ readonly resource: Resource | undefined; readonly info?: ObjectInfo }> {
  const resource = await live(gcs, bucket, name, signal);
  if (resource === undefined || ownDescription(resource)?.attributes.uploadId !== uploadId)
    return { resource };
  return { resource, info: await describe(gcs, bucket, key, resource, signal) };
}

/** Others may write the key all the time: after so many lost races the object is published over whatever is there. */
const MAX_ROUNDS = 10;

/**
 * The one step that makes the object visible. Without a condition of the client it is made under the state that was
 * seen, so that of two at work on one upload only one publishes, and the other recognises it.
 */
async function publishPieces(
  gcs: Gcs,
  bucket: string,
  name: string,
  call: CompleteUploadCall,
  sources: readonly Piece[],
  seen: Resource | undefined,
): Promise<ObjectInfo> {
  const { key, condition, signal } = call;
  const target = { bucket, name, key, signal };
  let resource = seen;
  for (let round = 1; ; round++) {
    const expected = condition ?? (round < MAX_ROUNDS ? stateOf(resource) : undefined);
    const next = publication(call.attributes);
    try {
      return await publish(gcs, target, next, () => {
        call.beforePublish?.();
        return compose(gcs, bucket, name, next, sources, preconditions(expected), signal);
      });
    } catch (error) {
      if (!hasStatus(error, 404, 412)) throw error;
      const now = await finished(gcs, bucket, call, name);
      if (now.info !== undefined) return now.info;
      if (hasStatus(error, 404)) throw error;
      // The target is as it should be, so it was a source that is not.
      if (expected === undefined || holds(expected, now.resource)) throw piecesGone(error);
      if (condition !== undefined) throw error;
      resource = now.resource;
    }
  }
}

function stateOf(resource: Resource | undefined): WriteCondition {
  return resource === undefined ? { absent: true } : { version: versionOf(resource) };
}

function holds(condition: WriteCondition, resource: Resource | undefined): boolean {
  if ('absent' in condition) return resource === undefined;
  return resource !== undefined && versionOf(resource) === condition.version;
}

async function compose(
  gcs: Gcs,
  bucket: string,
  name: string,
  { resource }: Publication,
  sources: readonly Piece[],
  conditions: Preconditions,
  signal: AbortSignal | undefined,
): Promise<Resource> {
  if (sources.length === 0) {
    const empty = { resource: { ...resource, storageClass: STORAGE_CLASS }, bytes: Buffer.alloc(0) };
    return gcs.api.insert(bucket, name, empty, conditions, signal);
  }
  const composed = await gcs.api.compose(bucket, name, { resource, sources }, conditions, signal);
  try {
    demandTotal(composed, sources);
  } catch (error) {
    await gcs.api.remove(bucket, name, { ifGenerationMatch: composed.generation }, undefined);
    throw error;
  }
  return composed;
}

export function discardParts(gcs: Gcs, { bucket, uploadId, parts, signal }: DiscardPartsCall): Promise<void> {
  return calling(gcs, { action: 'remove parts', bucket, signal }, async (from) => {
    const names = parts.flatMap((part) => {
      const { name } = part.token as unknown as Token;
      return name === undefined ? [] : [{ name: folderOf(uploadId) + name }];
    });
    await removeAll(gcs, from, names, signal);
  });
}

export function abortUpload(gcs: Gcs, { bucket, uploadId, signal }: UploadCall): Promise<void> {
  return calling(gcs, { action: 'remove an upload', bucket, signal }, async (from) => {
    await removeUnder(gcs, from, folderOf(uploadId), signal);
  });
}
