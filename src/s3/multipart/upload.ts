/** What the protocol keeps with an upload, and how a request finds the upload it names. */
import { isUploadId } from '../../uploads/id.ts';
import type { Json, PartRecord, UploadRecord, UploadView } from '../../uploads/types.ts';
import type { ChecksumAlgorithm, ChecksumType } from '../checksums/algorithms.ts';
import type { Envelope } from '../encryption/envelope.ts';
import { S3Error } from '../errors.ts';
import type { Gateway, RequestContext } from '../operation.ts';
import type { XmlNode } from '../xml.ts';

/** Headers and choices of CreateMultipartUpload that Complete applies to the object. */
export interface UploadSettings {
  readonly headers: Readonly<Record<string, string>>;
  readonly metadata: Readonly<Record<string, string>>;
  readonly tags?: Readonly<Record<string, string>>;
  /** Declared at Create. Without it, parts carry what they like and the object gets the default checksum. */
  readonly checksum?: { readonly algorithm: ChecksumAlgorithm; readonly type: ChecksumType };
  /** Decided at Create; holds no key. */
  readonly encryption?: Envelope;
  /** State of the key when the upload began: conditional completions tell a rewrite by it. */
  readonly base: { readonly version: string } | null;
}

export function settingsOf(upload: UploadRecord): UploadSettings {
  // Written by CreateMultipartUpload below; the store hands back what it was given.
  return upload.settings as unknown as UploadSettings;
}

/**
 * The checksum that the finished object has: as declared, else the default. AWS gives none to an object under a customer's key that
 * declared none.
 */
export function uploadChecksum(
  { checksum, encryption }: Pick<UploadSettings, 'checksum' | 'encryption'>,
  defaultChecksum: ChecksumAlgorithm | undefined,
): UploadSettings['checksum'] {
  if (checksum !== undefined) return checksum;
  if (defaultChecksum === undefined || encryption?.type === 'SSE-C') return undefined;
  return { algorithm: defaultChecksum, type: 'FULL_OBJECT' };
}

export function settingsJson(settings: UploadSettings): Json {
  return settings as unknown as Json;
}

/** Whoever began the upload; "if the initiator is an Amazon Web Services account, this element provides the same information as the Owner element". */
export function initiatorOf({ access, settings }: Gateway, { initiator }: UploadRecord): XmlNode {
  return { ID: initiator, DisplayName: access?.displayNameOf(initiator) ?? settings.owner.displayName };
}

export function noSuchUpload(uploadId: string): S3Error {
  return new S3Error('NoSuchUpload', { extra: { UploadId: uploadId } });
}

export function uploadIdOf(context: RequestContext): string {
  return context.target.query.get('uploadId') ?? '';
}

/** The view of the upload that the request names, whatever its state, if it belongs to the request's bucket and key. */
export async function viewUpload(
  context: RequestContext,
  partNumber?: number,
): Promise<Exclude<UploadView, { status: 'none' }>> {
  const uploadId = uploadIdOf(context);
  const view: UploadView = isUploadId(uploadId)
    ? await context.gateway.uploads.get(uploadId, partNumber)
    : { status: 'none' };
  if (view.status === 'none' || view.upload.bucket !== context.bucket || view.upload.key !== context.key) {
    return missing(context, uploadId);
  }
  return view;
}

/** An upload that still takes parts; NoSuchUpload otherwise. */
export async function openUpload(
  context: RequestContext,
  partNumber?: number,
): Promise<{ readonly upload: UploadRecord; readonly part?: PartRecord }> {
  const view = await viewUpload(context, partNumber);
  if (view.status === 'completed') return missing(context, view.upload.uploadId);
  return view;
}

/** NoSuchBucket comes before NoSuchUpload; the bucket is looked up only now that something is wrong. */
async function missing(context: RequestContext, uploadId: string): Promise<never> {
  await context.gateway.storage.for(context.bucket).headBucket({ bucket: context.bucket });
  throw noSuchUpload(uploadId);
}
