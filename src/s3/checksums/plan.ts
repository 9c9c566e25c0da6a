/** What a request claims about the digests of its body ("Checking object integrity for data uploads"). */
import type { PayloadForm } from '../../auth/payload.ts';
import { announcedTrailer } from '../../auth/trailer.ts';
import type { Headers } from '../../http/headers.ts';
import { S3Error } from '../errors.ts';
import {
  type ChecksumAlgorithm,
  checksumAlgorithmNamed,
  checksumAlgorithmOfHeader,
  checksumInfo,
  decodeBase64,
  decodeChecksum,
} from './algorithms.ts';

export interface ChecksumPlan {
  /** Raw, from Content-MD5. */
  readonly contentMd5?: Buffer;
  readonly checksum?: PlannedChecksum;
}

export type PlannedChecksum =
  | { readonly algorithm: ChecksumAlgorithm; readonly from: 'header'; readonly expected: Buffer }
  /** The value comes behind the body, under the algorithm's header name. */
  | { readonly algorithm: ChecksumAlgorithm; readonly from: 'trailer' };

const prefix = 'x-amz-checksum-';
/** These share the prefix and carry no value. */
const settings: ReadonlySet<string> = new Set(['algorithm', 'mode', 'type'].map((name) => prefix + name));
const sdkAlgorithm = 'x-amz-sdk-checksum-algorithm';

/**
 * Throws, before any byte is read: InvalidDigest for a Content-MD5 that is none, InvalidRequest for a checksum that is none, unknown, more than one,
 * or not the one that the SDK says it sent; InvalidArgument for a header that was sent twice; MalformedTrailerError for a trailer announced
 * where none can be.
 */
export function planChecksums(headers: Headers, form: PayloadForm): ChecksumPlan {
  const contentMd5 = readContentMd5(headers);
  const checksum = readChecksum(headers, form);
  requireSdkAlgorithm(headers, checksum?.algorithm);
  return {
    ...(contentMd5 !== undefined && { contentMd5 }),
    ...(checksum !== undefined && { checksum }),
  };
}

function readContentMd5(headers: Headers): Buffer | undefined {
  const value = headers.get('content-md5');
  if (value === undefined) return undefined;
  const raw = decodeBase64(value.trim(), 16);
  if (raw === undefined) throw new S3Error('InvalidDigest', { extra: { 'Content-MD5': value } });
  return raw;
}

function readChecksum(headers: Headers, form: PayloadForm): PlannedChecksum | undefined {
  const given: string[] = [];
  for (const name of headers.keys()) {
    if (name.startsWith(prefix) && !settings.has(name)) given.push(name);
  }
  const trailer = announcedTrailer(
    headers.get('x-amz-trailer'),
    form,
    (name) => checksumAlgorithmOfHeader(name) !== undefined,
  );
  if (given.length > 1) {
    throw invalidRequest(
      'Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.',
    );
  }
  if (trailer !== undefined && given.length > 0) {
    throw invalidRequest('Expecting a single x-amz-checksum- header');
  }
  if (trailer !== undefined) return { algorithm: knownAlgorithm(trailer), from: 'trailer' };
  const [header] = given;
  if (header === undefined) return undefined;
  const algorithm = knownAlgorithm(header);
  const value = headers.get(header)?.trim() ?? '';
  refuseRepetition(header, value);
  const expected = decodeChecksum(algorithm, value);
  if (expected === undefined) throw invalidRequest(`Value for ${header} header is invalid.`);
  return { algorithm, from: 'header', expected };
}

/** Base64 has no comma: it joins the values of a header that was sent more than once. AWS names the second. */
function refuseRepetition(header: string, value: string): void {
  const [, second] = value.split(',');
  if (second === undefined) return;
  throw new S3Error('InvalidArgument', {
    message: 'Only one value may be specified.',
    extra: { ArgumentName: header, ArgumentValue: second.trim() },
  });
}

function knownAlgorithm(header: string): ChecksumAlgorithm {
  const algorithm = checksumAlgorithmOfHeader(header);
  if (algorithm === undefined) {
    throw invalidRequest('The algorithm type you specified in x-amz-checksum- header is invalid.');
  }
  return algorithm;
}

function requireSdkAlgorithm(headers: Headers, given: ChecksumAlgorithm | undefined): void {
  const name = headers.get(sdkAlgorithm);
  if (name === undefined || name === '') return;
  const algorithm = checksumAlgorithmNamed(name);
  if (given === undefined) {
    // The JavaScript SDK says MD5 here and sends Content-MD5.
    if (algorithm === 'MD5' && headers.has('content-md5')) return;
    throw invalidRequest(
      `${sdkAlgorithm} specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.`,
    );
  }
  if (algorithm !== given) throw invalidRequest(`Value for ${sdkAlgorithm} header is invalid.`);
}

function invalidRequest(message: string): S3Error {
  return new S3Error('InvalidRequest', { message });
}

/** Holds the digests of a finished body against the plan: BadDigest, InvalidRequest for a trailer's value that is no checksum. */
export function requireChecksum(planned: PlannedChecksum, actual: Buffer, trailer: string | undefined): void {
  const { algorithm } = planned;
  let expected: Buffer | undefined;
  if (planned.from === 'header') expected = planned.expected;
  else expected = decodeChecksum(algorithm, trailer ?? '');
  if (expected === undefined) {
    throw invalidRequest(`Value for ${checksumInfo[algorithm].header} trailing header is invalid.`);
  }
  if (!actual.equals(expected)) {
    throw new S3Error('BadDigest', {
      message: `The ${algorithm} you specified did not match the calculated checksum.`,
    });
  }
}
