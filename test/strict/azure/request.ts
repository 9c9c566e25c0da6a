/** A request to the blob service as the rules see it. */
import type { IncomingMessage } from 'node:http';

export type Operation =
  | 'ListContainers'
  | 'CreateContainer'
  | 'DeleteContainer'
  | 'ListBlobs'
  | 'PutBlob'
  | 'PutBlobFromUrl'
  | 'CopyBlob'
  | 'CopyBlobFromUrl'
  | 'PutBlock'
  | 'PutBlockFromUrl'
  | 'PutBlockList'
  | 'GetBlockList'
  | 'LeaseBlob'
  | 'SetBlobMetadata'
  | 'SetBlobProperties'
  | 'DeleteBlob'
  | 'GetBlob'
  | 'HeadBlob'
  | 'Other';

export interface BlobRequest {
  readonly operation: Operation;
  readonly method: string;
  /** As it came, still encoded. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Decoded; empty for the service itself. */
  readonly container: string;
  /** Decoded; empty for a container. */
  readonly blob: string;
  readonly headers: IncomingMessage['headers'];
  readonly rawHeaders: readonly string[];
  /** Of the body. */
  readonly length: number;
}

export function readRequest(message: IncomingMessage): BlobRequest {
  const url = message.url ?? '/';
  const cut = url.indexOf('?');
  const path = cut === -1 ? url : url.slice(0, cut);
  const query = new URLSearchParams(cut === -1 ? '' : url.slice(cut + 1));
  // `/<account>/<container>/<blob>`, as the emulator has it.
  const [, , container = '', ...blob] = path.split('/');
  const request = {
    method: message.method ?? 'GET',
    path,
    query,
    container: decodeURIComponent(container),
    blob: decodeURIComponent(blob.join('/')),
    headers: message.headers,
    rawHeaders: message.rawHeaders,
    length: Number(message.headers['content-length'] ?? 0),
  };
  return { ...request, operation: operationOf(request) };
}

function operationOf({ method, query, container, blob, headers }: Omit<BlobRequest, 'operation'>): Operation {
  const comp = query.get('comp') ?? '';
  if (container === '') return comp === 'list' ? 'ListContainers' : 'Other';
  if (blob === '') {
    if (method === 'GET' && comp === 'list') return 'ListBlobs';
    if (comp !== '') return 'Other';
    return method === 'PUT' ? 'CreateContainer' : method === 'DELETE' ? 'DeleteContainer' : 'Other';
  }
  const copies = headers['x-ms-copy-source'] !== undefined;
  switch (`${method} ${comp}`) {
    case 'PUT block':
      return copies ? 'PutBlockFromUrl' : 'PutBlock';
    case 'PUT blocklist':
      return 'PutBlockList';
    case 'GET blocklist':
      return 'GetBlockList';
    case 'PUT lease':
      return 'LeaseBlob';
    case 'PUT metadata':
      return 'SetBlobMetadata';
    case 'PUT properties':
      return 'SetBlobProperties';
    case 'PUT ':
      if (!copies) return 'PutBlob';
      if (headers['x-ms-requires-sync'] === 'true') return 'CopyBlobFromUrl';
      return headers['x-ms-blob-type'] === undefined ? 'CopyBlob' : 'PutBlobFromUrl';
    case 'DELETE ':
      return 'DeleteBlob';
    case 'GET ':
      return 'GetBlob';
    case 'HEAD ':
      return 'HeadBlob';
    default:
      return 'Other';
  }
}

export const isWrite = (operation: Operation): boolean => /^(Put|Copy|Set|Delete|Create)/.test(operation);
