/**
 * Loaded into a gateway before its own code (`--import`): kills the process at a named instant, `KILL_POINT=publish-before:3` at its third
 * occurrence. What it hooks is the outermost call that the gateway makes: the file system, HTTP to a backend, Redis, SQLite. All of them are real.
 */
import { createHash } from 'node:crypto';
import { writeSync } from 'node:fs';
import fs from 'node:fs/promises';
import http, { type ClientRequest } from 'node:http';
import { syncBuiltinESMExports } from 'node:module';
import { StatementSync } from 'node:sqlite';
import { scripts } from '../../src/uploads/redis/scripts.ts';

const [point = '', nth = '1'] = (process.env['KILL_POINT'] ?? '').split(':');
let left = Number(nth);

function reach(name: string): void {
  if (name !== point) return;
  left -= 1;
  if (left > 0) return;
  writeSync(1, `killed at ${name}\n`);
  process.kill(process.pid, 'SIGKILL');
}

/** Steps of the store, and how each is called here. */
const steps: Readonly<Record<string, { readonly script: keyof typeof scripts; readonly sql: RegExp }>> = {
  record: { script: 'recordPart', sql: /INTO parts/ },
  claim: { script: 'claim', sql: /state = 'completing', lease = \?/ },
  finish: { script: 'finish', sql: /state = 'completed'/ },
  abort: { script: 'abort', sql: /state = 'aborted'/ },
  cleaned: { script: 'cleaned', sql: /cleaned = 1 WHERE|DELETE FROM uploads WHERE upload_id = \?/ },
};

const rename = fs.rename.bind(fs);
fs.rename = async (from, to) => {
  const step = String(to).includes('/.partway/trash/')
    ? 'cleanup'
    : String(to).endsWith('/publish.json')
      ? 'journal'
      : 'publish';
  reach(`${step}-before`);
  await rename(from, to);
  reach(`${step}-after`);
};

const request = http.request;
http.request = ((...args: unknown[]) => {
  const outgoing = Reflect.apply(request, http, args) as ClientRequest;
  const step = stepOf(outgoing.method, outgoing.path);
  if (step === undefined) return outgoing;
  // The SDKs set headers and send after this call: the next turn is before anything is on the wire.
  reach(`${step}-before`);
  outgoing.once('finish', () => setTimeout(reach, 1, `${step}-middle`));
  outgoing.once('response', () => reach(`${step}-after`));
  return outgoing;
}) as typeof http.request;
syncBuiltinESMExports();

function stepOf(method: string, path: string): string | undefined {
  const own = /\.partway(\/|%2[fF])/.test(path);
  if (method === 'DELETE' && own) return 'cleanup';
  if (method === 'PUT') return own || /comp=(?!blocklist)/.test(path) ? undefined : 'publish';
  if (method === 'POST' && path.includes('/compose')) return own ? undefined : 'publish';
  if (method === 'POST' && path.includes('uploadType=') && !own) return 'publish';
  return undefined;
}

// Not loaded where it is not used: starting is what most of a run's time goes into.
if (process.env['PARTWAY_REDIS_URL'] !== undefined) {
  const { Redis } = await import('ioredis');
  const stepOfScript = new Map(
    Object.entries(steps).map(([step, { script }]) => [
      createHash('sha1').update(scripts[script].lua).digest('hex'),
      step,
    ]),
  );
  const sendCommand = Redis.prototype.sendCommand;
  Redis.prototype.sendCommand = function (command, ...more) {
    const step = command.name.startsWith('eval') ? stepOfScript.get(String(command.args[0])) : undefined;
    if (step === undefined) return sendCommand.call(this, command, ...more);
    reach(`${step}-before`);
    // Whoever listens first hears first.
    void command.promise.then(
      () => reach(`${step}-after`),
      () => undefined,
    );
    return sendCommand.call(this, command, ...more);
  };
}

/** The embedded store writes in a thread, which loads this too. */
let changed = new Set<string>();
const run = StatementSync.prototype.run;
StatementSync.prototype.run = function (...args: unknown[]) {
  const sql = this.sourceSQL;
  if (sql !== 'COMMIT') {
    for (const [step, { sql: ours }] of Object.entries(steps)) if (ours.test(sql)) changed.add(step);
    return Reflect.apply(run, this, args) as ReturnType<typeof run>;
  }
  const steppedOver = changed;
  changed = new Set();
  for (const step of steppedOver) reach(`${step}-before`);
  const result = Reflect.apply(run, this, args) as ReturnType<typeof run>;
  for (const step of steppedOver) reach(`${step}-after`);
  return result;
};
