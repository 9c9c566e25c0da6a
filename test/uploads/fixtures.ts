import { randomUUID } from 'node:crypto';
import { newUploadId } from '../../src/uploads/id.ts';
import type { PartRecord, UploadRecord } from '../../src/uploads/types.ts';

/** For stores whose calls must go through, however busy the machine is. */
export const patienceMs = 60_000;

export function upload(given: Partial<UploadRecord> = {}): UploadRecord {
  return {
    uploadId: newUploadId(),
    bucket: 'bucket',
    key: 'photos/2026/a.jpg',
    initiatedAt: Date.now(),
    initiator: 'someone',
    settings: { headers: { 'content-type': 'image/jpeg' } },
    state: { staging: 'there' },
    ...given,
  };
}

/** A new attempt at a part: its token is its own. */
export function part(partNumber: number, given: Partial<PartRecord> = {}): PartRecord {
  return {
    partNumber,
    etag: 'd41d8cd98f00b204e9800998ecf8427e',
    size: 5,
    storedSize: 21,
    modifiedAt: 1_700_000_000_123,
    checksums: { CRC32: 'AAAAAA==' },
    token: { file: randomUUID() },
    ...given,
  };
}
