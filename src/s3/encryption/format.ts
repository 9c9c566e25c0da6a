/**
 * How sealed bytes lie in the backend. An object that was written in one request is one run; a multipart object is one run per part, each
 * independent of the others:
 *
 *     head      magic and version (16 bytes), salt (32 bytes)
 *     segment   AES-256-GCM ciphertext of 256 KiB of plain bytes (the last one: of the rest), and its tag (16 bytes)
 *     …         a run of no bytes has one empty segment
 *
 * A run's key is derived from the base key, the salt and the run's identity, so no two runs share one. The nonce counts segments and
 * marks the last (the STREAM construction: Hoang, Reyhanitabar, Rogaway, Vizár, "Online Authenticated-Encryption and its
 * Nonce-Reuse Misuse-Resistance"): a segment that was changed, moved, repeated, left out or added does not open.
 */
import { createHash, hkdfSync } from 'node:crypto';
import { AdapterError } from '../../../adapters/errors.ts';

export const cipherName = 'aes-256-gcm';
/** Larger ones cost less for each byte, smaller ones suit short ranges. */
export const segmentSize = 256 * 1024;
export const tagSize = 16;
export const saltSize = 32;
/** The last byte is the version of this format. */
export const magic = Buffer.from('\x93PARTWAY-SEAL\r\n\x01', 'latin1');
export const headSize = magic.length + saltSize;

/** What a run is. It opens as nothing else. */
export interface RunIdentity {
  readonly bucket: string;
  readonly key: string;
  /** Unique to the object, or to the upload. */
  readonly envelopeSalt: Buffer;
  /** 0 for an object that was written in one request. */
  readonly partNumber: number;
}

export function segmentCount(plainSize: number): number {
  return Math.max(1, Math.ceil(plainSize / segmentSize));
}

/** Bytes that a run takes in the backend. */
export function sealedSize(plainSize: number): number {
  return headSize + plainSize + segmentCount(plainSize) * tagSize;
}

export function runKey(baseKey: Buffer, salt: Buffer, identity: RunIdentity): Buffer {
  return deriveKey(
    baseKey,
    salt,
    'partway run 1',
    identity.envelopeSalt,
    String(identity.partNumber),
    identity.bucket,
    identity.key,
  );
}

/** 32 bytes for one purpose (HKDF-SHA256, RFC 5869). What it is for is hashed, since HKDF's info is short. */
export function deriveKey(key: Buffer, salt: Buffer, ...purpose: readonly (string | Buffer)[]): Buffer {
  const info = createHash('sha256');
  const length = Buffer.alloc(4);
  for (const item of purpose) {
    const bytes = Buffer.from(item);
    length.writeUInt32BE(bytes.length);
    info.update(length).update(bytes);
  }
  return Buffer.from(hkdfSync('sha256', key, salt, info.digest(), 32));
}

export function segmentNonce(index: number, last: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32BE(index, 7);
  nonce.writeUInt8(last ? 1 : 0, 11);
  return nonce;
}

export function damaged(what: string, cause?: unknown): AdapterError {
  return new AdapterError('Corrupt', `an encrypted object was changed in the backend: ${what}`, { cause });
}
