/** Buckets, and the small documents that are kept with them. */
import { AdapterError } from '../errors.ts';
import type { BucketCall, BucketInfo } from '../types.ts';
import { STORAGE_CLASS } from './api.ts';
import { removeUnder } from './batch.ts';
import { BUCKET_VIEWER, hasStatus, mayHaveHappened, translate } from './errors.ts';
import { bucketExists, calling, type Gcs } from './gcs.ts';
import { walk } from './list.ts';
import { ATTRIBUTES, bucketName, DOCUMENTS, PUTS, UPLOADS } from './names.ts';

const role = 'roles/storage.admin';
const MAX_DOCUMENT_BYTES = 1024 * 1024;

/** Resolves when the service answers, and lets us see buckets. */
export async function check(gcs: Gcs, signal: AbortSignal | undefined): Promise<void> {
  await listBuckets(gcs, signal);
}

export async function listBuckets(gcs: Gcs, signal: AbortSignal | undefined): Promise<readonly BucketInfo[]> {
  const { bucketPrefix } = gcs;
  try {
    const found = await gcs.api.listBuckets(await gcs.project(), bucketPrefix, signal);
    return found
      .map((bucket) => ({
        name: bucket.name.slice(bucketPrefix.length),
        createdAt: new Date(bucket.timeCreated),
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    throw await translate(error, { action: 'list buckets', role });
  }
}

export async function createBucket(gcs: Gcs, { bucket, signal }: BucketCall): Promise<void> {
  const name = bucketName(bucket, gcs.bucketPrefix);
  const resource = {
    name,
    // Access is the gateway's to decide: no ACLs of single objects, nothing public.
    iamConfiguration: { uniformBucketLevelAccess: { enabled: true }, publicAccessPrevention: 'enforced' },
    ...(gcs.location === undefined ? {} : { location: gcs.location }),
  };
  await calling(gcs, { action: 'create a bucket', bucket, signal, role }, async () => {
    let perhapsDone = false;
    for (let attempt = 1; ; attempt++) {
      try {
        await gcs.api.createBucket(await gcs.project(), resource, signal);
        return;
      } catch (error) {
        // Made by the try whose answer was lost.
        if (hasStatus(error, 409) && perhapsDone) return;
        if (hasStatus(error, 409)) {
          throw new AdapterError('BucketExists', `there is a bucket ${name} already`, { cause: error });
        }
        if (hasStatus(error, 400)) {
          throw new AdapterError('InvalidName', `GCS refuses the bucket ${name}: ${error.message}`, {
            cause: error,
          });
        }
        perhapsDone ||= mayHaveHappened(error);
        await gcs.api.transport.pause(error, attempt, signal);
      }
    }
  });
}

export function headBucket(gcs: Gcs, { bucket, signal }: BucketCall): Promise<BucketInfo> {
  return calling(gcs, { action: 'look at a bucket', bucket, signal, role: BUCKET_VIEWER }, async (name) => {
    const { timeCreated } = await gcs.api.getBucket(name, signal);
    return { name: bucket, createdAt: new Date(timeCreated) };
  });
}

export function deleteBucket(gcs: Gcs, { bucket, signal }: BucketCall): Promise<void> {
  return calling(gcs, { action: 'delete a bucket', bucket, signal, role }, async (name) => {
    const notEmpty = (cause?: unknown): AdapterError =>
      new AdapterError('BucketNotEmpty', `the bucket ${bucket} holds objects`, { cause });
    const { entries } = await walk(gcs, name, { limit: 1, ...(signal === undefined ? {} : { signal }) });
    if (entries.length > 0) throw notEmpty();
    // One by one: a client's key may have come up below the same prefix meanwhile.
    for (const room of [UPLOADS, PUTS, ATTRIBUTES, DOCUMENTS]) await removeUnder(gcs, name, room, signal);
    let perhapsDone = false;
    for (let attempt = 1; ; attempt++) {
      try {
        await gcs.api.deleteBucket(name, signal);
        return;
      } catch (error) {
        if (hasStatus(error, 404) && perhapsDone) return;
        // 409, and 412 of fake-gcs-server.
        if (hasStatus(error, 409, 412)) throw notEmpty(error);
        perhapsDone ||= mayHaveHappened(error);
        await gcs.api.transport.pause(error, attempt, signal);
      }
    }
  });
}

type DocumentCall = BucketCall & { readonly name: string };

function documentName(name: string): string {
  return DOCUMENTS + encodeURIComponent(name);
}

export function getBucketDocument(
  gcs: Gcs,
  { bucket, name, signal }: DocumentCall,
): Promise<string | undefined> {
  return calling(gcs, { action: 'read a document', bucket, signal }, async (from) => {
    try {
      return await gcs.api.text(from, documentName(name), signal);
    } catch (error) {
      if (hasStatus(error, 404) && (await bucketExists(gcs, from, signal))) return undefined;
      throw error;
    }
  });
}

export function putBucketDocument(
  gcs: Gcs,
  { bucket, name, text, signal }: DocumentCall & { readonly text: string | undefined },
): Promise<void> {
  return calling(gcs, { action: 'store a document', bucket, signal }, async (to) => {
    const document = documentName(name);
    if (text === undefined) {
      try {
        await gcs.api.transport.retry(signal, () => gcs.api.remove(to, document, {}, signal));
      } catch (error) {
        if (!hasStatus(error, 404) || !(await bucketExists(gcs, to, signal))) throw error;
      }
      return;
    }
    const bytes = Buffer.from(text);
    if (bytes.length > MAX_DOCUMENT_BYTES) {
      throw new AdapterError('TooLarge', `a document has up to ${MAX_DOCUMENT_BYTES} bytes`);
    }
    const resource = { contentType: 'text/plain; charset=utf-8', storageClass: STORAGE_CLASS };
    await gcs.api.transport.retry(signal, () =>
      gcs.api.insert(to, document, { resource, bytes }, {}, signal),
    );
  });
}
