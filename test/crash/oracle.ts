/** Looks at everything while nothing else is under way: after a restart, and when a run ends. */
import type { RawAnswer, RawRequest } from '../kit/raw-request.ts';
import { type Ending, type History, type PartWrite, type Upload, Violation } from './history.ts';
import { absent } from './register.ts';
import { bucket, type Client, hotKeys } from './workload.ts';

/** Longer than a lease lasts and a service stays away. */
const patienceMs = 20_000;

export class Oracle {
  readonly #client: Client;
  readonly #history: History;
  readonly #random: () => number;

  readonly #revive: () => Promise<void>;

  /** @param revive is called when there is no answer: a gateway may have died again */
  constructor(client: Client, history: History, random: () => number, revive: () => Promise<void>) {
    this.#revive = revive;
    this.#client = client;
    this.#history = history;
    this.#random = random;
  }

  /** Every key, every upload, every listing. Some uploads are ended, at the end all are. */
  async examine(end: boolean): Promise<void> {
    this.#history.note('--- the oracle looks');
    await this.#readAll();
    for (const upload of [...this.#history.uploads.values()]) {
      if (await this.#resolve(upload, end)) this.#history.uploads.delete(upload.id);
    }
    await this.#readAll();
    await this.#compareListings();
    this.#history.note('--- the oracle is content');
  }

  /** Keys that hold an object. */
  live(): Set<string> {
    const now = this.#history.tick();
    return new Set(
      hotKeys.filter(
        (key) =>
          !this.#history
            .register(key)
            .possible(now, now + 1)
            .has(absent),
      ),
    );
  }

  async #readAll(): Promise<void> {
    for (const key of hotKeys) {
      const { value } = await this.#eventually(`read ${key}`, () => this.#client.get(key));
      this.#history.register(key).settle(value, this.#history.tick());
    }
  }

  /** Brings what is unknown to an end. Resolves to whether the upload has ended. */
  async #resolve(upload: Upload, end: boolean): Promise<boolean> {
    const { endings } = upload;
    const isOver = (): boolean => endings.some(isDone);
    if (!isOver()) {
      // The same request again, as a client would: it finds what has happened, or makes it happen.
      for (const { kind, parts } of endings.filter((each) => !each.refused)) {
        if (isOver()) break;
        await this.#again(`${kind} ${upload.id} again`, () =>
          kind === 'complete' ? this.#client.complete(upload, parts) : this.#client.abort(upload),
        );
      }
    }
    if (isOver()) return this.#expectGone(upload);
    if (endings.some((each) => !each.refused)) {
      // Each was refused when it was repeated, and rightly so if another had got there first.
      const answer = await this.#ask('list parts of', upload);
      if (answer.status === 404) return true;
    }
    const listed = await this.#compareParts(upload);
    const dice = this.#random();
    if (!end && dice > 0.4) return false;
    if (listed.length === 0 || dice < 0.1) {
      await this.#again(`abort ${upload.id}`, () => this.#client.abort(upload));
    } else {
      // Part numbers ascend, and all but the last are large enough, in any one part.
      const last = listed[Math.floor(dice * 10) % listed.length];
      await this.#again(`complete ${upload.id}`, () =>
        this.#client.complete(upload, last === undefined ? [] : [last]),
      );
    }
    // Refused when it was sent again, after an answer that got lost.
    if (!isOver() && endings.every((each) => each.refused))
      throw new Violation(`upload ${upload.id} is stuck: neither Complete nor Abort ends it`);
    return this.#expectGone(upload);
  }

  async #expectGone(upload: Upload): Promise<true> {
    const answer = await this.#ask('list parts of', upload);
    if (answer.status === 404) return true;
    throw new Violation(`upload ${upload.id} has ended, but ListParts answers ${answer.status}`);
  }

  /** Every acknowledged part is there, and nothing else is. */
  async #compareParts(upload: Upload): Promise<readonly PartWrite[]> {
    const start = this.#history.tick();
    const answer = await this.#ask('list parts of', upload);
    if (answer.status !== 200)
      throw new Violation(`ListParts of ${upload.id} answers ${answer.status} ${answer.text}`);
    const listed = new Map<number, string>();
    for (const [, text = ''] of answer.text.matchAll(/<Part>(.*?)<\/Part>/gs)) {
      const number = Number(/<PartNumber>(\d+)</.exec(text)?.[1]);
      listed.set(number, /<ETag>(?:&quot;|")(\w+)/.exec(text)?.[1] ?? '');
    }
    const numbers = new Set([...listed.keys(), ...upload.parts.map((part) => part.number)]);
    const found: PartWrite[] = [];
    for (const number of [...numbers].sort((a, b) => a - b)) {
      const etag = listed.get(number);
      const possible = this.#history.currentParts(upload, number, start);
      if (!possible.has(etag)) {
        throw new Violation(
          `part ${number} of ${upload.id} is ${etag ?? 'missing'}; it can only be ${[...possible].join(' or ')}`,
        );
      }
      const part = upload.parts.find((each) => each.number === number && each.etag === etag);
      if (part !== undefined) found.push(part);
      // What it is now it stays.
      for (const each of upload.parts) if (each.number === number && each !== part) each.refused = true;
      if (part !== undefined && part.end === Number.POSITIVE_INFINITY) part.end = this.#history.tick();
    }
    return found;
  }

  async #compareListings(): Promise<void> {
    const objects = await this.#eventually('list objects', () =>
      this.#client.ask('list', { method: 'GET', path: `/${bucket}`, query: { 'list-type': '2' } }),
    );
    const keys = [...objects.text.matchAll(/<Key>(.*?)<\/Key>/g)].map(([, key = '']) => key);
    const live = [...this.live()].sort();
    if (keys.join('\n') !== live.join('\n'))
      throw new Violation(`the listing shows ${JSON.stringify(keys)}, there are ${JSON.stringify(live)}`);
    const uploads = await this.#eventually('list uploads', () =>
      this.#client.ask('list uploads', { method: 'GET', path: `/${bucket}`, query: { uploads: '' } }),
    );
    const shownUploads = new Map(
      [...uploads.text.matchAll(/<Upload>(.*?)<\/Upload>/gs)].map(([, text = '']) => [
        /<UploadId>(.*?)</.exec(text)?.[1] ?? '',
        /<Key>(.*?)</.exec(text)?.[1] ?? '',
      ]),
    );
    for (const { id } of this.#history.uploads.values())
      if (!shownUploads.has(id)) throw new Violation(`ListMultipartUploads does not show ${id}`);
    // Made by a request that was never answered: nobody knows its ID but from here.
    for (const [id, key] of shownUploads) {
      if (this.#history.uploads.has(id)) continue;
      const unknown: Upload = { id, key, parts: [], endings: [] };
      await this.#again(`abort ${id}`, () => this.#client.abort(unknown));
    }
  }

  async #ask(what: string, { id, key }: Upload): Promise<RawAnswer> {
    const path = `/${bucket}/${key.split('/').map(encodeURIComponent).join('/')}`;
    const request: RawRequest = { method: 'GET', path, query: { uploadId: id } };
    return this.#eventually(`${what} ${id}`, async () => {
      const answer = await this.#client.ask(`${what} ${id}`, request);
      return answer === undefined || answer.status >= 500 ? undefined : answer;
    });
  }

  async #again(what: string, work: () => Promise<'done' | 'refused' | 'unknown'>): Promise<void> {
    await this.#eventually(what, async () => ((await work()) === 'unknown' ? undefined : true));
  }

  /** Repeats what a lease or an outage still keeps from being done. */
  async #eventually<T>(what: string, work: () => Promise<T | undefined>): Promise<T> {
    const deadline = Date.now() + patienceMs;
    for (;;) {
      const result = await work();
      if (result !== undefined) return result;
      if (Date.now() > deadline) throw new Violation(`could not ${what} within ${patienceMs} ms`);
      await new Promise((resolve) => setTimeout(resolve, 50));
      await this.#revive();
    }
  }
}

function isDone({ end }: Ending): boolean {
  return end !== Number.POSITIVE_INFINITY;
}
