/** Storing an object in one request of the client. Nothing shows before all of it agreed. */
import type { ObjectAttributes, ObjectInfo, PutObjectCall } from '../types.ts';
import { readBody, STORAGE_CLASS } from './api.ts';
import { crcOf, toBase64 } from './crc32c.ts';
import { BodyFailure, isTransient } from './errors.ts';
import { calling, demandSize, discard, type Gcs, nonce, preconditions, publication, publish } from './gcs.ts';
import { nameOf, PUTS } from './names.ts';

/** A body up to this is held in memory, and stored by one request instead of three … */
const MAX_BUFFERED = 4 * 1024 * 1024;
/** … as long as all that are held at once stay below this. */
const MAX_BUFFERED_IN_ALL = 64 * 1024 * 1024;

let bufferedNow = 0;

export function putObject(gcs: Gcs, call: PutObjectCall): Promise<ObjectInfo> {
  const { bucket, key, body, signal } = call;
  return calling(gcs, { action: 'store an object', bucket, signal, missing: 'NoSuchBucket' }, async (to) => {
    const name = nameOf(key);
    demandSize(body.size);
    const conditions = preconditions(call.condition);
    const target = { bucket: to, name, key, signal };
    if (body.size > MAX_BUFFERED || bufferedNow + body.size > MAX_BUFFERED_IN_ALL) {
      return putStaged(gcs, call, target, conditions);
    }
    bufferedNow += body.size;
    try {
      const bytes = await readBody(body, signal);
      const next = publication(await described(call));
      const resource = {
        ...next.resource,
        storageClass: STORAGE_CLASS,
        crc32c: toBase64(await crcOf(bytes)),
      };
      return await publish(gcs, target, next, () =>
        gcs.api.insert(to, name, { resource, bytes }, conditions, signal),
      );
    } finally {
      bufferedNow -= body.size;
    }
  });
}

/** Streams to a private name, and composes the object from it: a compose can't be seen half done. */
async function putStaged(
  gcs: Gcs,
  call: PutObjectCall,
  target: {
    readonly bucket: string;
    readonly name: string;
    readonly key: string;
    readonly signal: AbortSignal | undefined;
  },
  conditions: ReturnType<typeof preconditions>,
): Promise<ObjectInfo> {
  const { bucket, name, signal } = target;
  const staged = PUTS + nonce();
  const { generation } = await gcs.api.insertStream(bucket, staged, call.body, signal);
  try {
    const next = publication(await described(call));
    const content = { resource: next.resource, sources: [{ name: staged, generation }] };
    const info = await publish(gcs, target, next, () =>
      gcs.api.compose(bucket, name, content, conditions, signal),
    );
    await discard(gcs, bucket, [staged]);
    return info;
  } catch (error) {
    // In an outage there is no tidying up; the sweep does it.
    if (!isTransient(error)) await discard(gcs, bucket, [staged]);
    throw error;
  }
}

/** A throw is the caller's refusal of the bytes, and its own to hear. */
async function described({ attributes }: PutObjectCall): Promise<ObjectAttributes> {
  try {
    return await attributes();
  } catch (error) {
    throw new BodyFailure('the attributes were refused', { cause: error });
  }
}
