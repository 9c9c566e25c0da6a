/** A TCP proxy that breaks what passes through it in the way that a test asks for, and is a plain proxy again when it is told to be. */
import { once } from 'node:events';
import { createServer, connect as dial, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../kit/free-port.ts';
import { random } from '../kit/random.ts';

export type Fault =
  /** Nothing listens. Connections that are open break. */
  | { readonly kind: 'refuse' }
  /** Connections are taken, and nothing is ever said on them; those that are open fall silent. */
  | { readonly kind: 'hang' }
  /** A connection is reset once so many bytes went this way on it since the fault began. */
  | { readonly kind: 'cut'; readonly way: Way; readonly afterBytes: number }
  /** Each way of each connection carries no more than this. */
  | { readonly kind: 'slow'; readonly bytesPerSecond: number }
  /** This share of requests has its connection reset: half of them before they arrive, half when the answer comes. */
  | { readonly kind: 'reset'; readonly share: number; readonly seed: number }
  /** Whatever passes comes this much later. */
  | { readonly kind: 'delay'; readonly ms: number };

export type Way = 'up' | 'down';

export interface FaultProxy {
  readonly port: number;
  /** How often the fault struck since it was set: connections refused, held up, cut or reset. */
  readonly strikes: number;
  /** Connections that are open now. */
  readonly open: number;
  set(fault: Fault): Promise<void>;
  heal(): Promise<void>;
  close(): Promise<void>;
}

/** @param target port on this machine; asked for at each connection, so that it may change */
export async function startFaultProxy(target: () => number): Promise<FaultProxy> {
  const links = new Set<Link>();
  let fault: Fault | undefined;
  let healed = Promise.withResolvers<void>();
  let strikes = 0;
  let chance = random(0);
  const state: State = {
    fault: () => fault,
    healed: () => healed.promise,
    strike: () => {
      strikes += 1;
    },
    chance: () => chance(),
  };
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const link = new Link(client, dial({ port: target(), host: '127.0.0.1', allowHalfOpen: true }), state);
    links.add(link);
    client.once('close', () => links.delete(link));
  });
  const listen = async (port: number): Promise<void> => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  };
  const breakAll = (): void => {
    for (const link of links) link.break();
  };
  const unlisten = async (): Promise<void> => {
    const closed = once(server, 'close');
    server.close();
    breakAll();
    await closed;
  };
  // None of those that the system gives away: it is let go of while nothing listens, and taken again.
  const port = await freePort();
  await listen(port);

  return {
    port,
    get strikes() {
      return strikes;
    },
    get open() {
      return links.size;
    },
    async set(next) {
      strikes = 0;
      if (next.kind === 'reset') chance = random(next.seed);
      for (const link of links) link.begin();
      fault = next;
      if (next.kind === 'refuse') await unlisten();
    },
    async heal() {
      const was = fault;
      fault = undefined;
      healed.resolve();
      healed = Promise.withResolvers();
      if (was?.kind === 'refuse') await listen(port);
    },
    async close() {
      fault = undefined;
      healed.resolve();
      if (server.listening) await unlisten();
      breakAll();
    },
  };
}

interface State {
  fault(): Fault | undefined;
  healed(): Promise<void>;
  strike(): void;
  /** From 0 to 1, seeded. */
  chance(): number;
}

/** One connection through the proxy. */
class Link {
  readonly #client: Socket;
  readonly #service: Socket;
  readonly #state: State;
  #passed: Record<Way, number> = { up: 0, down: 0 };
  #last: Way = 'down';
  #resetAnswer = false;

  constructor(client: Socket, service: Socket, state: State) {
    this.#client = client;
    this.#service = service;
    this.#state = state;
    for (const socket of [client, service]) {
      socket.setNoDelay(true);
      socket.on('error', () => this.break());
    }
    void this.#carry('up', client, service);
    void this.#carry('down', service, client);
  }

  begin(): void {
    this.#passed = { up: 0, down: 0 };
  }

  /** By a reset, as a crash or a firewall does it. */
  break(): void {
    if (!this.#client.destroyed) this.#client.resetAndDestroy();
    this.#service.destroy();
  }

  async #carry(way: Way, from: Socket, to: Socket): Promise<void> {
    try {
      for await (const chunk of from as AsyncIterable<Buffer>) {
        for (const piece of this.#pieces(chunk)) {
          if (!(await this.#admit(way, piece))) return;
          this.#passed[way] += piece.length;
          if (!to.write(piece)) await once(to, 'drain');
        }
      }
      await this.#held();
      to.end();
    } catch {
      this.break();
    }
  }

  /** `false`: the connection is broken instead of carrying this. */
  async #admit(way: Way, piece: Buffer): Promise<boolean> {
    await this.#held();
    const fault = this.#state.fault();
    const turned = way !== this.#last;
    this.#last = way;
    switch (fault?.kind) {
      case 'cut':
        if (way !== fault.way || this.#passed[way] + piece.length <= fault.afterBytes) return true;
        return this.#strike();
      case 'slow':
        await sleep((piece.length / fault.bytesPerSecond) * 1000);
        return true;
      case 'reset': {
        if (!turned) return true;
        if (way === 'down') return this.#resetAnswer ? this.#strike() : true;
        const hit = this.#state.chance() < fault.share;
        this.#resetAnswer = hit && this.#state.chance() < 0.5;
        return hit && !this.#resetAnswer ? this.#strike() : true;
      }
      case 'delay':
        await sleep(fault.ms);
        return true;
      default:
        return true;
    }
  }

  #strike(): false {
    this.#state.strike();
    this.break();
    return false;
  }

  async #held(): Promise<void> {
    if (this.#state.fault()?.kind !== 'hang') return;
    this.#state.strike();
    await this.#state.healed();
  }

  #pieces(chunk: Buffer): readonly Buffer[] {
    const fault = this.#state.fault();
    if (fault?.kind !== 'slow') return [chunk];
    const size = Math.max(1, Math.floor(fault.bytesPerSecond / 10));
    return Array.from({ length: Math.ceil(chunk.length / size) }, (_, index) =>
      chunk.subarray(index * size, (index + 1) * size),
    );
  }
}
