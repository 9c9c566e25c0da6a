/** Copying inside GCS. "Objects: rewrite": one call may copy a part only, and gives a token to go on with. */

import { AdapterError } from '../errors.ts';
import type { CopyObjectCall, ObjectInfo } from '../types.ts';
import { type Preconditions, type Resource, STORAGE_CLASS } from './api.ts';
import { hasStatus } from './errors.ts';
import {
  bucketExists,
  calling,
  type Gcs,
  gcsBucket,
  live,
  preconditions,
  publication,
  publish,
  versionOf,
} from './gcs.ts';
import { nameOf } from './names.ts';

export function copyObject(gcs: Gcs, call: CopyObjectCall): Promise<ObjectInfo> {
  const { bucket, key, signal } = call;
  return calling(gcs, { action: 'copy an object', bucket, signal, missing: 'NoSuchBucket' }, async (to) => {
    const name = nameOf(key);
    const source = await sourceOf(gcs, call);
    const target = { bucket: to, name, ...preconditions(call.condition) };
    const next = publication(call.attributes);
    const resource = { ...next.resource, storageClass: STORAGE_CLASS };
    try {
      return await publish(
        gcs,
        { bucket: to, name, key, signal },
        next,
        rewriter(gcs, call, source, target, resource),
      );
    } catch (error) {
      // One status for two objects: what is there now tells which of them it was.
      if (hasStatus(error, 404, 412)) await demandSource(gcs, call, source, error);
      throw error;
    }
  });
}

type Source = { readonly bucket: string; readonly name: string } & Preconditions;

function sourceOf(gcs: Gcs, { source, signal }: CopyObjectCall): Promise<Source> {
  return calling(
    gcs,
    { action: 'copy an object', bucket: source.bucket, signal, subject: 'source' },
    async (bucket) => {
      try {
        return { bucket, name: nameOf(source.key), ...preconditions({ version: source.version }) };
      } catch (error) {
        // No key and no version of ours: nothing of that kind can be there.
        throw new AdapterError('NoSuchObject', 'there is no such object', {
          cause: error,
          subject: 'source',
        });
      }
    },
  );
}

/** Called again after a failure, it goes on where it was: a long copy does not start over. */
function rewriter(
  gcs: Gcs,
  { signal, onProgress }: CopyObjectCall,
  source: Source,
  target: Source,
  resource: object,
): () => Promise<Resource> {
  let token: string | undefined;
  return async () => {
    for (;;) {
      const answer = await gcs.api.rewrite(source, target, resource, token, signal);
      onProgress?.(Number(answer.totalBytesRewritten), Number(answer.objectSize));
      if (answer.done) {
        if (answer.resource === undefined) throw new Error('a finished rewrite names no object');
        return answer.resource;
      }
      token = answer.rewriteToken;
    }
  };
}

/** Throws when the source is missing or changed. */
async function demandSource(
  gcs: Gcs,
  { source: { bucket }, signal }: CopyObjectCall,
  source: Source,
  cause: unknown,
): Promise<void> {
  const options = { cause, subject: 'source' } as const;
  const found = await live(gcs, source.bucket, source.name, signal);
  if (found === undefined) {
    const there = await bucketExists(gcs, gcsBucket(gcs, bucket), signal);
    throw new AdapterError(there ? 'NoSuchObject' : 'NoSuchBucket', 'the source does not exist', options);
  }
  if (versionOf(found) !== `${source.ifGenerationMatch}.${source.ifMetagenerationMatch}`) {
    throw new AdapterError('PreconditionFailed', 'the source is not in the state that was named', options);
  }
}
