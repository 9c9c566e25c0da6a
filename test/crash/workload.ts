/** One client: what it asks next is drawn from its seed, what it is told is held against the history. */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RawAnswer, type RawRequest, send } from '../kit/raw-request.ts';
import { makeBody, minBody, writersOf } from './bodies.ts';
import {
  type Ending,
  type Fate,
  fateOf,
  type History,
  joined,
  type PartWrite,
  type Upload,
  Violation,
} from './history.ts';
import { absent, type Value } from './register.ts';

export const bucket = 'crashed';
/** One that stands in the way of another in a file tree, and one that no file tree holds. */
export const hotKeys = ['hot', 'hot/under', 'odd//key'] as const;

const mib = 1024 * 1024;
const maxOpen = 6;
const patienceMs = 30_000;

export interface World {
  readonly history: History;
  /** A gateway to ask. */
  endpoint(random: () => number): string;
  nextWriter(): number;
}

export class Client {
  readonly #world: World;
  readonly #random: () => number;

  constructor(world: World, random: () => number) {
    this.#world = world;
    this.#random = random;
  }

  get #history(): History {
    return this.#world.history;
  }

  /** One request, or a few that belong together. */
  async step(): Promise<void> {
    const key = this.#pick(hotKeys);
    const open = [...this.#history.uploads.values()];
    const upload = open.length === 0 ? undefined : this.#pick(open);
    const dice = this.#random();
    if (dice < 0.18) return this.put(key);
    if (dice < 0.25) return this.#putIf(key);
    if (dice < 0.33) return this.#delete(key);
    if (dice < 0.4) return this.#copy(this.#pick(hotKeys), key);
    if (dice < 0.52) return void (await this.get(key));
    if (upload === undefined || (dice < 0.62 && this.#history.uploads.size < maxOpen))
      return this.#create(key);
    if (dice < 0.85) return this.#part(upload);
    if (dice < 0.96) return this.#completeSome(upload);
    await this.abort(upload);
  }

  async put(key: string): Promise<void> {
    await this.#write(key, {});
  }

  /** Under `If-None-Match: *`, or `If-Match` of what is there. */
  async #putIf(key: string): Promise<void> {
    if (this.#random() < 0.5) return this.#write(key, { 'if-none-match': '*' }, absent);
    const seen = await this.get(key);
    if (seen === undefined || seen.value === absent) return;
    await this.#write(key, { 'if-match': seen.etag }, seen.value);
  }

  async #write(key: string, headers: Record<string, string>, over?: Value): Promise<void> {
    const history = this.#history;
    const writer = this.#world.nextWriter();
    const body = makeBody(writer, this.#size());
    history.values.set(md5(body), String(writer));
    const write = history.begin(key, String(writer));
    const answer = await this.#ask(`put ${writer} ${JSON.stringify(headers)}`, {
      method: 'PUT',
      path: pathOf(key),
      headers: { ...headers, 'x-amz-meta-writer': String(writer) },
      body,
    });
    const fate = this.#fate(answer, over === undefined ? [] : [404, 409, 412]);
    if (fate === 'refused') write.refused = true;
    if (fate !== 'done') return;
    if (answer?.headers['etag'] !== `"${md5(body)}"`) throw new Violation(`PUT ${key} answers a wrong ETag`);
    history.done(write);
    // Its condition held: the key was in that state when it was written. Its own write does not count.
    if (over !== undefined) {
      write.refused = true;
      history.saw(key, over, write.start, 'a conditional write to');
      write.refused = false;
    }
  }

  async #delete(key: string): Promise<void> {
    const write = this.#history.begin(key, absent);
    const answer = await this.#ask(`delete ${key}`, { method: 'DELETE', path: pathOf(key) });
    if (this.#fate(answer, []) === 'done') this.#history.done(write);
  }

  async #copy(from: string, to: string): Promise<void> {
    const seen = await this.get(from);
    if (seen === undefined || seen.value === absent || from === to) return;
    const write = this.#history.begin(to, seen.value);
    const answer = await this.#ask(`copy ${from} of ${seen.value} to ${to}`, {
      method: 'PUT',
      path: pathOf(to),
      headers: { 'x-amz-copy-source': pathOf(from), 'x-amz-copy-source-if-match': seen.etag },
    });
    const fate = this.#fate(answer, [404, 412]);
    if (fate === 'refused') write.refused = true;
    // The copy of a multipart object is one that was written in one request.
    const etag = answer?.element('ETag')?.replaceAll('&quot;', '').replaceAll('"', '');
    if (fate !== 'done' || etag === undefined) return;
    this.#history.values.set(etag, seen.value);
    this.#history.done(write);
  }

  /** Reads a key whole and holds all that is said of it against the history. `undefined` without an answer. */
  async get(key: string): Promise<{ readonly value: Value; readonly etag: string } | undefined> {
    const start = this.#history.tick();
    const answer = await this.#ask(`get ${key}`, { method: 'GET', path: pathOf(key) });
    if (answer === undefined || answer.status >= 500) return undefined;
    if (answer.status === 404) {
      this.#history.saw(key, absent, start, 'GET of');
      return { value: absent, etag: '' };
    }
    if (answer.status !== 200) throw new Violation(`GET ${key} answers ${answer.status} ${answer.text}`);
    const read = writersOf(answer.body);
    if ('problem' in read) throw new Violation(`GET ${key}: ${read.problem}`);
    const value = read.writers.join('+');
    this.#history.note(`  shows ${value}`);
    this.#history.saw(key, value, start, 'GET of');
    const etag = answer.headers['etag'] ?? '';
    const known = this.#history.values.get(etag.replaceAll('"', ''));
    if (known !== undefined && known !== value)
      throw new Violation(`GET ${key}: the ETag ${etag} belongs to ${known}, the bytes are ${value}`);
    const writer = answer.headers['x-amz-meta-writer'];
    if (writer !== undefined && writer !== 'upload' && writer !== value)
      throw new Violation(`GET ${key}: the metadata is that of ${writer}, the bytes are ${value}`);
    return { value, etag };
  }

  async #create(key: string): Promise<void> {
    const answer = await this.#ask(`create upload of ${key}`, {
      method: 'POST',
      path: pathOf(key),
      query: { uploads: '' },
      headers: { 'x-amz-meta-writer': 'upload' },
    });
    if (this.#fate(answer, []) !== 'done') return;
    const id = answer?.element('UploadId') ?? '';
    this.#history.uploads.set(id, { id, key, parts: [], endings: [] });
    this.#history.acknowledged += 1;
  }

  async #part(upload: Upload): Promise<void> {
    const { id, key } = upload;
    const number = 1 + Math.floor(this.#random() * 3);
    const writer = this.#world.nextWriter();
    // Parts that others may follow are dear: few.
    const size =
      number === 1 && this.#random() < 0.04 ? 5 * mib + Math.floor(this.#random() * 3) * 4096 : this.#size();
    const body = makeBody(writer, size);
    const start = this.#history.tick();
    const part: PartWrite = {
      number,
      writer,
      size,
      etag: md5(body),
      start,
      end: Number.POSITIVE_INFINITY,
      refused: false,
    };
    upload.parts.push(part);
    const answer = await this.#ask(`part ${number} of ${id} by ${writer}, ${size} bytes`, {
      method: 'PUT',
      path: pathOf(key),
      query: { partNumber: String(number), uploadId: id },
      body,
    });
    const fate = this.#fate(answer, [404]);
    if (fate === 'refused') {
      part.refused = true;
      this.#demandEnded(upload, undefined, 'UploadPart');
    }
    if (fate !== 'done') return;
    this.#history.done(part);
    if (upload.endings.some((ending) => ending.end < part.start))
      throw new Violation(`upload ${id} took part ${number} after it had ended`);
  }

  async #completeSome(upload: Upload): Promise<void> {
    const latest = new Map<number, PartWrite>();
    for (const part of upload.parts) if (part.end !== Number.POSITIVE_INFINITY) latest.set(part.number, part);
    const parts = [...latest.values()].sort((a, b) => a.number - b.number);
    const [first] = parts;
    const chosen =
      first !== undefined && first.size >= 5 * mib
        ? parts.slice(0, 2)
        : parts.length > 0
          ? [this.#pick(parts)]
          : [];
    if (chosen.length > 0) await this.complete(upload, chosen);
  }

  /** Resolves to what became of it. */
  async complete(upload: Upload, parts: readonly PartWrite[]): Promise<Fate> {
    const history = this.#history;
    const { id, key } = upload;
    const value = joined(parts);
    const md5s = Buffer.concat(parts.map(({ etag }) => Buffer.from(etag, 'hex')));
    const expected = `${createHash('md5').update(md5s).digest('hex')}-${parts.length}`;
    history.values.set(expected, value);
    const write = history.begin(key, value);
    const ending: Ending = {
      kind: 'complete',
      write,
      parts,
      start: write.start,
      end: Number.POSITIVE_INFINITY,
      refused: false,
    };
    upload.endings.push(ending);
    const listed = parts.map(
      ({ etag, number }) => `<Part><PartNumber>${number}</PartNumber><ETag>"${etag}"</ETag></Part>`,
    );
    const answer = await this.#ask(`complete ${id} of ${key} as ${value}`, {
      method: 'POST',
      path: pathOf(key),
      query: { uploadId: id },
      body: `<CompleteMultipartUpload>${listed.join('')}</CompleteMultipartUpload>`,
    });
    const fate = this.#fate(answer, [400, 404]);
    if (fate === 'unknown') return fate;
    if (fate === 'refused') {
      write.refused = true;
      ending.refused = true;
      this.#demandReason(upload, ending, answer);
      return fate;
    }
    if (answer?.element('ETag')?.replaceAll('&quot;', '') !== expected)
      throw new Violation(`Complete of ${id} answers ${answer?.text}, not the ETag ${expected}`);
    history.ended(upload, ending);
    return fate;
  }

  async abort(upload: Upload): Promise<Fate> {
    const { id, key } = upload;
    const start = this.#history.tick();
    const ending: Ending = { kind: 'abort', parts: [], start, end: Number.POSITIVE_INFINITY, refused: false };
    upload.endings.push(ending);
    const answer = await this.#ask(`abort ${id}`, {
      method: 'DELETE',
      path: pathOf(key),
      query: { uploadId: id },
    });
    const fate = this.#fate(answer, [404]);
    if (fate === 'done') this.#history.ended(upload, ending);
    if (fate === 'refused') {
      ending.refused = true;
      this.#demandEnded(upload, ending, 'Abort');
    }
    return fate;
  }

  #demandReason(upload: Upload, ending: Ending, answer: RawAnswer | undefined): void {
    const code = answer?.element('Code');
    if (code === 'NoSuchUpload') {
      this.#demandEnded(upload, ending, 'Complete');
      return;
    }
    if (code === 'InvalidPart' || code === 'EntityTooSmall') {
      if (this.#history.mayHaveEnded(upload, ending)) return;
      const changed = ending.parts.some((part) => {
        const now = this.#history.currentParts(upload, part.number, ending.start);
        return now.size > 1 || !now.has(part.etag);
      });
      if (changed) return;
    }
    throw new Violation(
      `Complete of ${upload.id} is refused without a reason: ${answer?.status} ${answer?.text}`,
    );
  }

  #demandEnded(upload: Upload, besides: Ending | undefined, what: string): void {
    if (this.#history.mayHaveEnded(upload, besides)) return;
    throw new Violation(`${what}: upload ${upload.id} is gone, though nobody ended it`);
  }

  /** `allowed`: statuses below 500 that are fine answers of a refusal. */
  /** What only the oracle asks. */
  ask(what: string, request: RawRequest): Promise<RawAnswer | undefined> {
    return this.#ask(what, request);
  }

  #fate(answer: RawAnswer | undefined, allowed: readonly number[]): Fate {
    const fate = fateOf(answer);
    if (fate === 'refused' && answer !== undefined && !allowed.includes(answer.status))
      throw new Violation(`an answer that nobody expects: ${answer.status} ${answer.text}`);
    if (answer?.status === 500) throw new Violation(`the gateway answers 500: ${answer.text}`);
    return fate;
  }

  async #ask(what: string, request: RawRequest): Promise<RawAnswer | undefined> {
    const endpoint = this.#world.endpoint(this.#random);
    const id = this.#history.tick();
    this.#history.note(`[${id}] ${what}`);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new Violation(`no answer within ${patienceMs} ms: ${what}`)),
        patienceMs,
      );
    });
    try {
      const answer = await Promise.race([send(endpoint, request), late]);
      this.#history.answers += 1;
      this.#history.tick();
      this.#history.note(`[${id}] → ${answer.status} ${answer.element('Code') ?? ''}`);
      return answer;
    } catch (error) {
      if (error instanceof Violation) throw error;
      this.#history.tick();
      this.#history.note(`[${id}] → no answer`);
      await sleep(10);
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }

  #size(): number {
    const dice = this.#random();
    if (dice < 0.6) return minBody + Math.floor(this.#random() * 4_000);
    return minBody + Math.floor(this.#random() * 200_000);
  }

  #pick<T>(items: readonly T[]): T {
    const item = items[Math.floor(this.#random() * items.length)];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  }
}

function pathOf(key: string): string {
  return `/${bucket}/${key.split('/').map(encodeURIComponent).join('/')}`;
}

function md5(body: Uint8Array): string {
  return createHash('md5').update(body).digest('hex');
}
