/** Rounds over one subject: let clients work, kill, start again, look. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RunningGateway, startGateway } from '../kit/gateway.ts';
import { random as seeded } from '../kit/random.ts';
import { send } from '../kit/raw-request.ts';
import { History, Violation } from './history.ts';
import { Oracle } from './oracle.ts';
import { type Strike, type Subject, type SubjectName, startSubject } from './subjects.ts';
import { bucket, Client, type World } from './workload.ts';

export interface Tally {
  rounds: number;
  /** Gateways killed by SIGKILL. */
  kills: number;
  /** Of them, at a named instant. */
  readonly points: Map<string, number>;
  readonly strikes: Map<Strike, number>;
  acknowledged: number;
  reads: number;
}

export interface RunOptions {
  readonly seed: number;
  /** Milliseconds since the epoch. */
  readonly until: number;
  readonly maxRounds: number;
  readonly onRound: (tally: Tally) => void;
}

const points = [
  ...['record', 'claim', 'publish', 'finish', 'abort', 'cleaned', 'cleanup'].flatMap((step) => [
    `${step}-before`,
    `${step}-after`,
  ]),
  'journal-before',
  'journal-after',
  'publish-middle',
];
const clients = 4;
/** A round's work at most. */
const maxWorkMs = 5_000;
/** Rounds between two runs of the clean-up. */
const cleanUpEvery = 12;
const preload = new URL('./kill-points.ts', import.meta.url).pathname;

export async function crash(name: SubjectName, options: RunOptions): Promise<Tally> {
  const subject = await startSubject(name);
  const run = new Run(subject, options);
  try {
    await run.begin();
    while (Date.now() < options.until && run.tally.rounds < options.maxRounds) await run.round();
    await run.finish();
    return run.tally;
  } catch (error) {
    throw new Error(
      `${name}, seed ${options.seed}, round ${run.tally.rounds}: ${error instanceof Error ? error.message : String(error)}\n` +
        `what happened last:\n${run.history.text()}\n${run.outputs()}`,
      { cause: error },
    );
  } finally {
    await run.end();
    await subject.stop();
  }
}

class Run {
  readonly history = new History();
  readonly tally: Tally = {
    rounds: 0,
    kills: 0,
    points: new Map(),
    strikes: new Map(),
    acknowledged: 0,
    reads: 0,
  };
  readonly #subject: Subject;
  readonly #options: RunOptions;
  readonly #random: () => number;
  readonly #gateways: RunningGateway[] = [];
  readonly #world: World;
  #writers = 0;

  constructor(subject: Subject, options: RunOptions) {
    this.#subject = subject;
    this.#options = options;
    this.#random = seeded(options.seed);
    this.#world = {
      history: this.history,
      endpoint: (random) => this.#gateways[Math.floor(random() * this.#gateways.length)]?.endpoint ?? '',
      nextWriter: () => {
        this.#writers += 1;
        return this.#writers;
      },
    };
  }

  async begin(): Promise<void> {
    for (let index = 0; index < this.#subject.replicas; index += 1)
      this.#gateways.push(await this.#start(index, undefined));
    const made = await send(this.#world.endpoint(this.#random), { method: 'PUT', path: `/${bucket}` });
    if (made.status !== 200) throw new Error(`the bucket could not be made: ${made.text}`);
  }

  async round(): Promise<void> {
    const { tally } = this;
    tally.rounds += 1;
    const seed = Math.floor(this.#random() * 2 ** 31);
    const random = seeded(seed);
    this.history.note(`=== round ${tally.rounds}`);
    let working = true;
    const work = Array.from({ length: clients }, async (_, index) => {
      const client = new Client(this.#world, seeded(seed + 1 + index));
      while (working) await client.step();
    });
    // A violation is told of when the clients are waited for.
    const worked = Promise.all(work).catch((error: unknown) => {
      working = false;
      return error instanceof Error ? error : new Error(String(error));
    });
    const struck = random() < 0.12 ? this.#strike(random) : undefined;
    const all = this.#gateways.length > 1 && random() < 0.15;
    const victims = all
      ? this.#gateways.map((_, index) => index)
      : [Math.floor(random() * this.#gateways.length)];
    // After so many answers, however fast the machine is; one that dies at its named instant ends the round at once.
    const enough = this.history.answers + 3 + random() * 60;
    for (const end = Date.now() + maxWorkMs; this.history.answers < enough && Date.now() < end; ) {
      if (this.#gateways.some(isDead)) break;
      await sleep(5);
    }
    await sleep(random() * 10);
    await Promise.all(victims.map((index) => this.#kill(index)));
    working = false;
    const problem = await worked;
    if (problem instanceof Error) throw problem;
    await struck;
    for (const index of victims) this.#gateways[index] = await this.#start(index, this.#nextPoint());
    await this.#revive();
    await this.#oracle(random).examine(false);
    if (tally.rounds % cleanUpEvery === 0) await this.#cleanUp(random);
    tally.acknowledged = this.history.acknowledged;
    tally.reads = this.history.reads;
    this.#options.onRound(tally);
  }

  async finish(): Promise<void> {
    await this.#cleanUp(this.#random);
  }

  async end(): Promise<void> {
    await Promise.all(this.#gateways.map((gateway) => gateway.kill()));
  }

  /** What the gateways wrote since they were started last. */
  outputs(): string {
    return this.#gateways
      .map((gateway, index) => `gateway ${index}:\n${gateway.output().slice(-4_000)}`)
      .join('\n');
  }

  #oracle(random: () => number): Oracle {
    return new Oracle(new Client(this.#world, random), this.history, random, () => this.#revive());
  }

  /** Ends every upload, lets the clean-up run as if weeks had passed, and looks past the gateway for what is left. */
  async #cleanUp(random: () => number): Promise<void> {
    const oracle = this.#oracle(random);
    await oracle.examine(true);
    let left: readonly string[] = [];
    for (let attempt = 0; attempt < 50; attempt += 1) {
      const report = await this.#subject.cleanUp();
      if (report.failed > 0) throw new Violation(`the clean-up failed in ${report.failed} steps`);
      left = await this.#subject.leftovers(bucket, oracle.live());
      if (left.length === 0) break;
      // What the gateways themselves are freeing right now.
      await sleep(200);
    }
    if (left.length > 0) throw new Violation(`left after the clean-up: ${left.slice(0, 20).join(', ')}`);
    await oracle.examine(true);
  }

  async #kill(index: number): Promise<void> {
    const gateway = this.#gateways[index];
    if (gateway === undefined) return;
    await gateway.kill();
    this.#count(index, gateway);
  }

  #count(index: number, gateway: RunningGateway): void {
    this.tally.kills += 1;
    const point = /^killed at (\S+)$/m.exec(gateway.output())?.[1];
    this.history.note(`--- gateway ${index} was killed ${point === undefined ? '' : `at ${point}`}`);
    if (point !== undefined) this.tally.points.set(point, (this.tally.points.get(point) ?? 0) + 1);
  }

  /** Starts again what has died at its named instant, also under the eyes of the oracle. */
  async #revive(): Promise<void> {
    for (const [index, gateway] of this.#gateways.entries()) {
      if (!isDead(gateway)) continue;
      if (!gateway.output().includes('killed at ')) throw new Violation(`gateway ${index} ended by itself`);
      this.#count(index, gateway);
      this.#gateways[index] = await this.#start(index, undefined);
    }
  }

  async #strike(random: () => number): Promise<void> {
    await sleep(random() * 200);
    const what = await this.#subject.strike(random);
    if (what === undefined) return;
    this.history.note(`--- ${what} was struck`);
    this.tally.strikes.set(what, (this.tally.strikes.get(what) ?? 0) + 1);
  }

  #nextPoint(): string | undefined {
    const point = points[Math.floor(this.#random() * points.length * 1.5)];
    const nth = 1 + Math.floor(this.#random() * 4);
    return point === undefined ? undefined : `${point}:${nth}`;
  }

  /** One that comes to its named instant before it is ready starts again without. */
  async #start(index: number, point: string | undefined): Promise<RunningGateway> {
    const { deployment, env } = this.#subject;
    const settings = {
      ...env,
      PARTWAY_STATE_DIR: join(deployment.dir, index === 0 ? 'state' : `state-${index}`),
      NODE_OPTIONS: `--import=${preload}`,
      NODE_COMPILE_CACHE: new URL('../../node_modules/.cache/compile', import.meta.url).pathname,
    };
    if (point === undefined) return startGateway({ deployment, env: settings });
    try {
      return await startGateway({ deployment, env: { ...settings, KILL_POINT: point } });
    } catch (error) {
      const [, at] = /^killed at (\S+)$/m.exec(String(error)) ?? [];
      if (at === undefined) throw error;
      this.tally.kills += 1;
      this.tally.points.set(at, (this.tally.points.get(at) ?? 0) + 1);
      this.history.note(`--- gateway ${index} was killed at ${at} while it started`);
      return startGateway({ deployment, env: settings });
    }
  }
}

function isDead({ pid }: RunningGateway): boolean {
  try {
    return !process.kill(pid, 0);
  } catch {
    return true;
  }
}
