/**
 * Every change of the embedded store, as functions over prepared statements. They run inside a transaction that the writer
 * opens and commits, so what one reads it may rely on. Arguments and results cross a thread: plain data only.
 */
import type { DatabaseSync } from 'node:sqlite';

export interface NewUpload {
  readonly uploadId: string;
  readonly bucket: string;
  readonly key: Uint8Array;
  readonly initiatedAt: number;
  /** The whole UploadRecord as JSON. */
  readonly record: string;
}

export interface NewPart {
  readonly uploadId: string;
  readonly partNumber: number;
  readonly identity: string;
  readonly details: string;
}

export interface Claim {
  readonly uploadId: string;
  readonly lease: string;
  readonly leaseMs: number;
  readonly digest: string;
  readonly plan: string;
  readonly partNumbers: readonly number[];
  readonly identities: readonly string[];
}

export type StoredPartText = { readonly identity: string; readonly details: string };

type ClaimResult =
  | { readonly outcome: 'claimed'; readonly previous?: { readonly digest: string; readonly plan: string } }
  | { readonly outcome: 'busy'; readonly digest: string; readonly retryAfterMs: number }
  | { readonly outcome: 'completed'; readonly digest: string; readonly result: string }
  | { readonly outcome: 'changed' | 'none' };

type AbortResult =
  | { readonly outcome: 'aborted'; readonly record: string }
  | { readonly outcome: 'busy'; readonly retryAfterMs: number }
  | {
      readonly outcome: 'stalled';
      readonly record: string;
      readonly lease: string;
      readonly digest: string;
      readonly plan: string;
    }
  | { readonly outcome: 'none' };

export type Transitions = ReturnType<typeof prepareTransitions>;

interface UploadRow {
  readonly record: string;
  readonly state: 'open' | 'completing' | 'completed' | 'aborted';
  readonly lease: string | null;
  readonly lease_until: number | null;
  readonly digest: string | null;
  readonly plan: string | null;
  /** Of an attempt that was taken over and may have published, until the new holder has looked and renewed its plan. */
  readonly earlier_digest: string | null;
  readonly earlier_plan: string | null;
  readonly result: string | null;
}

export function prepareTransitions(database: DatabaseSync) {
  const select = database.prepare(
    `SELECT record, state, lease, lease_until, digest, plan, earlier_digest, earlier_plan, result
     FROM uploads WHERE upload_id = ?`,
  );
  const selectState = database.prepare('SELECT state FROM uploads WHERE upload_id = ?');
  const insert = database.prepare(
    "INSERT INTO uploads (upload_id, bucket, object_key, initiated_at, record, state) VALUES (?, ?, ?, ?, ?, 'open')",
  );
  const selectPart = database.prepare(
    'SELECT identity, details FROM parts WHERE upload_id = ? AND part_number = ?',
  );
  const upsertPart = database.prepare(
    'INSERT OR REPLACE INTO parts (upload_id, part_number, identity, details) VALUES (?, ?, ?, ?)',
  );
  const selectIdentities = database.prepare('SELECT part_number, identity FROM parts WHERE upload_id = ?');
  const startCompleting = database.prepare(
    `UPDATE uploads SET state = 'completing', lease = ?, lease_until = ?, digest = ?, plan = ?,
     earlier_digest = ?, earlier_plan = ? WHERE upload_id = ?`,
  );
  const renew = database.prepare(
    "UPDATE uploads SET lease_until = ? WHERE upload_id = ? AND state = 'completing' AND lease = ?",
  );
  const renewPlan = database.prepare(
    'UPDATE uploads SET plan = ?, earlier_digest = NULL, earlier_plan = NULL WHERE upload_id = ?',
  );
  const release = database.prepare(
    `UPDATE uploads SET state = 'open', lease = NULL, lease_until = NULL,
     digest = NULL, plan = NULL, earlier_digest = NULL, earlier_plan = NULL
     WHERE upload_id = ? AND state = 'completing' AND lease = ?`,
  );
  const finish = database.prepare(
    `UPDATE uploads SET state = 'completed', result = ?, digest = coalesce(?, digest), ended_at = ?,
     plan = NULL, earlier_digest = NULL, earlier_plan = NULL
     WHERE upload_id = ? AND state = 'completing' AND lease = ?`,
  );
  const markAborted = database.prepare(
    `UPDATE uploads SET state = 'aborted', ended_at = ?,
     plan = NULL, earlier_digest = NULL, earlier_plan = NULL WHERE upload_id = ?`,
  );
  const deleteParts = database.prepare('DELETE FROM parts WHERE upload_id = ?');
  const deleteUpload = database.prepare('DELETE FROM uploads WHERE upload_id = ?');
  const markCleaned = database.prepare('UPDATE uploads SET cleaned = 1 WHERE upload_id = ?');
  const deleteOld = database.prepare(
    `DELETE FROM uploads WHERE upload_id IN (
       SELECT upload_id FROM uploads WHERE ended_at < ? AND cleaned = 1 ORDER BY ended_at LIMIT ?)`,
  );
  const writeProbe = database.prepare('INSERT OR REPLACE INTO probe (id, at) VALUES (1, ?)');

  const rowOf = (uploadId: string): UploadRow | undefined => select.get(uploadId) as UploadRow | undefined;

  return {
    create({ bucket, initiatedAt, key, record, uploadId }: NewUpload): void {
      insert.run(uploadId, bucket, key, initiatedAt, record);
    },

    recordPart(part: NewPart): { readonly recorded: boolean; readonly replaced?: StoredPartText } {
      const { details, identity, partNumber, uploadId } = part;
      if (selectState.get(uploadId)?.['state'] !== 'open') return { recorded: false };
      const before = selectPart.get(uploadId, partNumber) as StoredPartText | undefined;
      upsertPart.run(uploadId, partNumber, identity, details);
      if (before === undefined || before.identity === identity) return { recorded: true };
      return { recorded: true, replaced: { identity: before.identity, details: before.details } };
    },

    claim({ digest, identities, lease, leaseMs, partNumbers, plan, uploadId }: Claim): ClaimResult {
      const row = rowOf(uploadId);
      if (row === undefined || row.state === 'aborted') return { outcome: 'none' };
      if (row.state === 'completed') {
        return { outcome: 'completed', digest: row.digest ?? '', result: row.result ?? 'null' };
      }
      const now = Date.now();
      const left = (row.lease_until ?? 0) - now;
      if (row.state === 'completing' && left > 0) {
        return { outcome: 'busy', digest: row.digest ?? '', retryAfterMs: left };
      }
      const stored = new Map<unknown, unknown>();
      for (const part of selectIdentities.iterate(uploadId))
        stored.set(part['part_number'], part['identity']);
      if (!partNumbers.every((number, index) => stored.get(number) === identities[index])) {
        return { outcome: 'changed' };
      }
      if (row.state === 'open') {
        startCompleting.run(lease, now + leaseMs, digest, plan, null, null, uploadId);
        return { outcome: 'claimed' };
      }
      const previous = attemptOf(row);
      startCompleting.run(lease, now + leaseMs, digest, plan, previous.digest, previous.plan, uploadId);
      return { outcome: 'claimed', previous };
    },

    renew(call: { uploadId: string; lease: string; leaseMs: number; plan: string | null }): boolean {
      if (renew.run(Date.now() + call.leaseMs, call.uploadId, call.lease).changes === 0) return false;
      if (call.plan !== null) renewPlan.run(call.plan, call.uploadId);
      return true;
    },

    release(call: { uploadId: string; lease: string }): void {
      release.run(call.uploadId, call.lease);
    },

    finish(call: { uploadId: string; lease: string; result: string; digest: string | null }): boolean {
      return finish.run(call.result, call.digest, Date.now(), call.uploadId, call.lease).changes > 0;
    },

    /** @param stalled the expired lease that the caller has looked into */
    abort({ stalled, uploadId }: { uploadId: string; stalled: string | null }): AbortResult {
      const row = rowOf(uploadId);
      if (row === undefined || row.state === 'aborted' || row.state === 'completed')
        return { outcome: 'none' };
      const now = Date.now();
      if (row.state === 'completing') {
        const left = (row.lease_until ?? 0) - now;
        if (left > 0) return { outcome: 'busy', retryAfterMs: left };
        if (row.lease !== stalled) {
          return { outcome: 'stalled', record: row.record, lease: row.lease ?? '', ...attemptOf(row) };
        }
      }
      markAborted.run(now, uploadId);
      return { outcome: 'aborted', record: row.record };
    },

    cleaned(uploadId: string): void {
      const state = selectState.get(uploadId)?.['state'];
      if (state !== 'aborted' && state !== 'completed') return;
      deleteParts.run(uploadId);
      if (state === 'aborted') deleteUpload.run(uploadId);
      else markCleaned.run(uploadId);
    },

    forget({ before, limit }: { before: number; limit: number }): number {
      return Number(deleteOld.run(before, limit).changes);
    },

    /** A write that costs next to nothing: does the store accept one? */
    probe(_: undefined): void {
      writeProbe.run(Date.now());
    },
  };
}

/** The attempt of a COMPLETING upload that may have published. */
function attemptOf(row: UploadRow): { readonly digest: string; readonly plan: string } {
  return {
    digest: row.earlier_digest ?? row.digest ?? '',
    plan: row.earlier_plan ?? row.plan ?? 'null',
  };
}
