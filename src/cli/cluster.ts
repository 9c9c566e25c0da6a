/**
 * Several serving processes on one port. The primary hands connections out in turn: with few connections, as a large
 * upload has, each process gets its share. It restarts processes that end on their own.
 */
import cluster, { type Worker } from 'node:cluster';
import type { AddressInfo } from 'node:net';
import { type Config, ConfigError, type Credential } from '../config.ts';
import type { Admission } from '../identities.ts';
import type { Logger } from '../log.ts';
import { createProcessLog, secretsOfAdmission } from './process-log.ts';
import type { Reloads } from './reload.ts';
import { listenForStop } from './stop-signals.ts';
import { type ServingProcess, startProblem, startServing } from './worker.ts';

/** Primary → worker, once. */
interface Assignment {
  readonly config: Config;
  readonly credentials: readonly Credential[];
  /** Counts from 0; a restarted process has the number of the one it stands in for. */
  readonly number: number;
}
/** Primary → worker, whenever the configuration was read again. */
interface Change {
  readonly admit: Admission;
}
/** Worker → primary. */
interface Report {
  /** It listens for its assignment; what is sent before that is lost. */
  readonly awaiting?: true;
  /** Why it cannot serve, and would not if it were started again. */
  readonly hopeless?: string;
  /** It is the configuration: exit status 2. */
  readonly misconfigured?: boolean;
}

const firstRestartMs = 100;
const lastRestartMs = 30_000;
/** Whoever served this long is not failing at the start. */
const soundMs = 30_000;
/** Beyond the time that workers have to drain. */
const graceMs = 5_000;

/** @param onListening called once, when all processes serve @returns exit status */
export function serveCluster(
  config: Config,
  credentials: readonly Credential[],
  log: Logger,
  onListening: (address: AddressInfo) => void,
  reloads: Reloads,
): Promise<number> {
  cluster.schedulingPolicy = cluster.SCHED_RR;
  return new Promise((resolve) => {
    const workers = new Map<number, Worker>();
    /** Have their assignment: only they understand what comes after it. */
    const assigned = new Set<Worker>();
    const listening = new Set<number>();
    const failures = new Map<number, number>();
    const restarts = new Set<NodeJS.Timeout>();
    let admitted: Admission | undefined;
    let announced = false;
    let stopping = false;
    let status = 0;

    const finishIfEnded = (): void => {
      if (stopping && workers.size === 0) resolve(status);
    };

    const stop = (): void => {
      if (stopping) return;
      stopping = true;
      for (const timer of restarts) clearTimeout(timer);
      for (const worker of workers.values()) worker.process.kill('SIGTERM');
      setTimeout(() => {
        status = 1;
        log.error('processes did not end in time and are killed', { processes: workers.size });
        for (const worker of workers.values()) worker.process.kill('SIGKILL');
      }, config.timeouts.drainMs + graceMs).unref();
      finishIfEnded();
    };

    const restart = (number: number, lived: number, how: object): void => {
      const failed = lived > soundMs ? 0 : (failures.get(number) ?? 0);
      const inMs = Math.min(lastRestartMs, firstRestartMs * 2 ** failed);
      failures.set(number, failed + 1);
      log.error('a serving process ended; another one takes its place', { worker: number, ...how, inMs });
      const timer = setTimeout(() => {
        restarts.delete(timer);
        fork(number);
      }, inMs);
      restarts.add(timer);
    };

    const fork = (number: number): void => {
      const worker = cluster.fork();
      const since = performance.now();
      workers.set(number, worker);
      worker.on('message', ({ awaiting, hopeless, misconfigured }: Report) => {
        if (awaiting === true) {
          worker.send({ config, credentials, number } satisfies Assignment);
          assigned.add(worker);
          if (admitted !== undefined) worker.send({ admit: admitted } satisfies Change);
        }
        if (hopeless === undefined || announced || stopping) return;
        process.stderr.write(`partway: ${hopeless}\n`);
        status = misconfigured === true ? 2 : 1;
        stop();
      });
      // What is sent to a process that is just ending fails; whoever takes its place is sent all of it.
      worker.on('error', (error) => {
        log.warn('could not speak to a serving process', { worker: number, error });
      });
      worker.on('listening', ({ port }) => {
        listening.add(number);
        if (announced || listening.size < config.workers) return;
        announced = true;
        onListening({ address: config.listen.host, family: 'IPv4', port });
      });
      worker.once('exit', (code, signal) => {
        workers.delete(number);
        assigned.delete(worker);
        if (stopping) finishIfEnded();
        else
          restart(number, performance.now() - since, {
            code: code ?? undefined,
            signal: signal ?? undefined,
          });
      });
    };

    const signals = listenForStop((forced) => {
      for (const worker of workers.values()) worker.process.kill('SIGKILL');
      log.flushSync();
      process.exit(forced);
    });
    void signals.first.then((signal) => {
      log.info('stopping', { signal });
      stop();
    });
    reloads.deliver((admission) => {
      admitted = admission;
      for (const worker of assigned) worker.send({ admit: admission } satisfies Change);
    });
    for (let number = 0; number < config.workers; number += 1) fork(number);
  });
}

/** The whole life of a worker process. */
export async function runWorker(): Promise<number> {
  // Ctrl-C reaches the workers too. The primary decides: a second signal of its own is SIGKILL.
  const stopped = listenForStop(() => {}).first;
  // Nor is a hang-up of the terminal the end: the primary hears it too, reads again, and tells.
  process.on('SIGHUP', () => {});
  const assignment = await Promise.race([stopped, nextAssignment()]);
  if (typeof assignment === 'string') return 0;
  const { config, credentials, number } = assignment;
  const processLog = createProcessLog(config, credentials);
  const log = processLog.with({ worker: number });
  let serving: ServingProcess | undefined;
  let admitted: Admission | undefined;
  process.on('message', ({ admit }: Partial<Change>) => {
    if (admit === undefined) return;
    admitted = admit;
    processLog.hide(secretsOfAdmission(admit));
    serving?.renew(admit);
  });
  try {
    serving = await startServing(config, credentials, log, { janitor: number === 0 });
  } catch (error) {
    log.error('could not start', { error });
    await log.flush();
    const problem = startProblem(error, config);
    await report({ hopeless: problem, misconfigured: error instanceof ConfigError });
    return 1;
  }
  if (admitted !== undefined) serving.renew(admitted);
  await stopped;
  await serving.stop();
  await log.flush();
  return 0;
}

function nextAssignment(): Promise<Assignment> {
  const assignment = new Promise<Assignment>((resolve) => process.once('message', resolve));
  void report({ awaiting: true });
  return assignment;
}

/** Resolves when it is handed over. */
function report(message: Report): Promise<unknown> {
  return new Promise((resolve) => process.send?.(message, resolve));
}
