/** The upload store that replicas share. */
import { randomUUID } from 'node:crypto';
import type { ConnectionOptions } from 'node:tls';
import type { Logger } from '../../log.ts';
import { isUploadId } from '../id.ts';
import { maxPartNumber, partDetails, partIdentity, readPart } from '../part-text.ts';
import type { Json, PartRecord, UploadRecord, UploadStore, UploadView } from '../types.ts';
import { connect, type Reply } from './connection.ts';
import { endedMember, keysUnder } from './keys.ts';
import { listUploads, lookUp, uploadsOf } from './listing.ts';
import { addToIndices, pendingWork, removeFromIndices } from './pending.ts';
import { parseRedisUrl } from './url.ts';

export interface RedisStoreOptions {
  /** As {@link parseRedisUrl} takes it. */
  readonly url: string;
  /** Before every key; `partway:` by default. Gateways that share a Redis but no uploads need different ones. */
  readonly keyPrefix?: string;
  /** How long results of finished uploads are kept, in milliseconds; 7 days by default, at least 24 hours. */
  readonly retentionMs?: number;
  /** After this a call is given up with `UploadStoreUnavailable`. Milliseconds; 3 s by default. */
  readonly timeoutMs?: number;
  /** For `rediss`: certificates and the like. By default the system's authorities are trusted. */
  readonly tls?: ConnectionOptions;
  /** How long the clean-up of an ended upload is left to whoever ended it; milliseconds, a minute by default. */
  readonly cleanUpGraceMs?: number;
  /** Told when the connection is lost and when it is back. */
  readonly log?: Pick<Logger, 'info' | 'warn'>;
}

const day = 24 * 60 * 60 * 1000;
const none = { status: 'none' } as const;

/**
 * Connects in the background: calls wait a little for the first connection. What was acknowledged is as durable as Redis makes it: use
 * `appendonly yes`, with `appendfsync always` if a power failure must not cost the last second.
 *
 * @throws RedisUrlError
 */
export function createRedisStore(options: RedisStoreOptions): UploadStore {
  const {
    cleanUpGraceMs = 60_000,
    keyPrefix = 'partway:',
    retentionMs = 7 * day,
    timeoutMs = 3_000,
  } = options;
  if (/[{}]/.test(keyPrefix))
    throw new Error('a prefix of Redis keys must not hold { or }: they choose the slot');
  const { log, tls } = options;
  const connection = connect(parseRedisUrl(options.url), { timeoutMs, tls, log });
  const keys = keysUnder(keyPrefix);
  const { run } = connection;

  const recordOf = async (uploadId: string | undefined): Promise<UploadRecord | undefined> => {
    if (uploadId === undefined || !isUploadId(uploadId)) return undefined;
    const { record, state } = await lookUp(connection, keys, uploadId);
    return state === 'none' ? undefined : (JSON.parse(record) as UploadRecord);
  };

  /** In the index of ended uploads first: should the transition's caller crash right after it, the janitor will find the upload. */
  const announceEnd = async (uploadId: string): Promise<number> => {
    const endedAt = Math.floor(connection.now());
    await connection.call((client) => client.zadd(keys.ended, 0, endedMember(endedAt, uploadId)));
    return endedAt;
  };

  return {
    name: 'redis',
    async check() {
      await run('probe', [keys.probe], []);
    },
    close: () => connection.close(),

    async create(upload) {
      await addToIndices(connection, keys, upload);
      const [outcome] = await run('create', keys.upload(upload.uploadId), [JSON.stringify(upload)]);
      if (outcome === 'exists') throw new Error('an upload with this ID exists');
    },

    async get(uploadId, partNumber) {
      if (!isUploadId(uploadId)) return none;
      const args = partNumber === undefined ? [] : [partNumber];
      return readView(await run('view', keys.upload(uploadId), args), partNumber);
    },

    async recordPart(uploadId, part) {
      if (!isUploadId(uploadId)) return { recorded: false };
      const args = [part.partNumber, partIdentity(part), partDetails(part)];
      const [outcome, replaced] = await run('recordPart', keys.upload(uploadId), args);
      if (outcome === 'refused') return { recorded: false };
      if (typeof replaced !== 'string') return { recorded: true };
      return { recorded: true, replaced: partFrom(part.partNumber, replaced) };
    },

    async listParts(uploadId, { after, limit }) {
      if (!isUploadId(uploadId)) return undefined;
      const [outcome, ...values] = await run('listParts', keys.upload(uploadId), [
        after,
        limit + 1,
        maxPartNumber,
      ]);
      if (outcome === 'none') return undefined;
      const parts: PartRecord[] = [];
      for (let at = 0; at < values.length && parts.length < limit; at += 2) {
        parts.push(partFrom(Number(values[at]), String(values[at + 1])));
      }
      return { parts, truncated: values.length > 2 * limit };
    },

    async listUploads(call) {
      return listUploads(connection, keys, call, await recordOf(call.uploadIdMarker));
    },

    async claimCompletion({ digest, leaseMs, parts, plan, uploadId }) {
      if (!isUploadId(uploadId)) return { outcome: 'none' };
      const lease = randomUUID();
      const [outcome, ...values] = await run('claim', keys.upload(uploadId), [
        lease,
        leaseMs,
        digest,
        JSON.stringify(plan),
        parts.map((part) => part.partNumber).join(','),
        parts.map((part) => `${partIdentity(part)}\n`).join(''),
      ]);
      switch (outcome) {
        case 'claimed': {
          const claim = { uploadId, lease };
          const [previousDigest, previousPlan] = values;
          if (typeof previousDigest !== 'string') return { outcome, claim, resumed: false };
          return { outcome, claim, resumed: true, previousDigest, previousPlan: parseJson(previousPlan) };
        }
        case 'busy':
          return { outcome, digest: String(values[0]), retryAfterMs: Number(values[1]) };
        case 'completed':
          return { outcome, digest: String(values[0]), result: parseJson(values[1]) };
        case 'changed':
        case 'none':
          return { outcome };
        default:
          throw unexpected(outcome);
      }
    },

    async renewClaim({ lease, uploadId }, leaseMs, plan) {
      if (!isUploadId(uploadId)) return false;
      const args = plan === undefined ? [lease, leaseMs] : [lease, leaseMs, JSON.stringify(plan)];
      const [outcome] = await run('renew', keys.upload(uploadId), args);
      return outcome === 'renewed';
    },

    async releaseClaim({ lease, uploadId }) {
      if (isUploadId(uploadId)) await run('release', keys.upload(uploadId), [lease]);
    },

    async finishCompletion({ lease, uploadId }, result, digest) {
      if (!isUploadId(uploadId)) return false;
      const endedAt = await announceEnd(uploadId);
      const args = [lease, JSON.stringify(result), endedAt, ...(digest === undefined ? [] : [digest])];
      const [outcome] = await run('finish', keys.upload(uploadId), args);
      return outcome === 'finished';
    },

    async abort(uploadId, stalled) {
      if (!isUploadId(uploadId)) return { outcome: 'none' };
      const endedAt = await announceEnd(uploadId);
      const named = stalled?.uploadId === uploadId ? [stalled.lease] : [];
      const args = [randomUUID(), endedAt, ...named];
      const [outcome, ...values] = await run('abort', keys.upload(uploadId), args);
      switch (outcome) {
        case 'aborted':
          return { outcome, upload: parseJson<UploadRecord>(values[0]) };
        case 'busy':
          return { outcome, retryAfterMs: Number(values[0]) };
        case 'stalled': {
          const [record, lease, digest, plan] = values;
          return {
            outcome: 'busy',
            retryAfterMs: 0,
            stalled: {
              upload: parseJson<UploadRecord>(record),
              claim: { uploadId, lease: String(lease) },
              digest: String(digest),
              plan: parseJson(plan),
            },
          };
        }
        case 'none':
          return { outcome };
        default:
          throw unexpected(outcome);
      }
    },

    async cleaned(uploadId) {
      if (!isUploadId(uploadId)) return;
      const keepMs = Math.max(retentionMs, day);
      const [outcome, record, ended] = await run('cleaned', keys.upload(uploadId), [keepMs]);
      if (outcome === 'cleaned') {
        await removeFromIndices(connection, keys, parseJson<UploadRecord>(record), Number(ended));
      }
    },

    async uploadsOf(bucket, { after, limit }) {
      return uploadsOf(connection, keys, bucket, limit, await recordOf(after));
    },
    pendingWork: ({ initiatedBefore }) => pendingWork(connection, keys, { initiatedBefore, cleanUpGraceMs }),
    // Redis lets results expire by itself.
    forgetOld: async () => 0,
  };
}

function readView([status, ...values]: Reply, partNumber: number | undefined): UploadView {
  switch (status) {
    case 'none':
      return none;
    case 'completed': {
      const [record, digest, result] = values;
      return {
        status,
        upload: parseJson<UploadRecord>(record),
        digest: String(digest),
        result: parseJson(result),
      };
    }
    case 'open':
    case 'completing': {
      const [record, part] = values;
      const upload = parseJson<UploadRecord>(record);
      if (typeof part !== 'string' || partNumber === undefined) return { status, upload };
      return { status, upload, part: partFrom(partNumber, part) };
    }
    default:
      throw unexpected(status);
  }
}

/** Stored as ETag LF token LF details. */
function partFrom(partNumber: number, text: string): PartRecord {
  const split = text.indexOf('\n', text.indexOf('\n') + 1);
  return readPart(partNumber, text.slice(0, split), text.slice(split + 1));
}

function parseJson<T = Json>(text: unknown): T {
  return JSON.parse(String(text)) as T;
}

function unexpected(reply: unknown): Error {
  return new Error(`an unexpected reply of a script: ${String(reply)}`);
}
