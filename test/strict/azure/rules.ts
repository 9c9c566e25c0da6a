/**
 * What the real service demands and Azurite does not. Each rule cites the page of the Azure Storage REST reference (or of
 * the documentation) that states it.
 */
import { type BlobRequest, isWrite } from './request.ts';

/** An answer in the service's form instead of the emulator's. */
export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

const MiB = 1024 * 1024;

const refuse = (status: number, code: string, message: string): Refusal => ({ status, code, message });

interface BlobState {
  readonly uncommitted: Set<string>;
  readonly committed: Set<string>;
  /** Uncommitted blocks that the emulator still keeps, and the service would not. */
  readonly discarded: Set<string>;
}

export class Rules {
  readonly #blobs = new Map<string, BlobState>();
  readonly #sizeOf: (container: string, blob: string) => Promise<number | undefined>;

  /** `sizeOf` asks the emulator for the size of a committed blob. */
  constructor(sizeOf: (container: string, blob: string) => Promise<number | undefined>) {
    this.#sizeOf = sizeOf;
  }

  /** Judges a request before it is passed on. `body` is there for Put Block List only. */
  async judge(request: BlobRequest, body: string): Promise<Refusal | undefined> {
    return (
      judgeNames(request) ??
      judgeMetadata(request) ??
      judgeConditions(request) ??
      judgeSizes(request) ??
      this.#judgeBlocks(request, body) ??
      judgeListing(request) ??
      (await this.#judgeCopy(request))
    );
  }

  /** Notes what a request that succeeded did. */
  applied(request: BlobRequest, body: string): void {
    const state = this.#state(request);
    switch (request.operation) {
      case 'PutBlock':
      case 'PutBlockFromUrl': {
        const id = request.query.get('blockid') ?? '';
        state.uncommitted.add(id);
        state.discarded.delete(id);
        return;
      }
      case 'PutBlockList': {
        const ids = blockList(body);
        state.committed.clear();
        for (const id of ids) state.committed.add(id);
        // "Put Block List": any uncommitted blocks that are not specified in the list are discarded. So does the emulator.
        state.uncommitted.clear();
        state.discarded.clear();
        return;
      }
      // "Put Blob", "Copy Blob From URL", "Put Blob From URL": the blob is overwritten, its uncommitted blocks are gone. "Delete Blob" likewise.
      case 'PutBlob':
      case 'PutBlobFromUrl':
      case 'CopyBlob':
      case 'CopyBlobFromUrl':
      case 'DeleteBlob':
        for (const id of state.uncommitted) state.discarded.add(id);
        state.uncommitted.clear();
        state.committed.clear();
        return;
      case 'DeleteContainer':
        for (const name of this.#blobs.keys())
          if (name.startsWith(`${request.container}/`)) this.#blobs.delete(name);
        return;
      default:
    }
  }

  /** "Get Block List" without the blocks that the service would have discarded. */
  blockListAnswer(request: BlobRequest, xml: string): string {
    const { discarded } = this.#state(request);
    return xml.replace(/<Block><Name>([^<]*)<\/Name><Size>\d+<\/Size><\/Block>/g, (block, id: string) =>
      discarded.has(id) ? '' : block,
    );
  }

  #state({ container, blob }: BlobRequest): BlobState {
    const name = `${container}/${blob}`;
    const known = this.#blobs.get(name);
    if (known !== undefined) return known;
    const fresh = {
      uncommitted: new Set<string>(),
      committed: new Set<string>(),
      discarded: new Set<string>(),
    };
    this.#blobs.set(name, fresh);
    return fresh;
  }

  #judgeBlocks(request: BlobRequest, body: string): Refusal | undefined {
    const state = this.#state(request);
    const known = [...state.uncommitted, ...state.committed];
    if (request.operation === 'PutBlock' || request.operation === 'PutBlockFromUrl') {
      const id = request.query.get('blockid') ?? '';
      // "Put Block": for a given blob, all block IDs must be the same length, at most 64 bytes before encoding.
      const bytes = Buffer.from(id, 'base64').length;
      if (bytes === 0 || bytes > 64) return refuse(400, 'InvalidQueryParameterValue', 'blockid');
      if (known.some((other) => Buffer.from(other, 'base64').length !== bytes))
        return refuse(400, 'InvalidBlobOrBlock', 'The specified blob or block content is invalid.');
      // "Understanding block blobs": at most 100,000 uncommitted blocks.
      if (state.uncommitted.size >= 100_000 && !state.uncommitted.has(id))
        return refuse(409, 'BlockCountExceedsLimit', 'The uncommitted block count exceeds 100,000.');
    }
    if (request.operation !== 'PutBlockList') return undefined;
    const ids = blockList(body);
    // "Put Block List": at most 50,000 blocks.
    if (ids.length > 50_000)
      return refuse(400, 'BlockListTooLong', 'The block list may not contain more than 50,000 blocks.');
    if (ids.some((id) => state.discarded.has(id) && !state.committed.has(id)))
      return refuse(400, 'InvalidBlockList', 'The specified block list is invalid.');
    return undefined;
  }

  async #judgeCopy({ operation, headers }: BlobRequest): Promise<Refusal | undefined> {
    const source = headers['x-ms-copy-source'];
    if (typeof source !== 'string' || operation === 'CopyBlob') return undefined;
    // "Copy Blob From URL": a URL of up to 2 KiB; the source is public or authorised by a SAS, or by x-ms-copy-source-authorization.
    if (source.length > 2048) return refuse(400, 'InvalidHeaderValue', 'x-ms-copy-source');
    const url = new URL(source);
    if (!url.searchParams.has('sig') && headers['x-ms-copy-source-authorization'] === undefined)
      return refuse(401, 'CannotVerifyCopySource', 'Server failed to authenticate the request.');
    const [, , container = '', ...blob] = url.pathname.split('/');
    const size = await this.#sizeOf(decodeURIComponent(container), decodeURIComponent(blob.join('/')));
    if (size === undefined) return undefined;
    // "Copy Blob From URL": source blob sizes up to 256 MiB. "Put Blob From URL": up to 5,000 MiB.
    const largest =
      operation === 'CopyBlobFromUrl' ? 256 * MiB : operation === 'PutBlobFromUrl' ? 5000 * MiB : Infinity;
    if (size > largest)
      return refuse(409, 'CannotVerifyCopySource', 'The source is too large for this operation.');
    return undefined;
  }
}

/** "Naming and Referencing Containers, Blobs, and Metadata". */
function judgeNames({ operation, container, blob }: BlobRequest): Refusal | undefined {
  const invalid = refuse(
    400,
    'InvalidResourceName',
    'The specified resource name contains invalid characters.',
  );
  if (container !== '' && !/^(\$root|\$web|\$logs|(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*)$/.test(container))
    return invalid;
  if (blob === '' || !isWrite(operation)) return undefined;
  const segments = blob.split('/');
  if (blob.length > 1024 || segments.length > 254) return invalid;
  if (segments.some((segment) => segment.endsWith('.')) || blob.endsWith('/')) return invalid;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is not allowed
  return /[\u0000-\u001f\u007f-\u009f\ufffe\uffff\\]/.test(blob) ? invalid : undefined;
}

/** "Setting and retrieving properties and metadata for Blob resources". */
function judgeMetadata({ rawHeaders }: BlobRequest): Refusal | undefined {
  const names = new Set<string>();
  let total = 0;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const header = rawHeaders[i] ?? '';
    if (!header.toLowerCase().startsWith('x-ms-meta-')) continue;
    const name = header.slice('x-ms-meta-'.length);
    const value = rawHeaders[i + 1] ?? '';
    // Names are C# identifiers, in ASCII since they are header names; they are compared without case.
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || names.has(name.toLowerCase()))
      return refuse(400, 'InvalidMetadata', `The metadata name '${name}' is not a C# identifier.`);
    if (!/^[\x20-\x7e]*$/.test(value))
      return refuse(400, 'InvalidMetadata', 'A metadata value is not ASCII.');
    names.add(name.toLowerCase());
    total += name.length + value.length;
  }
  // The total size of names and values is at most 8 KiB.
  return total > 8192 ? refuse(400, 'MetadataTooLarge', 'The metadata exceeds 8 KiB.') : undefined;
}

/** "Specifying conditional headers for Blob service operations": If-None-Match: * is of no use on a read. */
function judgeConditions({ operation, headers }: BlobRequest): Refusal | undefined {
  if ((operation === 'GetBlob' || operation === 'HeadBlob') && headers['if-none-match'] === '*')
    return refuse(
      400,
      'UnsatisfiableCondition',
      'The request includes an unsatisfiable condition for this operation.',
    );
  return undefined;
}

/** "Put Block": at most 4,000 MiB, and 411 without a length. "Put Blob": at most 5,000 MiB. */
function judgeSizes({ operation, headers, length }: BlobRequest): Refusal | undefined {
  if (operation !== 'PutBlock' && operation !== 'PutBlob') return undefined;
  if (headers['content-length'] === undefined)
    return refuse(411, 'MissingContentLengthHeader', 'Content-Length');
  if (operation === 'PutBlock' && length === 0) return refuse(400, 'InvalidHeaderValue', 'Content-Length');
  return length > (operation === 'PutBlock' ? 4000 : 5000) * MiB
    ? refuse(
        413,
        'RequestBodyTooLarge',
        'The request body is too large and exceeds the maximum permissible limit.',
      )
    : undefined;
}

/** "List Blobs": startFrom of a listing with a delimiter names an entity of its level. */
function judgeListing({ operation, query }: BlobRequest): Refusal | undefined {
  const startFrom = query.get('startFrom');
  const delimiter = query.get('delimiter');
  if (operation !== 'ListBlobs' || startFrom === null || delimiter === null) return undefined;
  const prefix = query.get('prefix') ?? '';
  if (!startFrom.startsWith(prefix)) return undefined;
  const inner = startFrom.slice(prefix.length).indexOf(delimiter);
  return inner === -1 || prefix.length + inner + delimiter.length === startFrom.length
    ? undefined
    : refuse(400, 'InvalidQueryParameterValue', 'startFrom');
}

export function blockList(xml: string): string[] {
  return [...xml.matchAll(/<(?:Latest|Uncommitted|Committed)>([^<]*)</g)].map((match) => match[1] ?? '');
}
