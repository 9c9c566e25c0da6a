/** Buckets are containers. */
import type { ContainerClient, ContainerItem } from '@azure/storage-blob';
import { AdapterError } from '../errors.ts';
import type { BucketCall, BucketInfo } from '../types.ts';
import type { AzureContext } from './context.ts';
import { type About, serviceCode } from './errors.ts';
import { readSmall } from './look.ts';
import { bucketName, compareKeys, docsPrefix } from './names.ts';
import { holdsObjects } from './walk.ts';

/** The service tells when a container was changed, not when it was made. Milliseconds. */
const createdName = 'partway_created';
/** "Delete Container": its name can't be used for at least 30 seconds. */
const deletionSeconds = 30;
const maxDocumentBytes = 1024 * 1024;

export async function check(azure: AzureContext, signal?: AbortSignal): Promise<void> {
  await azure.send({ doing: 'list containers' }, signal, async (abortSignal) => {
    await azure.service.listContainers({ abortSignal }).byPage({ maxPageSize: 1 }).next();
  });
}

export async function listBuckets(azure: AzureContext, signal?: AbortSignal): Promise<readonly BucketInfo[]> {
  const buckets: BucketInfo[] = [];
  let continuationToken: string | undefined;
  do {
    const page = await azure.send({ doing: 'list containers' }, signal, async (abortSignal) => {
      const pages = azure.service
        .listContainers({ abortSignal, includeMetadata: true, prefix: azure.containerPrefix })
        .byPage(continuationToken === undefined ? {} : { continuationToken });
      return (await pages.next()).value;
    });
    for (const item of (page?.containerItems ?? []) as readonly ContainerItem[]) {
      const name = bucketName(item.name, azure.containerPrefix);
      if (name !== undefined && item.deleted !== true)
        buckets.push({ name, createdAt: createdAt(item.metadata, item.properties.lastModified) });
    }
    continuationToken = page?.continuationToken === '' ? undefined : page?.continuationToken;
  } while (continuationToken !== undefined);
  return buckets.sort((a, b) => compareKeys(a.name, b.name));
}

export async function createBucket(azure: AzureContext, { bucket, signal }: BucketCall): Promise<void> {
  const container = azure.container(bucket);
  const metadata = { [createdName]: String(Date.now()) };
  try {
    await azure.send(about('create the container', container), signal, (abortSignal) =>
      container.create({ abortSignal, metadata }),
    );
  } catch (error) {
    if (serviceCode(error) !== 'ContainerBeingDeleted') throw error;
    throw new AdapterError(
      'Unavailable',
      `Azure is still deleting the former container '${container.containerName}'`,
      {
        cause: error,
        retryAfter: deletionSeconds,
      },
    );
  }
}

export async function headBucket(azure: AzureContext, { bucket, signal }: BucketCall): Promise<BucketInfo> {
  const container = azure.container(bucket);
  const properties = await azure.send(about('find the container', container), signal, (abortSignal) =>
    container.getProperties({ abortSignal }),
  );
  return { name: bucket, createdAt: createdAt(properties.metadata, properties.lastModified) };
}

export async function deleteBucket(azure: AzureContext, { bucket, signal }: BucketCall): Promise<void> {
  const container = azure.container(bucket);
  if (await holdsObjects(azure, bucket, signal))
    throw new AdapterError('BucketNotEmpty', `the container '${container.containerName}' holds objects`);
  await azure.send(about('delete the container', container), signal, (abortSignal) =>
    container.delete({ abortSignal }),
  );
}

export async function getBucketDocument(
  azure: AzureContext,
  { bucket, name, signal }: BucketCall & { readonly name: string },
): Promise<string | undefined> {
  const bytes = await readSmall(azure, azure.blob(bucket, documentName(name)), signal);
  return bytes?.toString();
}

export async function putBucketDocument(
  azure: AzureContext,
  { bucket, name, text, signal }: BucketCall & { readonly name: string; readonly text: string | undefined },
): Promise<void> {
  const blob = azure.blob(bucket, documentName(name));
  const what = { doing: 'keep a document of the bucket', container: blob.containerName, blob: blob.name };
  if (text === undefined) {
    await azure.send(what, signal, (abortSignal) => blob.deleteIfExists({ abortSignal }));
    return;
  }
  const bytes = Buffer.from(text);
  if (bytes.length > maxDocumentBytes)
    throw new AdapterError('TooLarge', `a document of a bucket has at most ${maxDocumentBytes} bytes`);
  await azure.send(what, signal, (abortSignal) => blob.upload(bytes, bytes.length, { abortSignal }));
}

function documentName(name: string): string {
  return docsPrefix + encodeURIComponent(name).replaceAll('.', '%2E');
}

function createdAt(metadata: Readonly<Record<string, string>> | undefined, modified: Date | undefined): Date {
  const created = Number(metadata?.[createdName] ?? Number.NaN);
  return Number.isFinite(created) ? new Date(created) : (modified ?? new Date(0));
}

function about(doing: string, container: ContainerClient): About {
  return { doing, container: container.containerName };
}
