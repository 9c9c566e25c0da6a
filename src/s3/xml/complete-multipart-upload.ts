/** The body of CompleteMultipartUpload. */
import {
  type ChecksumAlgorithm,
  checksumAlgorithmOfElement,
  decodeChecksum,
} from '../checksums/algorithms.ts';
import { S3Error } from '../errors.ts';
import { unquoteEtag } from '../etag.ts';
import { childrenNamed, malformedXml, parseXml, requiredText, type XmlElement } from '../xml.ts';

export interface CompletedPart {
  readonly partNumber: number;
  /** Without quotes, as sent. */
  readonly etag: string;
  /** Valid base64 of the algorithm's length. */
  readonly checksum?: { readonly algorithm: ChecksumAlgorithm; readonly value: string };
}

/** 10,000 parts with a SHA-512 each are 2 MB; pretty-printed, a little over 2.5. */
export const maxCompleteBytes = 5 * 1024 * 1024;
const maxParts = 10_000;

/**
 * Parts in the order of the document, strictly ascending. `uploadId` is named in InvalidPartOrder. Also throws
 * MaxMessageLengthExceeded, MalformedXML, InvalidRequest (no part) and InvalidArgument (more than 10,000 parts, part number below 1, bad or several checksums).
 */
export function parseCompleteMultipartUpload(body: Uint8Array, uploadId: string): readonly CompletedPart[] {
  if (body.byteLength === 0) throw noParts();
  const root = parseXml(body, { root: 'CompleteMultipartUpload', maxBytes: maxCompleteBytes });
  const elements = childrenNamed(root, 'Part');
  if (root.text.trim() !== '') throw malformedXml('text beside the parts');
  if (elements.length === 0) throw noParts();
  if (elements.length > maxParts) throw tooManyParts();
  const parts = elements.map(parsePart);
  let previous = 0;
  for (const { partNumber } of parts) {
    if (partNumber <= previous) throw new S3Error('InvalidPartOrder', { extra: { UploadId: uploadId } });
    previous = partNumber;
  }
  return parts;
}

function noParts(): S3Error {
  return new S3Error('InvalidRequest', { message: 'You must specify at least one part' });
}

/** AWS's words, letter by letter. */
function tooManyParts(): S3Error {
  return new S3Error('InvalidArgument', {
    message: `The CompleteMultipartUpload reqeust contains for than ${maxParts} parts.`,
    extra: { ArgumentName: 'CompleteMultipartUpload', ArgumentValue: 'CompleteMultipartUpload' },
  });
}

function parsePart(part: XmlElement): CompletedPart {
  const partNumber = parsePartNumber(requiredText(part, 'PartNumber').trim());
  const etag = unquoteEtag(requiredText(part, 'ETag'));
  const checksum = parseChecksum(part);
  return checksum === undefined ? { partNumber, etag } : { partNumber, etag, checksum };
}

function parsePartNumber(text: string): number {
  // The schema's type is a 32-bit int: what does not fit is no number to AWS either.
  if (!/^[+-]?\d{1,10}$/.test(text)) throw malformedXml('PartNumber is no integer');
  const value = Number(text);
  if (value !== (value | 0)) throw malformedXml('PartNumber is beyond 32 bits');
  if (value < 1) {
    throw new S3Error('InvalidArgument', {
      message: 'PartNumber must be >= 1',
      extra: { ArgumentName: 'PartNumber', ArgumentValue: text },
    });
  }
  return value;
}

function parseChecksum(part: XmlElement): CompletedPart['checksum'] {
  const found: Array<{ algorithm: ChecksumAlgorithm; value: string }> = [];
  for (const child of part.children) {
    const algorithm = checksumAlgorithmOfElement(child.name);
    const value = child.text.trim();
    // Some serialisers write an empty element for a value that they do not have.
    if (algorithm !== undefined && value !== '') found.push({ algorithm, value });
  }
  const [checksum] = found;
  if (checksum === undefined) return undefined;
  if (found.length === 1 && decodeChecksum(checksum.algorithm, checksum.value) !== undefined) return checksum;
  throw new S3Error('InvalidArgument', {
    message: 'Invalid Base64 or multiple checksums present in request',
    extra: {
      ArgumentName: 'Checksum',
      ArgumentValue: found.map(({ algorithm, value }) => `${algorithm}:${value};`).join(''),
    },
  });
}
