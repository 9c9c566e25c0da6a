/** How the body travels, as `x-amz-content-sha256` says it (S3 API reference, "Authenticating Requests"). */
import { S3Error } from '../s3/errors.ts';
import type { Headers } from './request.ts';

export type PayloadForm =
  /** Raw; must hash to this (lower-case hex). */
  | { readonly kind: 'sha256'; readonly hex: string }
  /** Raw and unverified. */
  | { readonly kind: 'unsigned' }
  /** aws-chunked with a signature per chunk, and a signed trailer when `trailer`. */
  | { readonly kind: 'streaming-signed'; readonly trailer: boolean }
  /** aws-chunked without signatures, ending in a trailer. */
  | { readonly kind: 'streaming-unsigned-trailer' };

export const unsignedPayload = 'UNSIGNED-PAYLOAD';

const header = 'x-amz-content-sha256';

const forms: ReadonlyMap<string, PayloadForm> = new Map<string, PayloadForm>([
  [unsignedPayload, { kind: 'unsigned' }],
  ['STREAMING-UNSIGNED-PAYLOAD-TRAILER', { kind: 'streaming-unsigned-trailer' }],
  ['STREAMING-AWS4-HMAC-SHA256-PAYLOAD', { kind: 'streaming-signed', trailer: false }],
  ['STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER', { kind: 'streaming-signed', trailer: true }],
]);

const asymmetricForms: ReadonlySet<string> = new Set([
  'STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD',
  'STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER',
]);

/** Reads the value of `x-amz-content-sha256`. Throws InvalidArgument, or NotImplemented for SigV4a's chunks. */
export function parsePayloadForm(value: string): PayloadForm {
  const form = forms.get(value);
  if (form !== undefined) return form;
  if (/^[0-9a-f]{64}$/i.test(value)) return { kind: 'sha256', hex: value.toLowerCase() };
  if (asymmetricForms.has(value)) {
    throw new S3Error('NotImplemented', {
      message: `The chunk encoding algorithm ${value} is not supported.`,
      extra: { Header: header },
    });
  }
  throw new S3Error('InvalidArgument', {
    message:
      'x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or a valid sha256 value.',
    extra: { ArgumentName: header, ArgumentValue: value },
  });
}

/** The form of a request that nobody signed: there is no key to sign its chunks with. */
export function parseAnonymousPayloadForm(value: string | undefined): PayloadForm {
  if (value === undefined) return { kind: 'unsigned' };
  const form = parsePayloadForm(value);
  if (form.kind !== 'streaming-signed') return form;
  throw new S3Error('InvalidRequest', {
    message:
      "Anonymous requests don't support this x-amz-content-sha256 value. Please use UNSIGNED-PAYLOAD or STREAMING-UNSIGNED-PAYLOAD-TRAILER.",
  });
}

/** For operations that take no object bytes: their bodies are never aws-chunked. */
export function refuseStreaming(form: PayloadForm): void {
  if (form.kind === 'sha256' || form.kind === 'unsigned') return;
  throw new S3Error('InvalidRequest', { message: 'The value of x-amz-content-sha256 header is invalid.' });
}

const hashOfNothing = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** RFC 9112, 6: without either header there is none. */
export function hasNoBody(headers: Headers): boolean {
  return Number(headers.get('content-length') ?? 0) === 0 && headers.get('transfer-encoding') === undefined;
}

/** For operations that read no body: a request that has none must have been signed as such. Throws XAmzContentSHA256Mismatch. */
export function requireHashOfNothing(form: PayloadForm, headers: Headers): void {
  if (form.kind === 'sha256' && hasNoBody(headers)) requireSha256(form.hex, hashOfNothing);
}

/** Both in lower-case hex. Throws XAmzContentSHA256Mismatch. */
export function requireSha256(client: string, computed: string): void {
  if (client === computed) return;
  throw new S3Error('XAmzContentSHA256Mismatch', {
    extra: { ClientComputedContentSHA256: client, S3ComputedContentSHA256: computed },
  });
}

/** Reads `x-amz-decoded-content-length`, the bytes inside an aws-chunked body. Throws MissingContentLength. */
export function parseDecodedLength(value: string | undefined): number {
  const length = value !== undefined && /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
  if (!Number.isSafeInteger(length)) throw new S3Error('MissingContentLength');
  return length;
}
