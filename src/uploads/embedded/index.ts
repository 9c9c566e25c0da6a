/** The upload store for one machine: one SQLite file that all worker processes share. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { partDetails, partIdentity, readPart } from '../part-text.ts';
import type { Json, UploadRecord, UploadStore } from '../types.ts';
import { describeFailure, toStoreError } from './errors.ts';
import { prepareReads } from './reads.ts';
import { openDatabase } from './schema.ts';
import { createWriteQueue } from './write-queue.ts';

export interface EmbeddedStoreOptions {
  /** Where the file `uploads.sqlite` is kept: on a local file system, since WAL needs shared memory. Made when missing. */
  readonly dir: string;
  /** `full` (default): fsynced before a call resolves. `os`: survives a crash of the process, not of the machine. */
  readonly durability?: 'full' | 'os';
  /** How long results of finished uploads are kept, in milliseconds; 7 days by default, at least 24 hours. */
  readonly retentionMs?: number;
  /** After this a write is given up with `UploadStoreUnavailable`. Milliseconds; 10 s by default. */
  readonly writeTimeoutMs?: number;
  /** How long the clean-up of an ended upload is left to whoever ended it; milliseconds, a minute by default. */
  readonly cleanUpGraceMs?: number;
}

const day = 24 * 60 * 60 * 1000;
const forgetBatch = 1_000;
const readBusyTimeoutMs = 1_000;

/** @throws when the file cannot be opened, or was made by a newer version */
export function createEmbeddedStore(options: EmbeddedStoreOptions): UploadStore {
  const {
    cleanUpGraceMs = 60_000,
    dir,
    durability = 'full',
    retentionMs = 7 * day,
    writeTimeoutMs = 10_000,
  } = options;
  const path = join(dir, 'uploads.sqlite');
  const database = openDatabase({ path, durability, busyTimeoutMs: writeTimeoutMs });
  // Readers wait for nobody, but for another process that mends the file after a crash.
  database.exec(`PRAGMA busy_timeout = ${readBusyTimeoutMs}; PRAGMA query_only = ON`);
  const reads = prepareReads(database, cleanUpGraceMs);
  // Longer than its callers wait: once the file is free again, the writer finds that they have gone, and changes nothing.
  const writes = createWriteQueue({ path, durability, busyTimeoutMs: 2 * writeTimeoutMs }, writeTimeoutMs);

  const reading = <T>(read: () => T): T => {
    try {
      return read();
    } catch (error) {
      throw toStoreError(describeFailure(error), error);
    }
  };

  return {
    name: 'embedded',
    check: () => writes.submit('probe', undefined),
    async close() {
      await writes.close();
      if (database.isOpen) database.close();
    },

    create: (upload) =>
      writes.submit('create', {
        uploadId: upload.uploadId,
        bucket: upload.bucket,
        key: Buffer.from(upload.key),
        initiatedAt: upload.initiatedAt,
        record: JSON.stringify(upload),
      }),
    get: async (uploadId, partNumber) => reading(() => reads.view(uploadId, partNumber ?? 0)),
    async recordPart(uploadId, part) {
      const { recorded, replaced } = await writes.submit('recordPart', {
        uploadId,
        partNumber: part.partNumber,
        identity: partIdentity(part),
        details: partDetails(part),
      });
      if (!recorded) return { recorded: false };
      if (replaced === undefined) return { recorded: true };
      return { recorded: true, replaced: readPart(part.partNumber, replaced.identity, replaced.details) };
    },
    listParts: async (uploadId, page) => reading(() => reads.parts(uploadId, page)),
    listUploads: async (call) => reading(() => reads.listUploads(call)),

    async claimCompletion({ digest, leaseMs, parts, plan, uploadId }) {
      const lease = randomUUID();
      const claimed = await writes.submit('claim', {
        uploadId,
        lease,
        leaseMs,
        digest,
        plan: JSON.stringify(plan),
        partNumbers: parts.map((part) => part.partNumber),
        identities: parts.map(partIdentity),
      });
      switch (claimed.outcome) {
        case 'completed':
          return { ...claimed, result: JSON.parse(claimed.result) as Json };
        case 'claimed': {
          const claim = { uploadId, lease };
          if (claimed.previous === undefined) return { outcome: 'claimed', claim, resumed: false };
          const { digest, plan } = claimed.previous;
          return {
            outcome: 'claimed',
            claim,
            resumed: true,
            previousDigest: digest,
            previousPlan: JSON.parse(plan) as Json,
          };
        }
        default:
          return claimed;
      }
    },
    renewClaim: ({ lease, uploadId }, leaseMs, plan) =>
      writes.submit('renew', {
        uploadId,
        lease,
        leaseMs,
        plan: plan === undefined ? null : JSON.stringify(plan),
      }),
    releaseClaim: ({ lease, uploadId }) => writes.submit('release', { uploadId, lease }),
    finishCompletion: ({ lease, uploadId }, result, digest) =>
      writes.submit('finish', { uploadId, lease, result: JSON.stringify(result), digest: digest ?? null }),

    async abort(uploadId, stalled) {
      const lease = stalled?.uploadId === uploadId ? stalled.lease : null;
      const ended = await writes.submit('abort', { uploadId, stalled: lease });
      switch (ended.outcome) {
        case 'aborted':
          return { outcome: 'aborted', upload: JSON.parse(ended.record) as UploadRecord };
        case 'stalled':
          return {
            outcome: 'busy',
            retryAfterMs: 0,
            stalled: {
              upload: JSON.parse(ended.record) as UploadRecord,
              claim: { uploadId, lease: ended.lease },
              digest: ended.digest,
              plan: JSON.parse(ended.plan) as Json,
            },
          };
        default:
          return ended;
      }
    },
    cleaned: (uploadId) => writes.submit('cleaned', uploadId),

    uploadsOf: async (bucket, page) => reading(() => reads.uploadsOf(bucket, page)),
    async *pendingWork({ initiatedBefore }) {
      const pending = reads.pendingWork(initiatedBefore);
      for (;;) {
        const next = reading(() => pending.next());
        if (next.done === true) return;
        yield next.value;
      }
    },
    async forgetOld(now) {
      const before = now - Math.max(retentionMs, day);
      let forgotten = 0;
      for (;;) {
        const count = await writes.submit('forget', { before, limit: forgetBatch });
        forgotten += count;
        if (count < forgetBatch) return forgotten;
      }
    },
  };
}
