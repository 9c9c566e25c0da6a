/**
 * Names in Redis. All keys of one upload share a hash slot, by its ID in braces; the indices are in slots of their own.
 *
 * Indices are sorted sets in which every score is 0, so that Redis keeps the members in order of their bytes:
 *
 * - of a bucket: key ␀ initiated ␀ upload ID, which is the order of ListMultipartUploads;
 * - of uploads by age: initiated ␀ bucket ␀ that member;
 * - of ended uploads: ended ␀ upload ID.
 *
 * Times have 16 digits. A ␀ in a key is followed by FF, which sorts it after the ␀ that ends a shorter key.
 */
import type { UploadRecord } from '../types.ts';

export interface Keys {
  /** Upload, parts, and parts replaced: in the order of every script's KEYS. */
  upload(uploadId: string): [upload: string, parts: string, replaced: string];
  bucket(name: string): string;
  readonly byAge: string;
  readonly ended: string;
  readonly probe: string;
}

export function keysUnder(prefix: string): Keys {
  return {
    upload: (id) => [`${prefix}{${id}}`, `${prefix}{${id}}:parts`, `${prefix}{${id}}:replaced`],
    bucket: (name) => `${prefix}bucket:{${name}}`,
    byAge: `${prefix}uploads-by-age`,
    ended: `${prefix}ended-uploads`,
    probe: `${prefix}probe`,
  };
}

const nul = Buffer.of(0);

/** A text as it stands in members: any text's prefix is the prefix of its bytes here. */
export function keyBytes(text: string): Buffer {
  const plain = Buffer.from(text);
  if (!plain.includes(0)) return plain;
  return Buffer.from(plain.toString('latin1').replaceAll('\u0000', '\u0000\u00ff'), 'latin1');
}

export function textOf(bytes: Buffer): string {
  if (!bytes.includes(0)) return bytes.toString();
  return Buffer.from(bytes.toString('latin1').replaceAll('\u0000\u00ff', '\u0000'), 'latin1').toString();
}

export function digits(milliseconds: number): string {
  return String(Math.max(0, Math.floor(milliseconds))).padStart(16, '0');
}

export function bucketMember({
  initiatedAt,
  key,
  uploadId,
}: Pick<UploadRecord, 'initiatedAt' | 'key' | 'uploadId'>): Buffer {
  return Buffer.concat([keyBytes(key), nul, Buffer.from(`${digits(initiatedAt)}\u0000${uploadId}`)]);
}

export function ageMember(upload: UploadRecord): Buffer {
  return Buffer.concat([
    Buffer.from(`${digits(upload.initiatedAt)}\u0000${upload.bucket}\u0000`),
    bucketMember(upload),
  ]);
}

export function endedMember(endedAt: number, uploadId: string): string {
  return `${digits(endedAt)}\u0000${uploadId}`;
}

/** The last field of any member. */
export function uploadIdOf(member: Buffer): string {
  return member.subarray(member.lastIndexOf(0) + 1).toString();
}

/** Where the bucket's index has the same upload. */
export function readAgeMember(member: Buffer): {
  readonly initiatedAt: number;
  readonly bucket: string;
  readonly bucketMember: Buffer;
} {
  const start = 17;
  const end = member.indexOf(0, start);
  return {
    initiatedAt: Number(member.subarray(0, 16).toString()),
    bucket: member.subarray(start, end).toString(),
    bucketMember: member.subarray(end + 1),
  };
}
