/** What is left to do, from the indices of ended uploads and of uploads by age; and the mending of what crashes left in them. */
import type { PendingUpload, UploadRecord } from '../types.ts';
import type { Connection } from './connection.ts';
import {
  ageMember,
  bucketMember,
  digits,
  endedMember,
  type Keys,
  readAgeMember,
  uploadIdOf,
} from './keys.ts';
import { type IndexedUpload, lookUp } from './listing.ts';

const pageSize = 100;
/** An entry is written before its upload's transition, which cannot follow it later than a call takes. */
const settledMs = 60_000;
/** An upload is written within one call of its entry; the clock that gave `initiatedAt` is a replica's own. */
const danglingMs = 60 * 60 * 1000;

export async function* pendingWork(
  connection: Connection,
  keys: Keys,
  options: { readonly initiatedBefore: number; readonly cleanUpGraceMs: number },
): AsyncGenerator<PendingUpload> {
  const now = connection.now();
  for await (const { member, upload } of indexed(
    connection,
    keys,
    keys.ended,
    now - options.cleanUpGraceMs,
  )) {
    const endedAt = Number(member.subarray(0, 16).toString());
    const ended = upload.state === 'aborted' || upload.state === 'completed';
    if (ended && !upload.cleaned && upload.ended === endedAt) {
      yield { upload: readRecord(upload), work: 'uncleaned' };
    } else if (endedAt < now - settledMs) {
      // Cleaned meanwhile, not ended after all, or ended by another call.
      await connection.call((client) => client.zrem(keys.ended, member));
    }
  }
  for await (const { member, upload } of indexed(connection, keys, keys.byAge, options.initiatedBefore)) {
    if (upload.state === 'open' || (upload.state === 'completing' && upload.until <= now)) {
      yield { upload: readRecord(upload), work: 'expired' };
    } else if (upload.state === 'none' || upload.cleaned) {
      const { bucket, bucketMember, initiatedAt } = readAgeMember(member);
      if (initiatedAt >= now - danglingMs) continue;
      await connection.call((client) => client.zrem(keys.bucket(bucket), bucketMember));
      await connection.call((client) => client.zrem(keys.byAge, member));
    } else if (upload.state !== 'completing') {
      // Ended; should its entry have been lost in a failover, the next run finds it again.
      await connection.call((client) =>
        client.zadd(keys.ended, 0, endedMember(upload.ended, uploadIdOf(member))),
      );
    }
  }
}

/** Entries of an index that begins with a time, before `end`, each with its upload. */
async function* indexed(
  connection: Connection,
  keys: Keys,
  index: string,
  end: number,
): AsyncGenerator<{ readonly member: Buffer; readonly upload: IndexedUpload }> {
  let lower: Buffer | string = '-';
  for (;;) {
    const from = lower;
    const members = await connection.call((client) =>
      client.zrangebylexBuffer(index, from, `(${digits(end)}`, 'LIMIT', 0, pageSize),
    );
    const uploads = await Promise.all(members.map((member) => lookUp(connection, keys, uploadIdOf(member))));
    for (const [at, member] of members.entries()) {
      const upload = uploads[at];
      if (upload !== undefined) yield { member, upload };
      lower = Buffer.concat([Buffer.from('('), member]);
    }
    if (members.length < pageSize) return;
  }
}

/** Before the upload itself: a crash in between leaves entries without an upload, never an upload that no listing shows. */
export async function addToIndices(connection: Connection, keys: Keys, upload: UploadRecord): Promise<void> {
  await Promise.all([
    connection.call((client) => client.zadd(keys.bucket(upload.bucket), 0, bucketMember(upload))),
    connection.call((client) => client.zadd(keys.byAge, 0, ageMember(upload))),
  ]);
}

/** After the upload is gone, or only its result is left. */
export async function removeFromIndices(
  connection: Connection,
  keys: Keys,
  upload: UploadRecord,
  endedAt: number,
): Promise<void> {
  await Promise.all([
    connection.call((client) => client.zrem(keys.bucket(upload.bucket), bucketMember(upload))),
    connection.call((client) => client.zrem(keys.byAge, ageMember(upload))),
    connection.call((client) => client.zrem(keys.ended, endedMember(endedAt, upload.uploadId))),
  ]);
}

function readRecord({ record }: IndexedUpload): UploadRecord {
  return JSON.parse(record) as UploadRecord;
}
