/** Small private texts of a bucket. */
import { dirname } from 'node:path';
import type { BucketCall } from '../types.ts';
import type { Context } from './context.ts';
import { orMissing } from './errors.ts';
import { isSameBucket, noSuchBucket, requireBucket } from './find.ts';

type DocumentCall = BucketCall & { readonly name: string };

export async function getDocument(
  context: Context,
  { bucket, name }: DocumentCall,
): Promise<string | undefined> {
  await requireBucket(context, bucket);
  return orMissing(context.files.layer.readFile(context.layout.document(bucket, name), 'utf8'));
}

export async function putDocument(
  context: Context,
  { bucket, name, text }: DocumentCall & { readonly text: string | undefined },
): Promise<void> {
  const { files, layout, locks } = context;
  const identity = await requireBucket(context, bucket);
  const path = layout.document(bucket, name);
  const temporary = text === undefined ? undefined : await writeTemporary(context, text);
  const release = await locks.acquire(bucket, name);
  try {
    if (!isSameBucket(await requireBucket(context, bucket), identity)) throw noSuchBucket(bucket);
    if (temporary === undefined) await files.remove(path);
    else {
      await files.makePrivate(dirname(path));
      await files.layer.rename(temporary, path);
    }
  } catch (error) {
    if (temporary !== undefined) await files.discard(temporary);
    throw error;
  } finally {
    release();
  }
  await files.syncPath(dirname(path), layout.root);
}

async function writeTemporary(context: Context, text: string): Promise<string> {
  const { files, layout } = context;
  const path = layout.newTemporary();
  const handle = await files.create(path);
  try {
    await handle.writeFile(text);
    await files.sync(handle);
  } catch (error) {
    await files.discard(path);
    throw error;
  } finally {
    await handle.close();
  }
  return path;
}
