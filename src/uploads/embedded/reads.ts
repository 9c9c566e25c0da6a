/**
 * What the embedded store answers without a write. Reads run where they are called: they never wait for a writer (WAL), and the
 * file's hot pages are in memory.
 */
import type { DatabaseSync } from 'node:sqlite';
import { commonPrefix, endOfPrefix, type ListingStart, listingStart } from '../listing.ts';
import { readPart } from '../part-text.ts';
import type {
  Json,
  ListUploadsCall,
  ListUploadsResult,
  PartRecord,
  PendingUpload,
  UploadRecord,
  UploadView,
} from '../types.ts';

export type Reads = ReturnType<typeof prepareReads>;

const pageSize = 100;

interface ViewRow {
  readonly record: string;
  readonly state: string;
  readonly digest: string | null;
  readonly result: string | null;
  readonly identity: string | null;
  readonly details: string | null;
}

interface RecordRow {
  readonly record: string;
  readonly at: number;
  readonly upload_id: string;
}

interface KeyRow {
  readonly record: string;
  readonly object_key: Uint8Array;
}

/** @param cleanUpGraceMs clean-up that is younger may still be under way in the request that ended the upload */
export function prepareReads(database: DatabaseSync, cleanUpGraceMs: number) {
  const selectView = database.prepare(
    `SELECT u.record, u.state, u.digest, u.result, p.identity, p.details FROM uploads u
     LEFT JOIN parts p ON p.upload_id = u.upload_id AND p.part_number = ? WHERE u.upload_id = ?`,
  );
  const selectParts = database.prepare(
    `SELECT p.part_number, p.identity, p.details FROM uploads u
     LEFT JOIN parts p ON p.upload_id = u.upload_id AND p.part_number > ?
     WHERE u.upload_id = ? AND u.state IN ('open', 'completing') ORDER BY p.part_number LIMIT ?`,
  );
  const selectRecord = database.prepare('SELECT record FROM uploads WHERE upload_id = ?');
  const uploadsAfter = (where: string): string =>
    `SELECT record, object_key FROM uploads WHERE bucket = ? AND cleaned = 0 ${where}
     AND (object_key, initiated_at, upload_id) > (?, ?, ?) AND object_key < ?
     ORDER BY object_key, initiated_at, upload_id`;
  const selectListed = database.prepare(uploadsAfter("AND state IN ('open', 'completing')"));
  const selectUploads = database.prepare(`${uploadsAfter('')} LIMIT ?`);
  const selectUncleaned = database.prepare(
    `SELECT record, ended_at AS at, upload_id FROM uploads
     WHERE (ended_at, upload_id) > (?, ?) AND ended_at < ? AND cleaned = 0 ORDER BY ended_at, upload_id LIMIT ?`,
  );
  const selectExpired = database.prepare(
    `SELECT record, initiated_at AS at, upload_id FROM uploads
     WHERE (initiated_at, upload_id) > (?, ?) AND initiated_at < ? AND cleaned = 0
     AND (state = 'open' OR (state = 'completing' AND lease_until <= ?))
     ORDER BY initiated_at, upload_id LIMIT ?`,
  );

  const recordOf = (uploadId: string): UploadRecord | undefined => {
    const row = selectRecord.get(uploadId) as Pick<RecordRow, 'record'> | undefined;
    return row === undefined ? undefined : readRecord(row.record);
  };

  /** Pages by (time, ID): entries that stay where they are, because their work failed, are not met again. */
  function* pages(
    read: (at: number, uploadId: string) => readonly RecordRow[],
    work: PendingUpload['work'],
  ): Generator<PendingUpload> {
    let at = -1;
    let uploadId = '';
    for (;;) {
      const rows = read(at, uploadId);
      for (const row of rows) {
        at = row.at;
        uploadId = row.upload_id;
        yield { upload: readRecord(row.record), work };
      }
      if (rows.length < pageSize) return;
    }
  }

  return {
    view(uploadId: string, partNumber: number): UploadView {
      const row = selectView.get(partNumber, uploadId) as ViewRow | undefined;
      if (row === undefined || row.state === 'aborted') return { status: 'none' };
      const upload = readRecord(row.record);
      if (row.state === 'completed') {
        return {
          status: 'completed',
          upload,
          digest: row.digest ?? '',
          result: JSON.parse(row.result ?? 'null') as Json,
        };
      }
      const status = row.state === 'open' ? 'open' : 'completing';
      if (row.identity === null || row.details === null) return { status, upload };
      return { status, upload, part: readPart(partNumber, row.identity, row.details) };
    },

    parts(
      uploadId: string,
      { after, limit }: { readonly after: number; readonly limit: number },
    ): { readonly parts: readonly PartRecord[]; readonly truncated: boolean } | undefined {
      const parts: PartRecord[] = [];
      let open = false;
      // An open upload without such parts is one row of NULLs.
      for (const row of selectParts.iterate(after, uploadId, limit + 1)) {
        open = true;
        if (row['part_number'] === null) break;
        if (parts.length === limit) return { parts, truncated: true };
        parts.push(readPart(Number(row['part_number']), String(row['identity']), String(row['details'])));
      }
      return open ? { parts, truncated: false } : undefined;
    },

    listUploads(call: ListUploadsCall): ListUploadsResult {
      const marker = call.uploadIdMarker === undefined ? undefined : recordOf(call.uploadIdMarker);
      const prefix = Buffer.from(call.prefix ?? '');
      const delimiter = Buffer.from(call.delimiter ?? '');
      const entries: Array<ListUploadsResult['entries'][number]> = [];
      let start: ListingStart | undefined = listingStart(call, marker);
      while (start !== undefined) {
        const from = start;
        start = undefined;
        for (const found of selectListed.iterate(call.bucket, ...position(from), endOfPrefix(prefix))) {
          if (entries.length === call.limit) return { entries, truncated: true };
          const { object_key, record } = found as unknown as KeyRow;
          const rolledUp = commonPrefix(Buffer.from(object_key), prefix, delimiter);
          if (rolledUp === undefined) {
            entries.push({ kind: 'upload', upload: readRecord(record) });
          } else {
            entries.push({ kind: 'prefix', prefix: rolledUp.toString() });
            // Seek beyond everything that it stands for.
            start = { at: 'after-prefix', prefix: rolledUp };
            break;
          }
        }
      }
      return { entries, truncated: false };
    },

    uploadsOf(bucket: string, options: { readonly after?: string; readonly limit: number }): UploadRecord[] {
      const marker = options.after === undefined ? undefined : recordOf(options.after);
      const from: ListingStart =
        marker === undefined
          ? { at: 'key', key: Buffer.alloc(0) }
          : { ...marker, at: 'upload', key: Buffer.from(marker.key) };
      const rows = selectUploads.all(bucket, ...position(from), endOfPrefix(Buffer.alloc(0)), options.limit);
      return rows.map((row) => readRecord((row as unknown as KeyRow).record));
    },

    *pendingWork(initiatedBefore: number): Generator<PendingUpload> {
      const now = Date.now();
      yield* pages(
        (at, id) => selectUncleaned.all(at, id, now - cleanUpGraceMs, pageSize) as unknown as RecordRow[],
        'uncleaned',
      );
      yield* pages(
        (at, id) => selectExpired.all(at, id, initiatedBefore, now, pageSize) as unknown as RecordRow[],
        'expired',
      );
    },
  };
}

/** What a page's rows come after, as (key, time, ID). */
function position(start: ListingStart): [key: Buffer, initiatedAt: number, uploadId: string] {
  switch (start.at) {
    case 'key':
      return [start.key, -1, ''];
    case 'upload':
      return [start.key, start.initiatedAt, start.uploadId];
    case 'after-key':
      return [start.key, Number.MAX_SAFE_INTEGER, ''];
    case 'after-prefix':
      return [endOfPrefix(start.prefix), -1, ''];
  }
}

function readRecord(text: string): UploadRecord {
  return JSON.parse(text) as UploadRecord;
}
