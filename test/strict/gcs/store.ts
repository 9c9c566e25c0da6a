/**
 * The objects behind the strict service: bytes, generations and hashes are fake-gcs-server's, but descriptions are kept
 * here, as it gets them wrong: a compose over an object keeps the old description, a rewrite mixes in the source's, a
 * patch cannot take anything away, and metagenerations stand still.
 */
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Refusal, type Resource } from './rules.ts';

export interface Description {
  readonly generation: string;
  readonly metageneration: number;
  readonly fields: Readonly<Record<string, unknown>>;
  /** How many components, for composed objects. */
  readonly componentCount: number | undefined;
  readonly timeCreated: string;
  readonly updated: string;
}

export const writableFields = [
  'contentType',
  'cacheControl',
  'contentDisposition',
  'contentEncoding',
  'contentLanguage',
  'storageClass',
  'metadata',
  'customTime',
] as const;

export class Store {
  private readonly agent = new Agent({ keepAlive: true });
  private readonly described = new Map<string, Description>();
  private readonly locks = new Map<string, Promise<unknown>>();
  private readonly upstream: URL;

  constructor(upstream: string) {
    this.upstream = new URL(upstream);
  }

  close(): void {
    this.agent.destroy();
  }

  /** One request to fake-gcs-server, its body to be written by the caller. */
  request(method: string, path: string, headers: Record<string, string | number> = {}) {
    return httpRequest({
      agent: this.agent,
      host: this.upstream.hostname,
      port: this.upstream.port,
      method,
      path,
      headers,
    });
  }

  async ask(
    method: string,
    path: string,
    body?: Buffer,
    headers: Record<string, string | number> = {},
  ): Promise<{ readonly status: number; readonly body: Buffer; readonly incoming: IncomingMessage }> {
    const length = body === undefined ? {} : { 'content-length': body.length };
    const request = this.request(method, path, { ...headers, ...length });
    request.end(body);
    const incoming = await answerTo(request);
    return { status: incoming.statusCode ?? 0, body: await collect(incoming), incoming };
  }

  async json<T>(method: string, path: string, body?: object): Promise<T> {
    const sent = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const answer = await this.ask(method, path, sent, { 'content-type': 'application/json' });
    const text = answer.body.toString('utf8');
    if (answer.status < 300) return JSON.parse(text) as T;
    const { error } = JSON.parse(text) as { error: { message: string; errors: [{ reason: string }] } };
    throw new Refusal(answer.status, error.errors[0].reason, error.message);
  }

  /** The live object. */
  async current(bucket: string, name: string): Promise<Resource | undefined> {
    try {
      return this.render(bucket, await this.json('GET', objectPath(bucket, name)));
    } catch (error) {
      if (error instanceof Refusal && error.status === 404) return undefined;
      throw error;
    }
  }

  description(bucket: string, { name, generation }: Resource): Description | undefined {
    const known = this.described.get(key(bucket, name));
    return known?.generation === generation ? known : undefined;
  }

  describe(bucket: string, name: string, description: Description): void {
    this.described.set(key(bucket, name), description);
  }

  /** A new object's description. */
  written(
    bucket: string,
    name: string,
    generation: string,
    given: Readonly<Record<string, unknown>>,
    componentCount?: number,
  ): void {
    const now = new Date().toISOString();
    const fields = Object.fromEntries(
      writableFields.flatMap((field) => (given[field] === undefined ? [] : [[field, given[field]]])),
    );
    this.describe(bucket, name, {
      generation,
      metageneration: 1,
      fields: { storageClass: 'STANDARD', ...fields },
      componentCount,
      timeCreated: now,
      updated: now,
    });
  }

  forgetBucket(bucket: string): void {
    for (const known of this.described.keys()) {
      if (known.startsWith(key(bucket, ''))) this.described.delete(known);
    }
  }

  /** What the service says of an object, from what fake-gcs-server says. */
  render(bucket: string, raw: Resource): Resource {
    const known = this.description(bucket, raw);
    const kept = Object.fromEntries(
      ['kind', 'id', 'name', 'bucket', 'generation', 'size', 'crc32c', 'md5Hash'].flatMap((field) =>
        raw[field] === undefined ? [] : [[field, raw[field]]],
      ),
    );
    const metageneration = String(known?.metageneration ?? 1);
    const rendered: Record<string, unknown> = {
      ...(known === undefined ? raw : { ...kept, ...known.fields }),
      ...(known === undefined ? {} : { timeCreated: known.timeCreated, updated: known.updated }),
      metageneration,
      // "Hashes and ETags": an ETag of the JSON API is no hash.
      etag: Buffer.from(`${raw.generation}/${metageneration}`).toString('base64'),
    };
    if (known?.componentCount !== undefined) {
      // "Composite objects": they have no MD5.
      delete rendered['md5Hash'];
      rendered['componentCount'] = known.componentCount;
    }
    return rendered as Resource;
  }

  /** Runs alone among all that names one of these objects. */
  async exclusively<T>(bucket: string, names: readonly string[], work: () => Promise<T>): Promise<T> {
    const keys = [...new Set(names.map((name) => key(bucket, name)))];
    const before = keys.map((each) => this.locks.get(each));
    const mine = Promise.withResolvers<void>();
    for (const each of keys) this.locks.set(each, mine.promise);
    await Promise.all(before);
    try {
      return await work();
    } finally {
      mine.resolve();
      for (const each of keys) if (this.locks.get(each) === mine.promise) this.locks.delete(each);
    }
  }
}

export function objectPath(bucket: string, name: string): string {
  return `/storage/v1/b/${encodeURIComponent(bucket)}/o/${encodeURIComponent(name)}`;
}

function key(bucket: string, name: string): string {
  return `${bucket}\n${name}`;
}

export function answerTo(request: ReturnType<typeof httpRequest>): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once('response', resolve);
    request.on('error', reject);
  });
}

export async function collect(stream: AsyncIterable<unknown>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
