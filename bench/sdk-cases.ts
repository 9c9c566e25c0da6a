/** The yardstick on a cloud backend: the same bytes by the bare SDK's own streaming upload, in a process of its own. */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import type { GatewayService } from '../test/clients/kit/services.ts';
import type { Options } from './options.ts';
import type { Row } from './report.ts';

export interface SdkOutcome {
  readonly seconds: number;
  readonly bytes: number;
  readonly cpuSeconds: number;
  readonly peakMib: number;
}

export async function bareSdk(options: Options, emulator: GatewayService): Promise<Row[]> {
  const rows: Row[] = [];
  const MiB = 2 ** 20;
  for (const size of options.quick ? [8 * MiB] : [8 * MiB, 64 * MiB]) {
    for (const inFlight of options.quick ? [4] : [1, 4, 16]) {
      const count = Math.max(inFlight, (options.quick ? 256 * MiB : 1024 * MiB) / size);
      const script = path.join(import.meta.dirname, 'sdk.ts');
      const args = [script, options.backend, String(size), String(count), String(inFlight)];
      const { stdout } = await promisify(execFile)(process.execPath, args, {
        env: { PATH: process.env['PATH'] ?? '', ...emulator.env },
      });
      const outcome: SdkOutcome = JSON.parse(stdout);
      rows.push({
        group: 'sdk',
        what: `${size / MiB} MiB × ${inFlight}`,
        server: options.backend === 'azure' ? '@azure/storage-blob' : '@google-cloud/storage',
        mibPerSecond: outcome.bytes / MiB / outcome.seconds,
        cpuSecondsPerGib: outcome.cpuSeconds / (outcome.bytes / 2 ** 30),
        peakMib: outcome.peakMib,
      });
    }
  }
  return rows;
}
