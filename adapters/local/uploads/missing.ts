/** Which parts of an upload have lost their bytes. */
import type { DiscardPartsCall } from '../../types.ts';
import { mapBounded } from '../bounded.ts';
import type { Context } from '../context.ts';
import { placeOf, Staging } from './staging.ts';

export async function findMissingParts(context: Context, call: DiscardPartsCall): Promise<readonly number[]> {
  const staging = new Staging(context, call.bucket, call.uploadId);
  const missing: number[] = [];
  await mapBounded(call.parts, async ({ partNumber, size, token }) => {
    const place = placeOf(token);
    if ('empty' in place) return;
    const [path, end] =
      'slot' in place
        ? [staging.data(place.slot), (partNumber - 1) * place.slot + size]
        : [staging.part(place.file), size];
    const stats = await context.files.look.lstat(path);
    if (stats === undefined || Number(stats.size) < end) missing.push(partNumber);
  });
  return missing.sort((a, b) => a - b);
}
