/** How both stores write a part: its identity, by which a claim is judged, and the rest. */
import type { PartRecord } from './types.ts';

export const maxPartNumber = 10_000;

/** ETag and token: one text for each attempt to store a part. JSON holds no raw line feed, so the two cannot run together. */
export function partIdentity(part: Pick<PartRecord, 'etag' | 'token'>): string {
  return `${part.etag}\n${JSON.stringify(part.token)}`;
}

/** All of a part but its number and identity. */
export function partDetails({ partNumber: _, etag: __, token: ___, ...details }: PartRecord): string {
  return JSON.stringify(details);
}

export function readPart(partNumber: number, identity: string, details: string): PartRecord {
  const split = identity.indexOf('\n');
  return {
    ...(JSON.parse(details) as Omit<PartRecord, 'partNumber' | 'etag' | 'token'>),
    partNumber,
    etag: identity.slice(0, split),
    token: JSON.parse(identity.slice(split + 1)) as PartRecord['token'],
  };
}
