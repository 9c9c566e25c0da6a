/** Where the plain bytes of a sealed object lie in the backend. Pure. */
import type { ObjectInfo } from '../../../adapters/types.ts';
import type { ResolvedRange } from '../../http/ranges.ts';
import { damaged, headSize, sealedSize, segmentCount, segmentSize, tagSize } from './format.ts';

export interface SealedRun {
  /** 0 for an object that was written in one request. */
  readonly partNumber: number;
  /** Plain bytes. */
  readonly size: number;
}

/** Segments `first` to `last` of a run. */
export interface RunSlice extends SealedRun {
  readonly first: number;
  readonly last: number;
}

/** Stored bytes to read, and what to make of them. Of all runs but the first, the head is among them. */
export interface Slice {
  readonly stored: ResolvedRange;
  readonly runs: readonly RunSlice[];
  /** Where the first run's head lies, when the stored bytes begin behind it. */
  readonly headAt: number | undefined;
  /** Plain bytes to leave out at the beginning, and to give after that. */
  readonly skip: number;
  readonly length: number;
}

/** The runs of an object, if they make up what the backend holds: `Corrupt` otherwise. */
export function runsOf({ attributes, size }: ObjectInfo): readonly SealedRun[] {
  const { parts, plainSize } = attributes;
  if (plainSize === undefined) throw damaged('its size is not known');
  const runs = parts ?? [{ partNumber: 0, size: plainSize }];
  let plain = 0;
  let stored = 0;
  let before = -1;
  for (const run of runs) {
    // Each run opens under its own part number only, and numbers ascend: so runs cannot change places.
    if (run.partNumber <= before) throw damaged('its parts are out of order');
    before = run.partNumber;
    plain += run.size;
    stored += sealedSize(run.size);
  }
  if (plain !== plainSize || stored !== size) throw damaged('its size is not the one that was written');
  return runs;
}

/** What must be read for a range of plain bytes; all of it for none. */
export function sliceOf(runs: readonly SealedRun[], range?: ResolvedRange): Slice {
  return range === undefined ? wholeOf(runs) : rangeOf(runs, range);
}

function wholeOf(runs: readonly SealedRun[]): Slice {
  let stored = 0;
  let length = 0;
  const slices = runs.map((run) => {
    stored += sealedSize(run.size);
    length += run.size;
    return { ...run, first: 0, last: segmentCount(run.size) - 1 };
  });
  return { stored: { start: 0, end: stored - 1 }, runs: slices, headAt: undefined, skip: 0, length };
}

function rangeOf(runs: readonly SealedRun[], range: ResolvedRange): Slice {
  const slices: RunSlice[] = [];
  let plainAt = 0;
  let storedAt = 0;
  let start = 0;
  let end = 0;
  let headAt: number | undefined;
  let skip = 0;
  for (const run of runs) {
    if (plainAt > range.end) break;
    if (plainAt + run.size > range.start) {
      const from = Math.max(0, range.start - plainAt);
      const first = Math.floor(from / segmentSize);
      const to = Math.min(range.end - plainAt, run.size - 1);
      const last = Math.max(0, Math.floor(to / segmentSize));
      if (slices.length === 0) {
        skip = from - first * segmentSize;
        headAt = first === 0 ? undefined : storedAt;
        start = first === 0 ? storedAt : storedAt + headSize + first * (segmentSize + tagSize);
      }
      end = storedAt + sealedSizeThrough(run.size, last) - 1;
      slices.push({ ...run, first, last });
    }
    plainAt += run.size;
    storedAt += sealedSize(run.size);
  }
  return { stored: { start, end }, runs: slices, headAt, skip, length: range.end - range.start + 1 };
}

/** Stored bytes from a run's beginning to the end of one of its segments. */
function sealedSizeThrough(plainSize: number, segment: number): number {
  return headSize + Math.min(plainSize, (segment + 1) * segmentSize) + (segment + 1) * tagSize;
}
