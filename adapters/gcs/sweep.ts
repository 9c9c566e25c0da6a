/** Collecting private objects that crashes left behind. */
import type { Leftover, SweepCall, SweepResult } from '../types.ts';
import type { Resource } from './api.ts';
import { METADATA_KEY } from './attributes.ts';
import { privatePages, removeAll } from './batch.ts';
import { listBuckets } from './buckets.ts';
import { calling, type Gcs, live, ownDescription } from './gcs.ts';
import { ATTRIBUTES, PUTS, UPLOADS } from './names.ts';
import { mapInFlight } from './parallel.ts';

const IN_FLIGHT = 16;

export async function sweep(gcs: Gcs, call: SweepCall): Promise<SweepResult> {
  const swept = { removed: 0, bytes: 0 };
  const open = remembered(call.isOpen);
  for (const { name: bucket } of await listBuckets(gcs, call.signal)) {
    if (call.isOurs?.(bucket) === false) continue;
    await calling(gcs, { action: 'sweep a bucket', bucket, signal: call.signal }, async (from) => {
      const rooms: ReadonlyArray<
        readonly [string, Leftover['kind'], (object: Resource) => Promise<boolean>]
      > = [
        [UPLOADS, 'upload', async ({ name }) => !(await open(uploadOf(name)))],
        [PUTS, 'write', async () => true],
        [ATTRIBUTES, 'attributes', async (sidecar) => !(await needed(gcs, from, sidecar, call.signal))],
      ];
      for (const [prefix, kind, isGarbage] of rooms) {
        for await (const page of privatePages(gcs, from, prefix, call.signal)) {
          const old = page.filter(({ timeCreated }) => Date.parse(timeCreated) < call.olderThan.getTime());
          const verdicts = await mapInFlight(old, IN_FLIGHT, isGarbage);
          const garbage = old.filter((_, i) => verdicts[i]);
          if (call.dryRun !== true) await removeAll(gcs, from, garbage, call.signal);
          for (const { name, size } of garbage) {
            swept.removed += 1;
            swept.bytes += Number(size);
            call.onLeftover?.({
              kind,
              bucket,
              ...(kind === 'upload' && { uploadId: uploadOf(name) }),
              place: `${from}/${name}`,
              bytes: Number(size),
            });
          }
        }
      }
    });
  }
  return swept;
}

/** Asks once for each upload. */
function remembered(isOpen: SweepCall['isOpen']): SweepCall['isOpen'] {
  const answers = new Map<string, Promise<boolean>>();
  return (uploadId) => {
    const known = answers.get(uploadId) ?? isOpen(uploadId);
    answers.set(uploadId, known);
    return known;
  };
}

function uploadOf(name: string): string {
  return name.slice(UPLOADS.length).split('/', 1)[0] ?? '';
}

/** Whether the object that these attributes were written for still names them, or cannot be asked. */
async function needed(
  gcs: Gcs,
  bucket: string,
  sidecar: Resource,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const owner = sidecar.metadata?.['of'];
  if (owner === undefined) return false;
  const object = await live(gcs, bucket, owner, signal);
  if (object?.metadata?.[METADATA_KEY] === undefined) return false;
  const own = ownDescription(object);
  return own === undefined || own.sidecar === sidecar.name;
}
