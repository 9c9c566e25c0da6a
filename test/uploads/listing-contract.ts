/** ListMultipartUploads of a store against a model that sorts everything and cuts. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type {
  ListUploadsCall,
  ListUploadsResult,
  UploadRecord,
  UploadStore,
} from '../../src/uploads/types.ts';
import { upload } from './fixtures.ts';
import { noGraceMs, type OpenPair, type OpenStores } from './stage.ts';

type Entry = ListUploadsResult['entries'][number];

const bytes = (text: string): Buffer => Buffer.from(text);

function inOrder(a: UploadRecord, b: UploadRecord): number {
  return (
    bytes(a.key).compare(bytes(b.key)) ||
    a.initiatedAt - b.initiatedAt ||
    (a.uploadId < b.uploadId ? -1 : a.uploadId > b.uploadId ? 1 : 0)
  );
}

/** Rolls up and sorts all, then drops what the markers exclude. */
function model(uploads: readonly UploadRecord[], call: ListUploadsCall): ListUploadsResult {
  const { delimiter = '', keyMarker, limit, prefix = '', uploadIdMarker } = call;
  const marker = uploads.find(({ key, uploadId }) => uploadId === uploadIdMarker && key === keyMarker);
  const after = (record: UploadRecord): boolean => {
    if (keyMarker === undefined) return true;
    const order = bytes(record.key).compare(bytes(keyMarker));
    if (order !== 0 || uploadIdMarker === undefined) return order > 0;
    return marker === undefined || inOrder(record, marker) > 0;
  };
  const entries: Entry[] = [];
  for (const record of uploads.toSorted(inOrder)) {
    if (record.bucket !== call.bucket || !record.key.startsWith(prefix)) continue;
    const found = delimiter === '' ? -1 : record.key.indexOf(delimiter, prefix.length);
    if (found < 0) {
      if (after(record)) entries.push({ kind: 'upload', upload: record });
      continue;
    }
    const rolledUp = record.key.slice(0, found + delimiter.length);
    if (keyMarker !== undefined && bytes(rolledUp).compare(bytes(keyMarker)) <= 0) continue;
    const last = entries.at(-1);
    if (last?.kind !== 'prefix' || last.prefix !== rolledUp)
      entries.push({ kind: 'prefix', prefix: rolledUp });
  }
  return { entries: entries.slice(0, limit), truncated: entries.length > limit };
}

export function listingContract(open: OpenPair): void {
  let stores: OpenStores;
  let store: UploadStore;
  let buckets = 0;
  beforeAll(async () => {
    stores = await open({ cleanUpGraceMs: noGraceMs });
    store = stores.a;
  });
  afterAll(() => stores.dispose());

  /** As text, so that a counter-example can be read. */
  const shown = ({ entries, truncated }: ListUploadsResult): string[] => [
    ...entries.map((entry) =>
      entry.kind === 'prefix'
        ? `prefix ${JSON.stringify(entry.prefix)}`
        : `${JSON.stringify(entry.upload.key)} ${entry.upload.initiatedAt} ${entry.upload.uploadId}`,
    ),
    truncated ? 'more' : 'end',
  ];

  // Few letters, so that keys and prefixes meet; of one, two, three and four bytes, and the ones that codes of keys trip over.
  const letters = ['a', 'b', '/', '/', '\u0000', '\u007f', '0', '~', 'é', '\uffff', '\u{1f600}'];
  const text = (maxLength: number) =>
    fc.array(fc.constantFrom(...letters), { maxLength }).map((each) => each.join(''));
  const scene = fc.record({
    keys: fc.array(
      fc.record({
        key: fc
          .array(fc.constantFrom(...letters), { minLength: 1, maxLength: 5 })
          .map((each) => each.join('')),
        at: fc.integer({ min: 1, max: 3 }),
        end: fc.constantFrom('open', 'open', 'open', 'aborted', 'completed', 'completing', 'elsewhere'),
      }),
      { maxLength: 14 },
    ),
    calls: fc.array(
      fc.record(
        {
          prefix: text(2),
          delimiter: fc.oneof(fc.constant('/'), text(2)),
          keyMarker: text(4),
          marker: fc.nat(13),
          limit: fc.integer({ min: 1, max: 6 }),
        },
        { requiredKeys: ['limit'] },
      ),
      { minLength: 1, maxLength: 6 },
    ),
  });

  test('every page of every call is the one that sorting everything gives', async () => {
    await fc.assert(
      fc.asyncProperty(scene, async ({ calls, keys }) => {
        const bucket = `bucket-${buckets++}`;
        const live: UploadRecord[] = [];
        const all: UploadRecord[] = [];
        for (const { at, end, key } of keys) {
          const record = upload({
            key,
            initiatedAt: at,
            bucket: end === 'elsewhere' ? `${bucket}-2` : bucket,
          });
          await store.create(record);
          all.push(record);
          if (end === 'aborted') await store.abort(record.uploadId);
          else if (end !== 'elsewhere') live.push(record);
          if (end !== 'completing' && end !== 'completed') continue;
          const claimed = await store.claimCompletion({
            uploadId: record.uploadId,
            digest: '',
            plan: 0,
            parts: [],
            leaseMs: 60_000,
          });
          if (end === 'completed' && claimed.outcome === 'claimed') {
            await store.finishCompletion(claimed.claim, 0);
            live.pop();
          }
        }
        for (const { marker, ...given } of calls) {
          const named = marker === undefined ? undefined : live[marker];
          const call: ListUploadsCall = {
            bucket,
            ...given,
            ...(named !== undefined && { keyMarker: named.key, uploadIdMarker: named.uploadId }),
          };
          expect(shown(await store.listUploads(call))).toEqual(shown(model(live, call)));
          await pagesAddUp(call, live);
        }
        for (const { uploadId } of all) {
          await store.abort(uploadId);
          await store.cleaned(uploadId);
        }
      }),
      { numRuns: 60 },
    );
  });

  /** Following the markers, as a client does, meets every entry once. */
  async function pagesAddUp(call: ListUploadsCall, live: readonly UploadRecord[]): Promise<void> {
    const met: Entry[] = [];
    let next = call;
    for (let pages = 0; pages < 40; pages++) {
      const page = await store.listUploads(next);
      met.push(...page.entries);
      const last = page.entries.at(-1);
      if (!page.truncated || last === undefined) break;
      const { uploadIdMarker: _, ...rest } = call;
      next =
        last.kind === 'prefix'
          ? { ...rest, keyMarker: last.prefix }
          : { ...rest, keyMarker: last.upload.key, uploadIdMarker: last.upload.uploadId };
    }
    const whole = model(live, { ...call, limit: 1_000 });
    expect(shown({ entries: met, truncated: false })).toEqual(shown(whole));
  }

  test('a common prefix is shown once, however many uploads and whatever letters it stands for', async () => {
    const bucket = 'crowded';
    const keys = ['dir', 'dir0', 'z/1', 'z/2'];
    for (let index = 0; index < 150; index++) {
      keys.push(`dir/${['0', 'a', '~', 'é', '\uffff', '\u{1f600}'][index % 6]}${index}`);
    }
    await Promise.all(keys.map((key) => store.create(upload({ bucket, key }))));
    for (const limit of [1, 2, 3, 100, 1_000]) {
      const met: string[] = [];
      let keyMarker: string | undefined;
      for (;;) {
        const page = await store.listUploads({
          bucket,
          delimiter: '/',
          limit,
          ...(keyMarker !== undefined && { keyMarker }),
        });
        met.push(...page.entries.map((entry) => (entry.kind === 'prefix' ? entry.prefix : entry.upload.key)));
        keyMarker = met.at(-1);
        if (!page.truncated) break;
      }
      expect(met).toEqual(['dir', 'dir/', 'dir0', 'z/']);
    }
  });

  test('a marker that was aborted meanwhile skips no upload of its key', async () => {
    const bucket = 'purged';
    const records = [1, 2, 3, 4].map((initiatedAt) => upload({ bucket, key: 'k', initiatedAt }));
    for (const record of records) await store.create(record);
    const met: string[] = [];
    let marker: UploadRecord | undefined;
    for (;;) {
      const page = await store.listUploads({
        bucket,
        limit: 1,
        ...(marker !== undefined && { keyMarker: marker.key, uploadIdMarker: marker.uploadId }),
      });
      for (const entry of page.entries) {
        if (entry.kind !== 'upload') continue;
        marker = entry.upload;
        met.push(marker.uploadId);
        await store.abort(marker.uploadId);
        await store.cleaned(marker.uploadId);
      }
      if (!page.truncated) break;
    }
    expect(met).toEqual(records.map(({ uploadId }) => uploadId));
  });
}
