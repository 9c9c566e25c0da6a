/**
 * The Azure adapter: buckets are containers of one storage account, objects are block blobs. The SDK is loaded here and nowhere
 * else. docs/backends.md tells of the layout, the limits and what it costs.
 */
import type { StorageAdapter } from '../types.ts';
import * as buckets from './buckets.ts';
import { type AzureAccess, connect } from './client.ts';
import { createContext, type Limits } from './context.ts';
import { copyObject } from './copy.ts';
import { listObjects } from './listing.ts';
import { findMissingParts } from './missing.ts';
import { deleteObject, headObject, setAttributes } from './objects.ts';
import { putObject } from './put.ts';
import { getObject } from './read.ts';
import { sweep } from './sweep.ts';
import { abortUpload, beginUpload, completeUpload, putPart } from './uploads.ts';

const MiB = 1024 * 1024;

export interface AzureAdapterOptions extends AzureAccess {
  /** Put before each bucket name to get the container's. Default: none. */
  readonly containerPrefix?: string | undefined;
  /**
   * Where parts and large bodies wait: on a private blob (the default), or as uncommitted blocks of the live blob, which spares the
   * copy and is safe only where each key has one writer at a time.
   */
  readonly staging?: 'private' | 'direct' | undefined;
  /** The longest that a call waits for a service that is silent. Default 40,000 ms; copies inside the service get eight times as long. */
  readonly patienceMs?: number | undefined;
  /** For tests, and for services with other limits. */
  readonly limits?: Partial<Limits> | undefined;
}

export type { AzureAccess, TokenSource } from './client.ts';

const defaultPatienceMs = 40_000;

const defaultLimits: Limits = {
  tries: 4,
  maxPauseMs: 5_000,
  ...timesOf(defaultPatienceMs),
  leasePatienceMs: 3_000,
  singlePutBytes: 4 * MiB,
  bufferedBytes: 64 * MiB,
  blockBytes: 4_000 * MiB,
  copyBytes: 256 * MiB,
  putFromUrlBytes: 5_000 * MiB,
  copyBlockBytes: 256 * MiB,
  copyConcurrency: 8,
};

/** Sends nothing yet: {@link StorageAdapter.check} tells whether the account answers and the credentials do. */
export async function createAzureAdapter(options: AzureAdapterOptions): Promise<StorageAdapter> {
  const azure = createContext(await connect(options), {
    limits: {
      ...defaultLimits,
      ...(options.patienceMs !== undefined && timesOf(options.patienceMs)),
      ...options.limits,
    },
    containerPrefix: options.containerPrefix ?? '',
    staging: options.staging ?? 'private',
  });
  return {
    name: 'azure',
    capabilities: {
      // "Scalability and performance targets for Blob Storage": 50,000 blocks of 4,000 MiB.
      maxObjectSize: 50_000 * 4_000 * MiB,
      maxPartSize: 5 * 1024 * MiB,
      maxKeyBytes: 1024,
      serverSideCopy: true,
      // The copy that publishes takes the service time for each byte.
      constantTimeComplete: azure.staging === 'direct',
      remembersCompletion: false,
      // "Azure Storage encryption for data at rest": always on.
      encryptsAtRest: true,
    },
    check: (call) => buckets.check(azure, call?.signal),
    close: () => azure.close(),
    listBuckets: (call) => buckets.listBuckets(azure, call?.signal),
    createBucket: (call) => buckets.createBucket(azure, call),
    headBucket: (call) => buckets.headBucket(azure, call),
    deleteBucket: (call) => buckets.deleteBucket(azure, call),
    putObject: (call) => putObject(azure, call),
    getObject: (call) => getObject(azure, call),
    headObject: (call) => headObject(azure, call),
    deleteObject: (call) => deleteObject(azure, call),
    setAttributes: (call) => setAttributes(azure, call),
    copyObject: (call) => copyObject(azure, call),
    listObjects: (call) => listObjects(azure, call),
    getBucketDocument: (call) => buckets.getBucketDocument(azure, call),
    putBucketDocument: (call) => buckets.putBucketDocument(azure, call),
    beginUpload: (call) => beginUpload(azure, call),
    putPart: (call) => putPart(azure, call),
    completeUpload: (call) => completeUpload(azure, call),
    async discardParts() {
      // Uncommitted blocks cannot be removed one by one: they go with the upload.
    },
    findMissingParts: (call) => findMissingParts(azure, call),
    abortUpload: (call) => abortUpload(azure, call),
    sweep: (call) => sweep(azure, call),
  };
}

/** A silence is tried again once, so one try may take half of the time. */
function timesOf(patienceMs: number): Pick<Limits, 'requestMs' | 'copyMs' | 'stallMs'> {
  return { requestMs: patienceMs / 2, copyMs: patienceMs * 4, stallMs: patienceMs };
}
