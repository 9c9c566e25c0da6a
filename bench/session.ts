/** One server and the load generator beside it: sends jobs, measures what they cost the server. */
import { type ChildProcess, spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import type { Job, Outcome } from './jobs.ts';
import type { Options } from './options.ts';
import { cpuSeconds, peakMemory, resetPeak } from './processes.ts';
import type { Row } from './report.ts';
import { pinned, type Server, settle } from './servers.ts';

/** A job without what every job of the session shares. */
export type Task = Job extends infer J ? (J extends Job ? Omit<J, 'endpoint' | 'bucket'> : never) : never;

export interface Measured extends Outcome {
  readonly cpuSeconds: number;
  readonly peakMib: number;
}

export class Session {
  readonly server: Server;
  readonly options: Options;
  readonly directory: string;
  readonly bucket = 'bench';
  readonly #load: ChildProcess;

  constructor(server: Server, options: Options, directory: string) {
    this.server = server;
    this.options = options;
    this.directory = directory;
    const cores = availableParallelism();
    const others = cores > 2 ? `1-${cores - 1}` : '1';
    const launch = pinned(options.pin && cores > 1 ? others : undefined, process.execPath, [
      path.join(import.meta.dirname, 'load.ts'),
    ]);
    this.#load = spawn(launch.command, launch.args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  }

  /** Runs a task and answers what it cost. A request that the server refuses is an Error. */
  async measure(task: Task, bucket = this.bucket): Promise<Measured> {
    await settle(this.directory);
    resetPeak(this.server.pid);
    const before = cpuSeconds(this.server.pid);
    const outcome = await this.run(task, bucket);
    return {
      ...outcome,
      cpuSeconds: cpuSeconds(this.server.pid) - before,
      peakMib: peakMemory(this.server.pid).largest,
    };
  }

  /** The best of as many tries as were asked for, by the median of their time. */
  async measureOften(task: () => Promise<Measured>): Promise<Measured> {
    const tries: Measured[] = [];
    for (let i = 0; i < this.options.repeat; i++) tries.push(await task());
    tries.sort((a, b) => a.seconds - b.seconds);
    const median = tries[Math.floor((tries.length - 1) / 2)];
    if (median === undefined) throw new Error('nothing was measured');
    return median;
  }

  run(task: Task, bucket = this.bucket): Promise<Outcome> {
    const job: Job = { ...task, endpoint: this.server.endpoint, bucket };
    return new Promise((resolve, reject) => {
      const gone = (): void => reject(new Error('the load generator ended'));
      this.#load.once('exit', gone);
      this.#load.once('message', (message: { outcome: Outcome } | { error: string }) => {
        this.#load.off('exit', gone);
        if ('error' in message) reject(new Error(`${this.server.name}: ${message.error}`));
        else resolve(message.outcome);
      });
      this.#load.send(job);
    });
  }

  /** One request outside of any measurement; anything but success is an Error. Answers the body. */
  async request(
    method: string,
    key: string,
    query: Record<string, string> = {},
    body = '',
    bucket = this.bucket,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<string> {
    const task = { op: 'request', inFlight: 1, method, key, query, body, headers } as const;
    const outcome = await this.run(task, bucket);
    if (outcome.status >= 300)
      throw new Error(`${method} /${bucket}/${key}: ${outcome.status} ${outcome.body}`);
    return outcome.body;
  }

  async createUpload(key: string, headers: Readonly<Record<string, string>> = {}): Promise<string> {
    const answer = await this.request('POST', key, { uploads: '' }, '', this.bucket, headers);
    const id = /<UploadId>([^<]+)<\/UploadId>/.exec(answer)?.[1];
    if (id === undefined) throw new Error(`no upload id in ${answer}`);
    return id;
  }

  async close(): Promise<void> {
    if (this.#load.exitCode !== null) return;
    const exit = new Promise((resolve) => this.#load.once('exit', resolve));
    this.#load.disconnect();
    await exit;
  }
}

/** The columns that follow from a measurement. */
export function columnsOf(measured: Measured): Partial<Row> {
  const { seconds, bytes, latencies, cpuSeconds: cpu } = measured;
  const gib = bytes / 2 ** 30;
  const at = (share: number): number => latencies[Math.floor((latencies.length - 1) * share)] ?? Number.NaN;
  return {
    ...(bytes >= 2 ** 26 ? { mibPerSecond: bytes / 2 ** 20 / seconds, cpuSecondsPerGib: cpu / gib } : {}),
    requestsPerSecond: latencies.length / seconds,
    medianMs: at(0.5),
    p99Ms: at(0.99),
    peakMib: measured.peakMib,
  };
}
