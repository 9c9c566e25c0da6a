/** Reading the index of a bucket. An entry without its upload is what a crash left, or an upload that is just being made: skipped. */
import { endOfPrefix, listingStart } from '../listing.ts';
import type { ListUploadsCall, ListUploadsResult, UploadRecord } from '../types.ts';
import type { Connection } from './connection.ts';
import { bucketMember, type Keys, keyBytes, textOf, uploadIdOf } from './keys.ts';

export interface IndexedUpload {
  readonly state: 'none' | 'open' | 'completing' | 'completed' | 'aborted';
  readonly record: string;
  readonly cleaned: boolean;
  /** When the lease of a Complete runs out. */
  readonly until: number;
  readonly ended: number;
}

export async function lookUp(connection: Connection, keys: Keys, uploadId: string): Promise<IndexedUpload> {
  const [key] = keys.upload(uploadId);
  const fields = await connection.call((client) =>
    client.hmget(key, 'state', 'record', 'cleaned', 'until', 'ended'),
  );
  const [state, record, cleaned, until, ended] = fields;
  return {
    state: (state ?? 'none') as IndexedUpload['state'],
    record: record ?? '',
    cleaned: cleaned !== null && cleaned !== undefined,
    until: Number(until ?? 0),
    ended: Number(ended ?? 0),
  };
}

/** @param marker the upload that `uploadIdMarker` names, if it is still known */
export async function listUploads(
  connection: Connection,
  keys: Keys,
  call: ListUploadsCall,
  marker: UploadRecord | undefined,
): Promise<ListUploadsResult> {
  const entries: Array<ListUploadsResult['entries'][number]> = [];
  const prefix = keyBytes(call.prefix ?? '');
  const upper = bound('(', endOfPrefix(prefix));
  let lower = lowerBound(call, marker);
  for (;;) {
    // One more than the page holds tells whether it is cut.
    const wanted = call.limit + 1 - entries.length;
    const found = await walk(connection, keys.bucket(call.bucket), [
      lower,
      upper,
      prefix.length,
      keyBytes(call.delimiter ?? ''),
      wanted,
    ]);
    const uploads = await Promise.all(
      found.map(({ member }) => lookUp(connection, keys, uploadIdOf(member))),
    );
    let dangling = false;
    for (const [index, { commonPrefix, member }] of found.entries()) {
      lower = bound('(', member);
      const upload = uploads[index];
      if (upload?.state === 'open' || upload?.state === 'completing') {
        if (entries.length === call.limit) return { entries, truncated: true };
        if (commonPrefix === undefined) {
          entries.push({ kind: 'upload', upload: JSON.parse(upload.record) as UploadRecord });
        } else {
          entries.push({ kind: 'prefix', prefix: textOf(commonPrefix) });
          lower = bound('(', endOfPrefix(commonPrefix));
        }
      } else if (commonPrefix !== undefined) {
        // Another upload may be there to show the prefix: look at what follows this one.
        dangling = true;
        break;
      }
    }
    if (!dangling && found.length < wanted) return { entries, truncated: false };
  }
}

/** All that the index holds of a bucket but what was ended and cleaned, in the index's order. */
export async function uploadsOf(
  connection: Connection,
  keys: Keys,
  bucket: string,
  limit: number,
  after: UploadRecord | undefined,
): Promise<readonly UploadRecord[]> {
  const records: UploadRecord[] = [];
  let lower = after?.bucket === bucket ? bound('(', bucketMember(after)) : Buffer.from('-');
  while (records.length < limit) {
    const wanted = limit - records.length;
    const found = await walk(connection, keys.bucket(bucket), [lower, '+', 0, '', wanted]);
    const uploads = await Promise.all(
      found.map(({ member }) => lookUp(connection, keys, uploadIdOf(member))),
    );
    for (const { cleaned, record, state } of uploads) {
      if (state !== 'none' && !cleaned) records.push(JSON.parse(record) as UploadRecord);
    }
    const last = found.at(-1);
    if (last === undefined || found.length < wanted) break;
    lower = bound('(', last.member);
  }
  return records;
}

interface Found {
  readonly member: Buffer;
  readonly commonPrefix: Buffer | undefined;
}

async function walk(
  connection: Connection,
  index: string,
  args: readonly (string | number | Buffer)[],
): Promise<readonly Found[]> {
  const reply = await connection.runBinary('walk', [index], args);
  const found: Found[] = [];
  for (let at = 0; at + 1 < reply.length; at += 2) {
    const [member, commonPrefix] = [reply[at], reply[at + 1]];
    if (member === undefined) continue;
    found.push({ member, commonPrefix: commonPrefix?.length === 0 ? undefined : commonPrefix });
  }
  return found;
}

function lowerBound(call: ListUploadsCall, marker: UploadRecord | undefined): Buffer {
  const start = listingStart(call, marker);
  switch (start.at) {
    case 'key':
      return bound('[', keyBytes(start.key.toString()));
    case 'upload':
      return bound('(', bucketMember({ ...start, key: start.key.toString() }));
    case 'after-key':
      // Behind the digits that follow the key, before a longer key that goes on with ␀ FF.
      return bound('[', keyBytes(start.key.toString()), Buffer.of(0, 0xff));
    case 'after-prefix':
      return bound('(', endOfPrefix(keyBytes(start.prefix.toString())));
  }
}

function bound(kind: '[' | '(', ...bytes: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.from(kind), ...bytes]);
}
