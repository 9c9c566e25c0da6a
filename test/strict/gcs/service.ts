/**
 * The real service's rules in front of fake-gcs-server, and faults on demand. What it does not model it refuses, so that
 * no adapter leans on the emulator unseen.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Faults, type How } from './faults.ts';
import { page, project } from './listing.ts';
import { type Route, routeOf } from './routes.ts';
import {
  type ComposeSource,
  demandBucketName,
  demandConditions,
  demandMetadata,
  demandName,
  demandSources,
  Refusal,
  type Resource,
} from './rules.ts';
import { collect, objectPath, Store, writableFields } from './store.ts';
import { Cut, conditionsOf, download, insert } from './transfer.ts';

export interface StrictGcs {
  readonly endpoint: string;
  readonly faults: Faults;
  stop(): Promise<void>;
}

/** A rewrite copies so many bytes a call, so that tokens are needed ("Objects: rewrite" may stop early at any size). */
const REWRITE_STEP = 512 * 1024;

interface Reply {
  readonly status: number;
  readonly body?: object;
}

export async function startStrictGcs(upstream: string): Promise<StrictGcs> {
  const store = new Store(upstream);
  const faults = new Faults();
  const rewrites = new Map<string, { readonly from: string; readonly done: number }>();

  const server = createServer({ requestTimeout: 0 }, (incoming, outgoing) => {
    serve(incoming, outgoing).catch((error: unknown) => {
      // Cut by us, or by the client itself.
      if (error instanceof Cut || incoming.socket.destroyed) incoming.socket.destroy();
      else refuse(outgoing, error, incoming.url?.startsWith('/storage/') === false);
    });
  });

  async function serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const route = routeOf(incoming.method ?? '', incoming.url ?? '');
    const how = faults.meet(route);
    await strike(how, route);
    const abandoned = how === 'lose answer';
    await faults.during(route.operation, async () => {
      if (route.operation === 'objects.read' || route.operation === 'objects.media') {
        const xml = route.operation === 'objects.read';
        const header = (name: string): string | undefined => incoming.headers[name] as string | undefined;
        const conditions = xml
          ? {
              ifGenerationMatch: header('x-goog-if-generation-match'),
              ifMetagenerationMatch: header('x-goog-if-metageneration-match'),
            }
          : conditionsOf(route.query);
        await download(store, { ...route, xml }, conditions, incoming, outgoing, how);
        return;
      }
      if (route.operation === 'objects.insert') {
        const resource = await insert(store, route.bucket, route.query, incoming, how);
        if (abandoned) throw new Cut();
        reply(outgoing, { status: 200, body: project(resource, route.query.get('fields')) });
        return;
      }
      const body = await collect(incoming);
      if (route.operation === 'batch') {
        const answer = await batch(incoming.headers['content-type'] ?? '', body.toString('utf8'));
        if (abandoned) throw new Cut();
        outgoing.setHeader('content-type', 'multipart/mixed; boundary=answers');
        outgoing.end(answer);
        return;
      }
      const answer = await perform(route, body);
      if (abandoned) throw new Cut();
      reply(outgoing, answer);
    });
  }

  async function strike(how: How | undefined, route: Route): Promise<void> {
    if (how === 'reset') throw new Cut();
    if (how === 'hang') await sleep(2 ** 30, undefined, { ref: false });
    if (typeof how !== 'object') return;
    if ('status' in how) {
      throw new Refusal(
        how.status,
        how.reason ?? 'injected',
        'a fault that the test asked for',
        how.retryAfter,
      );
    }
    if ('before' in how) await how.before(route);
  }

  async function perform(route: Route, body: Buffer): Promise<Reply> {
    const { operation, bucket, name, query } = route;
    const json = (): Record<string, unknown> =>
      body.length === 0 ? {} : (JSON.parse(body.toString('utf8')) as Record<string, unknown>);
    const shown = (value: object): Reply => ({ status: 200, body: project(value, query.get('fields')) });
    const bucketPath = `/storage/v1/b/${encodeURIComponent(bucket)}`;
    switch (operation) {
      case 'buckets.list':
        if (!query.has('project')) throw new Refusal(400, 'required', 'Required parameter: project');
        return shown(await store.json('GET', `/storage/v1/b?${query}`));
      case 'buckets.insert': {
        const given = json();
        demandBucketName(String(given['name']));
        return shown(await store.json('POST', '/storage/v1/b?project=p', given));
      }
      case 'buckets.get':
        return shown(await store.json('GET', bucketPath));
      case 'buckets.delete':
        await deleteBucket(bucket, bucketPath);
        return { status: 204 };
      case 'objects.list': {
        const prefix = encodeURIComponent(query.get('prefix') ?? '');
        const all = await store.json<{ items?: Resource[] }>('GET', `${bucketPath}/o?prefix=${prefix}`);
        return shown(
          page(
            (all.items ?? []).map((raw) => store.render(bucket, raw)),
            query,
          ),
        );
      }
      case 'objects.get':
        return store.exclusively(bucket, [name], async () => {
          const object = await demandObject(bucket, name);
          demandConditions(conditionsOf(query), object);
          return shown(object);
        });
      case 'objects.delete':
        return store.exclusively(bucket, [name], () => remove(bucket, name, query));
      case 'objects.patch':
        return store.exclusively(bucket, [name], async () => shown(await patch(bucket, name, query, json())));
      case 'objects.compose':
        return shown(await compose(bucket, name, query, json()));
      case 'objects.rewrite':
        return shown(await rewrite(route, json()));
      default:
        throw new Refusal(501, 'notModelled', operation);
    }
  }

  async function deleteBucket(bucket: string, path: string): Promise<void> {
    try {
      await store.ask('DELETE', path).then(({ status }) => {
        // "Deleting buckets": a bucket that is not empty is a conflict; fake-gcs-server calls it a failed precondition.
        if (status === 412)
          throw new Refusal(409, 'conflict', 'The bucket you tried to delete is not empty.');
        if (status >= 300) throw new Refusal(status, 'notFound', 'The specified bucket does not exist.');
      });
    } finally {
      store.forgetBucket(bucket);
    }
  }

  async function demandObject(bucket: string, name: string): Promise<Resource> {
    const object = await store.current(bucket, name);
    if (object === undefined) throw new Refusal(404, 'notFound', `No such object: ${bucket}/${name}`);
    return object;
  }

  async function remove(bucket: string, name: string, query: URLSearchParams): Promise<Reply> {
    const object = await demandObject(bucket, name);
    if ((query.get('generation') ?? object.generation) !== object.generation) {
      throw new Refusal(404, 'notFound', `No such object: ${bucket}/${name}#${query.get('generation')}`);
    }
    demandConditions(conditionsOf(query), object);
    await store.ask('DELETE', objectPath(bucket, name));
    return { status: 204 };
  }

  async function patch(
    bucket: string,
    name: string,
    query: URLSearchParams,
    changes: Record<string, unknown>,
  ): Promise<Resource> {
    const object = await demandObject(bucket, name);
    demandConditions(conditionsOf(query), object);
    const merged = mergePatch(object, changes);
    demandMetadata(merged['metadata'] as Record<string, string> | undefined);
    const known = store.description(bucket, object);
    const fields = Object.fromEntries(
      writableFields.flatMap((field) => (merged[field] === undefined ? [] : [[field, merged[field]]])),
    );
    store.describe(bucket, name, {
      generation: object.generation,
      metageneration: Number(object.metageneration) + 1,
      fields,
      componentCount: known?.componentCount,
      timeCreated: String(object['timeCreated']),
      updated: new Date(Date.now() + 5000).toISOString(),
    });
    return demandObject(bucket, name);
  }

  async function compose(
    bucket: string,
    name: string,
    query: URLSearchParams,
    given: Record<string, unknown>,
  ): Promise<Resource> {
    demandName(name);
    const sources = (given['sourceObjects'] ?? []) as ComposeSource[];
    const destination = (given['destination'] ?? {}) as Record<string, unknown>;
    demandMetadata(destination['metadata'] as Record<string, string> | undefined);
    const names = sources.map((source) => source.name);
    return store.exclusively(bucket, [name, ...names], async () => {
      const current = new Map<string, Resource | undefined>();
      for (const each of new Set(names)) current.set(each, await store.current(bucket, each));
      const found = demandSources(sources, (each) => current.get(each));
      demandConditions(conditionsOf(query), await store.current(bucket, name));
      const raw = await store.json<Resource>('POST', `${objectPath(bucket, name)}/compose`, {
        sourceObjects: names.map((each) => ({ name: each })),
        destination,
      });
      const components = found.reduce((sum, object) => sum + Number(object['componentCount'] ?? 1), 0);
      const storageClass = found[0]?.storageClass;
      store.written(bucket, name, raw.generation, { ...destination, storageClass }, components);
      return store.render(bucket, raw);
    });
  }

  async function rewrite(route: Route, given: Record<string, unknown>): Promise<object> {
    const { bucket, name, query, target } = route;
    if (target === undefined) throw new Refusal(400, 'invalid', 'a rewrite has a target');
    demandName(target.name);
    demandMetadata(given['metadata'] as Record<string, string> | undefined);
    return store.exclusively(bucket, [name], () =>
      inTurn(bucket === target.bucket && name === target.name, target, async () => {
        const source = await demandObject(bucket, name);
        demandConditions(conditionsOf(query, 'ifSource'), source);
        demandConditions(conditionsOf(query), await store.current(target.bucket, target.name));
        const from = JSON.stringify([route.bucket, name, source.generation, target, given]);
        const token = query.get('rewriteToken');
        const begun = token === null ? { from, done: 0 } : rewrites.get(token);
        if (begun?.from !== from)
          throw new Refusal(400, 'invalid', 'The rewrite token is for another rewrite.');
        const size = Number(source.size);
        const done = Math.min(size, begun.done + REWRITE_STEP);
        if (done < size) {
          const rewriteToken = crypto.randomUUID();
          rewrites.set(rewriteToken, { from, done });
          return { done: false, totalBytesRewritten: String(done), objectSize: String(size), rewriteToken };
        }
        if (token !== null) rewrites.delete(token);
        const path = `${objectPath(bucket, name)}/rewriteTo/b/${encodeURIComponent(target.bucket)}/o/${encodeURIComponent(target.name)}`;
        const { resource } = await store.json<{ resource: Resource }>('POST', path, given);
        const components = source['componentCount'] as number | undefined;
        // A body is the whole of the new description: nothing of the source's is left.
        const described = Object.keys(given).length === 0 ? source : given;
        store.written(target.bucket, target.name, resource.generation, described, components);
        return {
          done: true,
          totalBytesRewritten: String(size),
          objectSize: String(size),
          resource: store.render(target.bucket, resource),
        };
      }),
    );
  }

  function inTurn<T>(
    held: boolean,
    target: { readonly bucket: string; readonly name: string },
    work: () => Promise<T>,
  ): Promise<T> {
    return held ? work() : store.exclusively(target.bucket, [target.name], work);
  }

  /** "Sending batch requests": at most 100 calls, each answered for itself, in their order. */
  async function batch(contentType: string, text: string): Promise<string> {
    const boundary = /boundary="?([^";]+)/.exec(contentType)?.[1];
    if (boundary === undefined) throw new Refusal(400, 'badRequest', 'a batch is multipart/mixed');
    const calls = text.split(`--${boundary}`).flatMap((part) => {
      const [, method, path] = /^([A-Z]+) (\/\S*) HTTP\/1\.1\r$/m.exec(part) ?? [];
      return method === undefined || path === undefined ? [] : [{ method, path }];
    });
    if (calls.length > 100) throw new Refusal(400, 'badRequest', 'a batch has at most 100 calls');
    const answers: string[] = [];
    for (const { method, path } of calls) {
      const answer = await answerInBatch(method, path);
      const body = answer.body === undefined ? '' : JSON.stringify(answer.body);
      answers.push(
        `--answers\r\nContent-Type: application/http\r\nContent-ID: <response-${answers.length + 1}>\r\n\r\n` +
          `HTTP/1.1 ${answer.status} Status\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}\r\n`,
      );
    }
    return `${answers.join('')}--answers--\r\n`;
  }

  async function answerInBatch(method: string, path: string): Promise<Reply> {
    try {
      const route = routeOf(method, path);
      await strike(faults.meet(route), route);
      return await perform(route, Buffer.alloc(0));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return { status: error.status, body: errorBody(error) };
    }
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP address');
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    faults,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
      store.close();
    },
  };
}

/** "Objects: patch": what is named is replaced, `null` takes it away, `metadata` is merged name by name. */
function mergePatch(
  into: Record<string, unknown>,
  changes: Record<string, unknown>,
): Record<string, unknown> {
  const merged = { ...into };
  for (const [field, value] of Object.entries(changes)) {
    if (value === null) delete merged[field];
    else if (typeof value === 'object' && !Array.isArray(value)) {
      merged[field] = mergePatch(
        (into[field] ?? {}) as Record<string, unknown>,
        value as Record<string, unknown>,
      );
    } else merged[field] = value;
  }
  return merged;
}

function reply(outgoing: ServerResponse, { status, body }: Reply): void {
  outgoing.statusCode = status;
  outgoing.setHeader('content-type', 'application/json; charset=UTF-8');
  outgoing.end(body === undefined ? undefined : JSON.stringify(body));
}

function errorBody({ status, reason, message }: Refusal): object {
  return { error: { code: status, message, errors: [{ domain: 'global', reason, message }] } };
}

function refuse(outgoing: ServerResponse, error: unknown, xml: boolean): void {
  const refusal = error instanceof Refusal ? error : new Refusal(500, 'backendError', String(error));
  if (!(error instanceof Refusal)) console.error('strict GCS:', error);
  if (outgoing.headersSent) {
    outgoing.destroy();
    return;
  }
  if (refusal.retryAfter !== undefined) outgoing.setHeader('retry-after', refusal.retryAfter);
  // The rest of a body that was refused is not read.
  outgoing.setHeader('connection', 'close');
  if (!xml) {
    reply(outgoing, { status: refusal.status, body: errorBody(refusal) });
    return;
  }
  outgoing.statusCode = refusal.status;
  outgoing.setHeader('content-type', 'application/xml; charset=UTF-8');
  outgoing.end(
    `<?xml version='1.0' encoding='UTF-8'?><Error><Code>${refusal.reason}</Code><Message>${refusal.message.replace(/[<&]/g, ' ')}</Message></Error>`,
  );
}
