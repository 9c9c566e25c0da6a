/**
 * What the server knows of one connection: the requests on it, when it has been silent for too long, and how it ends.
 * Nothing here limits how long a request takes in all: a slow but living peer is never cut.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { AccessNotes } from './env.ts';
import { type Refusal, refusals, refuseOnSocket } from './refusal.ts';

/** One request and its answer. */
export interface Exchange {
  readonly connection: Connection;
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  /** `performance.now()` */
  readonly startedAt: number;
  readonly notes: AccessNotes;
  /** The client waits for 100 Continue before it sends the body. */
  awaitsContinue: boolean;
}

/** RFC 9110, 9.2.1 */
const safe: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** After an early answer the rest of the body is thrown away for this long, so that the client gets to read the answer. */
const lingerMs = 30_000;
const lingerSilenceMs = 5_000;

export class Connection {
  readonly socket: Socket;
  readonly exchanges = new Set<Exchange>();
  /** No further request is taken. */
  closing = false;
  #lingering = false;
  readonly #idleMs: number;
  readonly #destroySoon: () => void;
  #last: IncomingMessage | undefined;
  #bytesRead = 0;
  #bytesWritten = 0;

  constructor(socket: Socket, idleMs: number) {
    this.socket = socket;
    this.#idleMs = idleMs;
    this.#destroySoon = socket.destroySoon.bind(socket);
    // Node closes a connection with this once the last answer is out. With unread bytes in the socket that would be a
    // reset, which makes clients lose the answer (RFC 9112, 9.6).
    socket.destroySoon = () => this.close();
  }

  begin(exchange: Exchange): void {
    this.exchanges.add(exchange);
    this.#last = exchange.incoming;
  }

  /**
   * Runs a request that has begun: at once, or when those before it are answered, if any of them or it might change something. "A
   * server MAY process a sequence of pipelined requests in parallel if they all have safe methods" (RFC 9112, 9.3.2).
   */
  inTurn({ outgoing }: Exchange, run: () => void): void {
    const all = this.exchanges.size > 1 ? [...this.exchanges] : [];
    if (all.every(({ incoming: { method = '' } }) => safe.has(method))) {
      run();
      return;
    }
    all.at(-2)?.outgoing.once('close', () => {
      // The answer before may have been the last one of the connection.
      if (this.socket.writable && !outgoing.destroyed) run();
    });
  }

  /** @returns bytes that came and went since the request before */
  end(exchange: Exchange): { readonly received: number; readonly sent: number } {
    this.exchanges.delete(exchange);
    const { bytesRead, bytesWritten } = this.socket;
    const counts = { received: bytesRead - this.#bytesRead, sent: bytesWritten - this.#bytesWritten };
    this.#bytesRead = bytesRead;
    this.#bytesWritten = bytesWritten;
    return counts;
  }

  /** Ends the connection when its answers are out; at once when there are none under way. */
  closeAfterAnswers(): void {
    this.closing = true;
    for (const { outgoing } of this.exchanges) if (!outgoing.headersSent) outgoing.shouldKeepAlive = false;
    if (this.exchanges.size === 0) this.close();
  }

  /** Sends what is written, then closes, reading on for a while if the peer is still sending. */
  close(): void {
    if (this.#lingering) return;
    this.closing = true;
    if (this.#last === undefined || this.#last.complete || this.socket.destroyed) this.#destroySoon();
    else this.#linger(this.#last);
  }

  /** Sends what is written and an end; what still comes is read and thrown away, so that no reset overtakes the answer. */
  #linger(unread?: IncomingMessage): void {
    this.closing = true;
    this.#lingering = true;
    const { socket } = this;
    socket.end();
    socket.setTimeout(Math.min(lingerSilenceMs, this.#idleMs));
    const timer = setTimeout(() => socket.destroy(), lingerMs);
    timer.unref();
    socket.once('close', () => clearTimeout(timer));
    unread?.unpipe();
    unread?.resume();
  }

  /** The socket was silent for its timeout. Whose fault is it? */
  onSilence(): void {
    const { socket } = this;
    const [exchange] = this.exchanges;
    if (exchange === undefined || this.#lingering || socket.writableLength > 0) {
      // No request, or the peer does not take what it asked for.
      socket.destroy();
    } else if (this.#owesBody()) {
      this.refuse(refusals.timeout);
    } else {
      // We are the slow ones. The timer starts again only when bytes flow, or here.
      socket.setTimeout(this.#idleMs);
    }
  }

  /** The body is not all there, and we would take more of it. */
  #owesBody(): boolean {
    for (const { incoming, awaitsContinue } of this.exchanges) {
      if (!incoming.complete && !awaitsContinue && incoming.readableLength < incoming.readableHighWaterMark)
        return true;
    }
    return false;
  }

  /** Answers what cannot be read on, and closes. Nothing is written into an answer that has begun. */
  refuse(refusal: Refusal): void {
    if (this.#lingering) return;
    const { socket } = this;
    const [exchange] = this.exchanges;
    if (exchange?.incoming.complete === true) {
      // A request that came whole is answered; what is wrong came after it.
      this.closeAfterAnswers();
    } else if (!socket.writable || this.exchanges.size > 1 || exchange?.outgoing.headersSent === true) {
      socket.destroy();
    } else {
      refuseOnSocket(socket, refusal, exchange?.incoming.headers.accept);
      this.#linger();
    }
  }
}
