/**
 * `npm run test:races`: lets requests race through two replicas over one Redis, records what was asked and answered, and looks for an order of
 * events that explains it. A few rounds of each race on each backend by default.
 *
 *   --rounds N         of each race
 *   --backend NAME     local, azure or gcs; all by default
 *   --race TEXT        only races whose name contains it; `one-winner` for those with conditional writers
 *   --seed N
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Subject, type SubjectName, startSubject } from '../crash/subjects.ts';
import { type RunningGateway, startGateway } from '../kit/gateway.ts';
import { random as seeded } from '../kit/random.ts';
import { send } from '../kit/raw-request.ts';
import { bucket, Record } from './client.ts';
import { linearize } from './linearize.ts';
import { initial, type Request, step } from './model.ts';
import { type Scenario, scenarios } from './scenarios.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    backend: { type: 'string', multiple: true, default: ['local', 'azure', 'gcs'] },
    race: { type: 'string', default: '' },
    seed: { type: 'string' },
  },
});
const rounds = Number(values.rounds);
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const wanted = scenarios.filter(({ name, oneWinner }) =>
  values.race === 'one-winner' ? oneWinner === true : name.includes(values.race),
);
/** Races that the clean-up joins. */
const withJanitor = values.race === '' || 'janitor'.includes(values.race);

/** Uploads that wait for the same run of the clean-up. */
const atOnce = 25;

console.log(`races: seed ${seed}, ${rounds} rounds of each`);
let failures = 0;
let raced = 0;
for (const backend of values.backend) {
  const subject = await startSubject(`${backend}-redis` as SubjectName);
  const gateways: RunningGateway[] = [];
  try {
    for (let index = 0; index < subject.replicas; index += 1) {
      gateways.push(
        await startGateway({
          deployment: subject.deployment,
          env: {
            ...subject.env,
            // Nobody dies here, and a machine that stands still for a moment ends no Complete.
            PARTWAY_UPLOADS_LEASE: '60s',
            PARTWAY_STATE_DIR: join(subject.deployment.dir, `state-${index}`),
          },
        }),
      );
    }
    const endpoints = gateways.map(({ endpoint }) => endpoint);
    await send(endpoints[0] ?? '', { method: 'PUT', path: `/${bucket}` });
    const random = seeded(seed);
    for (const [index, scenario] of wanted.entries()) {
      let failed = 0;
      for (let round = 1; round <= rounds; round += 1) {
        const record = new Record(`${index}-${round}`, endpoints, random);
        const problem = await race(scenario, record, random);
        raced += 1;
        if (problem === undefined) continue;
        failed += 1;
        if (failed > 3) continue;
        console.error(`${backend}: ${scenario.name}, round ${round}, seed ${seed}: ${problem}`);
        for (const { text } of record.events) console.error(`  ${text}`);
      }
      failures += failed;
      console.log(
        `${backend}: ${scenario.name}: ${rounds} rounds, ${failed === 0 ? 'every one explained' : `${failed} FAILED`}`,
      );
    }
    if (withJanitor) {
      let failed = 0;
      for (let done = 0; done < rounds; done += atOnce) {
        const names = Array.from(
          { length: Math.min(atOnce, rounds - done) },
          (_, index) => `due-${done + index}`,
        );
        failed += await againstJanitor(
          backend,
          subject,
          names.map((name) => new Record(name, endpoints, random)),
          random,
        );
      }
      failures += failed;
      console.log(
        `${backend}: the janitor against everything: ${rounds} uploads, ${failed === 0 ? 'every one explained' : `${failed} FAILED`}`,
      );
    }
  } finally {
    await Promise.all(gateways.map((gateway) => gateway.stop()));
    await subject.stop();
  }
}
console.log(
  `races: ${raced} rounds, ${failures === 0 ? 'every one has an order that explains it' : `${failures} FAILED`}`,
);
process.exitCode = failures === 0 ? 0 : 1;

async function race(scenario: Scenario, record: Record, random: () => number): Promise<string | undefined> {
  try {
    const raced = await record.together(await scenario.prepare(record, random));
    await lookAt(record);
    return scenario.judge?.(raced) ?? unexplained(record);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** What is there when all is quiet; parts that are still there make an object. */
async function lookAt(record: Record): Promise<void> {
  await record.one({ kind: 'get' });
  if (record.uploadId === '') return;
  const { shown = '' } = await record.one({ kind: 'list-parts' });
  const [number, value] = shown.split(' ')[0]?.split('=') ?? [];
  if (number === undefined || value === undefined) return;
  await record.one({ kind: 'complete', parts: [[Number(number), value]] });
  await record.one({ kind: 'get' });
}

function unexplained(record: Record): string | undefined {
  return linearize(initial, record.events, step) === undefined
    ? 'no order of events explains this'
    : undefined;
}

/** Uploads that are due to be ended, all at once, while clients go on with them. */
async function againstJanitor(
  backend: string,
  subject: Subject,
  records: readonly Record[],
  random: () => number,
): Promise<number> {
  const ready = await Promise.all(
    records.map(async (record): Promise<readonly Request[]> => {
      await record.createUpload();
      const part = record.part(1);
      await record.one(part);
      const complete: Request = { kind: 'complete', parts: [[1, part.value]] };
      const requests: readonly Request[] = [
        complete,
        record.part(1),
        record.put(),
        { kind: 'abort' },
        { kind: 'get' },
      ];
      return requests.filter(() => random() < 0.5);
    }),
  );
  // What is in flight now is younger than this, also on a slow machine; uploads are older.
  const ageMs = 10_000;
  await new Promise((resolve) => setTimeout(resolve, ageMs + 100));
  const starts = records.map((record) => record.now());
  const cleaning = subject.cleanUp(ageMs);
  await Promise.all(records.map((record, index) => record.together(ready[index] ?? [])));
  await cleaning;
  let failed = 0;
  for (const [index, record] of records.entries()) {
    record.record({ kind: 'expire' }, starts[index] ?? 0, 'ok');
    await lookAt(record);
    raced += 1;
    const problem = unexplained(record);
    if (problem === undefined) continue;
    failed += 1;
    console.error(`${backend}: the janitor against everything, seed ${seed}: ${problem}`);
    for (const { text } of record.events) console.error(`  ${text}`);
  }
  return failed;
}
