/** Attributes as JSON, with the layout of a multipart object in runs: 10,000 equal parts are a few numbers. */
import type { ObjectAttributes, ObjectPart } from '../types.ts';

/** First part number, how many numbers follow each other, bytes of each; and the checksum of each when they have one. */
type Run = readonly [first: number, count: number, size: number, checksums?: readonly string[]];

export type PackedAttributes = Omit<ObjectAttributes, 'parts'> & { readonly parts?: readonly Run[] };

export function pack(attributes: ObjectAttributes): PackedAttributes {
  const { parts, ...rest } = attributes;
  if (parts === undefined) return rest;
  const runs: [number, number, number, string[]?][] = [];
  for (const { partNumber, size, checksum } of parts) {
    const run = runs.at(-1);
    const follows =
      run !== undefined &&
      run[0] + run[1] === partNumber &&
      run[2] === size &&
      (run[3] === undefined) === (checksum === undefined);
    if (!follows)
      runs.push(checksum === undefined ? [partNumber, 1, size] : [partNumber, 1, size, [checksum]]);
    else {
      run[1]++;
      if (checksum !== undefined) run[3]?.push(checksum);
    }
  }
  return { ...rest, parts: runs };
}

export function unpack(packed: PackedAttributes): ObjectAttributes {
  const { parts: runs, ...rest } = packed;
  if (runs === undefined) return rest;
  const parts: ObjectPart[] = [];
  for (const [first, count, size, checksums] of runs) {
    for (let i = 0; i < count; i++) {
      const checksum = checksums?.[i];
      const partNumber = first + i;
      parts.push(checksum === undefined ? { partNumber, size } : { partNumber, size, checksum });
    }
  }
  return { ...rest, parts };
}
