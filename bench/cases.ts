/** What is measured, group by group. Each answers its rows for one server. */
import { mkdir, statfs, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Floors } from './floors.ts';
import { type Form, forms } from './payload.ts';
import type { Row } from './report.ts';
import { columnsOf, type Session } from './session.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;

function sizeName(bytes: number): string {
  return bytes >= MiB ? `${bytes / MiB} MiB` : `${bytes / KiB} KiB`;
}

/** UploadPart in each payload form, part size and number in flight. Each cell is an upload of its own, aborted after. */
export async function uploadPart(session: Session, floors: Floors): Promise<Row[]> {
  const { quick } = session.options;
  const rows: Row[] = [];
  const cells: [size: number, inFlight: number, form: Form][] = [];
  for (const size of quick ? [8 * MiB] : [8 * MiB, 64 * MiB])
    for (const inFlight of quick ? [4] : [1, 4, 16])
      for (const form of forms) cells.push([size, inFlight, form]);
  for (const [size, inFlight, form] of cells) {
    const count = Math.max(inFlight, (quick ? GiB / 4 : GiB) / size);
    const measured = await session.measureOften(async () => {
      const key = 'upload-part';
      const uploadId = await session.createUpload(key);
      try {
        return await session.measure({ op: 'upload-part', inFlight, key, uploadId, form, size, count });
      } finally {
        await session.request('DELETE', key, { uploadId });
      }
    });
    const floor = floors.cpuSecondsPerGib(size, session.server.name === 'partway');
    rows.push({
      group: 'upload-part',
      what: `${sizeName(size)} × ${inFlight}, ${form}`,
      server: session.server.name,
      ...columnsOf(measured),
      timesFloor: measured.cpuSeconds / (measured.bytes / GiB) / floor,
    });
  }
  return rows;
}

/** PutObject and GetObject of small, middling and large objects. */
export async function objects(session: Session): Promise<Row[]> {
  const { quick } = session.options;
  const rows: Row[] = [];
  const shapes: [size: number, count: number, inFlight: number][] = quick
    ? [
        [4 * KiB, 1000, 16],
        [MiB, 128, 8],
        [64 * MiB, 4, 4],
      ]
    : [
        [4 * KiB, 5000, 16],
        [MiB, 1024, 8],
        [64 * MiB, 16, 4],
      ];
  for (const [size, count, inFlight] of shapes) {
    const prefix = `objects/${size}/`;
    const put = await session.measureOften(() =>
      session.measure({ op: 'put', inFlight, prefix, form: 'sha256', size, count }),
    );
    const get = await session.measureOften(() =>
      session.measure({ op: 'get', inFlight, prefix, objects: count, count }),
    );
    const what = `${sizeName(size)} × ${inFlight}`;
    const { name: server } = session.server;
    rows.push({ group: 'objects', what: `PutObject ${what}`, server, ...columnsOf(put) });
    rows.push({ group: 'objects', what: `GetObject ${what}`, server, ...columnsOf(get) });
  }
  return rows;
}

export async function head(session: Session): Promise<Row[]> {
  const count = session.options.quick ? 1000 : 10_000;
  const objects = 100;
  const prefix = 'head/';
  await session.run({ op: 'put', inFlight: 4, prefix, form: 'unsigned', size: KiB, count: objects });
  const measured = await session.measureOften(() =>
    session.measure({ op: 'head', inFlight: 16, prefix, objects, count }),
  );
  return [{ group: 'head', what: 'HeadObject × 16', server: session.server.name, ...columnsOf(measured) }];
}

function flatKey(i: number): string {
  return `key-${String(i).padStart(6, '0')}`;
}

function nestedKey(i: number): string {
  return `dir-${String(Math.floor(i / 1000)).padStart(3, '0')}/key-${String(i % 1000).padStart(3, '0')}`;
}

/** A bucket of many keys. Where objects are ordinary files they are written as such; it is the listing that counts. */
async function fill(
  session: Session,
  bucket: string,
  count: number,
  key: (i: number) => string,
): Promise<void> {
  await session.request('PUT', '', {}, '', bucket);
  const { root } = session.server;
  if (root === undefined) {
    await session.run({ op: 'put', inFlight: 16, prefix: 'key-', form: 'unsigned', size: 10, count }, bucket);
    return;
  }
  const made = new Set<string>();
  for (let i = 0; i < count; i++) {
    const file = path.join(root, bucket, key(i));
    const directory = path.dirname(file);
    if (!made.has(directory)) await mkdir(directory, { recursive: true });
    made.add(directory);
    await writeFile(file, '0123456789');
  }
}

/** Pages of 1,000 keys: a whole walk, and pages that start anywhere. */
export async function list(session: Session): Promise<Row[]> {
  const local = session.server.root !== undefined;
  const count = local ? (session.options.quick ? 10_000 : 100_000) : 2_000;
  const rows: Row[] = [];
  const layouts: [name: string, key: (i: number) => string][] = [['in one directory', flatKey]];
  if (local) layouts.push(['in directories of 1,000', nestedKey]);
  for (const [name, key] of layouts) {
    const bucket = `list-${name.replace(/[^a-z]+/g, '-')}`.replace(/-$/, '');
    await fill(session, bucket, count, key);
    const common = { op: 'list', inFlight: 1, query: {} } as const;
    const walk = await session.measureOften(() =>
      session.measure({ ...common, walk: true, startAfter: [''] }, bucket),
    );
    const keys = Array.from({ length: 30 }, (_, i) => key((i * 7919) % count));
    const anywhere = await session.measureOften(() =>
      session.measure({ ...common, walk: false, startAfter: keys }, bucket),
    );
    const row = { group: 'list', server: session.server.name };
    const of = `${count.toLocaleString('en')} keys ${name}`;
    rows.push({ ...row, what: `walk of ${of}`, ...columnsOf(walk), seconds: walk.seconds });
    rows.push({ ...row, what: `page anywhere of ${of}`, ...columnsOf(anywhere) });
  }
  return rows;
}

/** CompleteMultipartUpload by the number of its parts, all of 5 MiB. */
export async function complete(session: Session): Promise<Row[]> {
  const rows: Row[] = [];
  const { server, options } = session;
  const { bavail, bsize } = await statfs(session.directory);
  const row = { group: 'complete', server: server.name };
  for (const count of options.quick ? [10, 100] : [10, 1000, 10_000]) {
    const what = `${count.toLocaleString('en')} parts of 5 MiB`;
    if (
      count === 10_000 &&
      (bavail * bsize < 60 * GiB || !server.name.startsWith('partway') || server.root === undefined)
    ) {
      rows.push({ ...row, what, note: 'not measured: needs 60 GiB free, and only Partway is asked' });
      continue;
    }
    const size = 5 * MiB;
    const key = `complete-${count}`;
    const uploadId = await session.createUpload(key);
    const { etags } = await session.run({
      op: 'upload-part',
      inFlight: 4,
      key,
      uploadId,
      form: 'unsigned',
      size,
      count,
    });
    const parts = etags.map(
      (etag, i) => `<Part><PartNumber>${i + 1}</PartNumber><ETag>${etag}</ETag></Part>`,
    );
    const body = `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${parts.join('')}</CompleteMultipartUpload>`;
    const measured = await session.measure({
      op: 'request',
      inFlight: 1,
      method: 'POST',
      key,
      query: { uploadId },
      body,
    });
    if (measured.status !== 200)
      throw new Error(`${server.name}: Complete answered ${measured.status} ${measured.body}`);
    rows.push({ ...row, what, seconds: measured.seconds, peakMib: measured.peakMib });
    await session.request('DELETE', key);
  }
  return rows;
}
