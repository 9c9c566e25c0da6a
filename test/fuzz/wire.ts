/** Requests in bulk over one connection, pipelined, and their answers in order. */
import { once } from 'node:events';
import { connect } from 'node:net';

export interface WireAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

export interface Sent {
  readonly bytes: Buffer;
  /** HEAD is answered without a body. */
  readonly method: string;
  /** May leave the gateway waiting for more: comes last, and the connection's end follows it. */
  readonly last: boolean;
}

/** What was answered until the connection ended. `complaint`: what is wrong with the answers themselves. */
export interface Exchanged {
  readonly answers: readonly WireAnswer[];
  readonly complaint?: string;
}

const silenceMs = 60_000;

export async function exchange(port: number, requests: readonly Sent[]): Promise<Exchanged> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.setNoDelay(true);
  const answers: WireAnswer[] = [];
  let rest: Buffer = Buffer.of();
  let complaint: string | undefined;
  let silent = false;
  let closing = false;
  socket.setTimeout(silenceMs, () => {
    silent = true;
    socket.destroy();
  });
  socket.on('error', () => {});
  socket.on('data', (chunk: Buffer) => {
    if (closing) return;
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    try {
      for (;;) {
        const parsed = parse(rest, requests[answers.length]?.method ?? 'GET');
        if (parsed === undefined) break;
        rest = rest.subarray(parsed.length);
        if (parsed.answer.status >= 200) answers.push(parsed.answer);
        // The last one. To what could not be read as a request a document is sent, were it a HEAD or not.
        if (parsed.answer.headers.get('connection') === 'close') closing = true;
        if (closing) break;
        if (answers.length === requests.length) socket.destroy();
      }
    } catch (error) {
      complaint = `${error instanceof Error ? error.message : error}: ${JSON.stringify(rest.subarray(0, 300).toString('latin1'))}${after(answers.at(-1), requests[answers.length - 1])}`;
      socket.destroy();
    }
  });
  socket.once('end', () => socket.destroy());
  const closed = once(socket, 'close').catch(() => undefined);
  const ends = requests.at(-1)?.last === true;
  const bytes = Buffer.concat(requests.map((request) => request.bytes));
  if (ends) socket.end(bytes);
  else socket.write(bytes);
  await closed;
  if (silent) complaint ??= `no answer for ${silenceMs} ms`;
  if (rest.length > 0 && !closing)
    complaint ??= `an answer that is cut off: ${JSON.stringify(rest.subarray(0, 300).toString('latin1'))}`;
  return { answers, ...(complaint !== undefined && { complaint }) };
}

/** Where answers fall out of step, the one before is to blame. */
function after(answer: WireAnswer | undefined, request: Sent | undefined): string {
  if (answer === undefined || request === undefined) return '';
  const { body, headers, status } = answer;
  const shown = JSON.stringify([status, ...headers, body.length, body.toString('latin1').slice(-600)]);
  return `\n  after the answer ${shown}\n  to ${JSON.stringify(request.bytes.toString('latin1', 0, 1500))}`;
}

/** One answer from the front of what came; `undefined` while it is not whole. Strict: what is no HTTP/1.1 answer throws. */
function parse(
  bytes: Buffer,
  method: string,
): { readonly answer: WireAnswer; readonly length: number } | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [line = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
  const status = Number(/^HTTP\/1\.1 ([1-5]\d\d) /.exec(line)?.[1]);
  if (Number.isNaN(status)) throw new Error('no status line');
  const headers = new Map<string, string>();
  for (const each of lines) {
    const [, name, value] = /^([!#$%&'*+.^_`|~\w-]+): ?([\t\x20-\x7e\x80-\xff]*)$/.exec(each) ?? [];
    if (name === undefined || value === undefined) throw new Error('no header line');
    headers.set(name.toLowerCase(), value);
  }
  const start = end + 4;
  const bodiless = method === 'HEAD' || status < 200 || status === 204 || status === 304;
  if (bodiless) return { answer: { status, headers, body: Buffer.of() }, length: start };
  if (headers.get('transfer-encoding') === 'chunked') return chunked(bytes, start, status, headers);
  const length = headers.get('content-length');
  if (length === undefined || !/^\d+$/.test(length)) throw new Error('an answer of no known length');
  const stop = start + Number(length);
  if (bytes.length < stop) return undefined;
  return { answer: { status, headers, body: Buffer.from(bytes.subarray(start, stop)) }, length: stop };
}

function chunked(
  bytes: Buffer,
  start: number,
  status: number,
  headers: ReadonlyMap<string, string>,
): ReturnType<typeof parse> {
  const body: Buffer[] = [];
  for (let at = start; ; ) {
    const end = bytes.indexOf('\r\n', at);
    if (end < 0) return undefined;
    const size = Number.parseInt(bytes.toString('latin1', at, end), 16);
    if (Number.isNaN(size)) throw new Error('no chunk size');
    if (bytes.length < end + 4 + size) return undefined;
    body.push(bytes.subarray(end + 2, end + 2 + size));
    at = end + 4 + size;
    if (size === 0) return { answer: { status, headers, body: Buffer.concat(body) }, length: at };
  }
}
