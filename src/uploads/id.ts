import { randomBytes } from 'node:crypto';

/**
 * A new upload ID: 160 random bits in hex. Hex, because IDs end up in names on file systems that may not tell upper from lower
 * case, and on command lines, where a leading `-` would be taken for an option.
 */
export function newUploadId(): string {
  return randomBytes(20).toString('hex');
}

const uploadId = /^[A-Za-z0-9_-]{1,128}$/;

/** Whether a client's text may be used in a store's key or a backend's name. It need not be an upload's. */
export function isUploadId(text: string): boolean {
  return uploadId.test(text);
}
