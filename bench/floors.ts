/** Runs the floor for every part size, with and without fdatasync, and keeps its rows. */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Floor } from './floor.ts';
import type { Options } from './options.ts';
import type { Row } from './report.ts';
import { pinned, settle } from './servers.ts';

const GiB = 2 ** 30;

export class Floors {
  readonly rows: Row[] = [];

  static async measure(directory: string, options: Options): Promise<Floors> {
    const floors = new Floors();
    for (const size of options.quick ? [8 << 20] : [8 << 20, 64 << 20])
      for (const sync of [false, true]) floors.rows.push(await measureOne(directory, options, size, sync));
    return floors;
  }

  /** What the bytes cost at least, with the durability of the server that is compared. */
  cpuSecondsPerGib(size: number, sync: boolean): number {
    const row = this.rows.find(({ what }) => what === nameOf(size, sync));
    return row?.cpuSecondsPerGib ?? Number.NaN;
  }
}

function nameOf(size: number, sync: boolean): string {
  return `${size >> 20} MiB × 4, MD5 and write${sync ? ' and fdatasync' : ''}`;
}

async function measureOne(directory: string, options: Options, size: number, sync: boolean): Promise<Row> {
  await settle(directory);
  const count = (options.quick ? GiB / 4 : GiB) / size;
  const script = path.join(import.meta.dirname, 'floor.ts');
  const launch = pinned(options.pin ? '0' : undefined, process.execPath, [
    script,
    directory,
    String(size),
    String(count),
    '4',
    String(sync),
  ]);
  const { stdout } = await promisify(execFile)(launch.command, launch.args);
  const floor: Floor = JSON.parse(stdout);
  return {
    group: 'floor',
    what: nameOf(size, sync),
    server: 'bare Node.js',
    mibPerSecond: floor.bytes / 2 ** 20 / floor.seconds,
    cpuSecondsPerGib: floor.cpuSeconds / (floor.bytes / GiB),
  };
}
