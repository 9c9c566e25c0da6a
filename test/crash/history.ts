/** What clients asked and were told, in order, and what can be said of it: raised as soon as an answer is none that S3 allows. */
import type { RawAnswer } from '../kit/raw-request.ts';
import { absent, Register, type Value, type Write } from './register.ts';

/** An acknowledged write that is lost, a mixture of two, an answer that no order of events explains. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

export interface PartWrite {
  readonly number: number;
  readonly writer: number;
  readonly size: number;
  readonly etag: string;
  readonly start: number;
  end: number;
  refused: boolean;
}

/** A Complete or an Abort. */
export interface Ending {
  /** What a Complete writes. */
  readonly write?: Write;
  readonly kind: 'complete' | 'abort';
  /** Of a Complete. */
  readonly parts: readonly PartWrite[];
  readonly start: number;
  end: number;
  refused: boolean;
}

export interface Upload {
  readonly id: string;
  readonly key: string;
  readonly parts: PartWrite[];
  readonly endings: Ending[];
}

const kept = 400;

export class History {
  #now = 0;
  #lines: string[] = [];
  readonly registers = new Map<string, Register>();
  readonly uploads = new Map<string, Upload>();
  /** ETag without quotes → what an object with it holds. */
  readonly values = new Map<string, Value>();
  /** Requests that were answered, whatever the answer. */
  answers = 0;
  acknowledged = 0;
  reads = 0;

  tick(): number {
    this.#now += 1;
    return this.#now;
  }

  note(line: string): void {
    this.#lines.push(`${this.#now} ${line}`);
    if (this.#lines.length > kept * 2) this.#lines = this.#lines.slice(-kept);
  }

  /** The last things that happened. */
  text(): string {
    return this.#lines.slice(-kept).join('\n');
  }

  register(key: string): Register {
    const known = this.registers.get(key);
    if (known !== undefined) return known;
    const made = new Register();
    this.registers.set(key, made);
    return made;
  }

  begin(key: string, value: Value): Write {
    return this.register(key).begin(value, this.tick());
  }

  done(write: Write | PartWrite | Ending): void {
    write.end = this.tick();
    this.acknowledged += 1;
  }

  /** The key was seen to hold this at some instant since `start`. */
  saw(key: string, value: Value, start: number, how: string): void {
    const possible = this.register(key).possible(start, this.tick());
    this.reads += 1;
    if (possible.has(value)) return;
    throw new Violation(
      `${how} '${key}' shows ${shown(value)}; since tick ${start} it can only have been ${[...possible].map(shown).join(' or ')}`,
    );
  }

  /** A part's number may hold these, by ETag, of what was sent; `undefined` among them: nothing. */
  currentParts(upload: Upload, number: number, start: number): Set<string | undefined> {
    const writes = upload.parts.filter((part) => part.number === number && !part.refused);
    const answered = writes.filter(({ end }) => end !== Number.POSITIVE_INFINITY);
    const gone = (end: number): boolean => answered.some((later) => later.start > end && later.end < start);
    const etags = new Set<string | undefined>(writes.filter(({ end }) => !gone(end)).map(({ etag }) => etag));
    if (!answered.some(({ end }) => end < start)) etags.add(undefined);
    return etags;
  }

  /** Whether the upload may have ended by something else than this request, or the same one sent before. */
  mayHaveEnded({ endings }: Upload, besides?: Ending): boolean {
    const same = ({ kind, parts }: Ending): boolean =>
      kind === 'complete' && besides?.kind === 'complete' && joined(parts) === joined(besides.parts);
    return endings.some((ending) => ending !== besides && !ending.refused && !same(ending));
  }

  /** Says that the upload has ended that way, if nothing that was acknowledged says otherwise. */
  ended(upload: Upload, ending: Ending): void {
    for (const other of upload.endings) {
      if (other === ending || other.refused || other.end === Number.POSITIVE_INFINITY) continue;
      if (other.kind !== ending.kind)
        throw new Violation(`upload ${upload.id}: both a Complete and an Abort succeeded`);
      if (ending.kind === 'abort' && other.end < ending.start)
        throw new Violation(`upload ${upload.id} was aborted twice, one after the other`);
      if (ending.kind === 'complete' && joined(other.parts) !== joined(ending.parts))
        throw new Violation(`upload ${upload.id}: two Completes with different parts succeeded`);
    }
    this.done(ending);
    if (ending.write !== undefined) this.#published(upload, ending.write);
  }

  /** However often Complete was sent, the object was published once: between the first request and the first answer. */
  #published({ endings }: Upload, write: Write): void {
    const same = endings.flatMap((other) =>
      other.write === undefined || other.write === write || other.write.refused ? [] : [other.write],
    );
    if (same.some(({ end }) => end !== Number.POSITIVE_INFINITY)) {
      write.refused = true;
      return;
    }
    for (const other of same) {
      write.start = Math.min(write.start, other.start);
      other.refused = true;
    }
    write.end = this.tick();
  }
}

export function joined(parts: readonly PartWrite[]): Value {
  return parts.map(({ writer }) => writer).join('+');
}

export function shown(value: Value): string {
  return value === absent ? 'nothing' : `the bytes of ${value}`;
}

export type Fate = 'done' | 'refused' | 'unknown';

/** What an answer says of a write: with 5xx, or none at all, it may have happened. */
export function fateOf(answer: RawAnswer | undefined): Fate {
  // Long work may have been answered 200 before it failed.
  if (
    answer === undefined ||
    answer.status >= 500 ||
    (answer.text.includes('<Error>') && answer.status < 300)
  )
    return 'unknown';
  return answer.status < 300 ? 'done' : 'refused';
}
