/** Objects as files below a directory. See layout.ts for what lies where, and docs/backends.md for what it promises. */
import { constants } from 'node:fs';
import nodeFiles from 'node:fs/promises';
import type { BucketCall, Capabilities, ListObjectsCall, StorageAdapter } from '../types.ts';
import * as buckets from './buckets.ts';
import { type Context, openContext } from './context.ts';
import * as documents from './documents.ts';
import { FromCaller, toThrow } from './errors.ts';
import type { FileLayer } from './files.ts';
import { listObjects } from './listing/list.ts';
import { nodeLooks } from './looks.ts';
import { maxKeyBytes } from './names.ts';
import * as reading from './reading.ts';
import { sweep } from './sweep.ts';
import { completeUpload } from './uploads/complete.ts';
import { findMissingParts } from './uploads/missing.ts';
import * as parts from './uploads/parts.ts';
import * as writing from './writing.ts';

export interface LocalOptions {
  /** Directory whose directories are the buckets. Made when it is missing. */
  readonly root: string;
  /** `full`: what was acknowledged survives a power cut. `os`: it survives the end of any process, and is faster. */
  readonly durability: 'full' | 'os';
  /** The file system, for tests that make it fail. */
  readonly fs?: FileLayer;
}

const GiB = 2 ** 30;

const capabilities: Capabilities = {
  // Ten thousand parts of five gibibytes; ext4 holds 16 TiB in one file and says so beyond.
  maxObjectSize: 10_000 * 5 * GiB,
  maxPartSize: 5 * GiB,
  maxKeyBytes,
  serverSideCopy: true,
  constantTimeComplete: true,
  remembersCompletion: true,
  encryptsAtRest: false,
};

export function createLocalAdapter({ root, durability, fs }: LocalOptions): StorageAdapter {
  let opened: Promise<Context> | undefined;
  /** Tried again with the next call when it failed: a mount may come later than the gateway. */
  const context = async (): Promise<Context> => {
    opened ??= openContext({
      root,
      durable: durability === 'full',
      layer: fs ?? nodeFiles,
      sync: fs === undefined ? nodeLooks : undefined,
    });
    try {
      return await opened;
    } catch (error) {
      opened = undefined;
      throw error;
    }
  };
  const run = async <C extends { readonly signal?: AbortSignal }, R>(
    work: (context: Context, call: C) => Promise<R>,
    call: C,
  ): Promise<R> => {
    try {
      if (call.signal?.aborted) throw new FromCaller(call.signal.reason);
      return await work(await context(), call);
    } catch (error) {
      throw toThrow(error);
    }
  };
  return {
    name: 'local',
    capabilities,

    check: (call = {}) => run(check, call),
    async close() {
      const context = await opened?.catch(() => undefined);
      context?.locks.close();
      opened = undefined;
    },

    listBuckets: (call = {}) => run(buckets.listBuckets, call),
    createBucket: (call) => run((on, { bucket }: BucketCall) => buckets.createBucket(on, bucket), call),
    headBucket: (call) => run((on, { bucket }: BucketCall) => buckets.headBucket(on, bucket), call),
    deleteBucket: (call) => run((on, { bucket }: BucketCall) => buckets.deleteBucket(on, bucket), call),

    putObject: (call) => run(writing.putObject, call),
    getObject: (call) => run(reading.getObject, call),
    headObject: (call) => run(reading.headObject, call),
    deleteObject: (call) => run(writing.deleteObject, call),
    setAttributes: (call) => run(writing.setAttributes, call),
    copyObject: (call) => run(writing.copyObject, call),
    listObjects: (call: ListObjectsCall) => run(listObjects, call),

    getBucketDocument: (call) => run(documents.getDocument, call),
    putBucketDocument: (call) => run(documents.putDocument, call),

    beginUpload: (call) => run(parts.beginUpload, call),
    putPart: (call) => run(parts.putPart, call),
    completeUpload: (call) => run(completeUpload, call),
    discardParts: (call) => run(parts.discardParts, call),
    findMissingParts: (call) => run(findMissingParts, call),
    abortUpload: (call) => run(parts.abortUpload, call),
    sweep: (call) => run(sweep, call),
  };
}

async function check({ files, layout }: Context): Promise<void> {
  await files.layer.access(layout.root, constants.R_OK | constants.W_OK | constants.X_OK);
}
