/**
 * A multipart/form-data body (RFC 7578) as a browser-based upload sends it: fields first, then one part called `file`, whose bytes are
 * handed on as they arrive. Whatever follows the file is ignored ("POST Object").
 */
import { S3Error } from '../errors.ts';
import { malformed, partHead } from './part-head.ts';

export interface FormField {
  /** As sent. */
  readonly name: string;
  readonly value: string;
}

export interface FormFile {
  /** `undefined` when the part has none: then `${filename}` stands for itself. */
  readonly filename: string | undefined;
  /** To be read once, to its end: MalformedPOSTRequest comes there when the part has none. */
  readonly bytes: AsyncIterable<Buffer>;
}

export interface Form {
  readonly fields: readonly FormField[];
  readonly file: FormFile;
}

/** "The size of the form fields before the file is limited to 20 KB": in bytes, as the body has them. */
const maxHead = 20_480;
const lineEnd = Buffer.from('\r\n');
const headEnd = Buffer.from('\r\n\r\n');
const dashes = Buffer.from('--');

/** MalformedPOSTRequest, MaxPostPreDataLengthExceeded, and InvalidArgument for a form without a file. */
export async function readForm(body: AsyncIterable<Buffer>, boundary: string): Promise<Form> {
  const source = new Source(body, Buffer.from(`\r\n--${boundary}`, 'latin1'));
  const fields: FormField[] = [];
  await source.skipPreamble();
  for (;;) {
    const head = await source.nextPart();
    if (head === undefined) {
      throw new S3Error('InvalidArgument', {
        message: 'POST requires exactly one file upload per request.',
        extra: { ArgumentName: 'file', ArgumentValue: '0' },
      });
    }
    const { filename, name } = partHead(head);
    if (name.toLowerCase() === 'file') return { fields, file: { filename, bytes: source.file() } };
    fields.push({ name, value: decode(await source.value()) });
  }
}

/** Text of a field. What is not UTF-8 is no text. */
function decode(value: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(value);
  } catch (cause) {
    throw malformed('a field is not UTF-8', cause);
  }
}

/** The body with a place in it. Holds the fields at most, and then less than two chunks. */
class Source {
  readonly #chunks: AsyncIterator<Buffer>;
  readonly #delimiter: Buffer;
  /** The first delimiter needs no line before it. */
  #held: Buffer = lineEnd;
  #at = 0;
  #ended = false;

  constructor(body: AsyncIterable<Buffer>, delimiter: Buffer) {
    this.#chunks = body[Symbol.asyncIterator]();
    this.#delimiter = delimiter;
  }

  async skipPreamble(): Promise<void> {
    this.#at = (await this.#find(this.#delimiter)) + this.#delimiter.length;
  }

  /** Head of the part behind the delimiter that was just passed; `undefined` behind the last. */
  async nextPart(): Promise<Buffer | undefined> {
    if (await this.#startsWith(dashes)) return undefined;
    await this.#passLine();
    if (await this.#startsWith(lineEnd)) throw malformed('a part without a name');
    const end = await this.#find(headEnd);
    const head = this.#held.subarray(this.#at, end);
    this.#at = end + headEnd.length;
    return head;
  }

  /** Content of the part, up to the delimiter, which is passed. */
  async value(): Promise<Buffer> {
    const end = await this.#find(this.#delimiter);
    const value = this.#held.subarray(this.#at, end);
    this.#at = end + this.#delimiter.length;
    return value;
  }

  async *file(): AsyncGenerator<Buffer, void, undefined> {
    const delimiter = this.#delimiter;
    this.#held = this.#held.subarray(this.#at);
    this.#at = 0;
    for (;;) {
      const end = this.#held.indexOf(delimiter);
      // The start of a delimiter may be all that has come of it.
      const sure = end < 0 ? this.#held.length - delimiter.length + 1 : end;
      if (sure > 0) yield this.#held.subarray(0, sure);
      this.#held = this.#held.subarray(end < 0 ? Math.max(sure, 0) : end + delimiter.length);
      if (end >= 0) break;
      if (!(await this.#more())) throw malformed('the file has no end');
    }
    if (!(await this.#startsWith(dashes))) await this.#passLine();
    await this.#drain();
  }

  /** The rest of a delimiter's line: white space at most. */
  async #passLine(): Promise<void> {
    const end = await this.#find(lineEnd);
    if (!/^[ \t]*$/.test(this.#held.toString('latin1', this.#at, end))) throw malformed('a bad delimiter');
    this.#at = end + lineEnd.length;
  }

  async #startsWith(bytes: Buffer): Promise<boolean> {
    while (this.#held.length - this.#at < bytes.length) {
      if (!(await this.#more())) return false;
    }
    return this.#held.subarray(this.#at, this.#at + bytes.length).equals(bytes);
  }

  async #find(bytes: Buffer): Promise<number> {
    for (let from = this.#at; ; ) {
      const found = this.#held.indexOf(bytes, from);
      if (found > maxHead || (found < 0 && this.#held.length > maxHead)) {
        throw new S3Error('MaxPostPreDataLengthExceeded', { extra: { MaxPostPreDataLengthBytes: maxHead } });
      }
      if (found >= 0) return found;
      from = Math.max(this.#at, this.#held.length - bytes.length + 1);
      if (!(await this.#more())) throw malformed('the form has no end');
    }
  }

  async #more(): Promise<boolean> {
    if (this.#ended) return false;
    const { done, value } = await this.#chunks.next();
    if (done === true) {
      this.#ended = true;
      return false;
    }
    this.#held = Buffer.concat([this.#held, value]);
    return true;
  }

  async #drain(): Promise<void> {
    while (!this.#ended) {
      const { done } = await this.#chunks.next();
      this.#ended = done === true;
    }
  }
}
