/**
 * The calls of the JSON and XML APIs that the adapter makes, in GCS's own words: bucket and object names, generations,
 * resources. Reads are tried again; writes are sent once, for only their caller can tell whether a lost answer matters.
 */
import type { IncomingMessage } from 'node:http';
import { AdapterError } from '../errors.ts';
import type { Body } from '../types.ts';
import { fromBase64, toBase64 } from './crc32c.ts';
import { aborted, BodyFailure } from './errors.ts';
import type { Answer, Transport } from './transport.ts';
import { buffered, envelope, type NewResource, streamed } from './upload.ts';

/** An object as the service describes it. Numbers of 64 bits are decimal strings. */
export interface Resource {
  readonly name: string;
  readonly generation: string;
  readonly metageneration: string;
  readonly size: string;
  readonly timeCreated: string;
  readonly crc32c?: string;
  /** Composed objects have none. */
  readonly md5Hash?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly contentType?: string;
  readonly cacheControl?: string;
  readonly contentDisposition?: string;
  readonly contentEncoding?: string;
  readonly contentLanguage?: string;
  readonly [field: string]: unknown;
}

export interface BucketResource {
  readonly name: string;
  readonly timeCreated: string;
}

export interface ObjectPage {
  readonly items?: readonly Resource[];
  readonly prefixes?: readonly string[];
  readonly nextPageToken?: string;
}

/** "Request preconditions" (Cloud Storage documentation). A generation of 0 is no live object. */
export interface Preconditions {
  readonly ifGenerationMatch?: string;
  readonly ifMetagenerationMatch?: string;
}

/** A source of a compose, named down to its very bytes. */
export interface ComposeSource {
  readonly name: string;
  readonly generation: string;
}

export interface RewriteAnswer {
  readonly done: boolean;
  readonly totalBytesRewritten: string;
  readonly objectSize: string;
  readonly rewriteToken?: string;
  readonly resource?: Resource;
}

type Signal = AbortSignal | undefined;
type Query = Readonly<Record<string, string | number | undefined>>;

const objectFields =
  'name,generation,metageneration,size,timeCreated,crc32c,md5Hash,metadata,contentType,cacheControl,contentDisposition,contentEncoding,contentLanguage';

export interface Api {
  readonly transport: Transport;
  listBuckets(project: string, prefix: string, signal: Signal): Promise<readonly BucketResource[]>;
  createBucket(project: string, resource: object, signal: Signal): Promise<void>;
  getBucket(bucket: string, signal: Signal): Promise<BucketResource>;
  deleteBucket(bucket: string, signal: Signal): Promise<void>;
  list(bucket: string, query: Query, signal: Signal): Promise<ObjectPage>;
  get(bucket: string, name: string, conditions: Preconditions, signal: Signal): Promise<Resource>;
  /** The whole of a small object of our own. */
  text(bucket: string, name: string, signal: Signal): Promise<string>;
  /** The bytes as they are stored, by the XML API: it gives custom metadata along with them, the JSON API does not. */
  read(
    bucket: string,
    name: string,
    options: Preconditions & { readonly range?: string; readonly once?: boolean; readonly signal: Signal },
  ): Promise<IncomingMessage>;
  insert(
    bucket: string,
    name: string,
    content: { readonly resource: NewResource; readonly bytes: Buffer },
    conditions: Preconditions,
    signal: Signal,
  ): Promise<Resource>;
  /** Streams a body to a name that was never used, and resolves when the stored bytes are known to be those sent. */
  insertStream(bucket: string, name: string, body: Body, signal: Signal): Promise<Resource>;
  compose(
    bucket: string,
    name: string,
    content: { readonly resource: NewResource; readonly sources: readonly ComposeSource[] },
    conditions: Preconditions,
    signal: Signal,
  ): Promise<Resource>;
  rewrite(
    source: { readonly bucket: string; readonly name: string } & Preconditions,
    target: { readonly bucket: string; readonly name: string } & Preconditions,
    resource: NewResource,
    rewriteToken: string | undefined,
    signal: Signal,
  ): Promise<RewriteAnswer>;
  patch(
    bucket: string,
    name: string,
    fields: object,
    conditions: Preconditions,
    signal: Signal,
  ): Promise<Resource>;
  remove(bucket: string, name: string, conditions: Preconditions, signal: Signal): Promise<void>;
}

export function bucketPath(bucket: string): string {
  return `/storage/v1/b/${encodeURIComponent(bucket)}`;
}

export function objectPath(bucket: string, name: string): string {
  return `${bucketPath(bucket)}/o/${encodeURIComponent(name)}`;
}

/** Parts and other objects of our own: not older tiers, whose early deletion costs ("Storage classes"). */
export const STORAGE_CLASS = 'STANDARD';

export function createApi(transport: Transport): Api {
  const json = async <T>(
    method: string,
    path: string,
    query: Query,
    body: object | undefined,
    signal: Signal,
  ): Promise<T> => {
    const outgoing = { method, path: path + queryString(query), signal };
    if (method === 'GET') return parse<T>(await transport.send(outgoing));
    const content = body === undefined ? [] : [Buffer.from(JSON.stringify(body))];
    const headers = {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      'content-length': content[0]?.length ?? 0,
    };
    return parse<T>(await transport.send({ ...outgoing, headers }, content));
  };
  const read = <T>(path: string, query: Query, signal: Signal): Promise<T> =>
    transport.retry(signal, () => json<T>('GET', path, query, undefined, signal));

  const uploadPath = (bucket: string, query: Query): string =>
    `/upload${bucketPath(bucket)}/o${queryString({ uploadType: 'multipart', fields: objectFields, ...query })}`;

  const api: Api = {
    transport,

    async listBuckets(project, prefix, signal) {
      const found: BucketResource[] = [];
      let pageToken: string | undefined;
      do {
        const page: { items?: readonly BucketResource[]; nextPageToken?: string } = await read(
          '/storage/v1/b',
          {
            project,
            prefix: prefix === '' ? undefined : prefix,
            fields: 'items(name,timeCreated),nextPageToken',
            pageToken,
          },
          signal,
        );
        found.push(...(page.items ?? []));
        pageToken = page.nextPageToken;
      } while (pageToken !== undefined && pageToken !== '');
      return found;
    },

    async createBucket(project, resource, signal) {
      await json('POST', '/storage/v1/b', { project, fields: 'name' }, resource, signal);
    },

    getBucket: (bucket, signal) => read(bucketPath(bucket), { fields: 'name,timeCreated' }, signal),

    async deleteBucket(bucket, signal) {
      await json('DELETE', bucketPath(bucket), {}, undefined, signal);
    },

    list: (bucket, query, signal) =>
      read(
        `${bucketPath(bucket)}/o`,
        { fields: `items(${objectFields}),prefixes,nextPageToken`, ...query },
        signal,
      ),

    get: (bucket, name, conditions, signal) =>
      read(objectPath(bucket, name), { fields: objectFields, ...conditions }, signal),

    async text(bucket, name, signal) {
      const path = `${objectPath(bucket, name)}${queryString({ alt: 'media' })}`;
      const { body } = await transport.retry(signal, () => transport.send({ method: 'GET', path, signal }));
      return body.toString('utf8');
    },

    read(bucket, name, { ifGenerationMatch, ifMetagenerationMatch, once, range, signal }) {
      const headers = {
        // "Transcoding of gzip-compressed files": without it, the service would unpack what a client stored packed.
        'accept-encoding': 'gzip',
        ...(range === undefined ? {} : { range }),
        ...(ifGenerationMatch === undefined ? {} : { 'x-goog-if-generation-match': ifGenerationMatch }),
        ...(ifMetagenerationMatch === undefined
          ? {}
          : { 'x-goog-if-metageneration-match': ifMetagenerationMatch }),
      };
      const path = `/${encodeURIComponent(bucket)}/${encodeURIComponent(name)}`;
      const open = (): Promise<IncomingMessage> => transport.open({ method: 'GET', path, headers, signal });
      return once === true ? open() : transport.retry(signal, open);
    },

    async insert(bucket, name, { resource, bytes }, conditions, signal) {
      const { head, tail, headers } = envelope(name, resource, bytes.length);
      const path = uploadPath(bucket, { ...conditions });
      return parse(await transport.send({ method: 'POST', path, headers, signal }, [head, bytes, tail]));
    },

    async insertStream(bucket, name, body, signal) {
      const resource = { contentType: 'application/octet-stream', storageClass: STORAGE_CLASS };
      const wrapped = envelope(name, resource, body.size);
      const path = uploadPath(bucket, { ifGenerationMatch: '0' });
      const { write, crc } = streamed(body, wrapped);
      const outgoing = { method: 'POST', path, headers: wrapped.headers, signal };
      const stored = parse<Resource>(await transport.stream(outgoing, write));
      const sent = await crc;
      if (fromBase64(stored.crc32c) !== sent || stored.size !== String(body.size)) {
        // What this leaves behind when it fails, the sweep collects.
        await api
          .remove(bucket, name, { ifGenerationMatch: stored.generation }, signal)
          .catch(() => undefined);
        throw new AdapterError(
          'Corrupt',
          `GCS stored other bytes than were sent: ${stored.size} bytes with CRC32C ${stored.crc32c} instead of ${body.size} with ${toBase64(sent)}`,
        );
      }
      return stored;
    },

    compose: (bucket, name, { resource, sources }, conditions, signal) =>
      json(
        'POST',
        `${objectPath(bucket, name)}/compose`,
        { fields: objectFields, ...conditions },
        {
          kind: 'storage#composeRequest',
          destination: { contentType: 'application/octet-stream', ...resource },
          sourceObjects: sources.map((source) => ({
            name: source.name,
            generation: source.generation,
            objectPreconditions: { ifGenerationMatch: source.generation },
          })),
        },
        signal,
      ),

    rewrite: (source, target, resource, rewriteToken, signal) =>
      json(
        'POST',
        `${objectPath(source.bucket, source.name)}/rewriteTo/b/${encodeURIComponent(target.bucket)}/o/${encodeURIComponent(target.name)}`,
        {
          ifSourceGenerationMatch: source.ifGenerationMatch,
          ifSourceMetagenerationMatch: source.ifMetagenerationMatch,
          ifGenerationMatch: target.ifGenerationMatch,
          ifMetagenerationMatch: target.ifMetagenerationMatch,
          rewriteToken,
        },
        { contentType: 'application/octet-stream', ...resource },
        signal,
      ),

    patch: (bucket, name, fields, conditions, signal) =>
      json('PATCH', objectPath(bucket, name), { fields: objectFields, ...conditions }, fields, signal),

    async remove(bucket, name, conditions, signal) {
      await json('DELETE', objectPath(bucket, name), { ...conditions }, undefined, signal);
    },
  };
  return api;
}

function parse<T>({ body }: Answer): T {
  const text = body.toString('utf8');
  return (text === '' ? undefined : JSON.parse(text)) as T;
}

function queryString(query: Query): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`],
  );
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}

/** A small body read whole, its failure told apart from the service's. */
export async function readBody(body: Body, signal: Signal): Promise<Buffer> {
  try {
    return await buffered(body, signal);
  } catch (error) {
    if (signal?.aborted) throw aborted(signal);
    throw new BodyFailure('the body could not be read', { cause: error });
  }
}
