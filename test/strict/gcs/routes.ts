/** Which call of the JSON or XML API a request is. What is not here is not modelled, and refused. */
import type { Operation } from './faults.ts';
import { Refusal } from './rules.ts';

export interface Route {
  readonly operation: Operation;
  readonly method: string;
  readonly bucket: string;
  readonly name: string;
  readonly query: URLSearchParams;
  /** Of a rewrite. */
  readonly target?: { readonly bucket: string; readonly name: string };
}

export function routeOf(method: string, url: string): Route {
  const { pathname, searchParams: query } = new URL(url, 'http://service');
  const [, ...segments] = pathname.split('/').map((segment) => decodeURIComponent(segment));
  const route = (operation: Operation, bucket = '', name = ''): Route => ({
    operation,
    method,
    bucket,
    name,
    query,
  });
  if (pathname === '/batch/storage/v1' && method === 'POST') return route('batch');
  if (segments[0] === 'upload' && segments[3] === 'b' && segments[5] === 'o' && method === 'POST') {
    if (query.get('uploadType') !== 'multipart') throw new Refusal(501, 'notModelled', 'uploadType');
    return route('objects.insert', segments[4]);
  }
  if (segments[0] !== 'storage' || segments[1] !== 'v1' || segments[2] !== 'b') {
    if (segments.length === 2 && method === 'GET') return route('objects.read', ...segments);
    throw new Refusal(501, 'notModelled', `${method} ${pathname}`);
  }
  const [, , , bucket, o, name, ...action] = segments;
  if (bucket === undefined && method === 'GET') return route('buckets.list');
  if (bucket === undefined && method === 'POST') return route('buckets.insert');
  if (o === undefined && method === 'GET') return route('buckets.get', bucket);
  if (o === undefined && method === 'DELETE') return route('buckets.delete', bucket);
  if (o === 'o' && name === undefined && method === 'GET') return route('objects.list', bucket);
  if (o === 'o' && action.length === 0) {
    if (method === 'GET') {
      return route(query.get('alt') === 'media' ? 'objects.media' : 'objects.get', bucket, name);
    }
    if (method === 'DELETE') return route('objects.delete', bucket, name);
    if (method === 'PATCH') return route('objects.patch', bucket, name);
  }
  if (action[0] === 'compose' && method === 'POST') return route('objects.compose', bucket, name);
  if (action[0] === 'rewriteTo' && method === 'POST') {
    const target = { bucket: action[2] ?? '', name: action[4] ?? '' };
    return { ...route('objects.rewrite', bucket, name), target };
  }
  throw new Refusal(501, 'notModelled', `${method} ${pathname}`);
}
