/** Sends what the model knows of to one key, and records what came back. */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeBody, writersOf } from '../crash/bodies.ts';
import { type RawAnswer, type RawRequest, send } from '../kit/raw-request.ts';
import { type Condition, type Event, type Request, shownParts, type Value } from './model.ts';

export const bucket = 'raced';

/** A history of one key and one upload of it, while it is made. */
export class Record {
  readonly events: Event[] = [];
  readonly key: string;
  readonly #endpoints: readonly string[];
  readonly #random: () => number;
  readonly #etags = new Map<Value, string>();
  #uploadId = '';
  #now = 0;
  #writers = 0;

  constructor(key: string, endpoints: readonly string[], random: () => number) {
    this.key = key;
    this.#endpoints = endpoints;
    this.#random = random;
  }

  get uploadId(): string {
    return this.#uploadId;
  }

  async createUpload(): Promise<void> {
    const answer = await this.#ask({ method: 'POST', path: this.#path, query: { uploads: '' } });
    const id = answer?.element('UploadId');
    if (id === undefined) throw new Error(`no upload could be made: ${answer?.status} ${answer?.text}`);
    this.#uploadId = id;
  }

  put(condition?: Condition): Request {
    return { kind: 'put', value: this.#newValue(), ...(condition && { condition }) };
  }

  part(number: number): Request & { readonly kind: 'part' } {
    return { kind: 'part', number, value: this.#newValue() };
  }

  /** Within a few milliseconds of one another. */
  together(requests: readonly Request[]): Promise<readonly Event[]> {
    return Promise.all(
      requests.map(async (request) => {
        await sleep(this.#random() * this.#random() * 16);
        return this.one(request);
      }),
    );
  }

  async one(request: Request): Promise<Event> {
    const endpoint = this.#endpoints[Math.floor(this.#random() * this.#endpoints.length)] ?? '';
    const start = this.#tick();
    const answer = await this.#ask(this.#rawOf(request), endpoint);
    const { outcome, shown } = this.#judge(request, answer);
    return this.record(request, start, outcome, shown);
  }

  /** What was done by other means, between `start` and now. */
  record(request: Request, start: number, outcome: string, shown?: string): Event {
    const end = this.#tick();
    const event: Event = {
      text: `${start}–${end} ${JSON.stringify(request)} → ${outcome}${shown === undefined ? '' : ` ${shown}`}`,
      start,
      end: outcome === 'unknown' ? Number.POSITIVE_INFINITY : end,
      request,
      outcome,
      ...(shown !== undefined && { shown }),
    };
    this.events.push(event);
    return event;
  }

  now(): number {
    return this.#tick();
  }

  #tick(): number {
    this.#now += 1;
    return this.#now;
  }

  #newValue(): Value {
    this.#writers += 1;
    const value = String(this.#writers);
    this.#etags.set(value, createHash('md5').update(this.#body(value)).digest('hex'));
    return value;
  }

  /** Of one size for all, so that only the bytes tell them apart. */
  #body(value: Value): Buffer {
    return makeBody(Number(value), 640);
  }

  #etag(value: Value): string {
    const known = this.#etags.get(value);
    if (known === undefined) throw new Error(`nobody wrote ${value}`);
    return known;
  }

  get #path(): string {
    return `/${bucket}/${this.key}`;
  }

  #rawOf(request: Request): RawRequest {
    const path = this.#path;
    const upload = { uploadId: this.#uploadId };
    switch (request.kind) {
      case 'put':
        return {
          method: 'PUT',
          path,
          body: this.#body(request.value),
          headers: this.#conditionHeaders(request.condition),
        };
      case 'get':
        return { method: 'GET', path };
      case 'delete':
        return { method: 'DELETE', path };
      case 'part':
        return {
          method: 'PUT',
          path,
          query: { ...upload, partNumber: String(request.number) },
          body: this.#body(request.value),
        };
      case 'complete': {
        const parts = request.parts.map(
          ([number, value]) =>
            `<Part><PartNumber>${number}</PartNumber><ETag>"${this.#etag(value)}"</ETag></Part>`,
        );
        return {
          method: 'POST',
          path,
          query: upload,
          headers: this.#conditionHeaders(request.condition),
          body: `<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`,
        };
      }
      case 'abort':
        return { method: 'DELETE', path, query: upload };
      case 'list-parts':
        return { method: 'GET', path, query: upload };
      case 'expire':
        throw new Error('no request does that');
    }
  }

  #conditionHeaders(condition: Condition | undefined): { readonly [name: string]: string } {
    if (condition === undefined) return {};
    if ('absent' in condition) return { 'if-none-match': '*' };
    return { 'if-match': `"${this.#etag(condition.holds)}"` };
  }

  #judge(request: Request, answer: RawAnswer | undefined): { outcome: string; shown?: string } {
    if (answer?.status === 500) throw new Error(`${JSON.stringify(request)} is answered 500: ${answer.text}`);
    if (answer === undefined || answer.status >= 500) return { outcome: 'unknown' };
    if (answer.status >= 300) return { outcome: answer.element('Code') ?? String(answer.status) };
    if (request.kind === 'get') {
      const read = writersOf(answer.body);
      if ('problem' in read) throw new Error(`GET ${this.key}: ${read.problem}`);
      return { outcome: 'ok', shown: read.writers.join('+') };
    }
    if (request.kind === 'list-parts') return { outcome: 'ok', shown: this.#partsOf(answer.text) };
    return { outcome: 'ok' };
  }

  #partsOf(text: string): string {
    const values = new Map([...this.#etags].map(([value, etag]) => [etag, value]));
    const parts = [...text.matchAll(/<PartNumber>(\d+)<.*?<ETag>(?:&quot;|")(\w+)/gs)];
    return shownParts(
      Object.fromEntries(parts.map(([, number = '', etag = '']) => [number, values.get(etag) ?? etag])),
    );
  }

  async #ask(request: RawRequest, endpoint = this.#endpoints[0] ?? ''): Promise<RawAnswer | undefined> {
    return send(endpoint, request);
  }
}
