/** Where a page of ListMultipartUploads begins. Keys are compared as UTF-8 bytes, which is not the order of JavaScript's strings. */
import type { ListUploadsCall, UploadRecord } from './types.ts';

export type ListingStart =
  /** The first upload of this key, or of a later one. */
  | { readonly at: 'key'; readonly key: Buffer }
  /** What follows this very upload. */
  | { readonly at: 'upload'; readonly key: Buffer; readonly initiatedAt: number; readonly uploadId: string }
  /** Any key after this one. */
  | { readonly at: 'after-key'; readonly key: Buffer }
  /** Any key after all that begin with this. */
  | { readonly at: 'after-prefix'; readonly prefix: Buffer };

/** @param marker the upload that `uploadIdMarker` names, if the store still knows it */
export function listingStart(call: ListUploadsCall, marker: UploadRecord | undefined): ListingStart {
  const prefix = Buffer.from(call.prefix ?? '');
  if (call.keyMarker === undefined) return { at: 'key', key: prefix };
  const key = Buffer.from(call.keyMarker);
  if (key.compare(prefix) < 0) return { at: 'key', key: prefix };
  const rolledUp = commonPrefix(key, prefix, Buffer.from(call.delimiter ?? ''));
  if (rolledUp !== undefined) return { at: 'after-prefix', prefix: rolledUp };
  if (call.uploadIdMarker === undefined) return { at: 'after-key', key };
  if (marker === undefined || marker.bucket !== call.bucket || marker.key !== call.keyMarker) {
    return { at: 'key', key };
  }
  return { at: 'upload', key, initiatedAt: marker.initiatedAt, uploadId: marker.uploadId };
}

/** The part of `key` up to and with the first delimiter after `prefix`; `undefined` when nothing is rolled up. */
export function commonPrefix(key: Buffer, prefix: Buffer, delimiter: Buffer): Buffer | undefined {
  if (delimiter.length === 0 || !key.subarray(0, prefix.length).equals(prefix)) return undefined;
  const found = key.indexOf(delimiter, prefix.length);
  return found < 0 ? undefined : key.subarray(0, found + delimiter.length);
}

/** Above every key that begins with `prefix`, and below every other key after them: no UTF-8 text holds the byte FF. */
export function endOfPrefix(prefix: Buffer): Buffer {
  return Buffer.concat([prefix, Buffer.of(0xff)]);
}
