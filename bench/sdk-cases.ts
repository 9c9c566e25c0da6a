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

const clients: Readonly<Record<string, readonly (readonly [uploads: string, name: string])[]>> = {
  azure: [['azure', '@azure/storage-blob']],
  gcs: [
    ['gcs', '@google-cloud/storage, validation: false'],
    ['gcs-validated', '@google-cloud/storage'],
  ],
};

export async function bareSdk(options: Options, emulator: GatewayService): Promise<Row[]> {
  const rows: Row[] = [];
  const MiB = 2 ** 20;
  for (const size of options.quick ? [8 * MiB] : [8 * MiB, 64 * MiB]) {
    for (const inFlight of options.quick ? [4] : [1, 4, 16]) {
      const count = Math.max(inFlight, (options.quick ? 256 * MiB : 1024 * MiB) / size);
      const script = path.join(import.meta.dirname, 'sdk.ts');
      for (const [uploads, server] of clients[options.backend] ?? []) {
        const args = [script, uploads, String(size), String(count), String(inFlight)];
        const { stdout } = await promisify(execFile)(process.execPath, args, {
          env: { PATH: process.env['PATH'] ?? '', ...emulator.env },
        });
        const outcome: SdkOutcome = JSON.parse(stdout);
        rows.push({
          group: 'sdk',
          what: `${size / MiB} MiB × ${inFlight}`,
          server,
          mibPerSecond: outcome.bytes / MiB / outcome.seconds,
          cpuSecondsPerGib: outcome.cpuSeconds / (outcome.bytes / 2 ** 30),
          peakMib: outcome.peakMib,
        });
      }
    }
  }
  return rows;
}
