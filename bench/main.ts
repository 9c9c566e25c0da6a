/** Measures Partway, its neighbours and the floor in one run, prints tables and writes JSON to bench/results. */
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type GatewayService, startService } from '../test/clients/kit/services.ts';
import { complete, head, list, objects, uploadPart } from './cases.ts';
import { Floors } from './floors.ts';
import { type Group, help, type Options, parseOptions } from './options.ts';
import { printTable, type Row, writeResults } from './report.ts';
import { bareSdk } from './sdk-cases.ts';
import { removeDirectory, serverNames, startServer } from './servers.ts';
import { Session } from './session.ts';
import { encryption } from './sse.ts';

const titles: Record<Group | 'floor', string> = {
  floor: 'The floor: MD5 and files in a bare one-thread Node.js script',
  start: 'Start to first answer',
  'upload-part': 'UploadPart: part size × in flight, payload form',
  objects: 'PutObject and GetObject: size × in flight',
  head: 'HeadObject',
  list: 'ListObjectsV2, pages of 1,000',
  complete: 'CompleteMultipartUpload',
  sse: 'Encryption: CPU beside the same without',
  sdk: 'The same bytes by the bare SDK of the backend',
};

async function startEmulator(options: Options): Promise<GatewayService | undefined> {
  if (options.backend === 'local') return undefined;
  const service = await startService(options.backend);
  if ('unavailable' in service) throw new Error(`--backend ${options.backend}: ${service.unavailable}`);
  return service;
}

/** Time from the start of the process to its first answer: empty, and again over what is there. */
async function startTimes(
  name: string,
  directory: string,
  options: Options,
  emulator: GatewayService | undefined,
): Promise<Row[]> {
  const times: number[] = [];
  for (let i = 0; i < (options.quick ? 2 : 6); i++) {
    const server = await startServer(name, directory, options, emulator);
    times.push(server.startTime);
    await server.stop();
  }
  const again = times.slice(1).sort((a, b) => a - b);
  const row = { group: 'start', server: name };
  return [
    { ...row, what: 'first start', medianMs: times[0] ?? Number.NaN },
    { ...row, what: 'later starts', medianMs: again[Math.floor((again.length - 1) / 2)] ?? Number.NaN },
  ];
}

async function measureServer(
  name: string,
  directory: string,
  options: Options,
  emulator: GatewayService | undefined,
  floors: Floors,
): Promise<Row[]> {
  const rows: Row[] = [];
  const wants = (group: Group): boolean => options.only.includes(group);
  if (wants('start'))
    rows.push(...(await startTimes(name, path.join(directory, 'start'), options, emulator)));
  const cases: [Group, (session: Session) => Promise<Row[]>][] = [
    ['upload-part', (session) => uploadPart(session, floors)],
    ['objects', objects],
    ['head', head],
    ['list', list],
    ['complete', complete],
    ['sse', encryption],
  ];
  for (const [group, measure] of cases) {
    if (!wants(group)) continue;
    process.stderr.write(`bench: ${name}: ${group}\n`);
    // A fresh server and a fresh directory for each group: none pays for another.
    const own = path.join(directory, group);
    const server = await startServer(name, own, options, emulator);
    const session = new Session(server, options, own);
    try {
      await session.request('PUT', '');
      rows.push(...(await measure(session)));
    } catch (error) {
      // A neighbour that cannot do it is a row; Partway that cannot is the end of the run.
      if (name.startsWith('partway')) throw error;
      const why = error instanceof Error ? error.message : String(error);
      rows.push({ group, what: 'failed', server: name, note: why.replace(/\s+/g, ' ').slice(0, 200) });
    } finally {
      await session.close();
      await server.stop();
      await removeDirectory(own);
    }
  }
  return rows;
}

async function main(args: readonly string[]): Promise<void> {
  const options = parseOptions(args);
  if (options === undefined) {
    process.stdout.write(help);
    return;
  }
  const directory = await mkdtemp(path.join(options.directory ?? tmpdir(), 'partway-bench-'));
  // Servers end with this process (see startServer); their directory must go too.
  process.once('exit', () => rmSync(directory, { recursive: true, force: true, maxRetries: 5 }));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));
  const emulator = await startEmulator(options);
  try {
    const floors = options.only.includes('upload-part')
      ? await Floors.measure(directory, options)
      : new Floors();
    const rows = [...floors.rows];
    for (const name of serverNames(options))
      rows.push(...(await measureServer(name, path.join(directory, name), options, emulator, floors)));
    if (emulator !== undefined && options.only.includes('sdk'))
      rows.push(...(await bareSdk(options, emulator)));
    for (const [group, title] of Object.entries(titles)) {
      const own = rows.filter((row) => row.group === group);
      // Cell by cell, the servers below each other.
      const order = [...new Set(own.map(({ what }) => what))];
      own.sort((a, b) => order.indexOf(a.what) - order.indexOf(b.what));
      if (own.length > 0) printTable(title, own);
    }
    process.stdout.write(`\n${await writeResults(rows, args)}\n`);
  } finally {
    await emulator?.stop();
  }
}

await main(process.argv.slice(2));
