/**
 * Google Cloud Storage as a storage adapter.
 *
 * Objects are ordinary GCS objects under their own keys; what S3 knows more of them is custom metadata. Everything else
 * that Partway stores lies below `.partway/` in the same bucket. Nothing depends on this process: any replica goes on.
 */
import { Storage, type StorageOptions } from '@google-cloud/storage';
import type { Capabilities, StorageAdapter } from '../types.ts';
import { createApi } from './api.ts';
import {
  check,
  createBucket,
  deleteBucket,
  getBucketDocument,
  headBucket,
  listBuckets,
  putBucketDocument,
} from './buckets.ts';
import { copyObject } from './copy.ts';
import { translate } from './errors.ts';
import { type Gcs, MAX_OBJECT_BYTES } from './gcs.ts';
import { listObjects } from './list.ts';
import { findMissingParts } from './missing.ts';
import { abortUpload, beginUpload, completeUpload, discardParts, putPart } from './multipart.ts';
import { MAX_NAME_BYTES } from './names.ts';
import { deleteObject, getObject, headObject, setAttributes } from './objects.ts';
import { putObject } from './put.ts';
import { sweep } from './sweep.ts';
import { createTransport, credentialsFailure, type RetryPolicy } from './transport.ts';

export interface GcsOptions {
  /** A ready client: its credentials, project and endpoint are used, and the options for those are not. */
  readonly client?: Storage;
  /** Found by Application Default Credentials unless given. */
  readonly projectId?: string;
  /** A key file. Without it and `credentials`: Application Default Credentials (workload identity, metadata server, gcloud). */
  readonly keyFilename?: string;
  readonly credentials?: NonNullable<StorageOptions['credentials']>;
  /** `https://…` for a private endpoint of the service; `http://…` for an emulator, which gets no credentials. Default: `STORAGE_EMULATOR_HOST`, else the service. */
  readonly apiEndpoint?: string;
  /** Stands before every bucket name, for GCS bucket names are global: `photos` is `acme-photos`. */
  readonly bucketPrefix?: string;
  /** Where new buckets are made: `EU`, `us-east1` … Default: the service's own. */
  readonly location?: string;
  /** Longest silence of the service that is waited for, twice at most. Default 20,000 ms. */
  readonly timeoutMs?: number;
  /** Default: 5 tries, with pauses from 200 ms up to 5 s. */
  readonly retry?: RetryPolicy;
}

const capabilities: Capabilities = {
  maxObjectSize: MAX_OBJECT_BYTES,
  maxPartSize: MAX_OBJECT_BYTES,
  maxKeyBytes: MAX_NAME_BYTES,
  serverSideCopy: true,
  constantTimeComplete: false,
  remembersCompletion: false,
  encryptsAtRest: true,
};

export function createGcsAdapter(options: GcsOptions = {}): StorageAdapter {
  const client = options.client ?? createClient(options);
  const endpoint = new URL(client.apiEndpoint);
  const anonymous = client.customEndpoint && client.useAuthWithCustomEndpoint !== true;
  const transport = createTransport({
    endpoint,
    timeoutMs: options.timeoutMs ?? 20_000,
    retry: options.retry ?? { attempts: 5, firstDelayMs: 200, maxDelayMs: 5_000 },
    async authorize() {
      if (anonymous) return {};
      try {
        return Object.fromEntries(await client.authClient.getRequestHeaders(endpoint.origin));
      } catch (error) {
        throw credentialsFailure(error);
      }
    },
  });
  const gcs: Gcs = {
    api: createApi(transport),
    bucketPrefix: options.bucketPrefix ?? '',
    location: options.location,
    project: () => projectOf(client, options, anonymous),
  };
  return {
    name: 'gcs',
    capabilities,
    check: (call) => check(gcs, call?.signal),
    async close() {
      transport.close();
    },
    listBuckets: (call) => listBuckets(gcs, call?.signal),
    createBucket: (call) => createBucket(gcs, call),
    headBucket: (call) => headBucket(gcs, call),
    deleteBucket: (call) => deleteBucket(gcs, call),
    putObject: (call) => putObject(gcs, call),
    getObject: (call) => getObject(gcs, call),
    headObject: (call) => headObject(gcs, call),
    deleteObject: (call) => deleteObject(gcs, call),
    setAttributes: (call) => setAttributes(gcs, call),
    copyObject: (call) => copyObject(gcs, call),
    listObjects: (call) => listObjects(gcs, call),
    getBucketDocument: (call) => getBucketDocument(gcs, call),
    putBucketDocument: (call) => putBucketDocument(gcs, call),
    beginUpload: (call) => beginUpload(gcs, call),
    putPart: (call) => putPart(gcs, call),
    completeUpload: (call) => completeUpload(gcs, call),
    discardParts: (call) => discardParts(gcs, call),
    findMissingParts: (call) => findMissingParts(gcs, call),
    abortUpload: (call) => abortUpload(gcs, call),
    sweep: (call) => sweep(gcs, call),
  };
}

function createClient(options: GcsOptions): Storage {
  const { projectId, keyFilename, credentials } = options;
  const apiEndpoint = options.apiEndpoint ?? emulator();
  return new Storage({
    ...(projectId === undefined ? {} : { projectId }),
    ...(keyFilename === undefined ? {} : { keyFilename }),
    ...(credentials === undefined ? {} : { credentials }),
    ...(apiEndpoint === undefined
      ? {}
      : // A token is never sent in clear text.
        { apiEndpoint, useAuthWithCustomEndpoint: apiEndpoint.startsWith('https://') }),
  });
}

/** Google's own clients take `host:port` here, meaning plain HTTP; the SDK alone would make HTTPS of it. */
function emulator(): string | undefined {
  const host = process.env['STORAGE_EMULATOR_HOST'];
  if (host === undefined || host === '') return undefined;
  return /^https?:\/\//.test(host) ? host : `http://${host}`;
}

async function projectOf(client: Storage, options: GcsOptions, anonymous: boolean): Promise<string> {
  if (options.projectId !== undefined) return options.projectId;
  // An emulator asks for a project, and takes any.
  if (anonymous) return 'partway';
  try {
    return await client.getProjectId();
  } catch (error) {
    throw await translate(credentialsFailure(error), {
      action: 'tell which project this is (set projectId)',
    });
  }
}
