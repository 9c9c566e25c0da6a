/** One keep-alive HTTP/1.1 connection on a bare socket: as little client as can be, so that the server is what is measured. */
import { connect, type Socket } from 'node:net';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Length of the body; its bytes are kept only when asked for. */
  readonly length: number;
  readonly body: Buffer | undefined;
}

export interface Wire {
  readonly head: Buffer;
  readonly body: readonly Uint8Array[];
  /** A HEAD request: its Content-Length announces no bytes. */
  readonly headOnly?: boolean;
  readonly keepBody?: boolean;
}

interface Waiting {
  readonly wire: Wire;
  resolve(answer: Answer): void;
  reject(error: Error): void;
}

export class Connection {
  readonly #socket: Socket;
  #waiting: Waiting | undefined;
  #head: Buffer = Buffer.alloc(0);
  #answer: { status: number; headers: Record<string, string> } | undefined;
  /** Bytes of the body still to come; -1 while the body is chunked. */
  #left = 0;
  #length = 0;
  #kept: Buffer[] = [];

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (data: Buffer) => this.#read(data));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the server closed the connection')));
  }

  static open(host: string, port: number): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new Connection(socket));
      });
    });
  }

  /** Sends one request; the connection takes the next one when the answer is whole. */
  send(wire: Wire): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting = { wire, resolve, reject };
      this.#socket.cork();
      this.#socket.write(wire.head);
      for (const buffer of wire.body) this.#socket.write(buffer);
      this.#socket.uncork();
    });
  }

  close(): void {
    this.#waiting = undefined;
    this.#socket.destroy();
  }

  #fail(error: Error): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.reject(error);
  }

  #read(data: Buffer): void {
    let rest = data;
    if (this.#answer === undefined) {
      this.#head = this.#head.length === 0 ? data : Buffer.concat([this.#head, data]);
      const end = this.#head.indexOf('\r\n\r\n');
      if (end < 0) return;
      const lines = this.#head.toString('latin1', 0, end).split('\r\n');
      const status = Number(lines[0]?.split(' ')[1]);
      const headers = Object.fromEntries(
        lines.slice(1).map((line) => {
          const colon = line.indexOf(':');
          return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
        }),
      );
      rest = this.#head.subarray(end + 4);
      this.#head = Buffer.alloc(0);
      if (status === 100) {
        this.#read(rest);
        return;
      }
      this.#answer = { status, headers };
      const empty = this.#waiting?.wire.headOnly === true || status === 204 || status === 304;
      this.#left = empty
        ? 0
        : headers['transfer-encoding'] === 'chunked'
          ? -1
          : Number(headers['content-length'] ?? 0);
    }
    this.#body(rest);
  }

  #body(data: Buffer): void {
    this.#length += data.length;
    // An error's body says what is wrong.
    const keep = this.#waiting?.wire.keepBody === true || (this.#answer?.status ?? 0) >= 300;
    if (data.length > 0 && (this.#left < 0 || keep)) this.#kept.push(data);
    if (this.#left < 0) {
      // A chunked body ends with a chunk of no bytes; nothing that is measured has trailers.
      const tail = Buffer.concat(this.#kept.slice(-2)).subarray(-5);
      if (tail.toString('latin1') !== '0\r\n\r\n') return;
      this.#finish(dechunk(Buffer.concat(this.#kept)));
      return;
    }
    this.#left -= data.length;
    if (this.#left <= 0) this.#finish(keep ? Buffer.concat(this.#kept) : undefined);
  }

  #finish(body: Buffer | undefined): void {
    const waiting = this.#waiting;
    const answer = this.#answer;
    const length = this.#length;
    this.#waiting = undefined;
    this.#answer = undefined;
    this.#length = 0;
    this.#kept = [];
    if (waiting !== undefined && answer !== undefined) waiting.resolve({ ...answer, length, body });
  }
}

function dechunk(data: Buffer): Buffer {
  const out: Buffer[] = [];
  for (let at = 0; ; ) {
    const end = data.indexOf('\r\n', at);
    const size = Number.parseInt(data.toString('latin1', at, end), 16);
    if (!(size > 0)) return Buffer.concat(out);
    out.push(data.subarray(end + 2, end + 2 + size));
    at = end + 2 + size + 2;
  }
}
